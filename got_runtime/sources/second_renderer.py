"""PDFium as a second renderer of pages that MuPDF complains of, where the package ``pypdfium2`` is installed."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from got_runtime.errors import GotError
from got_runtime.sources.answers import Pixels
from got_runtime.sources.content import Content

__all__ = ["drawn_by_pdfium", "page_of_pdfium"]

THUMBNAIL = 80
"""Pixels of a side of the pictures that are compared."""
MIN_DIFFERENCE = 8.0
"""Mean difference, of 255, from which the two pictures are different."""
MIN_MORE = 1.1
"""How many times more edges PDFium must have drawn for its picture to be taken."""
MIN_AS_MUCH = 0.1
"""The same, where MuPDF is known to have drawn something wrong: it may be too much."""


def drawn_by_pdfium(
    content: Content,
    password: str | None,
    place: tuple[int, int],
    zoom: float,
    drawn: Pixels,
    *,
    is_empty: bool,
    is_wrong: bool,
) -> Pixels | None:
    """PDFium's picture of a page if it is better than MuPDF's, else MuPDF's; None if PDFium is not there, or fails.

    Args:
        content: the file.
        password: if it is encrypted.
        place: index of the page, from 0, and how many the file has: PDFium must find as many.
        zoom: pixels of a point.
        drawn: MuPDF's picture.
        is_empty: whether that is one colour.
        is_wrong: whether the page has a feature that MuPDF draws wrong, rather than perhaps left out something.
    """
    if find_spec("pypdfium2") is None:
        return None
    try:
        with _page(content, password, *place) as page:
            pixels = _rendered(page, zoom)
    except Exception:  # noqa: BLE001 - whatever it raises, MuPDF's picture is there
        return None
    height, width = pixels.shape[:2]
    if abs(width - drawn.width) > 2 or abs(height - drawn.height) > 2:
        return None  # it sees another page there
    own, other = _grey(np.frombuffer(drawn.data, np.uint8).reshape(drawn.height, drawn.width, -1)), _grey(pixels)
    if not is_empty and _difference(own, other) < MIN_DIFFERENCE:
        return drawn
    if _edges(other) <= (0 if is_empty else (MIN_AS_MUCH if is_wrong else MIN_MORE) * _edges(own)):
        return None if is_wrong else drawn
    return Pixels("RGB", width, height, pixels)


def page_of_pdfium(
    content: Content, password: str | None, place: tuple[int, int], zoom_of: Callable[[tuple[float, float]], float]
) -> Pixels | None:
    """PDFium's picture of a page that MuPDF cannot draw; None if PDFium is not there, or fails.

    Args:
        content, password, place: as in :func:`drawn_by_pdfium`.
        zoom_of: from the page's size in points to pixels of a point; 0 draws nothing, and gives a picture of no pixels.
    """
    if find_spec("pypdfium2") is None:
        return None
    try:
        with _page(content, password, *place) as page:
            zoom = zoom_of(page.get_size())
            pixels = _rendered(page, zoom) if zoom else np.empty((0, 0, 3), np.uint8)
    except GotError:
        raise
    except Exception:  # noqa: BLE001 - as above
        return None
    return Pixels("RGB", pixels.shape[1], pixels.shape[0], pixels)


def _rendered(page: Any, zoom: float) -> npt.NDArray[np.uint8]:
    bitmap = page.render(scale=zoom, rev_byteorder=True, prefer_bgrx=False)
    return np.ascontiguousarray(bitmap.to_numpy()[:, :, :3])


@contextmanager
def _page(content: Content, password: str | None, index: int, total: int) -> Iterator[Any]:
    import pypdfium2

    source = content.path if content.path is not None else content.read()
    with closing(pypdfium2.PdfDocument(source, password=password)) as document:
        if len(document) != total:
            raise ValueError(f"{len(document)} pages, not {total}")
        if document.get_formtype():
            document.init_forms()
        with closing(document[index]) as page:
            yield page


def _grey(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Every second pixel, as grey: enough to compare."""
    grey: npt.NDArray[np.float32] = pixels[::2, ::2].mean(axis=2, dtype=np.float32)
    return grey


def _edges(grey: npt.NDArray[np.float32]) -> float:
    across, down = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0))
    return float(across.mean() if across.size else 0) + float(down.mean() if down.size else 0)


def _difference(own: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    return float(np.abs(_thumbnail(own) - _thumbnail(other)).mean())


def _thumbnail(grey: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    from PIL import Image

    small = Image.fromarray(grey).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)
