"""Element boxes from PyMuPDF's layout analysis: regions of a born-digital page, matched by order and text."""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from got_runtime.results import ElementBox

if TYPE_CHECKING:
    from got_runtime.markup import Element
    from got_runtime.sources import SourcePage
    from got_runtime.sources.regions import Region

__all__ = ["layout_boxes"]

MIN_LAYOUT_SCORE = 0.6
"""Lowest score of a box that is returned: fraction of words that element and regions have in common, in order.

Of 531 boxes with a higher score 529 are right (IoU of at least one half), of 33 with a lower score 29
(``examples/boxes.py --scores``).
"""
MIN_OWN_WORDS = 0.8
"""Fraction of a region's matched words that are in its element: a region of two elements is the box of neither."""
REGION_KINDS = {"table": {"table"}, "picture": {"figure", "chart", "geometry", "molecule", "music"}}
"""Classes of region that only elements of these kinds can be; text may be anything."""


def layout_boxes(
    page: "SourcePage", elements: "Sequence[Element]", min_score: float = MIN_LAYOUT_SCORE
) -> list[ElementBox]:
    """Boxes in points of the elements whose text is in regions of the page; scans, which have no text, give none.

    ``min_score`` is the lowest score of a box.
    """
    regions = page.pdf.regions() if page.pdf is not None else []
    element_words = [_words(element) for element in elements]
    region_words = [_split(each.text) for each in regions]
    owners = _owners(regions, region_words, elements, element_words)
    boxes = []
    for index, element in enumerate(elements):
        own = [region for region, owner in owners.items() if owner == index]
        words = [word for region in own for word in region_words[region]]
        score = SequenceMatcher(None, words, element_words[index], autojunk=False).ratio() if words else 0.0
        if words and score >= min_score:
            around = [regions[region].bbox for region in own]
            edges = (
                min(box[0] for box in around),
                min(box[1] for box in around),
                max(box[2] for box in around),
                max(box[3] for box in around),
            )
            boxes.append(ElementBox(span=element.span, bbox=edges, score=score, source="layout"))
    return boxes


def _owners(
    regions: "Sequence[Region]",
    region_words: list[list[str]],
    elements: "Sequence[Element]",
    element_words: list[list[str]],
) -> dict[int, int]:
    """Index of a region → index of its element, from one alignment of all words of the page with those of the text."""
    page = [(word, region) for region, words in enumerate(region_words) for word in words]
    answer = [(word, index) for index, words in enumerate(element_words) for word in words]
    matcher = SequenceMatcher(None, [word for word, _ in page], [word for word, _ in answer], autojunk=False)
    votes: dict[int, Counter[int]] = {}
    for a, b, size in matcher.get_matching_blocks():
        for step in range(size):
            votes.setdefault(page[a + step][1], Counter())[answer[b + step][1]] += 1
    owners: dict[int, int] = {}
    for region, counted in votes.items():
        index, count = counted.most_common(1)[0]
        kinds = REGION_KINDS.get(regions[region].kind)
        if count >= MIN_OWN_WORDS * counted.total() and (kinds is None or elements[index].kind in kinds):
            owners[region] = index
    ambiguous = {index for region, counted in votes.items() if region not in owners for index in counted}
    return {region: index for region, index in owners.items() if index not in ambiguous}


def _words(element: "Element") -> list[str]:
    from got_runtime.markup import to_text

    return _split(to_text([element]))


def _split(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
