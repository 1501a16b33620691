"""Faults of PDF files and pages that no library reports: mended where other programs mend them, and warned of."""

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from got_runtime.sources.answers import Pixels
from got_runtime.sources.names import one_line

__all__ = ["MENDS", "drawn_in_one_colour", "file_faults", "is_one_colour", "is_too_small", "size_fault"]

SMALLEST_SIDE = 8
"""Pixels; a picture with a smaller side holds no legible character."""
SMALLEST_PAGE = 10
"""Pixels; a picture of which both sides are smaller holds no text."""
PLACEHOLDER = re.compile(r"Please wait|Adobe (Acrobat )?Reader")
"""In the page that stands for an XFA form, which names the program that it needs in every language."""
LARGEST_UNIT = 75_000
"""Largest UserUnit of a page (ISO 32000-1, table C.1). A page of A4 is 22 km wide then."""
COLOURANTS = (1, 3, 4)
"""Numbers of an annotation's colour: grey, RGB or CMYK (ISO 32000-1, table 164)."""
YELLOW = (1, 1, 0)
HIDDEN = 1 | 2 | 32
"""Flags of an annotation that is not shown: Invisible, Hidden, NoView (ISO 32000-1, table 165)."""
INVISIBLE = ("ignore-text", "clip")
"""Content that leaves no mark: text for searching, and clipping paths."""


def size_fault(width: int, height: int) -> list[str]:
    """A warning, if a page of so many pixels is a strip or a speck."""
    small = is_too_small(width, height)
    return [f"the page is {width}×{height} pixels, too small to hold text"] if small else []


def is_too_small(width: int, height: int) -> bool:
    """Whether a picture of so many pixels is a strip or a speck."""
    return min(width, height) < SMALLEST_SIDE or max(width, height) < SMALLEST_PAGE


def file_faults(document: Any) -> list[str]:
    """Warnings of files whose pages are not what one opens them for: portfolios, and forms that a program fills in."""
    catalog = document.pdf_catalog()
    found = []
    if document.xref_get_key(catalog, "Collection")[0] in ("dict", "xref"):
        found.append(
            f"a portfolio of {document.embfile_count()} files: its cover is read, unpack it to read the files in it"
        )
    if document.xref_get_key(catalog, "NeedsRendering")[1] == "true" or _is_placeholder(document, catalog):
        found.append("an XFA form, whose pages Adobe Reader makes when it opens it: print it to PDF there")
    return found


def _is_placeholder(document: Any, catalog: int) -> bool:
    """Whether the only page stands for an XFA form whose file does not say that it needs rendering."""
    if document.xref_get_key(catalog, "AcroForm/XFA")[0] == "null":
        return False
    with suppress(Exception):  # a damaged page, which is reported when it is read
        return document.page_count == 1 and PLACEHOLDER.search(document.load_page(0).get_text()) is not None
    return False


def _unit_fault(document: Any, page: Any) -> str | None:
    kind, value = document.xref_get_key(page.xref, "UserUnit")
    if kind not in ("int", "float") or 0 < float(value) <= LARGEST_UNIT:
        return None
    document.xref_set_key(page.xref, "UserUnit", "1")
    return f"the page has a unit of {one_line(value)}: it is taken as 1"


def _rotation_fault(document: Any, page: Any) -> str | None:
    """A rotation between the quarters, which MuPDF rounds and other programs ignore."""
    mupdf = _mupdf()
    rotation = mupdf.pdf_dict_get_inheritable(page._pdf_page().obj(), mupdf.pdf_new_name("Rotate"))
    degrees = rotation.pdf_to_real() if rotation.pdf_is_number() else 0.0
    if degrees % 90 == 0:
        return None
    document.xref_set_key(page.xref, "Rotate", "0")
    return f"the page is turned by {degrees:g} degrees, which is no multiple of 90: it is not turned"


def _crop_fault(document: Any, page: Any) -> str | None:
    """A CropBox without area, or outside of the page, of which MuPDF shows nothing."""
    mupdf = _mupdf()
    boxes = []
    for name in ("CropBox", "MediaBox"):
        box = mupdf.pdf_dict_get_inheritable(page._pdf_page().obj(), mupdf.pdf_new_name(name))
        if not mupdf.pdf_is_array(box):
            return None
        rect = mupdf.pdf_to_rect(box)
        boxes.append((rect.x0, rect.y0, rect.x1, rect.y1))
    crop, media = boxes
    empty = min(crop[2], media[2]) <= max(crop[0], media[0]) or min(crop[3], media[3]) <= max(crop[1], media[1])
    if not empty or media[2] <= media[0] or media[3] <= media[1]:
        return None
    document.xref_set_key(page.xref, "CropBox", "[{} {} {} {}]".format(*media))
    return "the CropBox holds nothing of the page: the whole page is shown"


