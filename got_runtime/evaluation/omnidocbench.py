r"""OmniDocBench: pages whose blocks are annotated with text, LaTeX and HTML (github.com/opendatalab/OmniDocBench).

The benchmark matches predicted blocks with reference blocks and averages over them. Here the text, the formulas and the
tables of a page are joined in reading order and compared as wholes (:func:`text_and_formulas`). The results are close
to the published ones, but not the same.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from got_runtime.errors import SourceCorrupt
from got_runtime.evaluation.samples import EvalSample, name_inside_dataset
from got_runtime.evaluation.tables import remove_html_tables
from got_runtime.markup import parse
from got_runtime.markup.render.text import element_text
from got_runtime.tasks import Formatted

__all__ = ["is_annotated_page", "load_omnidocbench", "text_and_formulas"]

_SKIPPED_CATEGORIES = frozenset({"abandon", "figure", "footer", "header", "page_footnote", "page_number", "need_mask"})
"""Categories that the benchmark leaves out of its end-to-end scores, and blocks without text."""


def is_annotated_page(row: Any) -> bool:
    """Whether an entry has OmniDocBench's layout."""
    return isinstance(row, dict) and "layout_dets" in row and "page_info" in row


def load_omnidocbench(path: Path, rows: list[Any]) -> Iterator[EvalSample]:
    r"""``OmniDocBench.json``; its images lie in ``images/`` beside it, or at the paths it gives.

    An entry needs ``page_info.image_path`` and ``layout_dets``. Each block of the latter needs ``category_type`` and
    one of ``text``, ``latex`` (formulas) and ``html`` (tables); ``order`` is the reading order (blocks without one come
    last) and ``ignore`` leaves a block out. The page's language is its group. In the reference the blocks are separated
    by an empty line and formulas stand in ``\[ … \]``.

    Raises:
        SourceCorrupt: an entry without blocks or image path.
    """
    for number, row in enumerate(rows, start=1):
        blocks, info = _get(row, "layout_dets"), _get(row, "page_info")
        image = _get(info, "image_path")
        if not isinstance(blocks, list) or not isinstance(image, str) or not (name := name_inside_dataset(image)):
            raise SourceCorrupt(f"{path}, entry {number}: needs 'layout_dets' and 'page_info' with an 'image_path'")
        blocks = [block for block in blocks if _is_scored(block)]
        blocks.sort(key=lambda block: (block.get("order") is None, block.get("order") or 0))
        reference = "\n\n".join(filter(None, map(_block_text, blocks)))
        language = _get(_get(info, "page_attribute"), "language")
        in_folder = path.parent / "images" / image
        file = in_folder if in_folder.is_file() else path.parent / image
        yield EvalSample(name, file, reference, str(language or path.stem), task=Formatted(), kind="omnidocbench")


def text_and_formulas(markup: str) -> dict[str, str]:
    """The ``text`` of a page and its display ``formulas``, both without tables.

    Runs of white space become one space in the text, and are removed from the formulas.
    """
    elements = parse(remove_html_tables(markup))
    formulas = ["".join(element.latex.split()) for element in elements if element.kind == "formula"]
    texts = [element_text(element) for element in elements if element.kind not in ("formula", "table", "figure")]
    return {"text": " ".join(" ".join(texts).split()), "formulas": "\n".join(formulas)}


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _is_scored(block: Any) -> bool:
    return isinstance(block, dict) and not block.get("ignore") and block.get("category_type") not in _SKIPPED_CATEGORIES


def _block_text(block: dict[str, Any]) -> str:
    if block.get("category_type") == "table":
        return str(block.get("html") or block.get("latex") or "")
    if block.get("category_type") == "equation_isolated":
        latex = str(block.get("latex") or block.get("text") or "").strip()
        for opening, closing in (("$$", "$$"), ("\\[", "\\]"), ("$", "$")):
            if latex.startswith(opening) and latex.endswith(closing):
                latex = latex.removeprefix(opening).removesuffix(closing).strip()
        return f"\\[{latex}\\]" if latex else ""
    return str(block.get("text") or "").strip()
