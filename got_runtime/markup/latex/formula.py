"""Formulas: LaTeX repaired and normalised, without its number and label."""

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from got_runtime.markup.latex.code_settings import read_listing
from got_runtime.markup.latex.misspelt import is_rule, misspelt_command
from got_runtime.markup.latex.plain_formula import as_written, code_in_formula
from got_runtime.markup.latex.symbols import FORMULA_ENVIRONMENTS
from got_runtime.markup.latex.tokens import Kind, Token, tokenize

if TYPE_CHECKING:
    from got_runtime.markup.latex.token_reader import TokenReader

_MAX_NESTING = 40  # deeper than any formula: bounds the search for the opening token of a closing one

_MAX_TEXTS = 8  # within one another: what is inside is written again for each

_SPACES = frozenset({Kind.SPACE, Kind.NEWLINE, Kind.BLANK, Kind.FORM_FEED})
_DELIMITERS = frozenset(
    {Kind.OPEN_INLINE, Kind.CLOSE_INLINE, Kind.OPEN_DISPLAY, Kind.CLOSE_DISPLAY, Kind.DOLLAR, Kind.DOLLARS}
)
_FOREIGN = frozenset({Kind.SPECIAL, Kind.FENCE, Kind.HTML_TABLE, Kind.KERN, Kind.RAW, Kind.SMILES, Kind.VERB})
# Commands whose argument is text, in which delimiters begin and end formulas.
_TEXTS = frozenset(
    {"\\text", "\\textrm", "\\textbf", "\\textit", "\\textsf", "\\textnormal", "\\textup", "\\mbox", "\\hbox"}
)

# Characters as HTML writes them.
_ENTITY = re.compile(r"(?<!\\)&(lt|gt|le|ge);")
_CHARACTERS = {"lt": "<", "gt": ">", "le": "\\leq ", "ge": "\\geq "}


def repair_latex(reader: "TokenReader", low: int, high: int) -> str:
    """The tokens of a formula as LaTeX in which braces, environments and ``\\left … \\right`` are balanced.

    Single spaces, no delimiter inside. Repairing a repaired formula changes nothing.
    """
    written = as_written(reader, low, high)
    if written is not None:
        return written
    balance = _Balancer(reader)
    for index in range(low, high):
        balance.add(reader.tokens[index])
    return balance.finish()


