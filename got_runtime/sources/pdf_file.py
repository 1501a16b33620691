"""A PDF file opened by MuPDF: its pages, their text layers and layout. It runs in a child process, or in this one."""

import math
import re
from codecs import BOM_UTF16_BE
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

from got_runtime.errors import GotError, LimitExceeded, SourceCorrupt
from got_runtime.sources.answers import Answer, Pixels
from got_runtime.sources.content import Content
from got_runtime.sources.drawing import Memory, drawn_page, draws_text_alone
from got_runtime.sources.grey import draws_grey_images_alone
from got_runtime.sources.isolation.messages import as_warnings
from got_runtime.sources.ligatures import mend_ligatures
from got_runtime.sources.mupdf import (
    encrypts_attachments_alone,
    library,
    messages,
    mupdf_calls,
    open_document,
)
from got_runtime.sources.names import one_line
from got_runtime.sources.page import Rotation
from got_runtime.sources.page_tree import is_regular, page_count
from got_runtime.sources.pdf_faults import MENDS, drawn_in_one_colour, file_faults, is_one_colour, size_fault
from got_runtime.sources.pdf_features import PageFeatures
from got_runtime.sources.regions import layout_regions
from got_runtime.sources.resolution import POINTS_PER_INCH, auto_dpi
from got_runtime.sources.rgb import rotated
from got_runtime.sources.scans import store_scan
from got_runtime.sources.second_renderer import drawn_by_pdfium, page_of_pdfium
from got_runtime.sources.text_layer import characters, is_scan, needs_ocr, packed, read_text_layer

__all__ = ["PdfFile"]

PAGES_OF_FONTS = 16
"""Pages after which MuPDF's fonts are freed, which may be large."""


