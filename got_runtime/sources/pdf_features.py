"""Features of a page that MuPDF is known to draw otherwise than the standard says, found in the page's resources.

Each was found by comparing the pages of public test suites with PDFium's pictures (``examples/check_sources.py``).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Thread
from typing import Any

from got_runtime.sources.deflate import image_fault
from got_runtime.sources.jbig2 import has_combined_halftone
from got_runtime.sources.jpeg import jpeg_fault
from got_runtime.sources.large_numbers import has_large_number
from got_runtime.sources.names import one_line

__all__ = ["PageFeatures", "has_nested_ranges"]

TRANSFER = "transfer functions"
MASK_TRANSFER = "a soft mask with a transfer function"
HALFTONE = "a JBIG2 halftone region that is combined with others"
WIDTHS = "character widths that overlap"
TILES = "a pattern of overlapping tiles that blend"
DRAWN_BY_PDFIUM = (TRANSFER, MASK_TRANSFER, HALFTONE, WIDTHS, TILES)
"""What MuPDF draws wrong, and PDFium right."""
COLOURS = "colours"
"""An image whose colours are multiplied with its opacity, which neither draws right (ISO 32000-2: SMaskInData 2)."""
NUMBERS = "numbers"
"""Content with a number with which MuPDF cannot compute."""
IMAGE = "image "
"""Before the object number of an image whose damage MuPDF and PDFium draw without a word."""
BLENDS = "blends"
"""Resources that hold a blend mode other than Normal."""
FONT = "font "
"""Before the name of a font that is not in the file."""

MAX_FONTS = 4
"""Names of fonts in a warning."""
MAX_OBJECTS = 1_000
"""Entries of the resources of a page that are looked at, in 5 ms."""
MAX_IMAGE_BYTES = 8 << 20
"""Data of images of a page that are looked at; a page of 200 dpi has 300 KB of JPEG, which take 8 ms."""
FAULTS: dict[str, Callable[[bytes], str | None]] = {"DCTDecode": jpeg_fault, "FlateDecode": image_fault}
"""Filters whose data can be damaged without a word, and who finds it."""
MAX_DEPTH = 8
"""Of forms in forms."""
MIN_OVERLAP = 1.1
"""Steps of a pattern that a tile is long or wide from which MuPDF may leave out a strip that is worth a warning."""
NO_TRANSFER = ("Identity", "Default", "None")
NORMAL = ("Normal", "Compatible")
"""Blend modes that change nothing."""
STANDARD_FONTS = re.compile(
    r"(Arial|Helvetica|Times|TimesNewRoman|Courier|CourierNew|Symbol|ZapfDingbats)(PS)?(MT)?([-,_ ].*)?$"
)
"""Names of fonts that MuPDF has, or draws in one of the same widths (ISO 32000-1, 9.6.2.2)."""
SUBSET = re.compile(r"^[A-Z]{6}\+")
"""Before the name of a font of which not all characters are in the file."""
CJK = ("GB1", "CNS1", "Japan1", "Korea1", "KR")
"""Character collections for which MuPDF has a font."""
WIDTHS_ENTRY = re.compile(rb"(\d+)\s*(?:\[([^\]]*)\]|(\d+)\s+[-\d.]+)")
"""``c [w1 … wn]`` or ``c_first c_last w``."""


class Features:
    """Features of a page.

    Args:
        wrong: what MuPDF draws wrong, and PDFium right.
        unusual: warnings of what neither draws as it should be.
        checks: of the data of the page's images, which may be going on.
    """

    def __init__(self, wrong: list[str], unusual: list[str], checks: "list[_Check]") -> None:
        self.wrong, self._unusual, self._checks = wrong, unusual, checks

    @property
    def warnings(self) -> list[str]:
        """Of damaged images, for whose check this waits, and of what is drawn otherwise than it should be."""
        return [*sorted(filter(None, {check.result() for check in self._checks})), *self._unusual]


class _Check:
    """A check of data that goes on while MuPDF draws: Pillow and zlib decode without the lock that MuPDF holds."""

    def __init__(self, data: bytes, fault_of: Callable[[bytes], str | None]) -> None:
        self._fault: str | None = None
        self._fault_of = fault_of
        self._thread: Thread | None = Thread(target=self._run, args=(data,), name="got-ocr image", daemon=True)
        try:
            self._thread.start()  # when this returns, it waits for the lock, or decodes
        except RuntimeError:  # no memory for a thread
            self._thread = None
            self._run(data)

    def _run(self, data: bytes) -> None:
        self._fault = self._fault_of(data)

    def result(self) -> str | None:
        """The warning."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        return self._fault


