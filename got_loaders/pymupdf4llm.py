"""PyMuPDF4LLM: GOT as its OCR, for the pages it finds to need one.

markdown = pymupdf4llm.to_markdown("scan.pdf", ocr_function=GotOcr())
"""

from typing import TYPE_CHECKING, Any

from got_loaders.runtimes import ModelSettings, shared_runtime

if TYPE_CHECKING:
    from got_runtime import GotRuntime

__all__ = ["GotOcr"]

LATIN, UNICODE, INVISIBLE = "helv", "cjk", 3
DESCENT = 0.22
"""Part of a line's height below its baseline."""


class GotOcr:
    """Puts what GOT reads on the page as invisible text, each line at its place, as an ``ocr_function`` has to.

    The page is read in one view. An element whose place is not known goes below the one before it, as low as a line
    can be, so that the order stays.

    Args:
        runtime: a loaded ``GotRuntime``; without one, the shared one of these model settings.
        model: ``None`` for the embedded got-nano, a folder, or a hub id.
        device, dtype: as in ``GotRuntime.from_pretrained``.
    """

    def __init__(
        self,
        runtime: "GotRuntime | None" = None,
        *,
        model: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        self._given = runtime
        self._settings = ModelSettings(model, device, dtype)

    def __call__(self, page: Any, dpi: int = 150, language: str = "eng", keep_ocr_text: bool = False) -> None:
        """Read one ``pymupdf.Page`` and write on it.

        ``language`` is for other engines; with ``keep_ocr_text`` a page that has any text is left as it is.
        """
        import pymupdf
        from PIL import Image

        if keep_ocr_text and page.get_text().strip():
            return
        pixmap = page.get_pixmap(dpi=dpi, alpha=False, colorspace=pymupdf.csRGB)
        image = Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)
        runtime = self._given if self._given is not None else shared_runtime(self._settings)
        [read] = runtime.read(image, boxes=True).pages
        boxes = {box.span: box.bbox for box in read.boxes}
        below = 0.0
        for element in read.elements:
            x0, y0, x1, y1 = boxes.get(element.span, (0.0, below, read.width, below + 1.0))
            below = y1
            lines = [line for line in read.text[slice(*element.span)].splitlines() if line.strip()]
            for row, line in enumerate(lines):
                height = (y1 - y0) / len(lines)
                bottom = y0 + height * (row + 1)
                _write(page, line, *(pixels * 72 / dpi for pixels in (x0, bottom, x1 - x0, height)))


def _write(page: Any, line: str, left: float, bottom: float, width: float, height: float) -> None:
    """One line of invisible text, as large as its place allows (in points)."""
    import pymupdf

    try:
        # A built-in font costs no bytes, but ``insert_text`` takes only Latin-1: what Windows' code page has beyond it,
        # like curly quotes, is handed over as the bytes that the PDF shall hold.
        coded = line.encode("cp1252").decode("latin-1")
    except UnicodeEncodeError:
        coded = None
    font = pymupdf.Font(LATIN if coded else UNICODE)
    size = min(height, width / max(font.text_length(line, 1), 1e-6))
    # A page that is shown turned is written on as it lies.
    foot = pymupdf.Point(left, bottom - DESCENT * size) * page.derotation_matrix
    if coded:
        page.insert_text(foot, coded, fontname=LATIN, fontsize=size, rotate=page.rotation, render_mode=INVISIBLE)
    else:  # embeds the font, once in a document
        writer = pymupdf.TextWriter(page.rect)
        writer.append(foot, line, font, size)
        writer.write_text(page, render_mode=INVISIBLE, morph=(foot, pymupdf.Matrix(page.rotation)))
