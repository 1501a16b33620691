"""Tokenizer of GOT's dialect: one linear pass, lossless.

Text in another language (verbatim, TikZ, SMILES, ``**kern``, fenced code, HTML tables) is one token, so that a ``{`` in
a score or a ``\\[`` in a molecule never matches a token outside it.
"""

import re
from enum import Enum
from typing import NamedTuple

from got_runtime.markup.latex.code_settings import RAW_ENVIRONMENTS, read_fence
from got_runtime.markup.latex.html_source import html_table_end
from got_runtime.markup.latex.misspelt import joined_rule, misspelt_environment, table_name


class Kind(Enum):
    """Kinds of tokens."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; every token is looked up in sets

    TEXT = "text"
    SPACE = "space"
    NEWLINE = "newline"
    BLANK = "blank"  # an empty line: the end of a paragraph
    FORM_FEED = "form_feed"  # the end of a page
    COMMAND = "command"  # \name, \name*
    ESCAPED = "escaped"  # \%, \_, \,
    ROW_BREAK = "row_break"  # \\, \tabularnewline
    BEGIN = "begin"
    END = "end"
    OPEN = "open"  # {
    CLOSE = "close"  # }
    BRACKET = "bracket"  # [
    UNBRACKET = "unbracket"  # ]
    CELL = "cell"  # &, and the spaces after it
    OPEN_INLINE = "open_inline"  # \(
    CLOSE_INLINE = "close_inline"  # \)
    OPEN_DISPLAY = "open_display"  # \[
    CLOSE_DISPLAY = "close_display"  # \]
    DOLLAR = "dollar"
    DOLLARS = "dollars"
    STARS = "stars"  # **, and no third
    SPECIAL = "special"  # <|im_end|>, <imgpad>, a byte order mark
    RAW = "raw"  # a verbatim-like environment, whole
    VERB = "verb"  # \verb|…| or `\code`, whole
    FENCE = "fence"  # fenced code, whole
    SMILES = "smiles"  # <smiles>…</smiles>, whole
    KERN = "kern"  # Humdrum, whole
    HTML_TABLE = "html_table"  # <table>…</table>, whole


class Token(NamedTuple):
    """A token: its characters ``[start, end)`` of the answer; ``name`` is that of a command or environment."""

    kind: Kind
    text: str
    start: int
    end: int
    name: str = ""

    @property
    def shown(self) -> str:
        """The token in a message."""
        return "byte order mark" if self.text == "\ufeff" else self.text

    @property
    def smiles(self) -> str:
        """The molecule of a SMILES token; empty for other kinds."""
        return self.text.removeprefix("<smiles>").removesuffix("</smiles>").strip() if self.kind is Kind.SMILES else ""

    @property
    def code(self) -> str:
        """The characters between the delimiters of code; the whole token for other kinds."""
        if self.kind is Kind.VERB:
            return self.text.removeprefix("\\verb")[1:-1]
        return read_fence(self.text)[0].code if self.kind is Kind.FENCE else self.text


# Each alternative consumes what it matches or looks ahead a bounded number of characters, so the time is linear.
# Text is matched apart: it contains no character with which another kind begins, but those of _RAW_STARTS.
_TEXT = re.compile(r"[^\\{}\[\]&$*<`!\n\r\t\f \ufeff][^\\{}\[\]&$*<\n\r\t\f \ufeff]*")
_TOKEN = re.compile(
    r"""
      (?P<begin>          \\begin[ ]{0,4}\{[ ]{0,4}[A-Za-z]{1,32}\*?[ ]{0,4}\} )
    | (?P<end>            \\end[ ]{0,4}\{[ ]{0,4}[A-Za-z]{1,32}\*?[ ]{0,4}\} )
    | (?P<row_break>      \\\\ | \\tabularnewline(?![A-Za-z]) )
    | (?P<command>        \\[A-Za-z]+\*? )
    | (?P<open_inline>    \\\( )
    | (?P<close_inline>   \\\) )
    | (?P<open_display>   \\\[ )
    | (?P<close_display>  \\\] )
    | (?P<escaped>        \\[^\nA-Za-z] )
    | (?P<open>           \{ )
    | (?P<close>          \} )
    | (?P<bracket>        \[ )
    | (?P<unbracket>      \] )
    | (?P<cell>           &[ ]* )
    | (?P<dollars>        \$\$ )
    | (?P<dollar>         \$ )
    | (?P<stars>          (?<!\*)\*\*(?!\*) )
    | (?P<smiles>         <smiles>[^<&\n]*(?:</smiles>)? )
    | (?P<special>        \ufeff | <\|[a-z_0-9]{1,20}\|> | </?(?:ref|box|quad|img)> | <imgpad> )
    | (?P<form_feed>      \f )
    | (?P<blank>          (?:\r?\n[ \t]*){2,} )
    | (?P<newline>        \r?\n )
    | (?P<space>          [ \t\r]+ )
    | (?P<text>           [^\\{}\[\]&$*<\n\r\t\f\ \ufeff]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN_TOKEN = re.compile(
    r"""
      (?P<bracket>        \[ )
    | (?P<unbracket>      \] )
    | (?P<form_feed>      \f )
    | (?P<blank>          (?:\r?\n[ \t]*){2,} )
    | (?P<newline>        \r?\n )
    | (?P<space>          [ \t\r]+ )
    | (?P<special>        \ufeff )
    | (?P<text>           [^\[\]\n\r\t\f\ \ufeff]+ )
    """,
    re.VERBOSE,
)
_KINDS = {kind.value: kind for kind in Kind}

# Tokens that contain another language.
WHOLE = frozenset({Kind.RAW, Kind.FENCE, Kind.KERN, Kind.HTML_TABLE})


def tokenize(text: str, is_latex: bool = True) -> list[Token]:
    """Split ``text`` into tokens that follow one another without a gap, from its first character to its last.

    Unless ``is_latex``, the tokens are words, brackets, spaces, and the ends of lines, paragraphs and pages only.
    """
    if not is_latex:
        found = _PLAIN_TOKEN.finditer(text)
        return [Token(_KINDS[each.lastgroup or ""], each.group(), each.start(), each.end()) for each in found]
    tokens: list[Token] = []
    position, length, line_start = 0, len(text), True
    match_token, match_text, new = _TOKEN.match, _TEXT.match, tuple.__new__
    while position < length:
        words = match_text(text, position)
        if words is not None:  # most tokens
            end = words.end()
            tokens.append(new(Token, (Kind.TEXT, text[position:end], position, end, "")))
            position, line_start = end, False
            continue
        sign = text[position]
        single = _SIGNS.get(sign)
        if single is not None and text[position + 1 : position + 2] not in single[1]:
            tokens.append(new(Token, (single[0], sign, position, position + 1, "")))
            position += 1
            line_start = single[0] in _LINE_ENDS or (line_start and single[0] is Kind.SPACE)
            continue
        pair = _PAIRS.get(text[position : position + 2])
        if pair is not None:
            tokens.append(new(Token, (pair, text[position : position + 2], position, position + 2, "")))
            position, line_start = position + 2, False
            continue
        raw = _raw_token(text, position, line_start) if sign in _RAW_STARTS else None
        if raw is None:
            match = match_token(text, position)
            assert match is not None  # the last alternative matches any character
            kind, end = _KINDS[match.lastgroup or "text"], match.end()
            word = text[position:end]
            raw = new(Token, (kind, word, position, end, _name(kind, word) if kind in _NAMED else ""))
        if raw.kind is Kind.COMMAND and (rule := joined_rule(raw.text, text[end : end + 2].strip(" ")[:1] == "&")):
            raw = new(Token, (Kind.COMMAND, rule, position, position + len(rule), rule[1:]))
        tokens.append(raw)
        position = raw.end
        line_start = raw.kind in _LINE_ENDS or (line_start and raw.kind is Kind.SPACE)
    return tokens


_NAMED = frozenset({Kind.COMMAND, Kind.BEGIN, Kind.END})
_MAX_VERB = 200  # bounds the search for the delimiter that ends it
_RAW_STARTS = frozenset("\\`*!<")
_BLANKS = (" ", "\t", "\r")
# Characters that are a token unless one of these follows; "" is the end of the answer.
_SIGNS: dict[str, tuple[Kind, tuple[str, ...]]] = {
    "{": (Kind.OPEN, ()),
    "}": (Kind.CLOSE, ()),
    "[": (Kind.BRACKET, ()),
    "]": (Kind.UNBRACKET, ()),
    "&": (Kind.CELL, (" ",)),
    "$": (Kind.DOLLAR, ("$",)),
    "\f": (Kind.FORM_FEED, ()),
    "\n": (Kind.NEWLINE, ("\n", *_BLANKS)),
    " ": (Kind.SPACE, _BLANKS),
}
_PAIRS = {  # no verbatim text begins with these
    "\\\\": Kind.ROW_BREAK,
    "\\(": Kind.OPEN_INLINE,
    "\\)": Kind.CLOSE_INLINE,
    "\\[": Kind.OPEN_DISPLAY,
    "\\]": Kind.CLOSE_DISPLAY,
}
_LINE_ENDS = frozenset({Kind.NEWLINE, Kind.BLANK, Kind.FORM_FEED, Kind.SPECIAL})


def _name(kind: Kind, text: str) -> str:
    if kind is Kind.COMMAND:
        return text[1:]
    if kind is Kind.BEGIN or kind is Kind.END:
        name = text[text.index("{") + 1 : -1].strip()
        return table_name(name) or name
    return ""


def _raw_token(text: str, position: int, line_start: bool) -> Token | None:
    first = text[position]
    if first == "\\" and (name := _raw_environment(text, position)):
        closing = f"\\end{{{name}}}"
        closed = text.find(closing, position)
        end = len(text) if closed < 0 else closed + len(closing)
        return Token(Kind.RAW, text[position:end], position, end, name)
    if first == "\\" and text.startswith("\\verb", position):
        sign = text[position + 5 : position + 6]
        closed = text.find(sign, position + 6, position + _MAX_VERB) if sign and not sign.isalnum() else -1
        if closed >= 0 and sign not in "*{" and not sign.isspace() and "\n" not in text[position:closed]:
            return Token(Kind.VERB, text[position : closed + 1], position, closed + 1, "verb")
    elif first == "\\" and "tab" in text[position + 1 : position + 20]:
        found = misspelt_environment(text, position)
        if found is not None:
            which, name, end = found
            return Token(_KINDS[which], text[position:end], position, end, name)
    elif first == "`":
        return _code_token(text, position, line_start)
    elif line_start and first in "*!" and _opens_humdrum(text, position):
        end = _humdrum_end(text, position)
        return Token(Kind.KERN, text[position:end], position, end)
    elif first == "<" and (end_of_table := html_table_end(text, position)) is not None:
        return Token(Kind.HTML_TABLE, text[position:end_of_table], position, end_of_table)
    return None


# A code span of Markdown that LaTeX would read otherwise: `\begin{tabular}`, `&`. Words in backquotes are quotations,
# and a formula may end behind a backquote.
_CODE_SPAN = re.compile(r"(?<!`)`(?!\\[)\]])[\\&}][^`'\n]{0,80}`(?!`)")
_FENCE = re.compile(r"```[^`&\\\n]{0,80}(?=\n|$)")
_FENCE_END = re.compile(r"\n```+(?:[ \t]*(?=\n|$))?")
_IN_CELL = re.compile(r"(?:&|\\[a-z]*line)[ ]*$")
_MAX_CODE_IN_CELL = 2000  # bounds the search for its end


def _code_token(text: str, position: int, line_start: bool) -> Token | None:
    """Fenced code at the start of a line or of a cell, or a code span."""
    span = _CODE_SPAN.match(text, position)
    if span is not None:
        return Token(Kind.VERB, span.group(), position, span.end(), "verb")
    opening = _FENCE.match(text, position)
    in_cell = not line_start and opening is not None and _IN_CELL.search(text, max(0, position - 20), position)
    if opening is None or not (line_start or in_cell):
        return None
    limit = len(text) if line_start else position + _MAX_CODE_IN_CELL
    closing = _FENCE_END.search(text, opening.end(), limit)
    if closing is None and in_cell:
        return None
    end = len(text) if closing is None else closing.end()
    return Token(Kind.FENCE, text[position:end], position, end)


def _raw_environment(text: str, position: int) -> str:
    """The name of the verbatim-like environment that begins at ``position``; empty if none does."""
    if not text.startswith("\\begin{", position):
        return ""
    name = text[position + 7 : position + 40].partition("}")[0]
    return name if name in RAW_ENVIRONMENTS else ""


def _line_end(text: str, position: int) -> int:
    found = text.find("\n", position)
    return len(text) if found < 0 else found


def _opens_humdrum(text: str, position: int) -> bool:
    """Whether a Humdrum file starts here: a line of exclusive interpretations (``**kern``), or records before it."""
    if text.startswith("!!!", position):  # only if **kern follows soon
        return "\n**kern" in text[position : position + 1000]
    if not text.startswith("**", position):
        return False
    fields = text[position : min(_line_end(text, position), position + 400)].split()
    return "**kern" in fields[:32] and all(field.startswith("**") and field[2:].isalnum() for field in fields)


def _humdrum_end(text: str, position: int) -> int:
    """The index after the line that ends every spine (``*-``), else the first special token, else the end."""
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
