r"""Tables without their ``\begin{tabular}`` or their ``\end{tabular}``, or with neither.

The missing tokens are inserted with no characters of the answer, so that such a table is parsed as any other.
"""

from dataclasses import dataclass, field

from got_runtime.markup.latex.misspelt import TABULARS, is_rule
from got_runtime.markup.latex.symbols import BLOCK_COMMANDS, FORMULA_ENVIRONMENTS
from got_runtime.markup.latex.table_settings import after_trim, close_settings, is_specification
from got_runtime.markup.latex.tokens import WHOLE, Kind, Token

_SPACES = frozenset({Kind.SPACE, Kind.NEWLINE})
_INERT = frozenset({Kind.SPACE, Kind.BRACKET, Kind.UNBRACKET, Kind.ESCAPED, Kind.DOLLAR, Kind.STARS, Kind.SPECIAL})
_OF_ROWS = frozenset({Kind.TEXT, Kind.CELL, Kind.ROW_BREAK, Kind.OPEN, Kind.CLOSE})
_PARAGRAPH_ENDS = WHOLE | {
    Kind.BLANK, Kind.FORM_FEED, Kind.BEGIN, Kind.END, Kind.OPEN_DISPLAY, Kind.CLOSE_DISPLAY, Kind.DOLLARS
}  # fmt: skip
_TABLE_EDGES = frozenset({Kind.CELL, Kind.BEGIN, Kind.END})
_BEFORE = 64  # tokens; bounds the search for the columns of a table whose \begin is missing


def complete_tables(tokens: list[Token]) -> list[Token]:
    """The tokens, with the tokens that tables lack; an inserted token has no text."""
    if not any(token.kind is Kind.CELL or (token.name and token.name in TABULARS) for token in tokens):
        return tokens
    tokens = close_settings(tokens)
    return _with_environments(tokens) if _has_bare_rows(tokens) else tokens


def _has_bare_rows(tokens: list[Token]) -> bool:
    """Whether rows or the end of a table stand outside tables and formula environments."""
    inside = 0
    for token in [token for token in tokens if token.kind in _TABLE_EDGES]:
        kind = token.kind
        if kind is Kind.CELL and not inside:
            return True
        if kind is Kind.BEGIN:
            inside += token.name in TABULARS or token.name in FORMULA_ENVIRONMENTS
        elif kind is Kind.END and (token.name in TABULARS or token.name in FORMULA_ENVIRONMENTS):
            if not inside:
                return True
            inside -= 1
    return False


def _at(token: Token, kind: Kind, name: str = "") -> Token:
    """A token without text before ``token``."""
    return Token(kind, "", token.start, token.start, name)


@dataclass(slots=True)
class _Paragraph:
    """What a paragraph outside tables and formulas has of a table: token indexes of its rows, and counts."""

    low: int
    high: int = 0
    first: int | None = None  # of the first rule, or of the line of the first cell
    last: int = -1  # last separator or rule
    cells: int = 0
    rules: int = 0
    rows: list[int] = field(default_factory=list)  # separators of each row outside braces
    ended: bool = False  # by an \end{tabular} without a beginning
    follows: bool = False  # the paragraph before, with only an empty line between
    words: bool = False
    depth: int = 0
    row: int = 0

    @property
    def of_rows(self) -> bool:
        return bool(self.rules) or bool(self.cells and self.rows)

    def add(self, index: int, kind: Kind, line: int) -> None:
        if kind is Kind.TEXT:
            self.words = True
        elif kind is Kind.OPEN:
            self.depth += 1
        elif kind is Kind.CLOSE:
            self.depth -= self.depth > 0
        else:
            self.first = line if self.first is None else self.first
            self.last = index
            if kind is Kind.CELL:
                self.cells += 1
                self.row += not self.depth
            else:
                if not self.depth:
                    self.rows.append(self.row)
                self.row = 0

    def add_rule(self, index: int) -> None:
        self.first = index if self.first is None else self.first
        self.last = index
        self.rules += 1


def _with_environments(tokens: list[Token]) -> list[Token]:
    """Inserts ``\\begin{tabular}`` before rows without one, and ``\\end{tabular}`` after rows that lack both."""
    begins: dict[int, tuple[int, str]] = {}  # index → the index after the tokens that it replaces, and its name
    ends: set[int] = set()
    group: list[_Paragraph] = []
    for paragraph in [*_paragraphs(tokens), _Paragraph(len(tokens), len(tokens))]:
        if group and not (paragraph.follows and (paragraph.of_rows or paragraph.ended)):
            if _is_table(group):
                low, name, after = _beginning(tokens, group)
                begins[low] = after, name
                if not group[-1].ended:
                    ends.add(_end(tokens, group[-1]))
            group = []
        if paragraph.of_rows or (paragraph.ended and (paragraph.rows or group)):
            group.append(paragraph)
    if not begins:
        return tokens
    out: list[Token] = []
    index = 0
    while index < len(tokens):
        if index in ends:
            out.append(_at(tokens[index], Kind.END, "tabular"))
        after, name = begins.get(index, (index, ""))
        if name:
            text = "".join(token.text for token in tokens[index:after])
            start = tokens[index].start
            out.append(Token(Kind.BEGIN, text, start, start + len(text), name))
        if after == index:
            out.append(tokens[index])
        index = max(after, index + (after == index))
    return [*out, Token(Kind.END, "", tokens[-1].end, tokens[-1].end, "tabular")] if len(tokens) in ends else out


