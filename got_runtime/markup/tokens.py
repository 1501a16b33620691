"""Text of an answer → tokens, and which token closes which: two linear passes, nothing thrown away.

The pieces whose inside is another language (verbatim, TikZ, SMILES, ``**kern``, fenced code) come out as one token
each, so that a ``{`` in a score or a ``\\[`` in a molecule never pairs with anything of the page.
"""

import re
from collections import Counter
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a token is."""

    TEXT = "text"
    SPACE = "space"
    NEWLINE = "newline"
    BLANK = "blank"  # an empty line: the end of a paragraph
    FORM_FEED = "form_feed"  # the end of a page
    COMMAND = "command"  # \name, \name*
    ESCAPED = "escaped"  # \%, \_, \,
    ROW_BREAK = "row_break"  # \\
    BEGIN = "begin"
    END = "end"
    OPEN = "open"  # {
    CLOSE = "close"  # }
    BRACKET = "bracket"  # [
    UNBRACKET = "unbracket"  # ]
    CELL = "cell"  # &
    OPEN_INLINE = "open_inline"  # \(
    CLOSE_INLINE = "close_inline"  # \)
    OPEN_DISPLAY = "open_display"  # \[
    CLOSE_DISPLAY = "close_display"  # \]
    DOLLAR = "dollar"
    DOLLARS = "dollars"
    STARS = "stars"  # **
    SPECIAL = "special"  # <|im_end|>, <imgpad>
    RAW = "raw"  # a verbatim-like environment, whole
    FENCE = "fence"  # fenced code, whole
    SMILES = "smiles"  # <smiles>…</smiles>, whole
    KERN = "kern"  # Humdrum, whole


class Token(NamedTuple):
    """A piece of the answer; ``name`` is the command's or the environment's."""

    kind: Kind
    text: str
    start: int
    end: int
    name: str = ""


# Every alternative either takes what it has looked at or looks at a bounded number of characters: linear time.
_TOKEN = re.compile(
    r"""
      (?P<begin>          \\begin[ ]{0,4}\{[ ]{0,4}[A-Za-z]{1,32}\*?[ ]{0,4}\} )
    | (?P<end>            \\end[ ]{0,4}\{[ ]{0,4}[A-Za-z]{1,32}\*?[ ]{0,4}\} )
    | (?P<command>        \\[A-Za-z]+\*? )
    | (?P<row_break>      \\\\ )
    | (?P<open_inline>    \\\( )
    | (?P<close_inline>   \\\) )
    | (?P<open_display>   \\\[ )
    | (?P<close_display>  \\\] )
    | (?P<escaped>        \\[^\nA-Za-z] )
    | (?P<open>           \{ )
    | (?P<close>          \} )
    | (?P<bracket>        \[ )
    | (?P<unbracket>      \] )
    | (?P<cell>           & )
    | (?P<dollars>        \$\$ )
    | (?P<dollar>         \$ )
    | (?P<stars>          \*\* )
    | (?P<smiles>         <smiles>[^<&\n]*(?:</smiles>)? )
    | (?P<special>        <\|[a-z_0-9]{1,20}\|> | </?(?:ref|box|quad|img)> | <imgpad> )
    | (?P<form_feed>      \f )
    | (?P<blank>          (?:\r?\n[ \t]*){2,} )
    | (?P<newline>        \r?\n )
    | (?P<space>          [ \t\r]+ )
    | (?P<text>           [^\\{}\[\]&$*<\n\r\t\f\ ]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_KINDS = {kind.value: kind for kind in Kind}

RAW_ENVIRONMENTS = frozenset({"verbatim", "lstlisting", "minted", "tikzpicture", "Verbatim", "alltt"})

TABULARS = frozenset({"tabular", "tabular*", "tabularx", "longtable", "array", "tabu"})


def tokenize(text: str) -> list[Token]:
    """Cuts ``text`` into tokens that follow one another without a gap, from its first character to its last."""
    tokens: list[Token] = []
    position, length, line_start = 0, len(text), True
    while position < length:
        raw = _raw_token(text, position, line_start)
        if raw is None:
            match = _TOKEN.match(text, position)
            assert match is not None  # the last alternative takes any character
            kind, end = _KINDS[match.lastgroup or "text"], match.end()
            raw = Token(kind, match.group(), position, end, _name(kind, match.group()))
        tokens.append(raw)
        position = raw.end
        line_start = raw.kind in _LINE_ENDS or (line_start and raw.kind is Kind.SPACE)
    return tokens


_LINE_ENDS = frozenset({Kind.NEWLINE, Kind.BLANK, Kind.FORM_FEED, Kind.SPECIAL})


def _name(kind: Kind, text: str) -> str:
    if kind is Kind.COMMAND:
        return text[1:]
    if kind is Kind.BEGIN or kind is Kind.END:
        return text[text.index("{") + 1 : -1].strip()
    return ""


def _raw_token(text: str, position: int, line_start: bool) -> Token | None:
    first = text[position]
    if first == "\\" and text.startswith("\\begin{", position):
        name = text[position + 7 : position + 40].partition("}")[0]
        if name in RAW_ENVIRONMENTS:
            closing = f"\\end{{{name}}}"
            found = text.find(closing, position)
            end = len(text) if found < 0 else found + len(closing)
            return Token(Kind.RAW, text[position:end], position, end, name)
    elif line_start and first == "`" and text.startswith("```", position):
        found = text.find("\n```", position)
        end = _line_end(text, found + 1) if found >= 0 else len(text)
        return Token(Kind.FENCE, text[position:end], position, end)
    elif line_start and first in "*!" and _opens_humdrum(text, position):
        end = _humdrum_end(text, position)
        return Token(Kind.KERN, text[position:end], position, end)
    return None


def _line_end(text: str, position: int) -> int:
    found = text.find("\n", position)
    return len(text) if found < 0 else found


def _opens_humdrum(text: str, position: int) -> bool:
    """Whether a Humdrum file starts here: a line of exclusive interpretations (``**kern``), or records before it."""
    if text.startswith("!!!", position):  # only a record that is soon followed by **kern
        return "\n**kern" in text[position : position + 1000]
    if not text.startswith("**", position):
        return False
    fields = text[position : min(_line_end(text, position), position + 400)].split()
    return "**kern" in fields[:32] and all(field.startswith("**") and field[2:].isalnum() for field in fields)


def _humdrum_end(text: str, position: int) -> int:
    """After the line that ends every spine (``*-``), else the first special token, else the end."""
    started = False
    while position < len(text):
        end = _line_end(text, position)
        line = text[position:end]
        fields = line.split()
        if started and fields and all(field == "*-" for field in fields):
            return end
        if "<|" in line:
            return position + line.index("<|") if started or line.index("<|") else end
        started = started or line.startswith("**")
        position = end + 1
    return len(text)


_INLINE = frozenset({Kind.OPEN_INLINE, Kind.DOLLAR, Kind.STARS})
_OPENERS = {Kind.CLOSE: Kind.OPEN, Kind.CLOSE_INLINE: Kind.OPEN_INLINE, Kind.CLOSE_DISPLAY: Kind.OPEN_DISPLAY}


class Pairing:
    """Which token closes which (``partner``), and where the paragraph a token stands in ends (``paragraph_end``).

    ``partner[i]`` is the index of the token that closes token ``i`` (or that it closes), -1 where there is none.
    Pairs never cross: a closing token drops the unclosed ones above its own on the stack.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self.partner = [-1] * len(tokens)
        self._tokens = tokens
        self._stack: list[int] = []
        self._open: Counter[Kind | str] = Counter()
        for index, token in enumerate(tokens):
            self._visit(index, token)
        self.paragraph_end = self._paragraph_ends()

    def _visit(self, index: int, token: Token) -> None:
        kind = token.kind
        if kind is Kind.TEXT or kind is Kind.SPACE:
            return
        if kind is Kind.BEGIN:
            self._push(index, token.name)
        elif kind is Kind.END:
            self._close_environment(index, token.name)
        elif kind is Kind.OPEN or kind is Kind.OPEN_DISPLAY:
            self._push(index, kind)
        elif kind is Kind.OPEN_INLINE:
            self._drop_top(kind)  # inline formulas do not nest: the one before was never closed
            self._push(index, kind)
        elif kind is Kind.CLOSE and self._stack and self._tokens[self._stack[-1]].kind not in (Kind.OPEN, *_INLINE):
            return  # a stray brace must not close a group around the environment it stands in
        elif kind in _OPENERS:
            self._close(index, _OPENERS[kind])
        elif kind is Kind.DOLLARS:
            if self._open[kind]:
                self._close(index, kind)
            else:
                self._push(index, kind)
        elif kind is Kind.DOLLAR or kind is Kind.STARS:
            self._toggle(index, kind)
        elif kind is Kind.BLANK or kind is Kind.FORM_FEED:
            while self._stack and any(self._open[inline] for inline in _INLINE):
                self._pop()

    def _push(self, index: int, key: Kind | str) -> None:
        self._stack.append(index)
        self._open[key] += 1

    def _pop(self) -> int:
        index = self._stack.pop()
        token = self._tokens[index]
        self._open[token.name if token.kind is Kind.BEGIN else token.kind] -= 1
        return index

    def _drop_top(self, kind: Kind) -> None:
        if self._stack and self._tokens[self._stack[-1]].kind is kind:
            self._pop()

    def _close(self, index: int, opener: Kind) -> None:
        if self._open[opener]:
            while self._tokens[opened := self._pop()].kind is not opener:
                pass
            self._join(opened, index)

    def _close_environment(self, index: int, name: str) -> None:
        if not self._open[name]:
            top = self._tokens[self._stack[-1]] if self._stack else None
            if top is None or top.kind is not Kind.BEGIN or not {top.name, name} <= TABULARS:
                return
            name = top.name  # \begin{tabular} … \end{array}: meant to be the same
        while True:
            opened = self._pop()
            if self._tokens[opened].kind is Kind.BEGIN and self._tokens[opened].name == name:
                return self._join(opened, index)

    def _toggle(self, index: int, kind: Kind) -> None:
        """``$`` and ``**`` open before a non-space and close after one, so that prices and stars stay text."""
        before = self._tokens[index - 1] if index else None
        after = self._tokens[index + 1] if index + 1 < len(self._tokens) else None
        if self._open[kind] and before is not None and before.kind not in _SPACES:
            if not (kind is Kind.DOLLAR and after is not None and after.text[:1].isdigit()):
                self._close(index, kind)
        elif not self._open[kind] and after is not None and after.kind not in _SPACES:
            self._push(index, kind)

    def _join(self, opened: int, closed: int) -> None:
        self.partner[opened], self.partner[closed] = closed, opened

    def _paragraph_ends(self) -> list[int]:
        """For each token the index of the next empty line that no closed pair hides, or the number of tokens."""
        ends = [len(self._tokens)] * (len(self._tokens) + 1)
        for index in range(len(self._tokens) - 1, -1, -1):
            kind = self._tokens[index].kind
            if kind is Kind.BLANK or kind is Kind.FORM_FEED:
                ends[index] = index
            elif self.partner[index] > index:
                ends[index] = ends[self.partner[index]]
            else:
                ends[index] = ends[index + 1]
        return ends


_SPACES = frozenset({Kind.SPACE, Kind.NEWLINE, Kind.BLANK})