class _Balancer:
    """Closes open braces, environments and ``\\left``: each closing token first closes those above its own."""

    def __init__(self, reader: "TokenReader") -> None:
        self._reader = reader
        self._out: list[str] = []
        self._stack: list[str] = []  # "{", "\left" or an environment's name
        self._environments = 0  # of them
        self._after_stray_right = False
        # Texts that are open: the depth of their braces, and the indices of their command and of the delimiters inside.
        self._texts: list[tuple[int, int, list[int]]] = []
        self._columns_follow = True  # whether a brace behind the last \begin is its argument in the answer, too

    def add(self, token: Token) -> None:
        kind, text = token.kind, token.text
        if self._after_stray_right:
            self._after_stray_right = False
            text = text.removeprefix(".")
        if kind in _DELIMITERS and self._texts and self._texts[-1][0] == len(self._stack):
            self._emit("$")  # replaced when the text ends
            self._texts[-1][2].append(len(self._out) - 1)
        elif kind in _SPACES or kind in _DELIMITERS:
            self._emit(" ")
        elif kind in _FOREIGN:
            self._add_foreign(token)
        elif kind is Kind.CELL:
            self._emit("&")
            if len(text) > 1:
                self._emit(" ")
        elif kind is Kind.OPEN:
            self._open_brace(text)
        elif kind is Kind.CLOSE:
            self._close_brace()
        elif kind is Kind.BEGIN:
            self._stack.append(token.name)
            self._environments += 1
            self._emit(f"\\begin{{{token.name}}}")
            self._columns_follow = bool(text)
        elif kind is Kind.END:
            self._close_environment(token.name)
        elif kind is Kind.COMMAND and token.name in ("left", "right"):
            self._delimiter(token.name)
        elif kind is Kind.COMMAND and is_rule(token.name) and not self._environments:
            self._reader.record_repair("special-token", f"{text} outside a table: dropped")
            self._columns_follow = False
            self._emit(" ")
        elif kind is Kind.COMMAND and token.name.rstrip("*") in ("begin", "end", "verb"):
            # It lacks its argument; what follows could become one after repairs: \end{t\end{tabular}abular}.
            self._reader.record_repair("unmatched-end", f"{text} without what it takes: dropped")
            self._columns_follow = False
            self._emit(" ")
        elif text != "\\":  # a backslash at the end escapes nothing
            self._emit(text)

    def _add_foreign(self, token: Token) -> None:
        code = "" if token.kind is Kind.SPECIAL else token.smiles or token.code
        if token.kind is Kind.RAW and token.name != "tikzpicture":
            code = read_listing(token.name, token.text).code
        if code.strip():
            for each in tokenize(code_in_formula(code)):
                self.add(each)
            return
        self._reader.record_repair("special-token", f"{token.text[:20]} does not belong in a formula: dropped")
        self._columns_follow = False
        self._emit(" ")

    def separate(self) -> None:
        """Adds a space where something was removed: ``<\\label{x}smiles>`` must not become ``<smiles>``."""
        self._emit(" ")

    def finish(self) -> str:
        self._unwind(0)
        while self._out and self._out[-1] == " ":
            self._out.pop()
        return _ENTITY.sub(lambda found: _CHARACTERS[found[1]], "".join(self._out))

    def _emit(self, piece: str) -> None:
        last = self._out[-1] if self._out else " "
        if piece == " " and last == " ":
            return
        if piece == "{" and last == " " and self._follows_misspelt_command():
            self._out[-1] = "{}"  # what stood between was removed: \begi {tabular} would begin a table
        elif piece.startswith("tabular") and last == " " and len(self._out) > 1 and self._out[-2][0] == "\\":
            self._out[-1] = "{}"  # \h tabular} would end one
        elif piece == "{" and self._has_columns():
            self._out.append("{}")
        if last[-1] == "`" and piece[:1] in ("\\", "&", "}"):
            self._out.append(" ")  # else it would begin code
        if last[0] == "\\" and last[-1:].isalpha() and len(last) > 1 and (piece[:1].isalpha() or piece[:1] == "*"):
            # A token between was removed, or the two are a rule and a word: \alpha and x must not become \alphax.
            self._out.append("{}" if piece.startswith("tabular") else " ")
        if piece:
            self._out.append(piece)

    def _follows_misspelt_command(self) -> bool:
        """Whether the piece before a space is one such as ``\\begi``."""
        before = self._out[-2] if len(self._out) > 1 else ""
        return before.startswith("\\") and misspelt_command(before[1:]) is not None

    def _has_columns(self) -> bool:
        """Whether a brace would be read as the columns of a table, though it was none in the answer."""
        rows = [piece for piece in self._out[-2:] if piece != " "]
        return not self._columns_follow and bool(rows) and rows[-1].startswith("\\begin")

    def _unwind(self, depth: int) -> None:
        """Closes everything open above ``depth``."""
        while len(self._stack) > depth:
            opened = self._stack.pop()
            if opened == "{":
                self._end_text()
                self._reader.record_repair("unbalanced-brace", "a brace of a formula was never closed: closed")
                self._emit("}")
            elif opened == "\\left":
                self._reader.record_repair("left-right", "\\left without \\right: closed with \\right.")
                self._emit("\\right.")
            else:
                self._environments -= 1
                self._reader.record_repair("unclosed-environment", f"\\begin{{{opened}}} was never closed: closed")
                self._emit(f"\\end{{{opened}}}")

    def _find(self, wanted: str, barriers: tuple[str, ...]) -> int | None:
        """The depth of the innermost ``wanted``; only ``barriers`` may be above it. None if there is none."""
        for depth in range(len(self._stack) - 1, max(-1, len(self._stack) - 1 - _MAX_NESTING), -1):
            if self._stack[depth] == wanted:
                return depth
            if self._stack[depth] not in barriers:
                return None
        return None

    def _open_brace(self, text: str) -> None:
        self._stack.append("{")
        before = [place for place in range(max(0, len(self._out) - 2), len(self._out)) if self._out[place] != " "]
        if before and self._out[before[-1]] in _TEXTS and len(self._texts) < _MAX_TEXTS:
            self._texts.append((len(self._stack), before[-1], []))
        self._emit(text)

    def _end_text(self) -> None:
        r"""Puts the formulas of a text behind it, since no delimiter stays: ``\text{if $x$}`` → ``{\text{if }x}``."""
        if not self._texts or self._texts[-1][0] <= len(self._stack):
            return
        out, (_, place, marks) = self._out, self._texts.pop()
        if len(marks) % 2:  # the last one is a price
            price = marks.pop()
            after = price + 1 + (out[price + 1 : price + 2] == [" "])
            out[price:after] = [" "] if out[price - 1] != " " else []
        if not marks:
            return
        edges = [out.index("{", place), *marks, len(out)]
        parts = [out[before + 1 : after] for before, after in pairwise(edges)]
        command, out[place:] = out[place], []
        self._emit("{")
        for number, part in enumerate(parts):
            formula = part[part[:1] == [" "] : len(part) - (part[-1:] == [" "])]
            for piece in formula if number % 2 else [command, "{", *part, "}"] if part else []:
                self._emit(piece)

    def _close_brace(self) -> None:
        depth = self._find("{", ("\\left",))
        if depth is None:
            self._reader.record_repair("unbalanced-brace", "a closing brace of a formula had no opening one: dropped")
            self._emit(" ")
            return
        self._unwind(depth + 1)
        self._stack.pop()
        self._end_text()
        self._emit("}")

    def _close_environment(self, name: str) -> None:
        depth = self._find(name, ("{", "\\left"))
        if depth is None:
            self._reader.record_repair("unmatched-end", f"\\end{{{name}}} had no beginning: dropped")
            self._columns_follow = False
            self._emit(" ")
            return
        self._unwind(depth + 1)
        self._stack.pop()
        self._environments -= 1
        self._emit(f"\\end{{{name}}}")

    def _delimiter(self, name: str) -> None:
        if name == "left":
            self._stack.append("\\left")
            self._emit("\\left")
            return
        depth = self._find("\\left", ("{",))
        if depth is None:
            self._reader.record_repair("left-right", "\\right without \\left: dropped, its delimiter kept")
            self._after_stray_right = True
            self._emit(" ")
            return
        self._unwind(depth + 1)
        self._stack.pop()
        self._emit("\\right")


