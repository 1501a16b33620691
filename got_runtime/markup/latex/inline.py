"""Tokens of a line → runs of text, formulas, links and nested tables, by recursive descent."""

from collections.abc import Callable

from got_runtime.markup.content import BREAK, Content, Inline, Mark, Nested, Smiles, merge, plain_text, run, with_mark
from got_runtime.markup.latex.accents import ACCENTS, read_accent
from got_runtime.markup.latex.algorithms import STEPS, read_step
from got_runtime.markup.latex.cell_commands import CELL_COMMANDS, read_cell_command
from got_runtime.markup.latex.code_settings import read_listing
from got_runtime.markup.latex.formula import read_display, repair_latex
from got_runtime.markup.latex.groups import after_name, is_printed
from got_runtime.markup.latex.html_table import read_html_table
from got_runtime.markup.latex.inline_formula import (
    FORMULA_ENDS,
    closed_bracket,
    formula_piece,
    is_bracket,
    simple_content,
    unclosed_end,
)
from got_runtime.markup.latex.layout import BLANK, after_row_break, is_layout, shown_space, skip_layout
from got_runtime.markup.latex.line_ends import hard_breaks
from got_runtime.markup.latex.line_joints import end_line
from got_runtime.markup.latex.misspelt import TABULARS
from got_runtime.markup.latex.references import REFERENCES, read_reference
from got_runtime.markup.latex.sign_commands import SIGN_COMMANDS, read_sign, take_script
from got_runtime.markup.latex.symbols import (
    ENVIRONMENT_ARGUMENTS,
    ESCAPED,
    FORMULA_ENVIRONMENTS,
    MARKS,
    SKIPPED,
    SYMBOLS,
    TRANSPARENT,
)
from got_runtime.markup.latex.tabular import parse_tabular
from got_runtime.markup.latex.token_reader import MAX_DEPTH, TokenReader
from got_runtime.markup.latex.tokens import Kind
from got_runtime.markup.latex.typography import Line, Typography

_SIGNS = frozenset({Kind.BRACKET, Kind.UNBRACKET, Kind.CELL})
_BREAKS = frozenset({"newline", "par", "and", "linebreak", "AND", "And"})


def parse_inline(
    reader: TokenReader, low: int, high: int, depth: int = 0, breaks: frozenset[int] = frozenset()
) -> Content:
    """The content of tokens ``low`` to ``high - 1``; a line ends with a space, with a break at ``breaks``."""
    simple = simple_content(reader, low, high, parse_inline)
    if simple is not None:
        return simple
    return merge(_InlineParser(Line(reader, Typography(reader), breaks), high, (), depth).parse(low))


def parse_lines(reader: TokenReader, low: int, high: int, depth: int = 0) -> Content:
    """The content of tokens ``low`` to ``high - 1``; the lines of the answer end where they end on purpose."""
    return parse_inline(reader, low, high, depth, hard_breaks(reader, low, high))


