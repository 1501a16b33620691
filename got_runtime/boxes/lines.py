"""Element boxes from the lines of print that were read: an element's box is the one around its lines."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from got_runtime.results import ElementBox, PageLine

if TYPE_CHECKING:
    from got_runtime.markup import Element

__all__ = ["line_boxes"]


def line_boxes(
    elements: "list[Element]",
    lines: Iterable[PageLine],
    text: str,
    line_spans: Iterable[tuple[int, int] | None] | None = None,
) -> list[ElementBox]:
    """A box for each element: the one around its lines. Without any where the text is not that of the lines.

    Args:
        elements: of the page, with their spans of ``text``.
        lines: of the page.
        text: of the page.
        line_spans: where each of the lines stands in the text, if the text has other lines than those.
    """
    if line_spans is None:
        placed = [((start, start + len(line.text)), line) for start, line in _placed(lines, text)]
    else:
        placed = [(span, line) for span, line in zip(line_spans, lines, strict=True) if span is not None]
    boxes = []
    for element in elements:
        begin, end = element.span
        own = [line for span, line in placed if span[0] < end and span[1] > begin]
        if own:
            edges = (
                min(line.bbox[0] for line in own),
                min(line.bbox[1] for line in own),
                max(line.bbox[2] for line in own),
                max(line.bbox[3] for line in own),
            )
            length = sum(len(line.text) for line in own)
            score = sum(len(line.text) for line in own if not line.uncertain) / length
            boxes.append(ElementBox(span=element.span, bbox=edges, score=score, source="lines"))
    return boxes


def _placed(lines: Iterable[PageLine], text: str) -> Iterator[tuple[int, PageLine]]:
    """Each line of the text with its first character's index; lines that are not in the text are left out."""
    position, rows = 0, text.split("\n")
    for line in lines:
        while rows and not rows[0].strip():  # between paragraphs
            position += len(rows.pop(0)) + 1
        if rows and line.text == rows[0]:
            yield position, line
            position += len(rows.pop(0)) + 1
