"""The FILE arguments of ``got-ocr read`` → sources, each with the path of its output."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from got_runtime.cli.common import counted, print_notice
from got_runtime.errors import GotError, SourceNotFound

if TYPE_CHECKING:
    from got_runtime.options import ReadOptions

__all__ = ["ReadInput", "check_input", "find_inputs"]

_WILDCARDS = frozenset("*?[")


@dataclass(frozen=True)
class ReadInput:
    """One source to read."""

    source: Any
    """A path, an address, or standard input as a binary file object."""

    name: Path
    """Path of its output below the output folder, without the suffix of the format."""

    in_folder: bool = False
    """Whether it was found in a folder rather than named on the command line."""

    @property
    def key(self) -> str:
        """Equal for two names of the same file, such as ``a.pdf`` and ``./a.pdf``. Links are files of their own."""
        from got_runtime.sources.names import is_address

        if isinstance(self.source, str | os.PathLike):
            return str(self.source) if is_address(self.source) else os.path.abspath(self.source)
        return "-"


def find_inputs(argument: str) -> Iterator[ReadInput | GotError]:
    """The sources that one FILE argument names: itself, the files of a folder, or the matches of a pattern.

    A notice on standard error counts the unsupported and hidden files of a folder.

    Args:
        argument: a path, a folder, an address, a pattern such as ``scans/*.pdf``, or ``-`` for standard input.

    Yields:
        A source, or the error of a part of the argument that names none; the sources after it follow.
    """
    if argument == "-":
        yield ReadInput(sys.stdin.buffer, Path("stdin"))
        return
    if not argument:
        yield SourceNotFound("one of the files has an empty name: check the variable or the quotes")
        return
    from got_runtime.sources.names import is_address

    try:
        if is_address(argument):
            parts = urlsplit(argument)
            yield ReadInput(argument, Path(Path(parts.path).name or parts.netloc))
        else:
            for path in _matches(argument):
                yield from _expanded(path)
    except GotError as error:
        yield error
    except ValueError as error:  # of urlsplit
        yield SourceNotFound(f"{argument!r} is not a well-formed address ({error}): check it")


def check_input(found: ReadInput, options: "ReadOptions") -> None:
    """Check what can be checked of a source before a model is loaded (see :func:`got_runtime.sources.check_source`).

    Files of a folder are not checked: there may be many of them.

    Raises:
        SourceError: the source cannot be read.
    """
    from got_runtime.sources import check_source

    if not found.in_folder:
        check_source(found.source, options.limits, allow_remote=options.allow_remote)


def _matches(argument: str) -> list[str]:
    """The files that a pattern matches, in natural order, where the shell has not expanded it; else the argument."""
    from got_runtime.sources.folders import natural_key
    from got_runtime.sources.names import one_line

    if not _WILDCARDS & set(argument) or os.path.lexists(argument):
        return [argument]
    from glob import glob

    if found := glob(argument, recursive=True):
        return sorted(found, key=lambda path: (natural_key(path), path))
    raise SourceNotFound(f"no file matches the pattern {one_line(argument)}: check the path")


def _expanded(path: str) -> Iterator[ReadInput | GotError]:
    from got_runtime.sources.folders import is_folder, list_folder

    if not is_folder(path):
        yield ReadInput(path, Path(Path(path).name))
        return
    listing = list_folder(path)
    unsupported, hidden = len(listing.unsupported), len(listing.hidden)
    if listing.files and unsupported + hidden:
        counts = [f"{unsupported:,} not an image or PDF"] * bool(unsupported) + [f"{hidden:,} hidden"] * bool(hidden)
        print_notice(f"{counted(unsupported + hidden, 'file')} skipped in {path}: {', '.join(counts)}")
    for file in listing.files:
        yield ReadInput(file, file.relative_to(path), in_folder=True)
    yield from listing.errors
