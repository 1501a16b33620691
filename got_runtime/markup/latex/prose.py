"""Running text: paragraphs, captions, references, and lines with a Markdown marker."""

from got_runtime.markup import elements as e
from got_runtime.markup.content import Content, Grid, Inline, Nested, merge, plain_text, short_text
from got_runtime.markup.latex.element_builder import DocumentBuilder, ParseContext
from got_runtime.markup.latex.inline import parse_inline, parse_lines
from got_runtime.markup.latex.labels import caption_label, reference_key, without_prefix
from got_runtime.markup.latex.line_start import LineStart, line_start
from got_runtime.markup.latex.misspelt import TABULARS
from got_runtime.markup.latex.pipe_table import read_pipe_table
from got_runtime.markup.latex.symbols import BLOCK_COMMANDS
from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.latex.tokens import WHOLE, Kind

_INSIDE = frozenset({Kind.TEXT, Kind.SPACE, Kind.CELL, Kind.OPEN, Kind.CLOSE, Kind.BRACKET, Kind.UNBRACKET})
ONE_WORD = frozenset({Kind.TEXT, Kind.BRACKET, Kind.UNBRACKET, Kind.CELL, Kind.DOLLAR, Kind.STARS})
_PARAGRAPH_ENDS = frozenset({Kind.BLANK, Kind.FORM_FEED})
_BLOCK_STARTS = WHOLE | {Kind.FORM_FEED, Kind.OPEN_DISPLAY, Kind.DOLLARS, Kind.BEGIN}


def read_text(builder: DocumentBuilder, index: int, high: int, context: ParseContext) -> int:
    """Parses the text at ``index``: a paragraph, or a line with a marker; returns the index after it."""
    if _is_one_word(builder, index, high):
        builder.add(context.role, index, content=(short_text(builder.reader.tokens[index].text),))
        return index + 1
    start = line_start(builder.reader, index)
    if start is None or start.kind in ("reference", "point") or context.list_depth:
        return _read_paragraph(builder, index, high, context)
    if start.kind == "table":
        found = read_pipe_table(builder.reader, index, high)
        if found is None:
            return _read_paragraph(builder, index, high, context)
        builder.add(e.Table, index, grid=found[0])
        return found[1]
    if start.kind == "figure":
        builder.add(e.Figure, index, source=start.source, alt=start.alt)
        return min(start.after, high)
    return _read_marked_line(builder, index, high, start, context)


def _is_one_word(builder: DocumentBuilder, index: int, high: int) -> bool:
    """Whether a paragraph is one ASCII word in letters, or one sign, and printed as it is.

    These need no other checks, and an answer can be 50,000 such pages.
    """
    tokens = builder.reader.tokens
    token = tokens[index]
    if token.kind not in ONE_WORD or builder.reader.partner[index] >= 0:
        return False
    if not (len(token.text) == 1 or (token.text.isascii() and token.text.isalpha()) or token.kind is Kind.STARS):
        return False
    if token.text.isspace():  # such as an ideographic space
        return False
    ends = index + 1 >= high or tokens[index + 1].kind in _PARAGRAPH_ENDS
    return ends and (index == 0 or tokens[index - 1].kind in _PARAGRAPH_ENDS)


def _read_marked_line(builder: DocumentBuilder, index: int, high: int, start: LineStart, context: ParseContext) -> int:
    """Adds a heading (``##``) or a list item (``-``, ``1.``)."""
    reader, low = builder.reader, min(start.after, high)
    heading = start.kind == "heading"
    low = reader.skip_spaces(low, high) if heading else low
    end = text_end(builder, low, high, context, one_line=heading, item=True)
    if heading:
        closing = _before_closing_hashes(builder, low, end)
        builder.add_heading(index, start.level, parse_inline(reader, low, closing, context.depth))
        return max(end, index + 1)
    read = parse_inline if builder.in_references and start.number is not None else parse_lines
    content = read(reader, low, end, context.depth)
    if builder.in_references and start.number is not None:
        builder.add(e.Reference, index, key=str(start.number), content=content)
    else:
        depth, ordered = builder.list_depth(start.indent), start.number is not None
        builder.add(e.ListItem, index, depth=depth, ordered=ordered, number=start.number, content=content)
    return max(end, index + 1)


def _before_closing_hashes(builder: DocumentBuilder, low: int, high: int) -> int:
    """The end of a heading without its closing sequence: ``## Title ##`` (CommonMark 4.2)."""
    low, high = builder.reader.strip(low, high)
    tokens = builder.reader.tokens
    closed = high - low > 1 and not tokens[high - 1].text.strip("#") and tokens[high - 2].kind is Kind.SPACE
    return high - 1 if closed else high


def _read_paragraph(builder: DocumentBuilder, index: int, high: int, context: ParseContext) -> int:
    end = max(index + 1, text_end(builder, index, high, context))
    caption = _caption_line(builder.reader, index, end, high)
    if caption is not None:
        add_prose(builder, index, caption, context)
        index = caption
    add_prose(builder, index, end, context)
    return end