class PdfFile:
    """An open PDF. Page numbers count from 1.

    Args:
        content: its bytes.
        password: if it is encrypted.
        max_pixels, max_side: limits of a page's picture.
        rotate: clockwise rotation of every picture in degrees; what else is told of a page is not rotated.
        memory: in which pages are drawn, if it is there.

    Raises:
        SourceEncrypted: it needs another password.
        SourceCorrupt: it cannot be opened, or has no pages.
    """

    def __init__(
        self,
        content: Content,
        password: str | None,
        max_pixels: int,
        max_side: int,
        rotate: Rotation,
        memory: Memory | None = None,
    ) -> None:
        self._content, self._password, self._rotate, self._memory = content, password, rotate, memory
        self._max_pixels, self._max_side = max_pixels, max_side
        name = content.name
        with mupdf_calls(f"{name} cannot be opened as PDF"):
            self._document = document = open_document(content, password)
            try:
                repaired: bool = document.is_repaired
                self._total, found = page_count(document)
                if not self._total:
                    raise SourceCorrupt(f"{name} is a PDF without pages: save or download it again")
                self._is_like_others: bool | None = False if found else None
                """Whether other programs find the same pages in the page tree; None while that is not known."""
                found += file_faults(document)
                if encrypts_attachments_alone(document):
                    found.append("its attachments are encrypted, and its pages are not: these are read")
            except BaseException:
                document.close()
                raise
        self._features = PageFeatures(document)
        self._fonts = set[int]()
        self._warnings = [f"{name}: {warning}" for warning in found]
        if repaired:
            self._warnings.insert(0, f"{name} was damaged and has been repaired: parts may be missing")

    def info(self) -> Answer:
        """``{"total": pages, "warnings": of the whole file}``."""
        return Answer({"total": self._total, "warnings": self._warnings})

    def close(self) -> None:
        with mupdf_calls(f"{self._content.name} cannot be closed"):
            self._document.close()

    def page(self, number: int, dpi: float | None, long_side: int, draw: bool) -> Answer:
        """The page's label, size in points, resolution, warnings and picture; or its error, as class and message.

        Args:
            number: of the page.
            dpi: None renders it so that its longer side has about ``long_side`` pixels.
            long_side: in pixels.
            draw: whether it is rendered.
        """
        value: dict[str, Any] = {"label": str(number), "size": None, "dpi": None, "warnings": [], "renderer": None}
        pixels = None
        try:
            with self._page(number) as (page, mended):
                value["warnings"] += mended
                value["label"] = one_line(_label(page)) or value["label"]
                actual = self._resolution((page.rect.width, page.rect.height), dpi, long_side, value)
                if draw:
                    pixels = self._drawn(page, number, actual, value)
                value["warnings"] += _reported()
        except SourceCorrupt as error:
            pixels = self._by_pdfium(number, lambda size: self._resolution(size, dpi, long_side, value) if draw else 0)
            if pixels is None:
                value["error"] = [type(error).__name__, str(error)]
            else:
                why = one_line(str(error.__cause__ or error))
                value["warnings"].append(f"drawn by PDFium, since MuPDF cannot draw the page ({why})")
                value["renderer"], pixels = ("PDFium", pixels) if draw else (None, None)
                if pixels is not None and is_one_colour(pixels):
                    value["warnings"].append("the page is one colour: parts may be missing")
        except GotError as error:
            value["error"], pixels = [type(error).__name__, str(error)], None
        return Answer(value, self._rotated(pixels))

    def picture(self, number: int, dpi: float) -> Answer:
        """The page at ``dpi``, or at the highest resolution within the limits. Raises ``SourceCorrupt``."""
        try:
            with self._page(number) as (page, _):
                actual = self._within_limits((page.rect.width, page.rect.height), dpi)
                return Answer({}, self._rotated(self._drawn(page, number, actual, {"warnings": []})))
        except SourceCorrupt:
            other = self._by_pdfium(number, lambda size: self._within_limits(size, dpi))
            if other is None:
                raise
            return Answer({}, self._rotated(other))

    def text(self, number: int, gap: str) -> Answer:
        """The text layer in reading order, and the page's size in points. Raises ``SourceCorrupt``."""
        with self._page_of_text(number) as page:
            layer = read_text_layer(page, gap)
            size = (page.rect.width, page.rect.height)
        return Answer({"text": layer.text, "lines": layer.lines, "warnings": layer.warnings, "size": size})

    def needs_ocr(self, number: int) -> Answer:
        """Whether the text layer is too poor to use. Raises ``SourceCorrupt``."""
        with self._page(number) as (page, _):
            return Answer({"result": needs_ocr(page)})

    def is_scan(self, number: int) -> Answer:
        """Whether one image covers the page or its text layer has no Unicode values. Raises ``SourceCorrupt``."""
        with self._page(number) as (page, _):
            return Answer({"result": is_scan(page)})

    def characters(self, number: int) -> Answer:
        """The characters of the text layer and their boxes in points, packed. Raises ``SourceCorrupt``."""
        with self._page_of_text(number) as page:
            return Answer(packed(characters(page)))

    def regions(self, number: int) -> Answer:
        """Regions found by the layout analysis: box in points, kind, text. Raises ``SourceCorrupt``."""
        with self._page_of_text(number) as page:
            return Answer({"result": [(region.bbox, region.kind, region.text) for region in layout_regions(page)]})

    @contextmanager
    def _page(self, number: int) -> Iterator[tuple[Any, list[str]]]:
        """The ``pymupdf.Page``, valid inside the ``with``, and warnings of what had to be mended in it."""
        with mupdf_calls(f"page {number} of {self._content.name} cannot be read") as pymupdf:
            keeps_fonts = False
            try:
                page, mended = self._document.load_page(number - 1), list[str]()
                for mend in MENDS:
                    if (warning := mend(self._document, page)) is not None:
                        mended.append(warning)
                        page = self._document.reload_page(page)
                yield page, mended
                has_messages = bool(pymupdf.TOOLS.mupdf_warnings(reset=0))
                keeps_fonts = number % PAGES_OF_FONTS != 0 and not has_messages and draws_text_alone(page)
            finally:
                # MuPDF keeps up to 256 MiB of decoded images: a long scan would seem to leak. Without its fonts the
                # next page takes twice the time; but what complained has to complain of the next page as well.
                if not keeps_fonts:
                    pymupdf.TOOLS.store_shrink(100)

    @contextmanager
    def _page_of_text(self, number: int) -> Iterator[Any]:
        """The ``pymupdf.Page``, valid inside the ``with``, whose text has all letters of its ligatures."""
        with self._page(number) as (page, _):
            if mend_ligatures(self._document, page, self._fonts):
                library().TOOLS.store_shrink(100)  # fonts that were kept since the page was drawn
            yield page

    def _drawn(self, page: Any, number: int, dpi: float, value: dict[str, Any]) -> Pixels:
        """The pixels of the page; what is wrong with them is added to the warnings of ``value``."""
        zoom = dpi / POINTS_PER_INCH
        scan = store_scan(page, zoom)
        features = self._features.of(page, scan)
        drawn = drawn_page(page, zoom, "L" if draws_grey_images_alone(page) else "RGB", self._memory)
        if not drawn.width or not drawn.height:
            raise LimitExceeded(
                f"page {number} of {self._content.name} has no pixels at {dpi:.3g} dpi: raise dpi, or "
                f"Limits(max_pixels=…), --max-pixels, which is {self._max_pixels:,}"
            )
        value["renderer"] = "MuPDF"
        value["warnings"] += size_fault(drawn.width, drawn.height)
        empty = drawn_in_one_colour(page, drawn)
        complained = bool(messages())
        if empty is not None or complained or features.wrong:
            found = {"is_empty": empty is not None, "is_wrong": bool(features.wrong)}
            better = None
            if self._has_pages_of_others():
                place = number - 1, self._total
                better = drawn_by_pdfium(self._content, self._password, place, zoom, drawn, **found)
            if better is not None and better is not drawn:
                drawn, value["renderer"], empty = better, "PDFium", None
                value["warnings"].append(f"drawn by PDFium, since MuPDF {_what_it_lacks(features.wrong)}")
            elif better is None and features.wrong:
                value["warnings"].append(f"parts of the page may be wrong: MuPDF {_what_it_lacks(features.wrong)}")
        value["warnings"] += [*([empty] if empty is not None else []), *features.warnings]
        return drawn

    def _rotated(self, pixels: Pixels | None) -> Pixels | Image.Image | None:
        return pixels if pixels is None or not self._rotate else rotated(pixels.image(), self._rotate)

    def _by_pdfium(self, number: int, dpi_of: Callable[[tuple[float, float]], float]) -> Pixels | None:
        """PDFium's picture of a page that MuPDF cannot draw; None if PDFium cannot either.

        ``dpi_of`` gives the resolution for its size in points.
        """
        with mupdf_calls(f"{self._content.name} cannot be read"):
            if not self._has_pages_of_others():
                return None
        place = number - 1, self._total
        return page_of_pdfium(self._content, self._password, place, lambda size: dpi_of(size) / POINTS_PER_INCH)

    def _has_pages_of_others(self) -> bool:
        """Whether a page has the same number for PDFium, which reads the file itself."""
        if self._is_like_others is None:
            self._is_like_others = is_regular(self._document)
        return self._is_like_others

    def _resolution(self, size: tuple[float, float], dpi: float | None, long_side: int, value: dict[str, Any]) -> float:
        """The resolution at which a page of this size in points is drawn; ``value`` gets both."""
        wanted = dpi or auto_dpi(*size, long_side)
        value["size"], value["dpi"] = size, self._within_limits(size, wanted)
        if value["dpi"] < wanted:
            bound = f"{self._max_pixels:,} pixels, or {self._max_side:,} of one side"
            value["warnings"].append(f"rendered at {value['dpi']:.4g} dpi, not {wanted:g}: more exceeds {bound}")
        return float(value["dpi"])

    def _within_limits(self, size_pt: tuple[float, float], dpi: float) -> float:
        """``dpi``, or the highest lower resolution at which the page is within the limits."""
        zoom = min(dpi / POINTS_PER_INCH, self._max_side / (max(*size_pt, 1e-6) + 1))
        while math.ceil(size_pt[0] * zoom + 1) * math.ceil(size_pt[1] * zoom + 1) > self._max_pixels and zoom > 1e-9:
            zoom *= min(0.99, math.sqrt(self._max_pixels / (size_pt[0] * size_pt[1])) / zoom)
        return zoom * POINTS_PER_INCH


def _what_it_lacks(wrong: list[str]) -> str:
    return f"does not draw {', '.join(wrong)} right" if wrong else "left out parts of the page"


def _reported() -> list[str]:
    """A warning for each different message of MuPDF."""
    return as_warnings(messages(), "MuPDF")


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
