"""What stands between two lines of one paragraph: a space, nothing, or the hyphen of a compound."""

import re
from collections.abc import Set as AbstractSet

from got_runtime.markup.content import Inline, Text
from got_runtime.markup.latex.divided_words import HYPHENS, ends_with_elision, hyphen_between

_TAIL = 80  # characters that are looked at
_IDEOGRAPHS = "\u2e80-\u9fff\uff00-\uffff"
_WORD_START, _WORD_END = re.compile(rf"[^\s{_IDEOGRAPHS}]+"), re.compile(rf"[^\s{_IDEOGRAPHS}]+\Z")
_WIDE_SIGNS = "，。、；：？！（）「」『』《》【】〔〕"
_LINE_START = re.compile(r"[ \t\r]*(?:\\[a-z]+\{|\{|\*\*)*([^\n]*)")  # its words, behind opening marks


def end_line(pieces: list[Inline], text: str, position: int, words: AbstractSet[str]) -> str:
    """Ends the line of ``pieces``, to which the line of ``text`` at ``position`` belongs; returns what is between them.

    White space and the hyphen of a divided word are removed from the end of ``pieces``.
    """
    while pieces and pieces[-1].kind == "text" and pieces[-1].text.isspace():
        pieces.pop()
    found = _LINE_START.match(text, position, position + _TAIL)
    after = found[1] if found else ""
    last = pieces[-1] if pieces else None
    if last is None or last.kind != "text":
        return " "
    if last.text in HYPHENS and len(pieces) > 1 and pieces[-2].kind == "math":
        return ""  # \(\alpha\)- helix
    if last.text[-1:] in HYPHENS:
        divided = hyphen_between(last.text[-_TAIL:], after, words)
        if divided is not None:
            pieces[-1] = Text(text=last.text[:-_TAIL] + divided[0], marks=last.marks)
            return divided[1]
    if ends_with_elision(last.text) and after[:1].isalpha():
        return ""
    return _beside_ideographs(last.text[-_TAIL:], after[:_TAIL])


def _beside_ideographs(before: str, after: str) -> str:
    """What stands between two lines, one of which may end or begin with Chinese or Japanese: beside a word in another
    script or a number a space, unless there is none on its other side or a sign takes its place.
    """
    one, other = _is_ideograph(before[-1:]), _is_ideograph(after[:1])
    if one and other:
        return ""
    if one:
        word = _WORD_START.match(after)
        return "" if before[-1] in _WIDE_SIGNS or (word and _is_ideograph(after[word.end() : word.end() + 1])) else " "
    if other:
        word = _WORD_END.search(before)
        start = word.start() if word else 0
        return "" if after[0] in _WIDE_SIGNS or (start and _is_ideograph(before[start - 1])) else " "
    return " "


def _is_ideograph(character: str) -> bool:
    """Whether it is a Chinese or Japanese character, which no space separates from another one."""
    return "\u2e80" <= character <= "\u9fff" or character >= "\uff00"
