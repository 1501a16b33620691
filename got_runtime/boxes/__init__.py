"""Where the elements of an answer stand on their page: GOT says nothing of it, so two witnesses are asked.

PyMuPDF's layout analysis finds regions with their text on born-digital pages; the decoder's attention tells, on any
page, which image token each character was read from. Each gives a box only where it is sure; the layout is believed
first.
"""

from typing import TYPE_CHECKING

from got_runtime.boxes.attention import TokenPosition, TokenPositions, attention_boxes
from got_runtime.boxes.layout import layout_boxes
from got_runtime.results import ElementBox

if TYPE_CHECKING:
    from got_runtime.markup import Element
    from got_runtime.sources import SourcePage

__all__ = ["TokenPosition", "TokenPositions", "attention_boxes", "element_boxes", "layout_boxes"]


def element_boxes(page: "SourcePage", elements: "list[Element]", looks: TokenPositions) -> tuple[ElementBox, ...]:
    """A box for each element that one can be given, in points where the page has them, else in pixels.

    Args:
        page: the page that was read, whole and in one view.
        elements: those of the answer.
        looks: where each token of the answer was read.
    """
    if page.image is None:
        return ()
    seen = {box.span: box for box in attention_boxes(page.image, [element.span for element in elements], looks)}
    if page.size_pt is not None:
        across, down = page.size_pt[0] / page.image.width, page.size_pt[1] / page.image.height
        seen = {span: box.scaled(across, down) for span, box in seen.items()}
    seen |= {box.span: box for box in layout_boxes(page, elements)}
    return tuple(seen[element.span] for element in elements if element.span in seen)
