"""Element boxes from PyMuPDF's layout analysis: regions of a born-digital page, by order and text."""

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

SOUND = 0.6
"""Least share of words that element and regions have in common, in order.

Of 534 boxes above it 99 % were right (IoU of at least one half), of 43 below 79 %: ``examples/boxes.py --scores``.
"""
OWN = 0.8
"""Least share of a region's matched words that lie in one element: a region of two elements bounds neither."""
KINDS = {"table": {"table"}, "picture": {"figure", "chart", "geometry", "molecule", "music"}}
"""Classes of region that only elements of these kinds can be; text may be anything."""


def layout_boxes(page: "SourcePage", elements: "Sequence[Element]", sound: float = SOUND) -> list[ElementBox]:
    """Boxes in points of those elements whose text the regions of the page hold. None on scans, which have no text.

    ``sound`` is the least score of a box.
    """
    regions = page.pdf.regions() if page.pdf is not None else []
    spoken = [_words(element) for element in elements]
    printed = [_split(region.text) for region in regions]
    owners = _owners(regions, printed, elements, spoken)
    boxes = []
    for index, element in enumerate(elements):
        own = [place for place, owner in owners.items() if owner == index]
        words = [word for place in own for word in printed[place]]
        score = SequenceMatcher(None, words, spoken[index], autojunk=False).ratio() if words else 0.0
        if words and score >= sound:
            around = [regions[place].bbox for place in own]
            edges = (
                min(box[0] for box in around),
                min(box[1] for box in around),
                max(box[2] for box in around),
                max(box[3] for box in around),
            )
            boxes.append(ElementBox(span=element.span, bbox=edges, score=score, source="layout"))
    return boxes


def _owners(
    regions: "Sequence[Region]", printed: list[list[str]], elements: "Sequence[Element]", spoken: list[list[str]]
) -> dict[int, int]:
    """Region → element it is part of, from one alignment of all words of the page with all words of the answer."""
    page = [(word, place) for place, words in enumerate(printed) for word in words]
    answer = [(word, index) for index, words in enumerate(spoken) for word in words]
    matcher = SequenceMatcher(None, [word for word, _ in page], [word for word, _ in answer], autojunk=False)
    votes: dict[int, Counter[int]] = {}
    for a, b, size in matcher.get_matching_blocks():
        for step in range(size):
            votes.setdefault(page[a + step][1], Counter())[answer[b + step][1]] += 1
    owners: dict[int, int] = {}
    for place, counted in votes.items():
        index, count = counted.most_common(1)[0]
        kinds = KINDS.get(regions[place].kind)
        if count >= OWN * counted.total() and (kinds is None or elements[index].kind in kinds):
            owners[place] = index
    shared = {index for place, counted in votes.items() if place not in owners for index in counted}
    return {place: index for place, index in owners.items() if index not in shared}


def _words(element: "Element") -> list[str]:
    from got_runtime.markup import to_text

    return _split(to_text([element]))


def _split(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
