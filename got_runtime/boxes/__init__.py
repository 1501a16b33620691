"""Locates the elements of a page. GOT itself outputs no positions, so two other methods find them.

PyMuPDF's layout analysis finds regions with their text on born-digital pages. The decoder's attention gives, on any
page, the image token that each character was read from. Each returns a box only above a minimum score; a box
of the layout analysis takes precedence.
"""

from typing import TYPE_CHECKING

from got_runtime.boxes.attention import TokenPosition, TokenPositions, attention_boxes
from got_runtime.boxes.layout import layout_boxes
from got_runtime.results import ElementBox

if TYPE_CHECKING:
    from got_runtime.markup import Element
    from got_runtime.sources import SourcePage

__all__ = ["TokenPosition", "TokenPositions", "attention_boxes", "element_boxes", "layout_boxes"]


def element_boxes(page: "SourcePage", elements: "list[Element]", positions: TokenPositions) -> tuple[ElementBox, ...]:
    """A box for each element that can be located, in points where the page has them, else in pixels.

    Args:
        page: the page that was read, whole and in one view.
        elements: those of its text.
        positions: the image token of each token of the text.
    """
    if page.image is None:
        return ()
    located = {box.span: box for box in attention_boxes(page.image, [element.span for element in elements], positions)}
    if page.size_pt is not None:
        across, down = page.size_pt[0] / page.image.width, page.size_pt[1] / page.image.height
        located = {span: box.scaled(across, down) for span, box in located.items()}
    located |= {box.span: box for box in layout_boxes(page, elements)}
    return tuple(located[element.span] for element in elements if element.span in located)