def _caption_line(reader: TokenReader, index: int, end: int, high: int) -> int | None:
    """The index at which the last line of a paragraph begins, if it is the caption of a table directly below."""
    below = reader.skip_spaces(end, high)
    if below >= high or reader.tokens[below].name not in TABULARS:
        return None
    start = None
    while index < end:
        after = reader.after(index, end)
        if reader.tokens[index].kind is Kind.NEWLINE and after < end:
            start = after
        index = after
    return start if start is not None and caption_label(reader.source(start, end)) else None


def add_prose(builder: DocumentBuilder, low: int, high: int, context: ParseContext) -> None:
    """Adds tokens ``low`` to ``high - 1`` as the element that their content indicates, by default a paragraph."""
    content = (parse_inline if builder.in_references else parse_lines)(builder.reader, low, high, context.depth)
    if not content or _add_tables(builder, low, high, content, context):
        return
    _add_content(builder, low, high, content, context)


def _add_tables(builder: DocumentBuilder, low: int, high: int, content: Content, context: ParseContext) -> bool:
    """Adds the parts of a paragraph in which tables stand: in a group, behind words. Whether it has any."""
    nested = [(place, piece) for place, piece in enumerate(content) if type(piece) is Nested]
    if not nested or len(content) == 1 or context.role is not e.Paragraph:
        return False
    reader = builder.reader
    starts: list[tuple[int, int]] = []  # the first token of each table, and the one behind it
    index = low
    while index < high:
        begins = reader.tokens[index].name in TABULARS and reader.tokens[index].kind is Kind.BEGIN
        closing = reader.closing(index, high) if begins else None
        starts += [(index, closing + 1)] if closing is not None else []
        index = index + 1 if closing is None else closing + 1
    if len(starts) != len(nested) or not any(_is_table(piece.grid) for _, piece in nested):
        return False
    before, first = 0, low
    for (place, piece), (begin, end) in zip(nested, starts, strict=True):
        if not _is_table(piece.grid):
            continue
        if part := merge(content[before:place]):
            _add_content(builder, first, begin, part, context)
            first = begin
        builder.add(e.Table, first, grid=piece.grid)
        before, first = place + 1, end
    if rest := merge(content[before:]):
        _add_content(builder, first, high, rest, context)
    return True


def _is_table(grid: Grid) -> bool:
    return grid.rows > 1 and grid.columns > 1


def _add_content(builder: DocumentBuilder, low: int, high: int, content: Content, context: ParseContext) -> None:
    words = plain_text(content[:1])
    label = caption_label(words) if context.role is e.Paragraph else None
    key = reference_key(words) if builder.in_references else None
    only = content[0] if len(content) == 1 else None
    if only is not None and only.kind == "math":
        builder.add(e.Formula, low, latex=only.latex, display=False)
    elif only is not None and only.kind == "nested":
        builder.add(e.Table, low, grid=only.grid)
    elif content[0].kind == "smiles" and all(_separates_molecules(piece) for piece in content):
        _add_molecules(builder, low, high)
    elif key is not None:
        builder.add(e.Reference, low, key=key, content=without_prefix(content, f"[{key}]"))
    elif label is not None:
        builder.add(e.Caption, low, of=label[0], number=label[1], content=content)
    else:
        builder.add(context.role, low, content=content)


def _separates_molecules(piece: Inline) -> bool:
    return piece.kind in ("smiles", "break") or (piece.kind == "text" and not piece.text.strip())


def _add_molecules(builder: DocumentBuilder, low: int, high: int) -> None:
    """Adds an element for each molecule of a text that consists of molecules."""
    tokens = builder.reader.tokens
    for index in [index for index in range(low, high) if tokens[index].smiles]:
        builder.add(e.Molecule, low, smiles=tokens[index].smiles)
        low = index + 1


def text_end(
    builder: DocumentBuilder,
    index: int,
    high: int,
    context: ParseContext,
    *,
    one_line: bool = False,
    item: bool = False,
) -> int:
    """The end of the text that starts at ``index``: at another block or, outside a list, at an empty line.

    With ``one_line`` it ends with its line; with ``item`` at any line marker.
    """
    reader = builder.reader
    tokens, partner = reader.tokens, reader.partner
    while index < high:
        token = tokens[index]
        kind = token.kind
        if kind in _INSIDE and partner[index] < 0:
            index += 1
            continue
        if kind in _BLOCK_STARTS:
            return index
        if kind is Kind.BLANK and not context.list_depth:
            return index
        if kind is Kind.COMMAND and token.name.rstrip("*") in BLOCK_COMMANDS:
            return index
        if kind is Kind.NEWLINE and index + 1 < high and not context.list_depth:
            if one_line:
                return index
            start = line_start(reader, index + 1)
            if start is not None and (
                item or builder.in_references or start.interrupts or builder.continues_list(start.number)
            ):
                return index
        index = reader.after(index, high)
    return high
