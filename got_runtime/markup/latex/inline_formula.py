r"""Formulas inside a line: what ``\(…\)`` stands for, and where one that is never closed ends."""

from collections.abc import Sequence

from got_runtime.markup.content import Content, Inline, Mark, Math, Nested, Text, plain_text, with_mark
from got_runtime.markup.latex.formula import repair_latex
from got_runtime.markup.latex.formula_table import read_formula_table
from got_runtime.markup.latex.plain_formula import superscript
from got_runtime.markup.latex.tabular import ReadContent
from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.latex.tokens import Kind
from got_runtime.markup.latex.typography import plain_words

_FORMULAS = frozenset({Kind.OPEN_INLINE, Kind.DOLLAR})
FORMULA_ENDS = frozenset({Kind.CLOSE_INLINE, Kind.CLOSE_DISPLAY})
_BRACKETED, _BRACKETED_PIECES = 40, 8  # characters and pieces within which a bracket is closed
_INTERVAL = 12  # characters of a half-open interval: [0, 1)
_LINE_ENDS = frozenset({Kind.NEWLINE, Kind.BLANK, *FORMULA_ENDS})


def is_bracket(reader: TokenReader, index: int, high: int) -> bool:
    r"""Whether ``\(`` at ``index`` stands for a bracket: ``\(A)``, which is printed as "(A)"."""
    text = reader.tokens[index + 1].text if index + 1 < high else ""
    return text[:1].isalnum() and text.find(")", 1, 4) > 0


def closed_bracket(kind: Kind, pieces: Sequence[Inline]) -> str:
    r"""The bracket that a stray ``\)`` behind ``pieces`` stands for, as in ``(C\)``; empty where none is open."""
    before = plain_text(tuple(pieces[-_BRACKETED_PIECES:]))[-_BRACKETED:]
    opened = max(map(before.rfind, "([（"))
    if opened <= max(map(before.rfind, ")]）")):
        return ""
    inside = before[opened + 1 :]
    same = (before[opened] == "[") == (kind is Kind.CLOSE_DISPLAY)
    if not same and not ("," in inside and len(inside) <= _INTERVAL):
        return ""
    return "]" if kind is Kind.CLOSE_DISPLAY else "）" if before[opened] == "（" else ")"


def unclosed_end(reader: TokenReader, start: int, high: int) -> int:
    """The index at which a formula that begins at ``start`` and is never closed ends: at words or at its line's end."""
    end = start
    while end < high and reader.tokens[end].kind not in _LINE_ENDS:
        if reader.opens_prose(end, high):
            break
        end = reader.after(end, high)
    separated = end > start and reader.tokens[end - 1].kind is Kind.SPACE  # from the words that follow
    return end - 1 if separated else end


def formula_piece(reader: TokenReader, latex: str, marks: tuple[Mark, ...], read_content: ReadContent) -> Inline | None:
    """The repaired formula as a piece of a line: a table, a footnote mark, or a formula; None for an empty one."""
    grid = read_formula_table(reader, latex, read_content)
    if grid is not None:
        return Nested(grid=grid)
    raised = superscript(latex)
    if raised == "":
        return None
    if raised is not None:
        return Text(text=raised, marks=with_mark(marks, "superscript"))
    return Math(latex=latex) if latex else None


def simple_content(reader: TokenReader, low: int, high: int, read_content: ReadContent) -> Content | None:
    """The content of words and spaces, or of one formula, as most cells are; None for other tokens."""
    if low < high and reader.tokens[low].kind in _FORMULAS and reader.partner[low] == high - 1:
        piece = formula_piece(reader, repair_latex(reader, low + 1, high - 1), (), read_content)
        return () if piece is None else (piece,)
    return plain_words(reader, low, high)
