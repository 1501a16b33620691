r"""Comments at line ends: ``\resizebox{1cm}{!}{% to fit``. A model often writes ``%`` for ``\%``, a percent sign."""

import re

from got_runtime.markup.latex.misspelt import TABULARS, WIDE_TABULARS
from got_runtime.markup.latex.tokens import Kind, Token

_NUMBER = re.compile(r"[-+±~<>≈≤≥\d.,–]*\d|.*[)$]")
_COLUMNS = re.compile(r"[|lcrpmbwLCRPMBWSX@!:><*]*")  # letters of columns before a comment
_SHARE = re.compile(r"%?(?:of|in|by|per|change|von|der|des?|du)")  # the first word behind the sign in {% of patients}
_ROWS = frozenset({Kind.CELL, Kind.ROW_BREAK, Kind.BLANK, Kind.FORM_FEED, Kind.BEGIN, Kind.END})
_AROUND = frozenset({Kind.OPEN, Kind.BEGIN, Kind.END})
_BEFORE = _AROUND | {Kind.CLOSE, Kind.COMMAND}
_LINE_ENDS = frozenset({Kind.NEWLINE, Kind.BLANK})
_WORDS = frozenset({Kind.TEXT, Kind.SPACE, Kind.COMMAND})
_IN_COMMENTS = _WORDS | {Kind.CELL, Kind.ESCAPED, Kind.BRACKET, Kind.UNBRACKET, Kind.OPEN, Kind.CLOSE}
_OPENED = {Kind.CLOSE: Kind.OPEN, Kind.UNBRACKET: Kind.BRACKET}
_MOST_WORDS = 40  # tokens of a comment
_MOST_ARGUMENTS = 40  # tokens of the arguments before it
# Commands around an element, whose last argument begins with a line of its own.
_BOXES = frozenset({
    "adjustbox", "centerline", "colorbox", "fbox", "framebox", "makebox", "mbox", "parbox", "raisebox", "resizebox",
    "rotatebox", "scalebox",
})  # fmt: skip
# Commands with which a line of a source ends: the words behind a sign are a comment.
_SETTINGS = frozenset({
    "arraystretch", "caption", "caption*", "centering", "includegraphics", "label", "noindent", "raggedleft",
    "raggedright", "renewcommand", "setlength", "tabcolsep", "vspace", "vspace*",
})  # fmt: skip
# Commands whose argument is printed: a percent sign behind it is, too.
_PRINTED = frozenset({
    "emph", "mathbf", "mathrm", "text", "textbf", "textit", "textmd", "textrm", "textsc", "textsf", "textsubscript",
    "textsuperscript", "texttt", "textup", "uline", "underline",
})  # fmt: skip


def without_comments(tokens: list[Token]) -> list[Token]:
    """The tokens, with a space in place of each comment and the end of its line."""
    if not any("%" in token.text for token in tokens):
        return tokens
    out: list[Token] = []
    columns = _Columns()
    index = line = 0  # ``line`` is the first token from ``index`` that is neither a word nor a space
    while index < len(tokens):
        token = tokens[index]
        index += 1
        if not (columns.expected or token.kind is Kind.BEGIN or token.text[:1] == "%"):
            out.append(token)
            continue
        inside = columns.add(token)
        at = token.text.find("%") if token.kind is Kind.TEXT and (inside or token.text[0] == "%") else -1
        if at < 0:
            out.append(token)
            continue
        line = max(line, index)
        while line < len(tokens) and tokens[line].kind in _WORDS:
            line += 1
        if _is_behind_columns(tokens, index - 1):
            while line < len(tokens) and tokens[line].kind in _IN_COMMENTS:
                line += 1
        in_columns = inside and _COLUMNS.fullmatch(token.text, 0, at)
        if not in_columns and (at or index == 1 or not _is_comment(tokens, index - 1, line)):
            out.append(token)
            continue
        if at:
            out.append(Token(Kind.TEXT, token.text[:at], token.start, token.start + at))
        index = line + (line < len(tokens) and tokens[line].kind is Kind.NEWLINE)
        out.append(Token(Kind.SPACE, " ", token.start + at, tokens[index - 1].end))
    return out


