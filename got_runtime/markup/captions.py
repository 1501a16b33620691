"""Which caption belongs to which table or figure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from got_runtime.markup.elements import AnyElement, Caption

CAPTIONED = frozenset({"table", "figure", "chart", "geometry", "molecule", "music"})
"""The kinds of elements that have captions."""

Side = Literal["above", "below"]


class _Candidate(NamedTuple):
    """The index of a caption, with those of the elements that it may describe, above and below it."""

    caption: int
    of: str
    above: int | None
    below: int | None


class _Choice(NamedTuple):
    """Pairs of captions and elements, the last one first.

    ``pairs``, ``of_kind`` and ``on_side`` count them, those of the same kind, and those on the usual side.
    """

    pairs: int = 0
    of_kind: int = 0
    on_side: int = 0
    last: tuple[int, int] = (-1, -1)
    earlier: "_Choice | None" = None


def captioned(elements: Sequence[AnyElement]) -> dict[int, int]:
    """The index of each caption → the index of the table or figure that it describes, directly above or below it.

    No element has two captions. As many captions as possible have an element, as many as possible one of the kind that
    they name (table or figure), and as many as possible are on the usual side: the one of most captions of this kind,
    else above a table and below a figure. A caption whose ``position`` is known is on this side. "Figure 2" beside a
    table alone is the caption of a figure that is not in the answer. Page breaks do not separate.
    """
    candidates = list(_candidates(elements))
    usual = _usual_sides(candidates)
    # The best choice in which the last caption left the element below it free, and the best one in which it took it.
    free, taking = _Choice(), None
    for each in candidates:
        best = _better(free, taking)
        before = free if taking is not None and taking.last[1] == each.above else best
        left = None if each.above is None else _with_pair(before, elements, each, each.above, usual[each.of] == "below")
        taking = None if each.below is None else _with_pair(best, elements, each, each.below, usual[each.of] == "above")
        free = _better(best, left)
    pairs: dict[int, int] = {}
    choice: _Choice | None = _better(free, taking)
    while choice is not None and choice.pairs:
        pairs[choice.last[0]] = choice.last[1]
        choice = choice.earlier
    return pairs


def _candidates(elements: Sequence[AnyElement]) -> Iterator[_Candidate]:
    shown = [index for index, element in enumerate(elements) if element.kind != "page_break"]
    for place, index in enumerate(shown):
        caption = elements[index]
        if isinstance(caption, Caption):
            above = shown[place - 1] if place and caption.position != "above" else None
            below = shown[place + 1] if place + 1 < len(shown) and caption.position != "below" else None
            sides = (
                each if each is not None and _may_describe(caption, elements[each]) else None for each in (above, below)
            )
            yield _Candidate(index, caption.of, *sides)


def _may_describe(caption: Caption, element: AnyElement) -> bool:
    """Whether a caption may be that of an element: "Figure 2" is that of a table only inside of one environment."""
    other = element.kind == "table" and caption.of == "figure" and caption.number is not None
    return element.kind in CAPTIONED and not (other and caption.position is None)


def _usual_sides(candidates: Sequence[_Candidate]) -> dict[str, Side]:
    """The side of the captions of tables and of figures, as seen from what they describe."""
    votes = Counter(
        (each.of, "above" if each.above is None else "below")
        for each in candidates
        if (each.above is None) != (each.below is None)
    )
    tables = votes["table", "above"] >= votes["table", "below"]
    figures = votes["figure", "above"] > votes["figure", "below"]
    return {"table": "above" if tables else "below", "figure": "above" if figures else "below"}


def _better(one: _Choice, other: _Choice | None) -> _Choice:
    return one if other is None or one[:3] >= other[:3] else other


def _with_pair(
    choice: _Choice, elements: Sequence[AnyElement], candidate: _Candidate, element: int, usual: bool
) -> _Choice:
    same_kind = (elements[element].kind == "table") == (candidate.of == "table")
    return _Choice(
        choice.pairs + 1, choice.of_kind + same_kind, choice.on_side + usual, (candidate.caption, element), choice
    )
