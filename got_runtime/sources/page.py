"""One page on its way to the network: its pixels, and what a caller wants to know of where it came from."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

from PIL import Image

from got_runtime.errors import GotError
from got_runtime.sources.content import Content
from got_runtime.sources.regions import Region

__all__ = ["PdfPage", "Rotation", "SourcePage"]

Rotation = Literal[0, 90, 180, 270]


class PdfPage(Protocol):
    """What can still be asked of a PDF page after it was rendered (see ``pdf.PageOfPdf``)."""

    def render(self, dpi: float) -> Image.Image: ...

    def text(self) -> str: ...

    def needs_ocr(self) -> bool: ...

    def regions(self) -> list[Region]: ...


@dataclass(frozen=True, eq=False)
class SourcePage:
    """A page as it was opened. A page that failed has ``error`` and no ``image``; its neighbours are not affected."""

    image: Image.Image | None
    """RGB, upright, alpha composited on white; ``None`` exactly when ``error`` is set."""

    number: int
    """Counted from 1 within its document, whatever was selected."""

    label: str
    """What a reader calls it: the PDF's page label ("iv"), else its number; for images the file's stem (and frame)."""

    source: str
    """The document: its path in full, URL, or ``<bytes>``, ``<image>``, ``<array>``, ``<file>``, ``<blob>``."""

    total: int | None = None
    """Pages in the document, selected or not."""

    size_pt: tuple[float, float] | None = None
    """Width and height in PDF points, turned as ``image`` is; ``None`` where the source is not a PDF."""

    dpi: float | None = None
    """Resolution at which a PDF page was rendered: pixels = points × dpi / 72."""

    warnings: tuple[str, ...] = ()
    """What the reader of this page's text should know, one line each."""

    error: GotError | None = None

    pdf: PdfPage | None = field(default=None, repr=False)

    content: Content | None = field(default=None, repr=False)

    def render(self, dpi: float) -> Image.Image | None:
        """This page at another resolution, for a retry; a page that is not from a PDF has its one image only.

        Works as long as the PDF itself is there, also when ``open_pages`` has gone on. Raises ``SourceError``.
        """
        return self.image if self.pdf is None else self.pdf.render(dpi)

    @cached_property
    def needs_ocr(self) -> bool:
        """False where a PDF page's own text is as good as reading it again; always True for images."""
        return True if self.pdf is None else self.pdf.needs_ocr()

    @cached_property
    def text_layer(self) -> str:
        """The text a PDF page carries, in reading order; empty for images. Raises ``SourceCorrupt``."""
        return "" if self.pdf is None else self.pdf.text()

    @property
    def sha256(self) -> str | None:
        """Hexadecimal digest of the whole source's bytes; ``None`` for images and arrays that were handed in."""
        return None if self.content is None else self.content.sha256
