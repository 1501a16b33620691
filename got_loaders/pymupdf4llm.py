"""PyMuPDF4LLM: GOT as its OCR function, for the pages that PyMuPDF4LLM finds to need OCR.

markdown = pymupdf4llm.to_markdown("scan.pdf", ocr_function=GotOcr())
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

from got_loaders.runtimes import ModelConfig, ModelConfigDict, RuntimeHandle, call_repr

if TYPE_CHECKING:
    from got_runtime import GotRuntime, Limits
    from got_runtime.options import ErrorPolicy, TaskName
    from got_runtime.tasks import Task

__all__ = ["GotOcr"]

LATIN_FONT, UNICODE_FONT = "helv", "cjk"
INVISIBLE = 3
"""PDF text rendering mode of text that is neither filled nor stroked (ISO 32000-1, table 106)."""
DESCENT = 0.22
"""Fraction of a line's height below its baseline."""


class GotOcr:
    """Writes the text that GOT reads on a page onto it as invisible text, each line at its printed position.

    The page is read in one view. An element without a known box is written below the one before it, in lines of
    minimal height, which keeps the order of the text.

    Args:
        runtime: a loaded ``GotRuntime``; without it, those of equal model options share one.
        task: what to read: a task, its name or its dictionary; ``Plain()`` by default.
        limits: bounds on pixels and seconds.
        on_error: a page whose decoding fails: ``"keep"`` and ``"skip"`` leave it without text and log a warning,
            ``"raise"`` raises the error.
        max_new_tokens: maximum number of tokens decoded for a page.
        options: the fields of :class:`~got_loaders.runtimes.ModelConfig` (``model``, ``device``, ``dtype``,
            ``revision``, ``local_files_only``, ``engine``, ``devices``, ``batch_size``, ``weight_dtype``,
            ``kv_cache_dtype``, ``kv_cache_bytes``, ``threads``, ``cache``).

    Raises:
        OptionError: an unknown option, or a value that it cannot have.
    """

    def __init__(
        self,
        runtime: "GotRuntime | None" = None,
        *,
        task: "Task | TaskName | Mapping[str, Any] | None" = None,
        limits: "Limits | Mapping[str, Any] | None" = None,
        on_error: "ErrorPolicy" = "keep",
        max_new_tokens: int | None = None,
        **options: Unpack[ModelConfigDict],
    ) -> None:
        from got_runtime.options import ReadOptions

        given = {"task": task, "limits": limits, "on_error": on_error, "max_new_tokens": max_new_tokens}
        self._model = ModelConfig.of(options, caller="GotOcr", other_names=("runtime", *given))
        self._options = ReadOptions.of({**given, "boxes": True}, caller="GotOcr")
        self._runtime = RuntimeHandle(runtime, self._model)

    def __repr__(self) -> str:
        from got_runtime.options import ReadOptions

        options = {**dict(self._options), **self._model.to_dict(), **self._runtime.given}
        return call_repr("GotOcr", options, {**dict(ReadOptions(boxes=True)), **ModelConfig().to_dict()})

    def __call__(self, page: Any, dpi: int = 150, language: str = "eng", keep_ocr_text: bool = False) -> None:
        """Read one ``pymupdf.Page`` and write its text onto it.

        Args:
            page: the page.
            dpi: resolution at which it is rendered, in dots per inch.
            language: ignored; PyMuPDF4LLM passes it for other OCR engines.
            keep_ocr_text: whether a page that has any text is left as it is.

        Raises:
            GotError: the page failed, and ``on_error="raise"``.
        """
        import pymupdf
        from PIL import Image

        if keep_ocr_text and page.get_text().strip():
            return
        pixmap = page.get_pixmap(dpi=dpi, alpha=False, colorspace=pymupdf.csRGB)
        image = Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)
        for result in self._runtime().read(image, self._options).pages:
            boxes = {box.span: box.bbox for box in result.boxes}
            below = 0.0
            for element in result.elements:
                x0, y0, x1, y1 = boxes.get(element.span, (0.0, below, result.width, below + 1.0))
                below = y1
                lines = [line for line in result.text[slice(*element.span)].splitlines() if line.strip()]
                height = (y1 - y0) / max(len(lines), 1)
                for number, line in enumerate(lines, start=1):
                    bottom = y0 + height * number
                    _write(page, line, *(pixels * 72 / dpi for pixels in (x0, bottom, x1 - x0, height)))


def _write(page: Any, line: str, left: float, bottom: float, width: float, height: float) -> None:
    """Write one line of invisible text, as large as fits into its box (in points from the page's top left)."""
    import pymupdf

    try:
        # The built-in font adds no bytes to the file, but ``insert_text`` accepts only Latin-1: characters that code
        # page 1252 has beyond Latin-1, such as curly quotes, are passed as the byte that stands for them in the PDF.
        encoded = line.encode("cp1252").decode("latin-1")
    except UnicodeEncodeError:
        encoded = None
    font = pymupdf.Font(LATIN_FONT if encoded else UNICODE_FONT)
    size = min(height, width / max(font.text_length(line, 1), 1e-6))
    # Text is positioned on the unrotated page.
    baseline = pymupdf.Point(left, bottom - DESCENT * size) * page.derotation_matrix
    if encoded:
        page.insert_text(
            baseline, encoded, fontname=LATIN_FONT, fontsize=size, rotate=page.rotation, render_mode=INVISIBLE
        )
    else:  # embeds the font, once per document
        writer = pymupdf.TextWriter(page.rect)
        writer.append(baseline, line, font, size)
        writer.write_text(page, render_mode=INVISIBLE, morph=(baseline, pymupdf.Matrix(page.rotation)))
