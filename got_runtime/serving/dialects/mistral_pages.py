"""A page in the shape of Mistral's OCR: Markdown, tables, blocks with boxes in pixels, confidence."""

from typing import TYPE_CHECKING, Any

from got_runtime.results import PageResult

if TYPE_CHECKING:
    from got_runtime.markup import Element

__all__ = ["page_json"]

_DPI_OF_IMAGES = 72
"""An image has no size in points; one pixel is counted as one."""
_BLOCKS = {
    "heading": "title",
    "list_item": "list",
    "table": "table",
    "formula": "equation",
    "code": "code",
    "caption": "caption",
    "footnote": "footer",
    "reference": "references",
    "figure": "image",
    "chart": "image",
    "molecule": "image",
    "music": "image",
    "geometry": "image",
}
"""Kinds of elements, and types of blocks; all others are ``text``."""


def page_json(page: PageResult, *, blocks: bool, tables: str | None, scores: str | None) -> dict[str, Any]:
    """A page.

    Args:
        page: the result.
        blocks: whether to list the located elements.
        tables: format of tables that are kept apart from the Markdown; None leaves them in it.
        scores: ``"page"``, or ``"word"``: a word has the confidence of its line, where it is known, else of the page.
    """
    markdown, apart = _markdown(page, tables)
    width_pt = page.size_pt[0] if page.size_pt else 0.0
    found: dict[str, Any] = {
        "index": page.number - 1,
        "markdown": markdown,
        "images": [],
        "tables": apart,
        "hyperlinks": [],
        "header": None,
        "footer": None,
        "dimensions": {
            "dpi": round(page.width * 72 / width_pt) if width_pt else _DPI_OF_IMAGES,
            "height": page.height,
            "width": page.width,
        },
    }
    if blocks:
        found["blocks"] = _blocks(page)
    if scores is not None and page.confidence is not None:
        found["confidence_scores"] = {
            "average_page_confidence_score": page.confidence.mean,
            "minimum_page_confidence_score": page.confidence.minimum,
            **({"word_confidence_scores": _words(page, markdown)} if scores == "word" else {}),
        }
    return found


def _markdown(page: PageResult, tables: str | None) -> tuple[str, list[dict[str, Any]]]:
    """The page in Markdown; with ``tables`` each table is a link there, and listed apart."""
    from got_runtime.markup import to_markdown

    if tables is None:
        return to_markdown(page.elements), []
    parts, run, apart = list[str](), list["Element"](), list[dict[str, Any]]()
    for element in page.elements:
        if element.kind != "table":
            run.append(element)
            continue
        parts += [to_markdown(run)] if run else []
        run = []
        id = f"tbl-{len(apart)}.{'html' if tables == 'html' else 'md'}"
        parts.append(f"[{id}]({id})\n")
        apart.append({"id": id, "content": _table(element, tables), "format": tables})
    parts += [to_markdown(run)] if run else []
    return "\n".join(parts), apart


def _table(element: "Element", kind: str) -> str:
    from got_runtime.markup import to_markdown
    from got_runtime.markup.render.html import element_html

    return element_html(element) if kind == "html" else to_markdown([element])


def _blocks(page: PageResult) -> list[dict[str, Any]]:
    """The elements that were located, in reading order. Those without a box are in the Markdown only."""
    from got_runtime.markup import to_markdown

    across, down = (page.width / page.size_pt[0], page.height / page.size_pt[1]) if page.size_pt else (1.0, 1.0)
    boxes = {box.span: box.bbox for box in page.boxes}
    blocks = []
    for element in page.elements:
        bbox = boxes.get(element.span) if element.span is not None else None
        if bbox is None:
            continue
        blocks.append(
            {
                "type": _BLOCKS.get(element.kind, "text"),
                "top_left_x": round(bbox[0] * across),
                "top_left_y": round(bbox[1] * down),
                "bottom_right_x": round(bbox[2] * across),
                "bottom_right_y": round(bbox[3] * down),
                "content": to_markdown([element]).rstrip("\n"),
            }
        )
    return blocks


def _words(page: PageResult, markdown: str) -> list[dict[str, Any]]:
    """The words of the page that stand in its Markdown as they were read."""
    assert page.confidence is not None
    mean = page.confidence.mean
    lines = [(line.text, mean if line.confidence is None else line.confidence) for line in page.lines if line.text]
    words, start = [], 0
    for text, confidence in lines or [(page.text, mean)]:
        for word in text.split():
            index = markdown.find(word, start)
            if index >= 0:
                words.append({"text": word, "confidence": round(confidence, 4), "start_index": index})
                start = index + len(word)
    return words
