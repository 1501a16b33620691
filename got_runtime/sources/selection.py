"""Page selections: ``"1-3,7,-1"`` → ``[1, 2, 3, 7, last]``.

    selection = item {"," item}
    item      = page | page "-" page | page "-"      (the last one: to the end)
    page      = number from 1, or a negative number that counts from the end (-1 is the last page)

The order of the selection is kept; a page selected twice is returned once. Of a range, the pages that exist are read,
so that one selection serves documents of different length; a single page that does not exist is an error.
"""

import operator
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from got_runtime.errors import LimitExceeded, PageOutOfRange

__all__ = ["Selection", "check_selection", "missing_pages", "page_ranges", "select_pages"]

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
        PageOutOfRange: the selection cannot be parsed, is empty, names a single page that does not exist, or only
            ranges without a page that does.
        LimitExceeded: it selects more than ``most`` pages.
    """
    chosen: Sequence[int] = range(1, total + 1)
    if isinstance(selection, str):
        chosen = list(dict.fromkeys(number for part in _ranges(selection, total, name) for number in part.existing))
        if not chosen:
            for part in _ranges(selection, total, name):
                _existing(part.first, total, name)
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


class _Range(NamedTuple):
    """The pages of one item; ``first`` is the number as it was written, ``is_short`` whether some do not exist."""

    item: str
    first: int
    existing: range
    is_short: bool = False


def _ranges(selection: str, total: int, name: str) -> Iterator[_Range]:
    for item, match in _items(selection):
        written = int(match["first"])
        if not match["dash"]:
            page = _existing(written, total, name)
            yield _Range(item, written, range(page, page + 1))
            continue
        first = _resolved(written, total, name)
        last = _resolved(int(match["last"]), total, name) if match["last"] else max(first, total)
        if first > last:
            raise PageOutOfRange(f"page range {item.strip()!r} runs backwards in {name} ({_count(total)}): {_HOW}")
        yield _Range(item, written, range(max(first, 1), min(last, total) + 1), first < 1 or last > total)


def missing_pages(selection: Selection | None, total: int) -> tuple[str, ...]:
    """A warning for each range of :func:`select_pages` that names pages which do not exist."""
    if not isinstance(selection, str):
        return ()
    short = [part.item.strip() for part in _ranges(selection, total, "the document") if part.is_short]
    return tuple(f"page range {item}: the document has only {_count(total)}" for item in short)


def _from_numbers(selection: int | Sequence[int], total: int, name: str) -> Iterator[int]:
    try:
        numbers = [operator.index(n) for n in (selection if isinstance(selection, Sequence) else [selection])]
    except TypeError:
        raise PageOutOfRange(f"page selection {selection!r} is not made of whole numbers: {_HOW}") from None
    for number in numbers:
        yield _existing(number, total, name)


def _existing(number: int, total: int, name: str) -> int:
    """``number`` counted from 1, negative numbers resolved."""
    page = _resolved(number, total, name)
    if not 1 <= page <= total:
        raise _no_page(number, total, name)
    return page


def _resolved(number: int, total: int, name: str) -> int:
    """``number`` counted from 1, whether the page exists or not."""
    if number == 0:
        raise _no_page(number, total, name)
    return number if number > 0 else total + 1 + number


def _no_page(number: int, total: int, name: str) -> PageOutOfRange:
    return PageOutOfRange(f"{name} has {_count(total)}, so there is no page {number}: {_HOW}")


def _count(total: int) -> str:
    return "1 page" if total == 1 else f"{total:,} pages"


def page_ranges(numbers: Iterable[int]) -> list[str]:
    """``[1, 2, 3, 7]`` → ``["1-3", "7"]``, in their order."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return [f"{first}" if first == last else f"{first}-{last}" for first, last in ranges]