class _InlineParser:
    """Parses a range of tokens into ``pieces``. Handlers take the index of a token and return that of the next one."""

    def __init__(self, line: Line, high: int, marks: tuple[Mark, ...], depth: int) -> None:
        self.line = line
        self.reader = line.reader
        self.tokens = line.reader.tokens
        self.high = high
        self.marks = marks
        self.depth = depth
        self.pieces: list[Inline] = []

    def parse(self, low: int) -> list[Inline]:
        """The pieces from token ``low`` to the end of the range."""
        if self.depth > MAX_DEPTH:
            self.reader.record_repair("too-deep", "nested too deep: the rest is kept as it is")
            return [run(self.reader.source(low, self.high), self.marks)]
        index = low
        while index < self.high:
            index = _HANDLERS[self.tokens[index].kind](self, index)
        return self.pieces

    def _nested(self, low: int, high: int, marks: tuple[Mark, ...] | None = None) -> list[Inline]:
        """The pieces of a range inside this one, with these marks instead of its own."""
        return _InlineParser(self.line, high, self.marks if marks is None else marks, self.depth + 1).parse(low)

    def _add_text(self, text: str) -> None:
        self.pieces.append(run(text, self.marks))

    def read_text(self, index: int) -> int:
        self._add_text(self.line.typography.read(index))
        return index + 1

    def read_verbatim(self, index: int) -> int:
        end = index + 1
        while end < self.high and self.tokens[end].kind in _SIGNS:
            end += 1
        self._add_text("".join([token.text for token in self.tokens[index:end]]))
        return end

    def read_newline(self, index: int) -> int:
        """The end of a line: a break, or what stands between its last word and the next one."""
        if index in self.line.breaks:
            return self.read_blank(index)
        self._add_text(end_line(self.pieces, self.reader.text, self.tokens[index].end, self.reader.words))
        indented = index + 1 < self.high and self.tokens[index + 1].kind is Kind.SPACE
        return index + 1 + indented

    def read_blank(self, index: int) -> int:
        self.pieces.append(BREAK)
        return index + 1

    def read_row_break(self, index: int) -> int:
        self.pieces.append(BREAK)
        return after_row_break(self.reader, index + 1, self.high)

    def read_group(self, index: int) -> int:
        closing = self.reader.closing(index, self.high)
        if closing is None:
            self.reader.record_repair("unbalanced-brace", "a brace was never closed: dropped")
            return index + 1
        script = take_script(self.pieces, self.reader, index, closing)
        if isinstance(script, str):
            self._add_text(script)
        elif script is not None:
            self.pieces += self._nested(index + 1, closing, with_mark(self.marks, script.mark))
        else:
            opening, end = ("{", "}") if is_printed(self.reader, index, closing) else ("", "")
            self.pieces += [run(opening, self.marks), *self._nested(index + 1, closing)]
            self._add_text(end)
        return closing + 1

    def read_closing_brace(self, index: int) -> int:
        self.reader.record_repair("unbalanced-brace", "a closing brace had no opening one: dropped")
        return index + 1

    def read_formula(self, index: int) -> int:
        token, closing = self.tokens[index], self.reader.closing(index, self.high)
        if closing is not None:
            self._add_formula(repair_latex(self.reader, index + 1, closing))
            return closing + 1
        bracket = token.kind is Kind.OPEN_INLINE and is_bracket(self.reader, index, self.high)
        if bracket or token.kind is Kind.DOLLAR or token.kind is Kind.DOLLARS:
            self._add_text("(" if bracket else token.text)  # or a price, not a formula
            return index + 1
        self.reader.record_repair(
            "unclosed-math", f"{token.text} was never closed: closed where words or the line end it"
        )
        end = unclosed_end(self.reader, index + 1, self.high)
        self._add_formula(repair_latex(self.reader, index + 1, end))
        return end

    def _add_formula(self, latex: str) -> None:
        piece = formula_piece(self.reader, latex, self.marks, parse_inline)
        self.pieces += [piece] if piece is not None else []

    def read_formula_end(self, index: int) -> int:
        bracket = closed_bracket(self.tokens[index].kind, self.pieces)
        self._add_text(bracket)
        if not bracket:
            self.reader.record_repair("unclosed-math", f"{self.tokens[index].text} had no opening one: dropped")
        return index + 1

    def read_stars(self, index: int) -> int:
        closing = self.reader.closing(index, self.high)
        if closing is None:
            return self.read_verbatim(index)
        self.pieces += self._nested(index + 1, closing, with_mark(self.marks, "bold"))
        return closing + 1

    def read_special(self, index: int) -> int:
        self.reader.record_repair("special-token", f"stray {self.tokens[index].shown} dropped")
        return index + 1

    def read_smiles(self, index: int) -> int:
        smiles = self.tokens[index].smiles
        self.pieces += [Smiles(smiles=smiles)] if smiles else []
        return index + 1

    def read_escaped(self, index: int) -> int:
        character = self.tokens[index].text[1]
        if character in ACCENTS:
            return self._read_accent(index, character)
        self._add_text(ESCAPED.get(self.tokens[index].text, character))
        return index + 1

    def _read_accent(self, index: int, name: str) -> int:
        text, after = read_accent(self.reader, name, index + 1, self.high)
        self._add_text(text)
        return after

    def read_command(self, index: int) -> int:
        name = self.tokens[index].name
        if name in SYMBOLS:
            self._add_text(SYMBOLS[name])
            return after_name(self.reader, index, self.high)
        if name in ACCENTS and index + 1 < self.high and self.tokens[index + 1].kind is Kind.OPEN:
            return self._read_accent(index, name)
        if name in _BREAKS and not (name == "AND" and self.reader.has_steps):
            return self.read_blank(index)
        if is_layout(name):
            after = skip_layout(self.reader, index, self.high)
            self._add_text(shown_space(self.reader, index, after))
            return after
        if name in CELL_COMMANDS or name in STEPS:
            read = read_cell_command if name in CELL_COMMANDS else read_step
            pieces, after = read(self.reader, index, self.high, self.marks, self._nested)
            self.pieces += pieces
            return after
        if name in SIGN_COMMANDS:
            sign, after = read_sign(self.reader, index, self.high, self.pieces, self._words)
            self._add_text(sign)
            return after if after > index + 1 else after_name(self.reader, index, self.high)
        if name in REFERENCES:
            shown, after = read_reference(self.reader, index, self.high, self.marks, self._words)
            self.pieces += [shown] if shown is not None else []
            return after
        return self._read_argument(index, name)

    def _read_argument(self, index: int, name: str) -> int:
        """A command that shows its argument, with a mark or without; an unknown command is kept as text."""
        skipped = SKIPPED.get(name, 0)
        after = self.reader.skip_arguments(index + 1, self.high, skipped)
        start = after
        while (name in TRANSPARENT or skipped) and (option := self.reader.option(start, self.high)):
            start = option[1]
        argument = self.reader.argument(start, self.high)
        if name not in MARKS and name not in TRANSPARENT and not skipped:
            return self.read_verbatim(index)
        if argument is None:
            return max(after, index + 1)
        (low, end), after = argument
        shown = self._nested(low, end, with_mark(self.marks, MARKS[name]) if name in MARKS else self.marks)
        self.pieces += shown
        if MARKS.get(name) == "underline" and all(each.kind == "text" and not each.text.strip() for each in shown):
            self._add_text(BLANK)  # to be filled in: \underline{\hspace{2cm}}
        return after

    def _words(self, low: int, high: int) -> str:
        return " ".join(plain_text(parse_inline(self.reader, low, high, self.depth + 1)).split())

    def read_environment(self, index: int) -> int:
        token, closing = self.tokens[index], self.reader.closing(index, self.high)
        if token.name in TABULARS and self.depth < MAX_DEPTH:
            end = self.high if closing is None else closing
            grid = parse_tabular(self.reader, index, end, parse_inline, self.depth + 1)
            self.pieces += [Nested(grid=grid)] if grid.cells else []
            return end if closing is None else closing + 1
        if closing is None:
            self.reader.record_repair("unclosed-environment", f"{token.text} was never closed: dropped")
            return index + 1
        if token.name in FORMULA_ENVIRONMENTS:
            self._add_formula(read_display(self.reader, index + 1, closing, token.name).latex)
            return closing + 1
        low = self.reader.skip_arguments(index + 1, closing, ENVIRONMENT_ARGUMENTS.get(token.name, 0))
        self.pieces += self._nested(low, closing)
        return closing + 1

    def read_environment_end(self, index: int) -> int:
        if self.reader.partner[index] < 0:
            self.reader.record_repair("unmatched-end", f"{self.tokens[index].text} had no beginning: dropped")
        return index + 1

    def read_html_table(self, index: int) -> int:
        table = read_html_table(self.reader, self.tokens[index].text, parse_inline, self.depth)
        self.pieces += [BREAK, *table.caption, BREAK] if table.caption else []
        self.pieces.append(Nested(grid=table.grid))
        return index + 1

    def read_code(self, index: int) -> int:
        """Code, a score or a verbatim environment inside a line."""
        token = self.tokens[index]
        code = token.code
        if token.kind is Kind.RAW and token.name != "tikzpicture":
            code = read_listing(token.name, token.text).code.strip("\n")
        for number, line in enumerate(code.split("\n") if token.kind in (Kind.RAW, Kind.FENCE) else [code]):
            self.pieces += [BREAK] if number else []
            self.pieces.append(run(line, with_mark(self.marks, "code")))
        return index + 1


