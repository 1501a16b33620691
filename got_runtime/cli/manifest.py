"""The record in an output folder: with which settings its files were made, and which sources failed."""

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from got_runtime.cli.common import write_whole
from got_runtime.errors import PERMANENT_ERRORS, GotError, OptionError
from got_runtime.sources.names import one_line

if TYPE_CHECKING:
    import argparse

    from got_runtime.cli.read_inputs import ReadInput
    from got_runtime.options import ReadOptions

__all__ = ["MANIFEST", "Failure", "Manifest", "settings_of"]

MANIFEST = ".got-ocr-record"
"""Name of the file in the output folder. No pattern for outputs or sources, such as ``*.json``, matches it."""

_SAVE_SECONDS = 5.0
"""Time from one save of failures to the next: saving each of thousands would take longer than reading."""
_NOT_OF_THE_TEXT = {"on_error", "allow_remote", "password", "limits"}
"""Options that change whether something is read, but not what."""


def settings_of(args: "argparse.Namespace", options: "ReadOptions", weights: str) -> dict[str, Any]:
    """What the text of an output depends on, as JSON values.

    Args:
        args: the arguments of ``got-ocr read``.
        options: those of reading.
        weights: digest of the checkpoint's files.
    """
    return {
        "model": args.model or "got-nano",
        "weights": weights[:16],
        "engine": args.engine,
        "dtype": args.dtype,
        "int8": args.int8,
        **options.model_dump(mode="json", exclude=_NOT_OF_THE_TEXT),
    }


@dataclass(frozen=True)
class Failure:
    """A source that failed.

    Attributes:
        error: class of the error.
        message: its message.
        size, modified: of the file, in bytes and nanoseconds; None if it is no file.
    """

    error: str
    message: str
    size: int | None = None
    modified: int | None = None

    @classmethod
    def of(cls, source: "ReadInput", error: str, message: str) -> "Failure":
        size, modified = _state(source)
        return cls(error, message, size, modified)

    def holds(self, source: "ReadInput", password: str | None) -> bool:
        """Whether reading the source again would fail alike: the error is permanent, and the file did not change.

        An encrypted file is tried with every password that is given.
        """
        if self.error == "SourceEncrypted" and password is not None:
            return False
        return self.error in PERMANENT_ERRORS and self.size is not None and _state(source) == (self.size, self.modified)


def _state(source: "ReadInput") -> tuple[int | None, int | None]:
    if isinstance(source.source, str | os.PathLike):
        with contextlib.suppress(OSError, ValueError):
            status = os.stat(source.source)
            return status.st_size, status.st_mtime_ns
    return None, None


class Manifest:
    """The record of an output folder.

    Args:
        folder: the output folder.
        settings: see :func:`settings_of`.
        overwrite: whether a record of other settings is replaced.

    Raises:
        OptionError: the folder's files were made with other settings, and ``overwrite`` is not set.
        GotError: the record cannot be read.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], overwrite: bool) -> None:
        self._file = folder / MANIFEST
        self._settings = settings
        self._failures: dict[str, Failure] = {}
        self._saved = 0.0
        self._changed = False
        found = None if overwrite else self._load()
        self.is_new = found is None
        """Whether the folder had no record."""
        if found is None:
            return
        if differences := _differences(found["settings"], settings):
            raise OptionError(
                f"{folder} was written with other settings ({differences}): give another folder (-o), "
                "or add --overwrite to read everything again"
            )
        self._failures = {name: Failure(**failure) for name, failure in found["failures"].items()}

    def _load(self) -> dict[str, Any] | None:
        try:
            text = self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise GotError(f"{self._file} cannot be read ({one_line(str(error))}): remove it") from error
        try:
            found: dict[str, Any] = json.loads(text)
            settings, failures = found["settings"], found["failures"]
            if not isinstance(settings, dict):
                raise TypeError("no settings")
            for failure in failures.values():
                Failure(**failure)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise GotError(f"{self._file} is no record of got-ocr read ({type(error).__name__}): remove it") from error
        return found

    def failure(self, source: "ReadInput") -> Failure | None:
        """The recorded failure of a source."""
        return self._failures.get(str(source.name))

    def record(self, source: "ReadInput", failure: Failure | None) -> None:
        """Record that a source failed, wholly or in part, or with None that it was read."""
        name = str(source.name)
        if failure is None and name not in self._failures:
            return
        if failure is None:
            del self._failures[name]
        else:
            self._failures[name] = failure
        self._changed = True
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write the record. It is complete at any time.

        Raises:
            GotError: it cannot be written.
        """
        failures = {name: asdict(failure) for name, failure in self._failures.items()}
        text = json.dumps({"settings": self._settings, "failures": failures}, indent=1, ensure_ascii=False)
        try:
            write_whole(self._file, text + "\n")
        except OSError as error:
            raise GotError(f"{self._file} cannot be written ({one_line(str(error))}): name another -o") from error
        self._saved, self._changed = time.monotonic(), False

    def close(self) -> None:
        """Save what is not saved yet."""
        if self._changed:
            self.save()


def _differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return ", ".join(f"{name} {_shown(before.get(name))}, now {_shown(now.get(name))}" for name in names)


def _shown(value: Any) -> str:
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
