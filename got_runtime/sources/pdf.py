"""PDF files → pages, rendered one at a time."""

import logging
import math
import re
import threading
from codecs import BOM_UTF16_BE
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from got_runtime.errors import GotError, LimitExceeded, SourceCorrupt, SourceEncrypted, SourceError
from got_runtime.sources.content import Content
from got_runtime.sources.limits import Limits
from got_runtime.sources.names import one_line
from got_runtime.sources.page import FindKept, Rotation, SourcePage, kept_of
from got_runtime.sources.regions import Region, layout_regions
from got_runtime.sources.rgb import rotated
from got_runtime.sources.selection import Selection, missing_pages, select_pages
from got_runtime.sources.text_layer import Box, Character, TextLayer, characters, is_scan, needs_ocr, read_text_layer

__all__ = ["LONG_SIDE", "auto_dpi", "pdf_pages"]

OVERSAMPLING = 2
"""The model's input is 1,024 pixels a side. Twice as many let the bicubic reduction average over strokes, and give a
grid of tiles more detail than one view has. More costs time and memory and is averaged away."""

LONG_SIDE = 1024 * OVERSAMPLING
"""Pixels along the longer side of a rendered page if no resolution is given."""

POINTS_PER_INCH = 72
LOWEST_AUTO_DPI, HIGHEST_AUTO_DPI = 72, 600
"""A poster below 72 dpi loses its small print; a stamp-sized page above 600 dpi gains no detail."""

logger = logging.getLogger(__name__)

# MuPDF is not safe to call from two threads, even for two documents (PyMuPDF's manual, "Multiprocessing").
_MUPDF_LOCK = threading.RLock()


def auto_dpi(width_pt: float, height_pt: float, long_side: int = LONG_SIDE) -> int:
    """Resolution at which the longer side of a page (in points) has about ``long_side`` pixels, within 72..600."""
    dpi = round(POINTS_PER_INCH * long_side / max(width_pt, height_pt, 1.0))
    return min(max(dpi, LOWEST_AUTO_DPI), HIGHEST_AUTO_DPI)


def pdf_pages(
    content: Content,
    *,
    pages: Selection | None,
    dpi: float | None,
    long_side: int,
    password: str | None,
    rotate: Rotation,
    limits: Limits,
    find_kept: FindKept | None = None,
) -> Iterator[SourcePage]:
    """The selected pages; a page that cannot be rendered is yielded with its error."""
    with closing(_Pdf(content, password)) as pdf:
        warnings = (*pdf.warnings, *missing_pages(pages, pdf.total))
        for number in select_pages(pages, pdf.total, content.name, limits.max_pages):
            page = PageOfPdf(pdf, number - 1, rotate, limits.max_pixels)
            kept = kept_of(content, number, find_kept)
            yield page.opened(dpi, long_side, kept).with_file_warnings(warnings)
            warnings = ()  # of the whole file: the first page carries them


class _Pdf:
    """An open PDF. After ``close()`` it is opened again for each call, so that its pages remain usable."""

    def __init__(self, content: Content, password: str | None) -> None:
        self.content = content
        self._password = password
        with _mupdf(f"{content.name} cannot be opened as PDF") as pymupdf:
            self._document = document = self._open(pymupdf)
            try:
                self.total: int = document.page_count
                repaired: bool = document.is_repaired
                if not self.total:
                    raise SourceCorrupt(f"{content.name} is a PDF without pages: save or download it again")
            except BaseException:
                document.close()
                raise
        self.warnings: tuple[str, ...] = ()
        if repaired:
            self.warnings = (f"{content.name} was damaged and has been repaired: parts may be missing",)
            logger.info("%s", self.warnings[0])

    def close(self) -> None:
        with _mupdf(f"{self.content.name} cannot be closed"):
            self._document.close()

    @contextmanager
    def page(self, index: int) -> Iterator[Any]:
        """The ``pymupdf.Page``, valid inside the ``with``, which also holds the lock of MuPDF."""
        with _mupdf(f"page {index + 1} of {self.content.name} cannot be read") as pymupdf:
            document = self._open(pymupdf) if self._document.is_closed else self._document
            try:
                yield document.load_page(index)
            finally:
                if document is not self._document:
                    document.close()
                # MuPDF keeps up to 256 MiB of decoded images: a long scan would seem to leak.
                pymupdf.TOOLS.store_shrink(100)

    def _open(self, pymupdf: Any) -> Any:
        path, name = self.content.path, self.content.name
        if path is not None and str(path).isprintable():
            document = pymupdf.open(path, filetype="pdf")  # MuPDF reads from the file as needed
        else:  # in memory, or a file name that is not text, which MuPDF does not accept
            document = pymupdf.open(stream=self.content.read(), filetype="pdf")
        # "Owner" passwords restrict printing and editing, not reading: MuPDF opens those without a password.
        if document.needs_pass and not (self._password and document.authenticate(self._password)):
            document.close()
            problem = "the password is wrong" if self._password else "it is encrypted"
            raise SourceEncrypted(
                f"{name} cannot be opened, {problem}: pass password='…' (--password on the command line)"
            )
        return document