class _Columns:
    """Whether tokens stand in the columns of a table, between ``\\begin{tabular}{`` and its brace."""

    def __init__(self) -> None:
        self.expected = self._depth = 0  # braced arguments up to the columns; braces that are open

    def add(self, token: Token) -> bool:
        """Whether ``token`` stands there, directly between the braces."""
        kind = token.kind
        if kind is Kind.BEGIN and token.name in TABULARS:
            self.expected, self._depth = 1 + (token.name in WIDE_TABULARS), 0
        elif not self.expected or kind in _ROWS:
            self.expected = 0
        elif kind is Kind.OPEN:
            self._depth += 1
        elif kind is Kind.CLOSE:
            self._depth -= 1
            self.expected -= self._depth < 1
        return self.expected == self._depth == 1


def _is_comment(tokens: list[Token], index: int, end: int) -> bool:
    """Whether a comment, and no percent sign, stands from ``index`` to ``end``, the first token that is no word."""
    if end - index > _MOST_WORDS or end == len(tokens) or tokens[end].kind not in _LINE_ENDS:
        return False
    if end == index + 1 and tokens[index].text == "%":
        return _is_sign_alone(tokens, index)
    spaced = tokens[index - 1].kind is Kind.SPACE and index > 1
    before = index - 1 - spaced
    owner = _owner(tokens, before)
    if not spaced and _is_around(owner):
        return True
    if not _is_around(owner) and (tokens[before].kind is not Kind.OPEN or (owner and owner.name in _PRINTED)):
        return False
    word = tokens[index].text if len(tokens[index].text) > 1 else tokens[index + 2].text
    return not _SHARE.fullmatch(word)  # {% left, but not {% of patients


def _is_behind_columns(tokens: list[Token], index: int) -> bool:
    """Whether a token follows the columns of a table in their line, where no cell begins with a percent sign."""
    before = index - 1 - (index > 1 and tokens[index - 1].kind is Kind.SPACE)
    if before < 0 or tokens[before].kind is not Kind.CLOSE:
        return False
    owner = _owner(tokens, before)
    return owner is not None and owner.kind is Kind.BEGIN and owner.name in TABULARS


def _is_sign_alone(tokens: list[Token], index: int) -> bool:
    r"""Whether ``%`` at a line end is a comment: ``\fbox{%``, but not ``\textbf{50}%`` or ``\textbf{Share}%``."""
    low = index - 1
    if low and tokens[low].kind is Kind.SPACE:
        return tokens[low - 1].kind in _AROUND
    if tokens[low].kind not in _BEFORE:
        return False
    if tokens[low].kind is not Kind.CLOSE:
        return True
    owner = _owner(tokens, low)
    if owner is not None and owner.kind is Kind.COMMAND and owner.name in _PRINTED:
        return False
    first = low < 3 or tokens[low - 3].kind is not Kind.CLOSE  # {50}%, not \renewcommand{\x}{1.2}%
    return not (first and low and _NUMBER.fullmatch(tokens[low - 1].text))


def _is_around(owner: Token | None) -> bool:
    return owner is not None and (owner.kind in (Kind.BEGIN, Kind.END) or owner.name in _BOXES | _SETTINGS)


def _owner(tokens: list[Token], index: int) -> Token | None:
    """The command or environment whose argument ends or begins at ``index``; None for a plain group and other text."""
    low = max(0, index - _MOST_ARGUMENTS)
    if tokens[index].kind is Kind.OPEN:
        index -= 1
    while index >= low:
        token = tokens[index]
        if token.kind in (Kind.COMMAND, Kind.BEGIN, Kind.END):
            return token
        opened = _OPENED.get(token.kind)
        if opened is None:
            return None
        depth = 0
        while index >= low:
            depth += (tokens[index].kind is token.kind) - (tokens[index].kind is opened)
            index -= 1
            if not depth:
                break
    return None
