"""Commands that are blocks of their own: sections, authors, captions, footnotes, pictures, page ends."""

from got_runtime.markup import elements as e
from got_runtime.markup.content import plain
from got_runtime.markup.latex.element_builder import Drafts, Place
from got_runtime.markup.latex.inline import parse_inline
from got_runtime.markup.latex.labels import caption_label, footnote_mark
from got_runtime.markup.latex.lists import read_lost_item
from got_runtime.markup.latex.symbols import PAGE_ENDS, SECTIONS


def read_command(drafts: Drafts, index: int, high: int, place: Place) -> int:
    """Reads the command at ``index``, one of ``BLOCK_COMMANDS``, with its arguments; the index after them."""
    reader = drafts.reader
    name = reader.tokens[index].name.rstrip("*")
    if name in PAGE_ENDS:
        drafts.add_page_break(index)
        return index + 1
    if name in ("item", "bibitem"):
        return read_lost_item(drafts, index, high, place)
    option = reader.option(index + 1, high)
    after = option[1] if option else index + 1
    if name == "captionof":
        kind = reader.argument(after, high)
        after = kind[1] if kind else after
    argument = reader.argument(after, high)
    if argument is None:
        return max(after, index + 1)
    (low, end), after = argument
    if name == "includegraphics":
        drafts.add(e.Figure, index, source=reader.source(low, end).strip() or None)
        return after
    content = parse_inline(reader, low, end, place.depth)
    if name in SECTIONS:
        drafts.add_heading(index, SECTIONS[name], content)
    elif name == "author":
        drafts.add(e.Author, index, content=content)
    elif name == "footnotetext":
        mark = reader.source(*option[0]).strip() if option else None
        if not mark:
            mark, content = footnote_mark(content)
        drafts.add(e.Footnote, index, mark=mark or None, content=content)
    else:
        label = caption_label(plain(content))
        of = place.float or (label[0] if label else "table")
        drafts.add(e.Caption, index, of=of, number=label[1] if label else None, content=content)
    return after
