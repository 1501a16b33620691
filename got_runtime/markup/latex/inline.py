"""A line's tokens → runs of text, formulas, links: the recursive descent below the blocks."""

from functools import partial
from typing import TYPE_CHECKING

from got_runtime.markup.content import (
    Break,
    Content,
    Inline,
    Mark,
    Math,
    Nested,
    Smiles,
    Text,
    merge,
    plain,
    with_mark,
)
from got_runtime.markup.latex.accents import ACCENTS, read_accent
from got_runtime.markup.latex.formula import mend_latex, superscript
from got_runtime.markup.latex.groups import is_printed
from got_runtime.markup.latex.references import REFERENCES, read_reference
from got_runtime.markup.latex.symbols import (
    DROPPED,
    ENVIRONMENT_ARGUMENTS,
    ESCAPED,
    LETTERS,
    MARKS,
    SKIPPED,
    SYMBOLS,
    TRANSPARENT,
)
from got_runtime.markup.latex.token_reader import MAX_DEPTH, Reader
from got_runtime.markup.latex.tokens import TABULARS, Kind, Token
from got_runtime.markup.latex.typography import Typography

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_inline(reader: Reader, low: int, high: int, depth: int = 0) -> Content:
    """The content of tokens ``low`` to ``high - 1``."""
    return merge(_Line(reader).read(low, high, (), depth))