@dataclass(frozen=True)
class PageOfPdf:
    """One page of a PDF: rendering, text layer and layout."""

    pdf: _Pdf
    index: int
    rotate: Rotation
    max_pixels: int

    def opened(self, dpi: float | None, long_side: int, kept: object | None = None) -> SourcePage:
        """The page rendered at ``dpi``, or so that its longer side has about ``long_side`` pixels.

        With ``kept`` it is not rendered.
        """
        label, number = str(self.index + 1), self.index + 1
        warnings = list[str]()
        image = size = actual = failure = None
        try:
            with self.pdf.page(self.index) as page:
                label = one_line(_label(page)) or label
                size = (page.rect.width, page.rect.height)
                wanted = dpi or auto_dpi(*size, long_side)
                actual = self._within_limit(size, wanted)
                if kept is None:
                    image = self._rendered(page, actual)
                warnings += _error_messages()
            if actual < wanted:
                warnings.append(
                    f"rendered at {actual:.4g} dpi, not {wanted:g}: more exceeds {self.max_pixels:,} pixels"
                )
        except SourceError as error:
            image, failure = None, error
        if size and self.rotate in (90, 270):
            size = size[::-1]
        return SourcePage(
            image,
            number,
            label,
            self.pdf.content.source,
            self.pdf.total,
            size,
            actual,
            tuple(warnings),
            failure,
            self,
            self.pdf.content,
            kept if failure is None else None,
        )

    def render(self, dpi: float) -> Image.Image:
        """The page at ``dpi``, or at the highest resolution within the pixel limit. Raises ``SourceCorrupt``."""
        with self.pdf.page(self.index) as page:
            return self._rendered(page, self._within_limit((page.rect.width, page.rect.height), dpi))

    def text(self, gap: str = " ") -> TextLayer:
        """The text layer in reading order, its boxes rotated like the image. Raises ``SourceCorrupt``.

        ``gap`` stands between the cells of a row.
        """
        with self.pdf.page(self.index) as page:
            layer, size = read_text_layer(page, gap), (page.rect.width, page.rect.height)
        if not self.rotate:
            return layer
        return replace(layer, lines=tuple((text, _rotated_box(box, size, self.rotate)) for text, box in layer.lines))

    def needs_ocr(self) -> bool:
        """Whether the text layer is too poor to use; a page that cannot be examined needs OCR."""
        try:
            with self.pdf.page(self.index) as page:
                return needs_ocr(page)
        except SourceCorrupt:
            return True

    def is_scan(self) -> bool:
        """Whether one image covers the page or its text layer has no Unicode values. Raises ``SourceCorrupt``."""
        with self.pdf.page(self.index) as page:
            return is_scan(page)

    def characters(self) -> list[Character]:
        """The characters of the text layer and their boxes in points, unrotated by ``rotate``.

        Raises ``SourceCorrupt``.
        """
        with self.pdf.page(self.index) as page:
            return characters(page)

    def regions(self) -> list[Region]:
        """Regions found by the layout analysis, in points; none on a rotated page. Raises ``SourceCorrupt``."""
        if self.rotate:
            return []
        with self.pdf.page(self.index) as page:
            return layout_regions(page)

    def _rendered(self, page: Any, dpi: float) -> Image.Image:
        zoom, pymupdf = dpi / POINTS_PER_INCH, _library()
        pixmap = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csRGB, alpha=False)
        if not pixmap.width or not pixmap.height:
            raise LimitExceeded(
                f"page {self.index + 1} of {self.pdf.content.name} has no pixels at {dpi:.3g} dpi: raise dpi, or "
                f"Limits(max_pixels=…), --max-pixels, which is {self.max_pixels:,}"
            )
        return rotated(Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples_mv), self.rotate)

    def _within_limit(self, size_pt: tuple[float, float], dpi: float) -> float:
        """``dpi``, or the highest lower resolution at which the page is within the pixel limit."""
        zoom = dpi / POINTS_PER_INCH
        while math.ceil(size_pt[0] * zoom + 1) * math.ceil(size_pt[1] * zoom + 1) > self.max_pixels and zoom > 1e-9:
            zoom *= min(0.99, math.sqrt(self.max_pixels / (size_pt[0] * size_pt[1])) / zoom)
        return zoom * POINTS_PER_INCH