class Display(NamedTuple):
    """A displayed formula, its number (``\\tag``) and its label."""

    latex: str
    number: str | None
    label: str | None


_STYLED = re.compile(
    r"\\(?:text(?:rm|bf|it|sf|tt|normal|up)?|mbox|mathrm|mathbf|mathit|rm|bf)(?![A-Za-z])\s*\{([^{}\\]*)\}"
)
_RAISED = re.compile(r"\^\s*\{?\s*\\(?:prime|ast|star)(?![A-Za-z])\s*\}?")


def _printed_number(source: str) -> str:
    r"""The number of a formula without the commands that set its type: ``3\text{a}`` → ``3a``."""
    number = _STYLED.sub(r"\1", source)
    number = _RAISED.sub(lambda found: "′" if "prime" in found[0] else "*", number)
    return number.replace("$", "") if number.count("$") == 2 else number


def read_display(reader: "TokenReader", low: int, high: int, environment: str = "") -> Display:
    """The formula of tokens ``low`` to ``high - 1``; a single ``\\tag`` and the ``\\label`` are removed."""
    found: dict[str, list[str]] = {"tag": [], "label": []}
    kept: list[tuple[int, int]] = []
    index = start = low
    while index < high:
        token = reader.tokens[index]
        name = token.name.rstrip("*") if token.kind is Kind.COMMAND else ""
        argument = reader.argument(index + 1, high) if name in found else None
        if name in found or name in ("nonumber", "notag"):  # without an argument it could take one that repairs create
            kept.append((start, index))
            if argument is not None:
                found[name].append(" ".join(reader.source(*argument[0]).split()))
            index = start = argument[1] if argument else index + 1
        else:
            index += 1
    kept.append((start, high))
    balance = _Balancer(reader)
    several = len(found["tag"]) > 1
    for first, last in [(low, high)] if several else kept:
        for token in reader.tokens[first:last]:
            balance.add(token)
        balance.separate()
    latex = balance.finish()
    wrapped = FORMULA_ENVIRONMENTS.get(environment, "")
    if environment.startswith("alignat") and latex.lstrip().startswith("{"):  # \begin{alignat}{2}
        wrapped = "alignedat"
    if wrapped and latex:
        latex = f"\\begin{{{wrapped}}}{latex}\\end{{{wrapped}}}"
    number = _printed_number(found["tag"][0]) if len(found["tag"]) == 1 else None
    return Display(latex, number, found["label"][0] if found["label"] else None)
