"""Block commands: sections, authors, captions, footnotes, pictures, page ends."""

from got_runtime.markup import elements as e
from got_runtime.markup.content import plain_text
from got_runtime.markup.latex.element_builder import DocumentBuilder, ParseContext
from got_runtime.markup.latex.inline import parse_inline
from got_runtime.markup.latex.labels import caption_label, footnote_mark
from got_runtime.markup.latex.lists import read_stray_item
from got_runtime.markup.latex.symbols import PAGE_ENDS, SECTIONS


def read_command(builder: DocumentBuilder, index: int, high: int, context: ParseContext) -> int:
    """Parses the command at ``index``, one of ``BLOCK_COMMANDS``; returns the index after its arguments."""
    reader = builder.reader
    name = reader.tokens[index].name.rstrip("*")
    if name in PAGE_ENDS:
        builder.add_page_break(index)
        return index + 1
    if name in ("item", "bibitem"):
        return read_stray_item(builder, index, high, context)
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
        builder.add(e.Figure, index, source=reader.source(low, end).strip() or None)
        return after
    content = parse_inline(reader, low, end, context.depth)
    if name in SECTIONS:
        builder.add_heading(index, SECTIONS[name], content)
    elif name == "author":
        builder.add(e.Author, index, content=content)
    elif name == "footnotetext":
        mark = reader.source(*option[0]).strip() if option else None
        if not mark:
            mark, content = footnote_mark(content)
        builder.add(e.Footnote, index, mark=mark or None, content=content)
    else:
        label = caption_label(plain_text(content))
        of = context.float or (label[0] if label else "table")
        builder.add(e.Caption, index, of=of, number=label[1] if label else None, content=content)
    return after
