r"""Comments at line ends: ``\resizebox{1cm}{!}{% to fit``. A model often writes ``%`` for ``\%``, a percent sign."""

import re

from got_runtime.markup.latex.tokens import Kind, Token

_NUMBER = re.compile(r"[-+±~<>≈≤≥\d.,–]*\d|.*[)$]")
_AROUND = frozenset({Kind.OPEN, Kind.BEGIN, Kind.END})
_BEFORE = _AROUND | {Kind.CLOSE, Kind.COMMAND}
_LINE_ENDS = frozenset({Kind.NEWLINE, Kind.BLANK})
_WORDS = frozenset({Kind.TEXT, Kind.SPACE})
_OPENED = {Kind.CLOSE: Kind.OPEN, Kind.UNBRACKET: Kind.BRACKET}
_MOST_WORDS = 40  # tokens of a comment
_MOST_ARGUMENTS = 40  # tokens of the arguments before it
# Commands around an element, whose last argument begins with a line of its own.
_BOXES = frozenset({
    "adjustbox", "centerline", "colorbox", "fbox", "framebox", "makebox", "mbox", "parbox", "raisebox", "resizebox",
    "rotatebox", "scalebox",
})  # fmt: skip
# Commands whose argument is printed: a percent sign behind it is, too.
_PRINTED = frozenset({
    "emph", "mathbf", "mathrm", "text", "textbf", "textit", "textmd", "textrm", "textsc", "textsf", "textsubscript",
    "textsuperscript", "texttt", "textup", "uline", "underline",
})  # fmt: skip


def without_comments(tokens: list[Token]) -> list[Token]:
    """The tokens, with a space in place of each comment and the end of its line."""
    if not any(token.text[0] == "%" for token in tokens):
        return tokens
    out: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        index += 1
        end = (
            _comment_end(tokens, index - 1) if token.kind is Kind.TEXT and token.text[0] == "%" and index > 1 else None
        )
        if end is None:
            out.append(token)
            continue
        index = end + (tokens[end].kind is Kind.NEWLINE)
        out.append(Token(Kind.SPACE, " ", token.start, tokens[index - 1].end))
    return out


def _comment_end(tokens: list[Token], index: int) -> int | None:
    """The end of the line, if a comment begins at ``index``; None for a percent sign."""
    end = index + 1
    limit = min(len(tokens), end + _MOST_WORDS)
    while end < limit and tokens[end].kind in _WORDS:
        end += 1
    if end >= limit or tokens[end].kind not in _LINE_ENDS:
        return None
    alone = end == index + 1 and tokens[index].text == "%"
    return end if (_is_sign_alone(tokens, index) if alone else _is_around(_owner(tokens, index - 1))) else None


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
    return owner is not None and (owner.kind in (Kind.BEGIN, Kind.END) or owner.name in _BOXES)


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
