"""Pages on disk with their truth: folders of images and PDFs, and GOT's own JSON.

Every reader yields :class:`Case`. A new layout is one more function in :data:`READERS`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from got_runtime.errors import SourceCorrupt, SourceError, SourceNotFound, SourceUnsupported

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["READERS", "Case", "conversations", "folder", "open_cases", "prediction"]

_PAGED_SUFFIXES = frozenset({".apng", ".gif", ".pdf", ".tif", ".tiff", ".webp"})
"""Files that may hold several pages and are asked for their number."""

_TEXT_SUFFIXES = (".txt", ".md", ".mmd")


@dataclass(frozen=True)
class Case:
    """One page to read and what it says.

    ``image`` is a picture or the path of a file, of which ``page`` (from 1) is meant where it has several. ``name`` is
    the file's path below its collection, or any name for a picture. ``group`` is the report's row that it counts in.
    """

    name: str
    image: "Path | Image.Image"
    truth: str
    group: str
    page: int | None = None

    @property
    def label(self) -> str:
        """The name as a person would say it: ``scans/paper.pdf p. 3``."""
        return self.name if self.page is None else f"{self.name} p. {self.page}"

    def open(self) -> "Image.Image":
        """The page's picture. Raises a :class:`SourceError` when the file cannot be read."""
        if not isinstance(self.image, Path):
            return self.image
        from got_runtime.sources import open_pages

        for page in open_pages(self.image, pages=str(self.page or 1)):
            if page.error is not None:
                raise page.error
            if page.image is not None:
                return page.image
        raise SourceCorrupt(f"{self.label} has no picture: save it again")


def open_cases(path: Path) -> list[Case]:
    """The cases of a collection: a folder, or a ``.json`` in the official layout.

    Files are listed and truths read at once, so that a missing truth is known before the first page is read; pictures
    are opened one by one.
    """
    if not path.exists():
        raise SourceNotFound(f"{path} does not exist: give a folder of images beside .txt files, or a .json")
    reader = READERS.get("" if path.is_dir() else path.suffix.lower())
    if reader is None:
        raise SourceUnsupported(f"{path} is no collection: give a folder of images beside .txt files, or a .json")
    return list(reader(path))


def folder(path: Path) -> Iterator[Case]:
    r"""Images and PDFs anywhere below ``path``, each beside a ``.txt`` of the same stem; a subfolder is a group.

    The text of a PDF, or of a TIFF or GIF of many frames, has one part a page, parted by form feeds (``\f``), as
    ``pdftotext`` writes it.
    """
    from got_runtime.sources import expand

    for file in expand(path):
        name = file.relative_to(path).as_posix()
        group = file.parent.relative_to(path).as_posix() if file.parent != path else path.resolve().name
        source = file.with_suffix(".txt")
        if not source.exists():
            raise SourceNotFound(f"{source} is missing: write the text of {file.name} there, empty for a blank page")
        count = _page_count(file)
        paged = file.suffix.lower() == ".pdf" or (count or 1) > 1
        truths = _parts(source) if paged else [_text(source)]
        if count is not None and count != len(truths):
            raise SourceCorrupt(
                f"{source} has {len(truths)} parts and {file.name} {count} pages: put a form feed between two pages"
            )
        for number, truth in enumerate(truths, start=1):
            yield Case(name, file, truth, group, number if paged else None)


def conversations(path: Path) -> Iterator[Case]:
    """GOT's own JSON: a list of ``{"image": …, "conversations": [question, answer]}``; image paths from its folder.

    The truth is the second turn's ``value``, as in the official ``eval_GOT_ocr.py``. The question is not used.
    """
    try:
        rows = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise SourceCorrupt(f"{path} is not JSON (line {error.lineno}): save it again") from error
    if not isinstance(rows, list) or not rows:
        raise SourceCorrupt(f"{path} holds no list of pages: expected [{{'image': …, 'conversations': […]}}, …]")
    for number, row in enumerate(rows, start=1):
        image, truth = _row(row)
        if image is None or truth is None:
            raise SourceCorrupt(f"{path}, entry {number}: needs 'image' and two 'conversations', each with a 'value'")
        # An absolute path would lead the look-up of predictions out of their folder.
        name = Path(image).name if Path(image).is_absolute() else image
        yield Case(name, path.parent / image, truth, path.stem)


READERS: dict[str, Callable[[Path], Iterator[Case]]] = {"": folder, ".json": conversations}
"""Readers by suffix; a folder has none."""


def prediction(directory: Path, case: Case) -> str:
    """What another tool wrote for ``case``: ``directory``'s file of the same stem (``.txt``, ``.md`` or ``.mmd``).

    Raises :class:`SourceNotFound` when there is none, or when it has no part for the case's page.
    """
    base = directory / case.name
    for file in (base.with_suffix(suffix) for suffix in _TEXT_SUFFIXES):
        if not file.is_file():
            continue
        if case.page is None:
            return _text(file)
        parts = _parts(file)
        if case.page > len(parts):
            raise SourceNotFound(f"{file} has no page {case.page}: part its {len(parts)} pages by form feeds")
        return parts[case.page - 1]
    raise SourceNotFound(f"no text for {case.label}: expected {base.with_suffix('.txt')}")


def _row(row: Any) -> tuple[str | None, str | None]:
    """Image and truth of one official entry, ``None`` twice where it is not one."""
    try:
        image, truth = row["image"], row["conversations"][1]["value"]
    except (KeyError, IndexError, TypeError):
        return None, None
    return (image, truth) if isinstance(image, str) and isinstance(truth, str) else (None, None)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceCorrupt(f"{file} is not UTF-8: save it as UTF-8") from error
    except OSError as error:
        raise SourceNotFound(f"{file} cannot be read: {error.strerror}") from error


def _parts(file: Path) -> list[str]:
    """A text's pages; ``pdftotext`` ends the last one with a form feed too."""
    return _text(file).rstrip("\n").removesuffix("\f").split("\f")


def _page_count(file: Path) -> int | None:
    """Pages or frames; ``None`` for a file that cannot be opened, which is for its reading to say."""
    from got_runtime.sources import open_pages

    if file.suffix.lower() not in _PAGED_SUFFIXES:
        return 1
    try:
        return next(open_pages(file, long_side=1)).total
    except SourceError:
        return None
