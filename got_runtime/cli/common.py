"""Used by every command: the argument parser, types of arguments, checks of output files, Ctrl-C, logging."""

import argparse
import codecs
import difflib
import io
import logging
import math
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, Protocol

from got_runtime.errors import GotError

__all__ = [
    "CommandParser",
    "Stoppable",
    "check_outputs",
    "counted",
    "log_to_stderr",
    "non_empty_path",
    "non_negative_int",
    "non_negative_number",
    "open_closed_streams",
    "output_folder",
    "positive_int",
    "positive_number",
    "print_notice",
    "stop_on_interrupt",
    "write_utf8",
    "write_whole",
]


_VERBOSE_FORMAT = "got-ocr: %(levelname)s %(name)s: %(message)s"


class CommandParser(argparse.ArgumentParser):
    """A parser that accepts no abbreviated options and reports a usage error in one line.

    Subparsers are of the same class.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **settings})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As in argparse, except that an unknown option is an error here, where the options of the command are known.

        Raises:
            SystemExit: status 2, for an unknown option or any other usage error.
        """
        parsed, rest = super().parse_known_args(args, namespace)
        if any(argument.startswith("-") for argument in rest):
            self.error(f"unrecognized arguments: {' '.join(rest)}{self._hint(rest)}")
        return parsed, rest

    def error(self, message: str) -> NoReturn:
        """Print ``message`` in one line on standard error and exit with status 2."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")

    def _hint(self, arguments: list[str]) -> str:
        known = [name for name in self._option_string_actions if name.startswith("--")]
        for argument in arguments:
            if nearest := difflib.get_close_matches(argument.partition("=")[0], known, n=1):
                return f": did you mean {nearest[0]}?"
        return ""


def positive_int(text: str) -> int:
    """Type of an argument: an integer of at least 1."""
    return _int_from(1, text)


def non_negative_int(text: str) -> int:
    """Type of an argument: an integer of at least 0."""
    return _int_from(0, text)


def _int_from(minimum: int, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = minimum - 1
    if number < minimum:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {minimum}")
    return number


def positive_number(text: str) -> float:
    """Type of an argument: a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def non_negative_number(text: str) -> float:
    """Type of an argument: a finite number of at least 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return number


def non_empty_path(text: str) -> Path:
    """Type of an argument: the path of a file or folder. An empty one would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty: check the variable or the quotes")
    return Path(text)


def output_folder(text: str) -> Path:
    """Type of an argument: a folder to write to, which is created if it does not exist."""
    folder = non_empty_path(text)
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise argparse.ArgumentTypeError(f"{nearest} is a file: name a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"{nearest} cannot be written: name another folder")
    return folder


def check_outputs(files: Mapping[str, Path | None]) -> None:
    """Check, before a long computation, that its results can be written.

    Args:
        files: option → file; ``None`` where the option was not given.

    Raises:
        GotError: a file that cannot be written, by its option.
    """
    for option, file in files.items():
        if file is None:
            continue
        folder = file.absolute().parent
        if file.is_dir() or not folder.is_dir() or not os.access(file if file.exists() else folder, os.W_OK):
            raise GotError(f"{option} {file}: name a file that can be written, in a folder that exists")


def open_closed_streams() -> None:
    """Give standard streams that the calling program closed an empty file.

    Python has none there, and ``print`` writes what is meant for a missing standard error to standard output.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for the whole process


def write_whole(file: Path, text: str) -> None:
    """Write a file that has its name only when it is complete. Its folder is created; lone surrogates become ``?``.

    Raises:
        OSError: it cannot be written; nothing is left of it then.
    """
    # A short name, as that of the file may have the greatest length; its process id sets runs apart.
    partial = file.with_name(f".{os.getpid()}.partial")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.write_text(text, encoding="utf-8", errors="replace")
        partial.replace(file)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise


def counted(number: int, noun: str) -> str:
    """``1 file``, ``1,200 files``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_notice(message: str) -> None:
    """Print one line about the run on standard error, which leaves standard output to the results."""
    print(f"got-ocr: {message}", file=sys.stderr)


def write_utf8() -> None:
    """Make standard output UTF-8, as files are, whatever the locale; a terminal shows "?" for what it cannot.

    Windows redirects output in its ANSI code page, and ``LC_ALL=C`` knows no letter beyond ASCII.
    """
    stream = sys.stdout
    if not isinstance(stream, io.TextIOWrapper):
        return  # replaced by the caller, or closed
    if codecs.lookup(stream.encoding).name == "utf-8" or not stream.isatty():
        stream.reconfigure(encoding="utf-8", errors="replace")  # names of files may have bytes that are no UTF-8
    else:
        stream.reconfigure(errors="replace")
        print_notice(
            f"this terminal is {stream.encoding}, not UTF-8: '?' stands for what it cannot show (-o writes all)"
        )


class _StderrHandler(logging.Handler):
    """Looks up ``sys.stderr`` for each record: a progress bar replaces it while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


@contextmanager
def log_to_stderr(verbosity: int) -> Iterator[None]:
    """Print the package's log records on standard error.

    Args:
        verbosity: how often ``--verbose`` was given: 0 prints warnings and errors, 1 also INFO, 2 also DEBUG.
    """
    logger, handler = logging.getLogger("got_runtime"), _StderrHandler()
    handler.setFormatter(logging.Formatter("got-ocr: %(message)s" if not verbosity else _VERBOSE_FORMAT))
    if not verbosity:
        # Failed pages, which the pipeline logs, are part of the results, and commands print them from there.
        handler.addFilter(lambda record: not record.name.startswith("got_runtime.pipeline."))
    level_before = logger.level
    logger.setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[min(verbosity, 2)])
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level_before)


class Stoppable(Protocol):
    """A run that ends after the step in progress once ``stopping`` is set."""

    stopping: bool


@contextmanager
def stop_on_interrupt(run: Stoppable) -> Iterator[None]:
    """The first Ctrl-C ends ``run`` after the step in progress, so that its state is saved; a second one at once."""
    previous = signal.getsignal(signal.SIGINT)

    def stop(*_: Any) -> None:
        run.stopping = True
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