class _Line:
    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.tokens: Sequence[Token] = reader.tokens
        self.typography = Typography(reader)

    def read(self, low: int, high: int, marks: tuple[Mark, ...], depth: int) -> list[Inline]:
        pieces: list[Inline] = []
        if depth > MAX_DEPTH:
            self.reader.mend("too-deep", "nested too deep: the rest is kept as it is")
            return [Text(text=self.reader.source(low, high), marks=marks)]
        index = low
        while index < high:
            index = self._read_one(index, high, marks, depth, pieces)
        return pieces

    def _read_one(self, index: int, high: int, marks: tuple[Mark, ...], depth: int, pieces: list[Inline]) -> int:
        """Reads what starts at ``index`` into ``pieces``; the index after it."""
        token, kind = self.tokens[index], self.tokens[index].kind
        if kind is Kind.TEXT:
            pieces.append(Text(text=self.typography.read(index), marks=marks))
        elif kind in _PLAIN:
            pieces.append(Text(text=token.text, marks=marks))
        elif kind is Kind.NEWLINE or kind is Kind.FORM_FEED:
            if not self._between_ideographs(index):
                pieces.append(Text(text=" ", marks=marks))
        elif kind is Kind.COMMAND:
            return self._command(index, high, marks, depth, pieces)
        elif kind is Kind.ESCAPED:
            return self._escaped(index, high, marks, pieces)
        elif kind is Kind.BLANK:
            pieces.append(Break())
        elif kind is Kind.ROW_BREAK:
            pieces.append(Break())
            spacing = self.reader.option(index + 1, high)
            if spacing and self.reader.source(*spacing[0])[:1].isdigit():  # \\[2pt]
                return spacing[1]
        elif kind is Kind.OPEN:
            return self._group(index, high, marks, depth, pieces)
        elif kind is Kind.CLOSE:
            self.reader.mend("unbalanced-brace", "a closing brace had no opening one: dropped")
        elif kind in _FORMULAS:
            return self._formula(index, high, marks, pieces)
        elif kind in _FORMULA_ENDS:
            self.reader.mend("unclosed-math", f"{token.text} had no opening one: dropped")
        elif kind is Kind.STARS:
            closing = self.reader.closing(index, high)
            if closing is not None:
                pieces += self.read(index + 1, closing, with_mark(marks, "bold"), depth + 1)
                return closing + 1
            pieces.append(Text(text=token.text, marks=marks))
        elif kind is Kind.SPECIAL:
            self.reader.mend("special-token", f"stray {token.text} dropped")
        elif kind is Kind.SMILES:
            pieces += [Text(text=" ")] if pieces and pieces[-1].kind == "smiles" else []  # one is not the other's end
            pieces += [Smiles(smiles=token.smiles)] if token.smiles else []
        elif kind is Kind.BEGIN:
            return self._environment(index, high, marks, depth, pieces)
        elif kind is Kind.END:
            if self.reader.partner[index] < 0:
                self.reader.mend("unmatched-end", f"{token.text} had no beginning: dropped")
        elif kind is Kind.VERB:
            pieces.append(Text(text=token.text[6:-1], marks=with_mark(marks, "code")))
        else:  # a score, a fence or a verbatim environment inside a line
            pieces.append(Text(text=token.text, marks=with_mark(marks, "code")))
        return index + 1

    def _between_ideographs(self, index: int) -> bool:
        """Whether a line ends between two Chinese or Japanese characters, which no space parts."""
        text, token = self.reader.text, self.tokens[index]
        around = text[token.start - 1 : token.start] + text[token.end : token.end + 1]
        return len(around) == 2 and all("\u2e80" <= each <= "\u9fff" or each >= "\uff00" for each in around)

    def _group(self, index: int, high: int, marks: tuple[Mark, ...], depth: int, pieces: list[Inline]) -> int:
        closing = self.reader.closing(index, high)
        if closing is None:
            self.reader.mend("unbalanced-brace", "a brace was never closed: dropped")
            return index + 1
        printed = is_printed(self.reader, index, closing)
        pieces += [Text(text="{", marks=marks)] if printed else []
        pieces += self.read(index + 1, closing, marks, depth + 1)
        pieces += [Text(text="}", marks=marks)] if printed else []
        return closing + 1

    def _formula(self, index: int, high: int, marks: tuple[Mark, ...], pieces: list[Inline]) -> int:
        from got_runtime.markup.latex.formula_table import read_formula_table  # tables hold lines that hold tables

        token, closing = self.tokens[index], self.reader.closing(index, high)
        end = closing if closing is not None else high
        if closing is None:
            if token.kind is Kind.DOLLAR or token.kind is Kind.DOLLARS:
                pieces.append(Text(text=token.text, marks=marks))  # a price, not a formula
                return index + 1
            self.reader.mend("unclosed-math", f"{token.text} was never closed: closed where words or the line end it")
            end = index + 1
            while end < high and self.tokens[end].kind not in _LINE_ENDS and not self.reader.opens_prose(end, high):
                end = self.reader.after(end, high)
            end = max(end, index + 1)
            end -= end > index + 1 and self.tokens[end - 1].kind is Kind.SPACE  # it parts the words, not the formula
        latex = mend_latex(self.reader, index + 1, end)
        raised = superscript(latex)
        if latex.startswith("\\begin{") and (grid := read_formula_table(self.reader, latex)) is not None:
            pieces.append(Nested(grid=grid))
        elif raised is not None:
            pieces.append(Text(text=raised, marks=with_mark(marks, "superscript")))
        elif latex:
            pieces.append(Math(latex=latex))
        return end if closing is None else closing + 1

    def _escaped(self, index: int, high: int, marks: tuple[Mark, ...], pieces: list[Inline]) -> int:
        character = self.tokens[index].text[1]
        if character in ACCENTS:
            text, after = read_accent(self.reader, character, index + 1, high)
        else:
            text, after = ESCAPED.get(self.tokens[index].text, character), index + 1
        pieces.append(Text(text=text, marks=marks))
        return after

    def _command(self, index: int, high: int, marks: tuple[Mark, ...], depth: int, pieces: list[Inline]) -> int:
        name = self.tokens[index].name
        if name in SYMBOLS:
            pieces.append(Text(text=SYMBOLS[name], marks=marks))
            return self._end_of_name(index, high)
        if name in ACCENTS and index + 1 < high and self.tokens[index + 1].kind is Kind.OPEN:
            text, after = read_accent(self.reader, name, index + 1, high)
            pieces.append(Text(text=text, marks=marks))
            return after
        if name in ("newline", "par", "and", "linebreak", "AND", "And"):
            pieces.append(Break())
            return index + 1
        if name in DROPPED:
            return self.reader.skip_arguments(index + 1, high, DROPPED[name])
        if name in REFERENCES:
            words = partial(self._words, depth=depth)
            shown, after = read_reference(self.reader, index, high, marks, words)
            pieces += [shown] if shown is not None else []
            return after
        skipped = SKIPPED.get(name, 0)
        after = self.reader.skip_arguments(index + 1, high, skipped)
        option = self.reader.option(after, high) if name in TRANSPARENT else None
        argument = self.reader.argument(option[1] if option else after, high)
        if argument is not None and (name in MARKS or name in TRANSPARENT or skipped):
            (low, end), after = argument
            inner = with_mark(marks, MARKS[name]) if name in MARKS else marks
            pieces += self.read(low, end, inner, depth + 1)
            return after
        if name not in MARKS and name not in TRANSPARENT and not skipped:
            pieces.append(Text(text=self.tokens[index].text, marks=marks))  # unknown: nothing is lost
        return index + 1

    def _words(self, low: int, high: int, depth: int) -> str:
        return " ".join(plain(parse_inline(self.reader, low, high, depth + 1)).split())

    def _end_of_name(self, index: int, high: int) -> int:
        """The token after a sign and what only ends its name: ``\\ldots{}``, ``\\aa ngstrom``."""
        index, name = index + 1, self.tokens[index].name
        if index + 1 < high:
            empty = self.tokens[index].kind is Kind.OPEN and self.reader.partner[index] == index + 1
            spaced = self.tokens[index].kind is Kind.SPACE and self.tokens[index + 1].text[0].isalpha()
            return index + 2 if empty else index + (name in LETTERS and spaced)
        return index

    def _environment(self, index: int, high: int, marks: tuple[Mark, ...], depth: int, pieces: list[Inline]) -> int:
        from got_runtime.markup.latex.tabular import parse_tabular  # tables hold lines that hold tables

        token, closing = self.tokens[index], self.reader.closing(index, high)
        if token.name in TABULARS and depth < MAX_DEPTH:
            end = high if closing is None else closing
            grid = parse_tabular(self.reader, index, end, depth + 1)
            if grid.cells:
                pieces.append(Nested(grid=grid))
            return end if closing is None else closing + 1
        if closing is None:
            self.reader.mend("unclosed-environment", f"{token.text} was never closed: dropped")
            return index + 1
        low = self.reader.skip_arguments(index + 1, closing, ENVIRONMENT_ARGUMENTS.get(token.name, 0))
        pieces += self.read(low, closing, marks, depth + 1)
        return closing + 1


_PLAIN = frozenset({Kind.SPACE, Kind.BRACKET, Kind.UNBRACKET, Kind.CELL})
_FORMULAS = frozenset({Kind.OPEN_INLINE, Kind.OPEN_DISPLAY, Kind.DOLLAR, Kind.DOLLARS})
_FORMULA_ENDS = frozenset({Kind.CLOSE_INLINE, Kind.CLOSE_DISPLAY})
_LINE_ENDS = frozenset({Kind.NEWLINE, Kind.BLANK, *_FORMULA_ENDS})
