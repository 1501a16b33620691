"""Pages of born-digital PDF files as samples: the page is rendered, its text layer is the reference.

Pages whose text layer is not what is printed are left out, each with the reason.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from got_runtime.errors import SourceCorrupt, SourceError, SourceNotFound
from got_runtime.evaluation.report import LeftOut
from got_runtime.evaluation.samples import TEXT_LAYER, EvalSample
from got_runtime.evaluation.text_files import read_text
from got_runtime.sources import Selection, SourcePage, expand, is_folder, open_pages
from got_runtime.sources.text_layer import Character
from got_runtime.views.components import connected_components

__all__ = ["fault_of", "has_text_layers", "text_layer_samples"]

_LONG_SIDE = 1400
"""Pixels of the longer side at which a page is compared with its text layer: the dot of an i is still a mark."""

_MOST_UNREADABLE = 0.05
"""Fraction of characters that are private, unassigned or unknown, above which a layer counts as scrambled."""
_FEWEST_VOWELS = 0.2
"""Fraction of the letters, below which Latin script counts as scrambled: English and its neighbours have .35 to .5."""
_FEWEST_LETTERS = 100
"""Letters from which the fraction of vowels is judged: tables of codes have few."""
_MOST_OTHER_SCRIPTS = 0.1
"""Fraction of letters of other scripts above which a page is not Latin: Greek letters in formulas are below it."""

_MOST_NOT_DRAWN = 0.05
"""Fraction of characters without ink in their box, or repeated at the same place, above which a page is left out."""
_MOST_OTHER_MARKS = 0.05
"""Marks of a letter's size outside the text layer, over its characters, above which a page is left out.