_HANDLERS: dict[Kind, Callable[[_InlineParser, int], int]] = {
    Kind.TEXT: _InlineParser.read_text,
    **dict.fromkeys((Kind.SPACE, *_SIGNS), _InlineParser.read_verbatim),
    **dict.fromkeys((Kind.NEWLINE, Kind.FORM_FEED), _InlineParser.read_newline),
    Kind.BLANK: _InlineParser.read_blank,
    Kind.ROW_BREAK: _InlineParser.read_row_break,
    Kind.COMMAND: _InlineParser.read_command,
    Kind.ESCAPED: _InlineParser.read_escaped,
    Kind.OPEN: _InlineParser.read_group,
    Kind.CLOSE: _InlineParser.read_closing_brace,
    **dict.fromkeys((Kind.OPEN_INLINE, Kind.OPEN_DISPLAY, Kind.DOLLAR, Kind.DOLLARS), _InlineParser.read_formula),
    **dict.fromkeys(FORMULA_ENDS, _InlineParser.read_formula_end),
    Kind.STARS: _InlineParser.read_stars,
    Kind.SPECIAL: _InlineParser.read_special,
    Kind.SMILES: _InlineParser.read_smiles,
    Kind.BEGIN: _InlineParser.read_environment,
    Kind.END: _InlineParser.read_environment_end,
    Kind.HTML_TABLE: _InlineParser.read_html_table,
    **dict.fromkeys((Kind.RAW, Kind.FENCE, Kind.KERN, Kind.VERB), _InlineParser.read_code),
}
