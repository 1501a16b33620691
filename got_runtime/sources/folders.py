"""A folder → the files in it that may hold pages, in the order a person would list them."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from got_runtime.errors import SourceForbidden, SourceNotFound
from got_runtime.sources.names import is_address, one_line

__all__ = ["SUFFIXES", "expand", "natural_key"]

SUFFIXES = frozenset(
    {".pdf", ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
)
"""Known names of files that hold pages. Only here do names matter: an opened file is told by its bytes."""

Source = TypeVar("Source")


def expand(source: Source) -> Iterator[Source | Path]:
    """The files below ``source`` where it is a folder, else ``source`` itself.

    Recursive, in natural order (``p2`` before ``p10``), known suffixes only, without hidden files and folders.
    Linked files are taken, linked folders are not entered: they may lead back up.
    Raises ``SourceNotFound`` for a folder without pages and, after all other files, ``SourceForbidden`` for one that
    may not be listed.
    """
    if not isinstance(source, str | os.PathLike) or is_address(source) or not os.path.isdir(source):
        yield source
        return
    empty = True
    closed: list[SourceForbidden] = []
    for path in _walk(Path(source), closed):
        empty = False
        yield path
    if closed:
        raise closed[0]
    if empty:
        known = " ".join(sorted(SUFFIXES))
        raise SourceNotFound(f"the folder {one_line(str(source))} holds no pages: put files in it that end in {known}")


def natural_key(name: str) -> tuple[str | int, ...]:
    """Sort key that compares runs of digits as numbers and letters without regard to case."""
    # Splitting on a group leaves text and digits alternating, text first, so that keys always compare.
    return tuple(int(part) if i % 2 else part.casefold() for i, part in enumerate(re.split(r"([0-9]+)", name)))


def _walk(folder: Path, closed: list[SourceForbidden]) -> Iterator[Path]:
    """Files in order; folders that may not be listed go into ``closed``."""
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: (natural_key(entry.name), entry.name))
    except OSError as error:
        refusal = SourceForbidden(f"the folder {one_line(str(folder))} may not be listed: give this user permission")
        refusal.__cause__ = error
        closed.append(refusal)
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), closed)
        elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and os.path.isfile(entry.path):
            yield Path(entry.path)