class PageFeatures:
    """Features of the pages of one ``pymupdf.Document``; what pages share is looked at once."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._known: dict[int, frozenset[str]] = {}
        self._checks: dict[int, _Check] = {}
        self._left = self._bytes_left = 0

    def of(self, page: Any, sound: int | None = None) -> Features:
        """Those of a ``pymupdf.Page``, which is drawn next; ``sound`` is the object of an image that is not damaged."""
        from pymupdf import mupdf

        self._left, self._bytes_left = MAX_OBJECTS, MAX_IMAGE_BYTES
        if sound is not None:
            self._known[sound] = frozenset()
        found: frozenset[str] = frozenset()
        with suppress(Exception):  # a damaged object, which rendering reports
            resources = mupdf.pdf_dict_get_inheritable(page._pdf_page().obj(), mupdf.pdf_new_name("Resources"))
            found = self._once(resources, self._in_resources, 0)
            if has_large_number(self._document, page._pdf_page().obj().pdf_dict_gets("Contents")):
                found |= {NUMBERS}
        fonts = sorted(each.removeprefix(FONT) for each in found if each.startswith(FONT))
        checks = [self._checks[int(each.removeprefix(IMAGE))] for each in found if each.startswith(IMAGE)]
        unusual = _warnings(fonts, found)
        return Features([each for each in DRAWN_BY_PDFIUM if each in found], unusual, checks)

    def _once(self, thing: Any, look: Callable[[Any, int], Iterator[str]], depth: int) -> frozenset[str]:
        number: int = thing.pdf_to_num()
        if number and number in self._known:
            return self._known[number]
        if not thing.pdf_is_dict():
            return frozenset()
        if number:
            self._known[number] = frozenset()  # in a circle
        found = frozenset(look(thing, depth))
        if number:
            self._known[number] = found
        return found

    def _in_resources(self, resources: Any, depth: int) -> Iterator[str]:
        kinds: tuple[tuple[str, Callable[[Any, int], Iterator[str]]], ...] = (
            ("ExtGState", _in_state),
            ("XObject", self._in_object),
            ("Pattern", self._in_object),
            ("Font", _in_font),
        )
        for name, look in kinds:
            entries = resources.pdf_dict_gets(name)
            for index in range(entries.pdf_dict_len()):
                self._left -= 1
                if self._left < 0:
                    return
                yield from self._once(entries.pdf_dict_get_val(index), look, depth)

    def _in_object(self, thing: Any, depth: int) -> Iterator[str]:
        """Of an image, a form or a tiling pattern."""
        if thing.pdf_dict_gets("Subtype").pdf_to_name() == "Image":
            yield from self._in_image(thing)
        elif depth < MAX_DEPTH:
            if has_large_number(self._document, thing):
                yield NUMBERS
            found = self._once(thing.pdf_dict_gets("Resources"), self._in_resources, depth + 1)
            yield from found
            if BLENDS in found and _overlaps(thing):
                yield TILES

    def _in_image(self, image: Any) -> Iterator[str]:
        if image.pdf_dict_gets("SMaskInData").pdf_to_int() == 2:
            yield COLOURS
        filters = image.pdf_dict_gets("Filter")
        if filters.pdf_is_array() and filters.pdf_array_len() == 1:
            filters = filters.pdf_array_get(0)
        if filters.pdf_to_name() == "JBIG2Decode" and has_combined_halftone(self._data(image)):
            yield HALFTONE
        if filters.pdf_to_name() in FAULTS:
            self._bytes_left -= image.pdf_dict_gets("Length").pdf_to_int()
            if self._bytes_left >= 0:
                number = image.pdf_to_num()
                self._checks[number] = _Check(self._data(image), FAULTS[filters.pdf_to_name()])
                yield f"{IMAGE}{number}"

    def _data(self, image: Any) -> bytes:
        data: bytes = self._document.xref_stream_raw(image.pdf_to_num())
        return data


def _warnings(fonts: list[str], features: frozenset[str]) -> list[str]:
    found = []
    if NUMBERS in features:
        found.append("a number in the page's content is larger than MuPDF computes with: parts may be misplaced")
    if COLOURS in features:
        found.append("an image has colours that are multiplied with its opacity: they are not drawn right")
    if fonts:
        names = ", ".join(_printable(name) for name in fonts[:MAX_FONTS])
        more = f" and {len(fonts) - MAX_FONTS} more" if len(fonts) > MAX_FONTS else ""
        found.append(f"fonts that are not in the file are drawn in others: {names}{more}")
    return found


def _printable(name: str) -> str:
    """A name, whose bytes are in any encoding."""
    return one_line(name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _in_state(state: Any, _: int) -> Iterator[str]:
    transfer = state.pdf_dict_gets("TR2")
    if transfer.pdf_is_null():
        transfer = state.pdf_dict_gets("TR")
    if _is_transfer(transfer):
        yield TRANSFER
    mode = state.pdf_dict_gets("BM")
    if mode.pdf_is_array() or (mode.pdf_is_name() and mode.pdf_to_name() not in NORMAL):
        yield BLENDS
    mask = state.pdf_dict_gets("SMask")
    if mask.pdf_dict_gets("S").pdf_to_name() == "Alpha" and _is_transfer(mask.pdf_dict_gets("TR")):
        yield MASK_TRANSFER  # which MuPDF does not apply outside of the mask's box


def _overlaps(pattern: Any) -> bool:
    """Whether the tiles of a pattern overlap, of which MuPDF draws too few if they blend."""
    box = pattern.pdf_dict_gets("BBox").pdf_to_rect()
    sides = (("XStep", box.x1 - box.x0), ("YStep", box.y1 - box.y0))
    return any(0 < MIN_OVERLAP * abs(pattern.pdf_dict_gets(step).pdf_to_real()) < side for step, side in sides)


def _is_transfer(function: Any) -> bool:
    if function.pdf_is_array():
        return any(_is_transfer(function.pdf_array_get(index)) for index in range(function.pdf_array_len()))
    return bool(function.pdf_is_dict()) or (bool(function.pdf_is_name()) and function.pdf_to_name() not in NO_TRANSFER)


def _in_font(font: Any, _: int) -> Iterator[str]:
    kind = font.pdf_dict_gets("Subtype").pdf_to_name()
    if kind == "Type3":
        return
    if kind == "Type0":
        font = font.pdf_dict_gets("DescendantFonts").pdf_array_get(0)
        if has_nested_ranges(list(_ranges(font.pdf_dict_gets("W")))):
            yield WIDTHS
    descriptor = font.pdf_dict_gets("FontDescriptor")
    if any(descriptor.pdf_dict_gets(name).pdf_is_dict() for name in ("FontFile", "FontFile2", "FontFile3")):
        return
    name, collection = font.pdf_dict_gets("BaseFont").pdf_to_name(), font.pdf_dict_gets("CIDSystemInfo")
    ordering = collection.pdf_dict_gets("Ordering").pdf_to_text_string() if collection.pdf_is_dict() else ""
    name = SUBSET.sub("", name)
    if name and not STANDARD_FONTS.match(name) and ordering not in CJK:
        yield FONT + name


def _ranges(widths: Any) -> Iterator[tuple[int, int]]:
    """First and last character of each entry of a W array (ISO 32000-1, 9.7.4.3).

    Its text is searched, since an array of thousands of widths takes half a second through its objects.
    """
    text = _text(widths)[1:-1]
    if b"R" in text:  # a reference
        return
    for first, listed, last in WIDTHS_ENTRY.findall(text):
        yield int(first), int(first) + len(listed.split()) - 1 if listed else int(last)


def _text(thing: Any) -> bytes:
    from pymupdf import mupdf

    buffer = mupdf.fz_new_buffer(1024)
    output = mupdf.FzOutput(buffer)
    mupdf.pdf_print_obj(output, thing.pdf_resolve_indirect(), 1, 0)
    output.fz_close_output()
    text: bytes = mupdf.fz_buffer_extract(buffer)
    return text


def has_nested_ranges(ranges: list[tuple[int, int]]) -> bool:
    """Whether one range lies in another that goes on after it, where MuPDF finds no widths."""
    end = -1
    for _, last in sorted(ranges):
        if last < end:
            return True
        end = last
    return False