Text in pictures and text drawn as outlines are such marks. A logo has fewer, a labelled chart beside a full page too.
"""
_INK = 40
"""Grey levels of 255 by which ink differs from its paper."""

_UNREADABLE = {"Cc", "Cf", "Cn", "Co", "Cs"}
_REPLACEMENT = "\ufffd"


def has_text_layers(path: Path) -> bool:
    """Whether ``path`` is a dataset of this kind: a PDF, a ``.txt`` list of PDFs, or a folder of PDFs without texts.

    A folder in which any image or PDF has a ``.txt`` beside it is a folder of pages with reference files.
    """
    if not is_folder(path):
        return path.is_file() and path.suffix.lower() in (".pdf", ".txt")
    files = list(expand(path))
    return any(_is_pdf(file) for file in files) and not any(file.with_suffix(".txt").exists() for file in files)


def text_layer_samples(
    path: Path, pages: Selection | None = None, *, left_out: list[LeftOut] | None = None
) -> Iterator[EvalSample]:
    """The pages of a PDF file, of the PDF files in a folder and its subfolders, or of a list, that can be scored.

    A list is a text file with a path a line, relative to the list, which may be followed by a space and a page
    selection (``reports/2019.pdf 1-3,7``); ``#`` begins a comment. Files are opened one by one while the samples are
    used. The group of a page is its folder. In references a tab stands between the cells of a row.

    Args:
        pages: selection of pages of each file without one of its own.
        left_out: gets the pages that are left out, as they are met.

    Raises:
        SourceNotFound: the list cannot be read, names a file that does not exist, or is empty.
    """
    skipped = left_out if left_out is not None else []
    for name, file, selection in _files(path):
        group = file.parent.resolve().name
        if not _is_pdf(file):
            skipped.append(LeftOut(name=name, reason="no PDF file"))
            continue
        try:
            for page in open_pages(file, pages=pages if selection is None else selection, long_side=_LONG_SIDE):
                reason = fault_of(page)
                if reason is None and page.pdf is not None:
                    yield EvalSample(name, file, page.pdf.text("\t").text, group, page.number, kind=TEXT_LAYER)
                elif reason is not None:
                    skipped.append(LeftOut(name=f"{name} p. {page.number}", reason=reason))
        except SourceError as error:
            skipped.append(LeftOut(name=name, reason="cannot be opened", detail=str(error)))


def fault_of(page: SourcePage) -> str | None:
    """Why the text layer of a PDF page is not what is printed on it; ``None`` if it is."""
    if page.image is None or page.pdf is None:
        return "cannot be rendered"
    try:
        characters, is_scan = page.pdf.characters(), page.pdf.is_scan()
    except SourceCorrupt:
        return "text layer cannot be read"
    if not characters:
        return "no text"
    if is_scan:
        return "scan"
    text = "".join(character for character, _ in characters)
    return _fault_of_text(text) or _fault_of_drawing(np.asarray(page.image.convert("L")), characters, page)


def _fault_of_text(text: str) -> str | None:
    unreadable = sum(c == _REPLACEMENT or unicodedata.category(c) in _UNREADABLE for c in text)
    if unreadable > _MOST_UNREADABLE * len(text):
        return "scrambled text layer"
    letters = [c for c in text if c.isalpha()]
    latin = [c for c in letters if unicodedata.name(c, "").startswith(("LATIN", "FULLWIDTH LATIN", "MATHEMATICAL"))]
    if len(letters) - len(latin) > _MOST_OTHER_SCRIPTS * len(letters):
        return "not Latin script"
    vowels = sum(unicodedata.normalize("NFKD", c)[0].lower() in "aeiouy" for c in latin)
    if len(latin) >= _FEWEST_LETTERS and vowels < _FEWEST_VOWELS * len(latin):
        return "scrambled text layer"
    return None


def _fault_of_drawing(grey: np.ndarray, characters: Sequence[Character], page: SourcePage) -> str | None:
    """Compare the characters with the ink of the rendered page."""
    scale = (page.dpi or 72) / 72
    covered = np.zeros(grey.shape, bool)
    not_drawn, heights = 0, []
    for _, (x0, y0, x1, y1) in characters:
        left, top = max(0, int(x0 * scale)), max(0, int(y0 * scale))
        right, bottom = int(np.ceil(x1 * scale)), int(np.ceil(y1 * scale))
        box = grey[top:bottom, left:right]
        not_drawn += box.size == 0 or int(box.max()) - int(box.min()) < _INK
        covered[max(0, top - 1) : bottom + 1, max(0, left - 2) : right + 2] = True
        heights.append((y1 - y0) * scale)
    places = Counter((character, round(box[0]), round(box[1])) for character, box in characters)
    repeated = len(characters) - len(places)
    if not_drawn + repeated > _MOST_NOT_DRAWN * len(characters):
        return "text that is not drawn"
    if _letter_marks(grey, covered, float(np.median(heights))) > _MOST_OTHER_MARKS * len(characters):
        return "drawn text outside the text layer"
    return None


def _letter_marks(grey: np.ndarray, covered: np.ndarray, height: float) -> int:
    """Marks outside ``covered`` that are as large as letters of a line of ``height`` pixels."""
    ink = (np.abs(grey.astype(np.int16) - np.int16(np.median(grey))) > _INK) & ~covered
    marks = connected_components(ink)
    high = (marks.heights >= 0.25 * height) & (marks.heights <= 1.5 * height)
    wide = (marks.widths >= 0.1 * height) & (marks.widths <= 1.5 * height)
    return int((high & wide).sum())


def _files(path: Path) -> Iterator[tuple[str, Path, str | None]]:
    """Name in the dataset, path, and page selection of each file."""
    if is_folder(path):
        yield from ((file.relative_to(path).as_posix(), file, None) for file in expand(path))
    elif _is_pdf(path):
        yield path.name, path, None
    else:
        yield from _listed_files(path)


def _listed_files(file: Path) -> Iterator[tuple[str, Path, str | None]]:
    lines = [line.partition("#")[0].strip() for line in read_text(file).splitlines()]
    entries = [_entry(line) for line in lines if line]
    if not entries:
        raise SourceNotFound(f"{file} names no PDF file: write a path a line, such as report.pdf 1-3")
    for name, selection in entries:
        path = file.parent / name
        if not path.is_file():
            raise SourceNotFound(f"{file} names {name}, and there is no file {path}: paths are relative to the list")
        yield name, path, selection


def _entry(line: str) -> tuple[str, str | None]:
    """The path and the page selection of a line; a path may contain spaces."""
    if line.lower().endswith(".pdf"):
        return line, None
    name, _, selection = line.rpartition(" ")
    return (name.strip(), selection) if name else (line, None)


def _is_pdf(file: Path) -> bool:
    return file.suffix.lower() == ".pdf"
