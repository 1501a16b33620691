"""Every error this package raises on purpose.

    GotError
    ├── SourceError            a source cannot be read
    │   ├── SourceNotFound     no such file, folder or address
    │   ├── SourceUnsupported  not an image, not a PDF, or an object of another kind
    │   ├── SourceCorrupt      the right kind of file, but broken
    │   ├── SourceEncrypted    a password is missing or wrong
    │   ├── SourceForbidden    an address or a file that may not be read
    │   ├── PageOutOfRange     the page selection names a page that is not there, or cannot be parsed
    │   └── LimitExceeded      too many pages, pixels, bytes or seconds
    ├── OptionError            an option that does not exist, or a value that it cannot have
    ├── TaskError              a task that no prompt can be built for (an empty box, an unknown colour)
    ├── CheckpointError        no usable weights
    │   ├── CheckpointNotFound neither embedded, nor a folder, nor reachable
    │   └── CheckpointInvalid  a folder whose files are not a GOT checkpoint
    ├── EngineError            decoding failed
    ├── CacheError             the place of kept answers cannot be used
    ├── ClusterError           a run on a cluster cannot go on, or a page ended the processes that read it
    ├── DrawingError           a score, molecule or chart cannot be drawn within the limits of time and size
    └── MissingExtra           an optional dependency is not installed (also an ImportError)

    DemoModelWarning           got-nano was loaded, which is for trying the package (a UserWarning)

A message says what was wrong and what to do next, in one line.
"""

import difflib
from collections.abc import Collection, Mapping

__all__ = [
    "PERMANENT_ERRORS",
    "CacheError",
    "CheckpointError",
    "CheckpointInvalid",
    "CheckpointNotFound",
    "ClusterError",
    "DemoModelWarning",
    "DrawingError",
    "EngineError",
    "GotError",
    "LimitExceeded",
    "MissingExtra",
    "OptionError",
    "PageOutOfRange",
    "SourceCorrupt",
    "SourceEncrypted",
    "SourceError",
    "SourceForbidden",
    "SourceNotFound",
    "SourceUnsupported",
    "TaskError",
]


class GotError(Exception):
    """The base class of every error of this package."""


class SourceError(GotError):
    """A source cannot be read."""


class SourceNotFound(SourceError):
    """No such file, folder or address."""


class SourceUnsupported(SourceError):
    """Not an image, not a PDF, or an object of another kind."""


class SourceCorrupt(SourceError):
    """The right kind of file, but broken."""


class SourceEncrypted(SourceError):
    """A password is missing or wrong."""


class SourceForbidden(SourceError):
    """An address or a file that may not be read."""


class PageOutOfRange(SourceError):
    """The page selection names a page that is not there, or cannot be parsed."""


class LimitExceeded(SourceError):
    """Too many pages, pixels, bytes or seconds."""


class OptionError(GotError, TypeError, ValueError):
    """An option that does not exist, or a value that it cannot have."""


class TaskError(GotError, ValueError):
    """A task that no prompt can be built for."""


class CheckpointError(GotError):
    """No usable weights."""


class CheckpointNotFound(CheckpointError):
    """Neither embedded, nor a folder, nor reachable."""


class CheckpointInvalid(CheckpointError):
    """A folder whose files are not a GOT checkpoint."""


class EngineError(GotError):
    """Decoding failed."""


class CacheError(GotError):
    """The place of kept answers cannot be used."""


class ClusterError(GotError):
    """A run on a cluster cannot go on, or a page ended the processes that read it."""


class DrawingError(GotError):
    """A score, molecule or chart cannot be drawn: its library failed, crashed, or exceeded a limit."""


class MissingExtra(GotError, ImportError):
    """An optional dependency is not installed; the message names the ``pip install``."""

    def __init__(self, extra: str, package: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'got-ocr[{extra}]' (in a clone: '.[{extra}]')")
        self.extra: str = extra
        self.package: str = package

    def __reduce__(self) -> tuple[type["MissingExtra"], tuple[str, str]]:
        return MissingExtra, (self.extra, self.package)  # pickled by worker processes


PERMANENT_ERRORS = frozenset({"SourceCorrupt", "SourceEncrypted", "SourceUnsupported", "ClusterError"})
"""Names of the errors of a page or file that a second attempt at the same bytes repeats."""


class DemoModelWarning(UserWarning):
    """got-nano, a demonstration network, was loaded. Issued once a process."""


def check_names(
    given: Collection[str],
    known: Collection[str],
    caller: str,
    other_names: Collection[str] = (),
    hints: Mapping[str, str] | None = None,
) -> None:
    """Check the names of keyword arguments.

    Args:
        given: the names.
        known: the names that exist.
        caller: the called function, for the message.
        other_names: further names that the message may suggest.
        hints: what to say of certain wrong names, instead of the nearest name.

    Raises:
        OptionError: for the first name that does not exist.
    """
    for name in given:
        if name not in known:
            hint = (hints or {}).get(name) or nearest_hint(name, [*known, *other_names])
            raise OptionError(f"{caller} has no option {name!r}: {hint}")


def nearest_hint(name: str, known: Collection[str]) -> str:
    """``did you mean 'x'?`` where a known name is similar, else the list of known names."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.54)
    return f"did you mean {nearest[0]!r}?" if nearest else f"choose from {', '.join(sorted(known))}"
