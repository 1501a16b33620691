"""Folders → the files in them that may hold pages, in natural order, and the files that are skipped."""

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from got_runtime.errors import SourceError, SourceForbidden, SourceNotFound
from got_runtime.sources.names import is_address, one_line

__all__ = ["SUFFIXES", "FolderListing", "expand", "is_folder", "list_folder", "natural_key"]

SUFFIXES = frozenset(
    {".pdf", ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
)
"""Suffixes of files that hold pages. Only folder listings use names; an opened file is identified by its bytes."""

Source = TypeVar("Source")

logger = logging.getLogger(__name__)


@dataclass
class FolderListing:
    """The contents of a folder and its subfolders."""

    files: list[Path] = field(default_factory=list)
    """Files with one of :data:`SUFFIXES`, in natural order (``p2`` before ``p10``), subfolders among them."""

    hidden: list[Path] = field(default_factory=list)
    """Files and folders whose name begins with a dot; such folders are not entered."""

    unsupported: list[Path] = field(default_factory=list)
    """Other files, broken links, and links to a folder (which could be a parent)."""

    errors: list[SourceError] = field(default_factory=list)
    """``SourceForbidden`` for each folder that may not be listed; ``SourceNotFound`` if the folder holds no pages."""

    @property
    def skipped(self) -> str:
        """Counts of the skipped files, such as ``"3 unsupported, 1 hidden"``; empty if there are none."""
        counts = (len(self.unsupported), "unsupported"), (len(self.hidden), "hidden")
        return ", ".join(f"{count:,} {kind}" for count, kind in counts if count)


def is_folder(source: object) -> bool:
    """Whether ``source`` is the path of an existing folder."""
    return isinstance(source, str | os.PathLike) and not is_address(source) and os.path.isdir(source)


def list_folder(folder: str | os.PathLike[str]) -> FolderListing:
    """The files below ``folder``, and those that are skipped. Raises nothing: errors are part of the listing."""
    listing = FolderListing()
    _walk(Path(folder), listing)
    name = one_line(str(folder))
    if listing.skipped:
        logger.info("%s: skipped %s", name, listing.skipped)
        for path in (*listing.unsupported, *listing.hidden):
            logger.debug("skipped %s", path)
    if not listing.files and not listing.errors:
        found = f" ({listing.skipped})" if listing.skipped else ""
        known = " ".join(sorted(SUFFIXES))
        listing.errors.append(
            SourceNotFound(f"the folder {name} holds no pages{found}: put files in it that end in {known}")
        )
    return listing


def expand(source: Source) -> Iterator[Source | Path]:
    """The files of :func:`list_folder` if ``source`` is a folder, else ``source`` itself.

    Raises ``SourceNotFound`` for a folder without pages and, after all files, ``SourceForbidden`` for a folder that
    may not be listed.
    """
    if not is_folder(source):
        yield source
        return
    listing = list_folder(source)  # type: ignore[arg-type]
    yield from listing.files
    if listing.errors:
        raise listing.errors[0]


def natural_key(name: str) -> tuple[str | int, ...]:
    """Sort key that compares runs of digits as numbers and letters without regard to case."""
    # Splitting on a group leaves text and digits alternating, text first, so that keys always compare.
    return tuple(int(part) if i % 2 else part.casefold() for i, part in enumerate(re.split(r"([0-9]+)", name)))


def _walk(top: Path, listing: FolderListing) -> None:
    """Depth first, without recursion: folders may be nested deeper than Python's calls."""
    waiting = [_entries(top, listing)]
    while waiting:
        entry = next(waiting[-1], None)
        if entry is None:
            waiting.pop()
            continue
        path = Path(entry.path)
        if entry.name.startswith("."):
            listing.hidden.append(path)
        elif entry.is_dir(follow_symlinks=False):
            waiting.append(_entries(path, listing))
        elif path.suffix.lower() in SUFFIXES and os.path.isfile(path):
            listing.files.append(path)
        else:
            listing.unsupported.append(path)


def _entries(folder: Path, listing: FolderListing) -> "Iterator[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as scan:
            return iter(sorted(scan, key=lambda entry: (natural_key(entry.name), entry.name)))
    except OSError as error:  # also a path that is longer than the system takes
        refusal = SourceForbidden(f"the folder {one_line(str(folder))} may not be listed: give this user permission")
        refusal.__cause__ = error
        listing.errors.append(refusal)
        return iter(())
