"""PyMuPDF4LLM: GOT as its OCR, for the pages it finds to need one.

markdown = pymupdf4llm.to_markdown("scan.pdf", ocr_function=GotOcr())
"""

from typing import TYPE_CHECKING, Any

from got_loaders.runtimes import ModelSettings, shared_runtime

if TYPE_CHECKING:
    from got_runtime import GotRuntime

__all__ = ["GotOcr"]

FONT, INVISIBLE = "helv", 3
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
                height, bottom = (y1 - y0) / len(lines), y0 + (y1 - y0) * (row + 1) / len(lines)
                size = min(height, (x1 - x0) / max(pymupdf.get_text_length(line, FONT, 1), 1e-6)) * 72 / dpi
                foot = (x0 * 72 / dpi, bottom * 72 / dpi - DESCENT * size)
                page.insert_text(foot, line, fontname=FONT, fontsize=size, render_mode=INVISIBLE)