def _paragraphs(tokens: list[Token]) -> list[_Paragraph]:
    """The paragraphs outside tables and formulas; blocks of other kinds end them too."""
    found: list[_Paragraph] = []
    current = _Paragraph(0)
    inside: list[str] = []  # tables and formula environments that are open
    display = inline = False
    line = 0
    for index, token in enumerate(tokens):
        kind = token.kind
        if kind in _OF_ROWS:
            if not (display or inline or inside):
                current.add(index, kind, line)
            continue
        if kind is Kind.NEWLINE:
            inline, line = False, index + 1
            continue
        if kind in _INERT:
            continue
        if kind is Kind.BLANK or kind is Kind.FORM_FEED:
            display = inline = False
        elif kind is Kind.DOLLARS:
            display = not display
        elif kind is Kind.OPEN_DISPLAY or kind is Kind.CLOSE_DISPLAY:
            display = kind is Kind.OPEN_DISPLAY
        elif kind is Kind.OPEN_INLINE or kind is Kind.CLOSE_INLINE:
            inline = kind is Kind.OPEN_INLINE
        stray = kind is Kind.END and token.name in TABULARS and not inside
        if kind is Kind.BEGIN and (token.name in TABULARS or token.name in FORMULA_ENVIRONMENTS):
            inside.append(token.name)
        elif kind is Kind.END and inside and (inside[-1] == token.name or {inside[-1], token.name} <= TABULARS):
            inside.pop()
        elif not inside and not _ends_paragraph(token):
            if kind is Kind.COMMAND and not display and not inline and is_rule(token.name):
                current.add_rule(index)
            continue
        current.high, current.ended = index, stray
        found.append(current)
        line = index + 1
        current = _Paragraph(line, follows=kind is Kind.BLANK)
    current.high = len(tokens)
    return [*found, current]


def _ends_paragraph(token: Token) -> bool:
    if token.kind is Kind.COMMAND:
        return token.name.rstrip("*") in BLOCK_COMMANDS
    return token.kind in _PARAGRAPH_ENDS


def _is_table(group: list[_Paragraph]) -> bool:
    if group[-1].ended:
        return any(paragraph.words for paragraph in group)
    rows = [row for paragraph in group for row in [*paragraph.rows, paragraph.row]]
    full = [row for row in rows if row]
    if any(paragraph.rules for paragraph in group):
        return bool(full) and any(paragraph.rows for paragraph in group)
    return len(full) > 1 and len(set(full)) == 1


def _beginning(tokens: list[Token], group: list[_Paragraph]) -> tuple[int, str, int]:
    """The index at which rows begin, the name of their environment, and the index after what is left of its beginning.

    Their columns may still stand before them (``{|l|c|}``), and the end of its name too (``tabular}{|l|c|}``).
    """
    first = group[0]
    low = first.first if first.first is not None else first.low
    name = tokens[group[-1].high].name if group[-1].ended else "tabular"
    before = low
    while before > first.low and tokens[before - 1].kind in _SPACES:
        before -= 1
    if before > first.low and tokens[before - 1].kind is Kind.CLOSE:
        depth, opening = 1, before - 2
        while opening >= max(first.low, before - _BEFORE):
            depth += (tokens[opening].kind is Kind.CLOSE) - (tokens[opening].kind is Kind.OPEN)
            if not depth:
                break
            opening -= 1
        taken = opening > 0 and tokens[opening - 1].kind is Kind.COMMAND  # \caption{SPD}, \section*{LCD}
        if (
            not depth
            and not taken
            and is_specification("".join(each.text for each in tokens[opening + 1 : before - 1]))
        ):
            low = opening
    if low >= first.low + 2 and tokens[low - 1].kind is Kind.CLOSE and tokens[low - 2].text in TABULARS:
        return low - 2, tokens[low - 2].text, low
    if low + 1 < first.high and tokens[low].text in TABULARS and tokens[low + 1].kind is Kind.CLOSE:
        return low, tokens[low].text, low + 2
    return low, name, low


def _end(tokens: list[Token], last: _Paragraph) -> int:
    """The index after the last row of rows that nothing ends: after the last separator or rule and its argument."""
    index = last.last + 1
    if tokens[last.last].kind is Kind.CELL:
        while index < last.high and tokens[index].kind is not Kind.NEWLINE:
            index += 1
        return index
    if tokens[last.last].name == "cmidrule":
        index = after_trim(tokens, index, last.high)
    while index < last.high:
        opened = index + (tokens[index].kind is Kind.SPACE)
        kind = tokens[opened].kind if opened < last.high else Kind.BLANK
        if kind is not Kind.BRACKET and (kind is not Kind.OPEN or opened > index):
            break
        closing = Kind.CLOSE if kind is Kind.OPEN else Kind.UNBRACKET
        limit = min(last.high, opened + _BEFORE)
        after = next((each + 1 for each in range(opened, limit) if tokens[each].kind is closing), index)
        if after == index:
            break
        index = after
    return index