def _size_fault(document: Any, page: Any) -> str | None:
    """No MediaBox with an area, where MuPDF takes that of US Letter; other programs take it or A4."""
    mupdf = _mupdf()
    box = mupdf.pdf_dict_get_inheritable(page._pdf_page().obj(), mupdf.pdf_new_name("MediaBox"))
    rect = mupdf.pdf_to_rect(box)
    if rect.x1 > rect.x0 and rect.y1 > rect.y0:
        return None
    return f"the page does not state its size: it is taken as {page.rect.width:g}×{page.rect.height:g} points"


def _mark_fault(_: Any, page: Any) -> str | None:
    """Highlights that state no colour, and stamps, where they have no appearance stream.

    MuPDF draws these highlights in black over text, others in yellow; it writes the name of the stamp, others nothing.
    """
    annotations, found = page._pdf_page().obj().pdf_dict_gets("Annots"), dict[str, None]()
    for index in range(annotations.pdf_array_len()):
        mark = annotations.pdf_array_get(index)
        kind = mark.pdf_dict_gets("Subtype").pdf_to_name()
        if kind == "Highlight" and _has_no_colour(mark) and _is_shown_without_appearance(mark):
            colour = page._pdf_page().doc().pdf_new_array(len(YELLOW))
            for value in YELLOW:
                colour.pdf_array_push_int(value)
            mark.pdf_dict_puts("C", colour)
            found["a highlight states no colour: it is drawn in yellow"] = None
        elif kind == "Stamp" and _is_shown_without_appearance(mark):
            found["a stamp has no appearance: its name is written, which other programs may leave out"] = None
    return "; ".join(found) or None


def _has_no_colour(highlight: Any) -> bool:
    has_area = highlight.pdf_dict_gets("QuadPoints").pdf_array_len() > 0
    return has_area and highlight.pdf_dict_gets("C").pdf_array_len() not in COLOURANTS


def _is_shown_without_appearance(mark: Any) -> bool:
    normal = mark.pdf_dict_gets("AP").pdf_dict_gets("N")
    if not normal.pdf_is_stream():  # one for each state
        normal = normal.pdf_dict_gets(mark.pdf_dict_gets("AS").pdf_to_name())
    return not normal.pdf_is_stream() and not mark.pdf_dict_gets("F").pdf_to_int() & HIDDEN


def _mupdf() -> Any:
    from pymupdf import mupdf

    return mupdf


MENDS: tuple[Callable[[Any, Any], str | None], ...] = (
    _unit_fault,
    _rotation_fault,
    _crop_fault,
    _size_fault,
    _mark_fault,
)
"""Each mends a fault of a ``pymupdf.Page`` in memory and returns a warning, after which the page is loaded again."""


def drawn_in_one_colour(page: Any, pixels: Pixels) -> str | None:
    """A warning, if the picture of a ``pymupdf.Page`` is one colour although the page has content that draws."""
    if not is_one_colour(pixels):
        return None
    colour = np.resize(np.frombuffer(pixels.data, np.uint8, len(pixels.mode)) / 255, 3)
    marks = Counter(kind for kind, box in page.get_bboxlog() if not kind.startswith(INVISIBLE) and _has_area(box))
    if set(marks) <= {"fill-path"} and _paths_are_paper(page, tuple(colour)):
        return None
    content = ", ".join(f"{count} {kind.replace('-', ' ')}" for kind, count in marks.items())
    return f"the page is one colour although it has content ({content}): parts may be missing"


def is_one_colour(pixels: Pixels) -> bool:
    """Whether all pixels of a picture are equal."""
    samples, bands = np.frombuffer(pixels.data, np.uint8), len(pixels.mode)
    step = bands * max(1, pixels.width * pixels.height // 1000)
    if any((samples[shift::step] != samples[shift]).any() for shift in range(bands)):  # as on nearly every page
        return False
    return np.array_equal(samples[bands:], samples[:-bands])


def _has_area(box: Any) -> bool:
    return bool(box[2] > box[0] or box[3] > box[1])


def _paths_are_paper(page: Any, colour: tuple[float, ...]) -> bool:
    """Whether all areas are filled with the colour of the page, which is how many programs draw an empty one."""
    fills = [drawing.get("fill") for drawing in page.get_drawings()]
    return all(fill is None or max(abs(a - b) for a, b in zip(fill, colour, strict=False)) < 0.01 for fill in fills)
