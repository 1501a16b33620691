"""A page of a source: its pixels, number, label and origin."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, Protocol

from PIL import Image

from got_runtime.errors import GotError
from got_runtime.sources.content import Content
from got_runtime.sources.regions import Region
from got_runtime.sources.text_layer import Character, TextLayer

__all__ = ["FindKept", "PdfPage", "Rotation", "SourcePage", "kept_of", "with_next"]

Rotation = Literal[0, 90, 180, 270]

FindKept = Callable[[str, int], object | None]
"""From the SHA-256 of a source's bytes and a page number to what is known of that page, which is then not rendered."""


class PdfPage(Protocol):
    """A PDF page that can be rendered again or searched for text (see ``pdf.PageOfPdf``)."""

    def render(self, dpi: float) -> Image.Image: ...

    def text(self, gap: str = " ") -> TextLayer: ...

    def needs_ocr(self) -> bool: ...

    def is_scan(self) -> bool: ...

    def characters(self) -> list[Character]: ...

    def regions(self) -> list[Region]: ...


@dataclass(frozen=True, eq=False)
class SourcePage:
    """A page of a source. A page that failed has ``error`` and no ``image``; other pages are not affected."""

    image: Image.Image | None
    """RGB, upright, alpha composited on white; ``None`` exactly when ``error`` or ``kept`` is set."""

    number: int
    """Counted from 1 in the whole document, not in the selection."""

    label: str
    """The PDF's page label ("iv"), else the number; for images the stem of the file name (and the frame)."""

    source: str
    """The document: its full path, its address, or ``<bytes>``, ``<image>``, ``<array>``, ``<file>``, ``<blob>``."""

    total: int | None = None
    """Pages in the document, selected or not."""

    size_pt: tuple[float, float] | None = None
    """Width and height in PDF points, rotated like ``image``; ``None`` if the source is not a PDF."""

    dpi: float | None = None
    """Resolution at which a PDF page was rendered: pixels = points × dpi / 72."""

    warnings: tuple[str, ...] = ()
    """Problems that may affect the text of this page, one line each. Those of the whole file are on its first page."""

    error: GotError | None = None
    """The reason for which the page has no ``image``."""

    pdf: PdfPage | None = field(default=None, repr=False)

    content: Content | None = field(default=None, repr=False)

    kept: object | None = field(default=None, repr=False)
    """What ``find_kept`` of ``open_pages`` returned for this page, which has no ``image`` therefore."""

    renderer: str | None = None
    """The library that drew ``image``: MuPDF, PDFium or Pillow; ``None`` for images and arrays in memory."""

    file_warnings: tuple[str, ...] = ()
    """Those of ``warnings``, at its beginning, that are of the whole file or of the selection of its pages."""

    def with_file_warnings(self, warnings: tuple[str, ...]) -> "SourcePage":
        """A copy with warnings of the whole file before its own."""
        return replace(self, warnings=(*warnings, *self.warnings), file_warnings=warnings) if warnings else self

    def render(self, dpi: float) -> Image.Image | None:
        """This page at another resolution, for a retry; a page that is not from a PDF returns ``image``.

        The PDF file must still exist; it is opened again if ``open_pages`` has closed it.

        Raises:
            SourceError: the page cannot be rendered.
        """
        return self.image if self.pdf is None else self.pdf.render(dpi)

    @cached_property
    def needs_ocr(self) -> bool:
        """False if the text layer of a PDF page is good enough; always True for images. Raises ``SourceError``."""
        return True if self.pdf is None else self.pdf.needs_ocr()

    @property
    def text_layer(self) -> str:
        """The text layer of a PDF page in reading order; empty for images. Raises ``SourceCorrupt``."""
        return self.text_layer_lines.text

    @cached_property
    def text_layer_lines(self) -> TextLayer:
        """The text layer with the boxes of its lines, and warnings of hidden text. Raises ``SourceCorrupt``."""
        return TextLayer() if self.pdf is None else self.pdf.text()

    @property
    def sha256(self) -> str | None:
        """Hexadecimal digest of the bytes of the whole source; ``None`` for PIL images and arrays."""
        return None if self.content is None else self.content.sha256


def kept_of(content: Content, number: int, find_kept: FindKept | None) -> object | None:
    """What ``find_kept`` knows of a page; None if it is not given, or the bytes cannot be read."""
    if find_kept is None:
        return None
    try:
        return find_kept(content.sha256, number)
    except GotError:  # the file was removed in the meantime: rendering the page says so
        return None


def with_next(numbers: Sequence[int], find_kept: FindKept | None) -> Iterator[tuple[int, int | None]]:
    """Each page number, with the next one if that page is certainly wanted and may be begun.

    It is from the second page on: many callers look at the first page alone. With ``find_kept`` it is not known.
    """
    for index, number in enumerate(numbers):
        has_next = 0 < index < len(numbers) - 1 and find_kept is None
        yield number, numbers[index + 1] if has_next else None