def _rotated_box(box: Box, size: tuple[float, float], degrees: Rotation) -> Box:
    """The box on a page of this size that is turned clockwise."""
    (x0, y0, x1, y1), (width, height) = box, size
    if degrees == 90:
        return height - y1, x0, height - y0, x1
    if degrees == 180:
        return width - x1, height - y1, width - x0, height - y0
    return y0, width - x1, y1, width - x0


def _label(page: Any) -> str:
    """The page label of the PDF; empty if there is none that PyMuPDF can parse."""
    try:
        label: str = page.get_label()
    except (ValueError, LookupError):  # its parser accepts no slash in a prefix and no reference for a number
        return ""
    coded = re.match("<((?:[0-9A-F]{2})+)>", label)  # a prefix that is not ASCII is given in hexadecimal
    if coded is None:
        return label
    prefix = bytes.fromhex(coded[1])
    encoding = "utf-16" if prefix.startswith(BOM_UTF16_BE) else "latin-1"
    return prefix.decode(encoding, "replace") + label[coded.end() :]


def _library() -> Any:
    import pymupdf  # takes a second with its models, so only when a PDF is opened; its types are incomplete

    return pymupdf


@contextmanager
def _mupdf(failing: str) -> Iterator[Any]:
    """PyMuPDF under its lock and without messages; its exceptions become ``SourceCorrupt`` ("{failing} (why)")."""
    pymupdf = _library()
    with _MUPDF_LOCK:
        tools = pymupdf.TOOLS
        errors, warnings = tools.mupdf_display_errors(), tools.mupdf_display_warnings()
        tools.mupdf_display_errors(False)
        tools.mupdf_display_warnings(False)
        tools.reset_mupdf_warnings()
        try:
            yield pymupdf
        except GotError:
            raise
        except Exception as error:  # PyMuPDF raises MuPDF's errors, RuntimeError, ValueError … and plain Exception
            raise _translated(failing, error) from error
        finally:
            tools.mupdf_display_errors(errors)
            tools.mupdf_display_warnings(warnings)


def _translated(failing: str, error: BaseException) -> GotError:
    why = one_line(str(error.__cause__ or error))
    if "encryption" in why:
        return SourceEncrypted(f"{failing} ({why}): decrypt it with the program that made it")
    return SourceCorrupt(f"{failing} ({why}): save or download it again, or repair it with another PDF program")


def _error_messages() -> list[str]:
    """MuPDF's error messages since ``_mupdf`` was entered, as one warning; lines that begin "warning:" are left out."""
    found = [line for line in _library().TOOLS.mupdf_warnings().splitlines() if "error" in line]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return [f"parts of the page may be missing, MuPDF reports: {one_line(found[0])}{more}"] if found else []
