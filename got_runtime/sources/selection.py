"""Page selections: ``"1-3,7,-1"`` → ``[1, 2, 3, 7, last]``.

    selection = item {"," item}
    item      = page | page "-" page | page "-"      (the last one: to the end)
    page      = number from 1, or a negative number that counts from the end (-1 is the last page)

The order of the selection is kept; a page selected twice is returned once.
"""

import operator
import re
from collections.abc import Iterator, Sequence

from got_runtime.errors import LimitExceeded, PageOutOfRange

__all__ = ["Selection", "check_selection", "select_pages"]

Selection = str | int | Sequence[int]

_ITEM = re.compile(r"\s*(?P<first>-?[0-9]{1,9})\s*(?P<dash>-\s*(?P<last>-?[0-9]{1,9})?)?\s*")
_HOW = "write pages like 1-3,7,-1 (counted from 1; -1 is the last page; 5- runs to the end)"


def select_pages(
    selection: Selection | None, total: int, name: str = "the document", most: int | None = None
) -> Sequence[int]:
    """Page numbers (from 1) that ``selection`` selects in a document of ``total`` pages; ``None`` selects all.

    Args:
        selection: text as above, a page number, or several.
        total: pages of the document.
        name: of the document, for messages.
        most: maximum number of pages.

    Raises:
        PageOutOfRange: the selection cannot be parsed, is empty, or names a page that does not exist.
        LimitExceeded: it selects more than ``most`` pages.
    """
    chosen: Sequence[int] = range(1, total + 1)
    if isinstance(selection, str):
        chosen = list(dict.fromkeys(_from_text(selection, total, name)))
    elif selection is not None:
        chosen = list(dict.fromkeys(_from_numbers(selection, total, name)))
    if not chosen:
        raise PageOutOfRange(f"no page of {name} is selected: {_HOW}")
    if most is not None and len(chosen) > most:
        fewer = "1" if most == 1 else f"1-{most}"
        raise LimitExceeded(
            f"{len(chosen):,} pages of {name} exceed {most:,}: select fewer (such as {fewer}), "
            "or raise Limits(max_pages=…), --max-pages"
        )
    return chosen


def check_selection(selection: str) -> None:
    """Check the form of a page selection, which needs no document.

    Raises:
        PageOutOfRange: it cannot be parsed, names page 0, or has a range that runs backwards in any document.
    """
    for item, match in _items(selection):
        first, last = int(match["first"]), int(match["last"] or match["first"])
        if 0 in (first, last):
            raise PageOutOfRange(f"page selection {selection!r} names page 0: {_HOW}")
        if first > last and (first < 0) == (last < 0):
            raise PageOutOfRange(f"page range {item.strip()!r} runs backwards: {_HOW}")


def _items(selection: str) -> Iterator[tuple[str, re.Match[str]]]:
    for item in selection.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise PageOutOfRange(f"page selection {selection!r} cannot be read: {_HOW}")
        yield item, match


def _from_text(selection: str, total: int, name: str) -> Iterator[int]:
    for item, match in _items(selection):
        first = last = _existing(int(match["first"]), total, name)
        if match["dash"]:
            last = _existing(int(match["last"]), total, name) if match["last"] else total
        if first > last:
            raise PageOutOfRange(f"page range {item.strip()!r} runs backwards in {name} ({_count(total)}): {_HOW}")
        yield from range(first, last + 1)


def _from_numbers(selection: int | Sequence[int], total: int, name: str) -> Iterator[int]:
    try:
        numbers = [operator.index(n) for n in (selection if isinstance(selection, Sequence) else [selection])]
    except TypeError:
        raise PageOutOfRange(f"page selection {selection!r} is not made of whole numbers: {_HOW}") from None
    for number in numbers:
        yield _existing(number, total, name)


def _existing(number: int, total: int, name: str) -> int:
    """``number`` counted from 1, negative numbers resolved."""
    page = number if number > 0 else total + 1 + number
    if number == 0 or not 1 <= page <= total:
        raise PageOutOfRange(f"{name} has {_count(total)}, so there is no page {number}: {_HOW}")
    return page


def _count(total: int) -> str:
    return "1 page" if total == 1 else f"{total:,} pages"
