"""``\\item`` and ``\\bibitem``: lists, the entries of a bibliography, and items whose list was lost."""

from got_runtime.markup import elements as e
from got_runtime.markup.content import plain
from got_runtime.markup.latex.element_builder import Drafts, Fields, Place
from got_runtime.markup.latex.inline import parse_inline
from got_runtime.markup.latex.prose import text_end
from got_runtime.markup.latex.tokens import Kind

LISTS = frozenset({"itemize", "enumerate", "description"})


def read_list(drafts: Drafts, low: int, end: int, place: Place, *, ordered: bool) -> None:
    """The items between ``\\begin{itemize}`` and its end; ``place`` is inside the list."""
    reader = drafts.reader
    settings = reader.option(low, end)  # [label=(a), start=5]
    index = settings[1] if settings else low
    number = _whole(reader.source(*settings[0]).partition("start=")[2].partition(",")[0], 1) - 1 if settings else 0
    while index < end:
        if not _is_item(drafts, index):
            following = _next_item(drafts, index, end)
            number = _counter(drafts, index, following, number)
            drafts.read(index, following, Place(place.depth, place.role, place.float))
            index = following
            continue
        option = reader.option(index + 1, end)
        start = option[1] if option else index + 1
        following = _next_item(drafts, start, end)
        label = plain(parse_inline(reader, *option[0])) if option else None
        number += not label
        fields: Fields = {"depth": place.list_depth - 1, "ordered": ordered and not label, "label": label}
        if fields["ordered"]:
            fields["number"] = number
        _read_item(drafts, index, start, following, place, fields)
        index = following


def _counter(drafts: Drafts, low: int, high: int, number: int) -> int:
    """What ``\\setcounter{enumi}{4}`` sets the number of the item before to."""
    reader = drafts.reader
    for index in range(low, high):
        name = reader.argument(index + 1, high) if reader.tokens[index].name == "setcounter" else None
        value = reader.argument(name[1], high) if name else None
        if name and value and reader.source(*name[0]).startswith("enum"):
            number = _whole(reader.source(*value[0]), number)
    return number


def _whole(text: str, otherwise: int) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else otherwise


def read_lost_item(drafts: Drafts, index: int, high: int, place: Place) -> int:
    """An ``\\item`` outside any list: the environment was lost."""
    reader = drafts.reader
    reader.mend("unclosed-environment", f"{reader.tokens[index].text} stood in no list: read as an item of one")
    following = min(_next_item(drafts, index + 1, high), max(index + 1, reader.paragraph_end[index]), high)
    _read_item(drafts, index, index + 1, following, Place(place.depth + 1), {})
    return following


def read_bibliography(drafts: Drafts, index: int, end: int, place: Place) -> None:
    """The entries of ``thebibliography``."""
    reader = drafts.reader
    width = reader.argument(index, end)
    index = width[1] if width else index
    while (start := _next_item(drafts, index, end)) < end:
        option = reader.option(start + 1, end)
        argument = reader.argument(option[1] if option else start + 1, end)
        index = argument[1] if argument else start + 1
        key = reader.source(*(argument or option or ((0, 0), 0))[0]).strip() or None
        following = _next_item(drafts, index, end)
        drafts.add(e.Reference, start, key=key, content=parse_inline(reader, index, following, place.depth))
        drafts.drafts[-1].warnings += reader.take_mends()
        index = following


def _read_item(drafts: Drafts, index: int, low: int, high: int, place: Place, fields: Fields) -> None:
    """The first lines are the item; what is no text in it (a formula, a list inside) follows as its own."""
    reader = drafts.reader
    low = reader.skip_spaces(low, high)
    end = text_end(drafts, low, high, Place(place.depth, list_depth=1)) if low < high else low
    drafts.add(e.ListItem, index, content=parse_inline(reader, low, end, place.depth), **fields)
    drafts.drafts[-1].warnings += reader.take_mends()
    drafts.read(end, high, place)


def _is_item(drafts: Drafts, index: int) -> bool:
    token = drafts.reader.tokens[index]
    return token.kind is Kind.COMMAND and token.name in ("item", "bibitem")


def _next_item(drafts: Drafts, index: int, end: int) -> int:
    while index < end and not _is_item(drafts, index):
        index = drafts.reader.after(index, end)
    return min(index, end)
