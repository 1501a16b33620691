"""Locates the elements of a page. GOT itself outputs no positions, so three other methods find them.

PyMuPDF's layout analysis finds regions with their text on born-digital pages. The lines of print that a page was read
by have boxes (zoomed views, and pages in one view whose text has as many lines as the page). The decoder's attention
gives, on any page in one view, the image token that each character was read from. The first two of these that locate an
element take precedence, in this order; those of layout and attention have a minimum score.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from got_runtime.boxes.attention import TokenPosition, TokenPositions, attention_boxes
from got_runtime.boxes.layout import layout_boxes
from got_runtime.boxes.lines import line_boxes
from got_runtime.results import ElementBox, PageLine

if TYPE_CHECKING:
    from got_runtime.markup import Element
    from got_runtime.sources import SourcePage

__all__ = ["TokenPosition", "TokenPositions", "attention_boxes", "element_boxes", "layout_boxes", "line_boxes"]


def element_boxes(
    page: "SourcePage",
    elements: "list[Element]",
    positions: TokenPositions | None = None,
    lines: Sequence[PageLine] = (),
    text: str = "",
    line_spans: Sequence[tuple[int, int] | None] | None = None,
) -> tuple[ElementBox, ...]:
    """A box for each element that can be located, in points where the page has them, else in pixels.

    Args:
        page: the page that was read.
        elements: those of its text.
        positions: the image token of each token of the text, of a page in one view.
        lines: the lines of print, where they are known.
        text: of the page.
        line_spans: where each of the lines stands in the text, if the text has other lines.
    """
    if page.image is None:
        return ()
    located: dict[tuple[int, int], ElementBox] = {}
    if positions is not None:
        located = _attention(page, elements, positions)
    located |= {box.span: box for box in line_boxes(elements, lines, text, line_spans)}
    located |= {box.span: box for box in layout_boxes(page, elements)}
    return tuple(located[element.span] for element in elements if element.span in located)


def _attention(
    page: "SourcePage", elements: "list[Element]", positions: TokenPositions
) -> dict[tuple[int, int], ElementBox]:
    assert page.image is not None
    located = {box.span: box for box in attention_boxes(page.image, [element.span for element in elements], positions)}
    if page.size_pt is not None:
        across, down = page.size_pt[0] / page.image.width, page.size_pt[1] / page.image.height
        located = {span: box.scaled(across, down) for span, box in located.items()}
    return located
