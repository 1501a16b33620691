r"""OmniDocBench: pages whose blocks are annotated with text, LaTeX and HTML (github.com/opendatalab/OmniDocBench).

The benchmark matches blocks with one another and takes the mean over them; here a page's text, formulas and tables are
put together in reading order and compared as wholes (:func:`parts`). The numbers are near the published ones, and not
the same.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from got_runtime.errors import SourceCorrupt
from got_runtime.evaluation.samples import EvalSample, name_below
from got_runtime.evaluation.tables import outside_html_tables
from got_runtime.markup import parse
from got_runtime.markup.render.text import element_text
from got_runtime.tasks import Formatted

__all__ = ["is_annotated_page", "omnidocbench", "parts"]

_UNREAD = frozenset({"abandon", "figure", "footer", "header", "page_footnote", "page_number", "need_mask"})
"""Categories that the benchmark leaves out of its end-to-end scores, and blocks that hold no text."""


def is_annotated_page(row: Any) -> bool:
    """Whether an entry is one of OmniDocBench's."""
    return isinstance(row, dict) and "layout_dets" in row and "page_info" in row


def omnidocbench(path: Path, rows: list[Any]) -> Iterator[EvalSample]:
    r"""``OmniDocBench.json``, its images in ``images/`` beside it or at the paths it gives.

    Needed are ``page_info.image_path`` and, of each of ``layout_dets``, ``category_type`` and one of ``text``,
    ``latex`` (formulas) and ``html`` (tables); ``order`` is the reading order (blocks without one come last) and
    ``ignore`` leaves a block out. A page's group is its language. The reference has the blocks an empty line apart,
    formulas in ``\[ … \]``.
    """
    for number, row in enumerate(rows, start=1):
        blocks, info = _field(row, "layout_dets"), _field(row, "page_info")
        image = _field(info, "image_path")
        if not isinstance(blocks, list) or not isinstance(image, str) or not (name := name_below(image)):
            raise SourceCorrupt(f"{path}, entry {number}: needs 'layout_dets' and 'page_info' with an 'image_path'")
        blocks = [block for block in blocks if _is_read(block)]
        blocks.sort(key=lambda block: (block.get("order") is None, block.get("order") or 0))
        reference = "\n\n".join(filter(None, map(_written, blocks)))
        language = _field(_field(info, "page_attribute"), "language")
        in_folder = path.parent / "images" / image
        file = in_folder if in_folder.is_file() else path.parent / image
        yield EvalSample(name, file, reference, str(language or path.stem), task=Formatted(), kind="omnidocbench")


def parts(text: str) -> dict[str, str]:
    """A page's ``text`` and display ``formulas``, tables left out, white space single in text and none in formulas."""
    elements = parse(outside_html_tables(text))
    formulas = ["".join(element.latex.split()) for element in elements if element.kind == "formula"]
    texts = [element_text(element) for element in elements if element.kind not in ("formula", "table", "figure")]
    return {"text": " ".join(" ".join(texts).split()), "formulas": "\n".join(formulas)}


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _is_read(block: Any) -> bool:
    return isinstance(block, dict) and not block.get("ignore") and block.get("category_type") not in _UNREAD


def _written(block: dict[str, Any]) -> str:
    if block.get("category_type") == "table":
        return str(block.get("html") or block.get("latex") or "")
    if block.get("category_type") == "equation_isolated":
        latex = str(block.get("latex") or block.get("text") or "").strip()
        for opening, closing in (("$$", "$$"), ("\\[", "\\]"), ("$", "$")):
            if latex.startswith(opening) and latex.endswith(closing):
                latex = latex.removeprefix(opening).removesuffix(closing).strip()
        return f"\\[{latex}\\]" if latex else ""
    return str(block.get("text") or "").strip()
