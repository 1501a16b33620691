"""Where the lines of running text end on purpose: options, name plates, addresses, verse, but not filled paragraphs.

GOT ends a line where the printed line ends. A line runs on into the next one where script, punctuation and length say
so plainly; every other end is kept.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from got_runtime.markup.latex.divided_words import ends_with_elision
from got_runtime.markup.latex.line_words import OPEN, is_open, ordinal, refers
from got_runtime.markup.latex.symbols import ESCAPED, SYMBOLS
from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.latex.tokens import WHOLE, Kind

# Widths are in columns: an East Asian character has two, any other one.
_LONGEST = 130  # a longer line is a whole paragraph, and says nothing about the width of the column
_VERSE = 48  # wider Chinese lines are no verse, though each ends with a comma
_FORMULA = "\ue000"  # stands for a formula
_AROUND_FORMULAS = _FORMULA + " ,.;，。；"
_EAST_ASIAN = re.compile(r"[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60]")
_ADDRESS = re.compile(r"https?:|www\.|doi:", re.IGNORECASE)
_NAME_PART = re.compile(r"\s[^\W\d_]+.\Z|\A[^\W\d_]{4,}.\Z")  # but no ion: "Cl-"
_IDEOGRAPH = re.compile(r"[\u2e80-\ua4cf\uf900-\ufaff\uff01-\uff60]")
_SENTENCE_END = re.compile(r"[.!?:;。！？：；…][\"'”’»）)\]」』]*\Z")
_PUNCTUATED = re.compile(r"[.,!?:;。，、！？：；…][\"'”’»）)\]」』]*\Z")
_TAIL = 80  # characters; bounds the search for the last word of a line
_SALUTATION = re.compile(
    r"(?:Dear|Hi|Hello|Sehr geehrte|Liebe|Hallo|Cher|Chère|Monsieur|Madame|Estimad)[^.:;]{0,60}[,!，！]\Z"
)
_LEADERS = re.compile(r"(?:\.{4,}|(?:\. ){3,}|…{2,})\s*[\divxlc]*\Z")
# An option, a point, a footnote, a reference, a field, a row: "(A)", "B.", "3)", "①", "•", "†", "[1]", "2.1 ", "Name:".
_MARKER = re.compile(
    r"[(（\[【〔]\s?(?:[A-Za-z]|[\divxIVX]{1,4}|[一二三四五六七八九十]{1,3})\s?[)）\]】〕]"
    r"|\||\d{1,3}:\s|[A-Z][.．、)）:：](?!\w\.)|[a-z][)）]|\d{1,3}[.．、)）](?!\d)|[一二三四五六七八九十]{1,3}[、.．]"
    r"|[①-⑳⑴-⒛❶-❿•·◦▪‣●○■□★☆*†‡§¶※+–—―¹²³⁴-⁹-](?!\w)|[*†‡§¶※¹²³⁴-⁹]"
    r"|\d{1,2}(?:\.\d{1,2})+\.?\s|\d{1,2}\s[A-Z]"
    r"|(?![^\s:：]*://)[^\W\d_][^\s:：,，。;；]{0,23}(?:\s[^\s:：,，。;；]{1,20}){0,2}\s?[:：](?:\s|\Z|(?<=：))"
)


_OPEN_EAST_ASIAN = "的和与及或在把被将对从由向为而且但并因所"
_LINKING = "和与及或把被而且但并因をはがの"  # wherever in its column a line ends with them
_BRACKETED, _CLOSED = (
    re.compile(r"[(（][^()（）]{0,60}\Z"),
    re.compile(r"[^()（）]{0,60}[)）]"),
)  # a bracket over a line end
_PRINTED = frozenset({Kind.TEXT, Kind.SPACE, Kind.CELL, Kind.BRACKET, Kind.UNBRACKET})


class _Line(NamedTuple):
    """The printed characters of a line (a formula is one character, repeated); ``end`` is the token that ends it."""

    text: str
    end: int
    width: int
    is_formula: bool


def _line(words: list[str], end: int) -> _Line:
    text = "".join(words).strip()
    width = len(text) if text.isascii() else len(text) + len(_EAST_ASIAN.findall(text))
    return _Line(text, end, width, not text.strip(_AROUND_FORMULAS))


def hard_breaks(reader: TokenReader, low: int, high: int) -> frozenset[int]:
    """The newline tokens of running text, tokens ``low`` to ``high - 1``, at which its lines end on purpose."""
    if "\n" not in reader.source(low, high):
        return frozenset()
    found: set[int] = set()
    paragraph: list[_Line] = []
    for line in _lines(reader, low, high):
        if line.text:
            paragraph.append(line)
        if not line.text or line.end >= high or reader.tokens[line.end].kind is Kind.BLANK:
            found |= _of_paragraph(paragraph)
            paragraph = []
    return frozenset(found)


def _lines(reader: TokenReader, low: int, high: int) -> Iterator[_Line]:
    """The lines of the range, outside formulas, tables and other environments."""
    words: list[str] = []
    tokens, index = reader.tokens, low
    while index < high:
        token = tokens[index]
        if token.kind in _PRINTED:
            words.append(token.text)
            index += 1
        elif token.kind in (Kind.NEWLINE, Kind.BLANK, Kind.ROW_BREAK):
            yield _line(words, index)
            words = []
            index += 1
            if token.kind is Kind.ROW_BREAK:  # the source goes on in another line
                index = _after_newline(reader, index, high)
        elif token.kind in (Kind.OPEN, Kind.STARS, Kind.CLOSE):
            if not words and _is_note_mark(reader, index, high):
                words.append(token.text)
            index += 1
        else:
            after = reader.after(index, high)
            words.append(_shown(reader, index, after))
            index = after
    yield _line(words, high)


def _is_note_mark(reader: TokenReader, index: int, high: int) -> bool:
    """Whether ``**`` at the start of a line is the mark of a note (``** p < 0.01``), and does not begin bold words."""
    spaced = index + 1 < high and reader.tokens[index + 1].kind is Kind.SPACE
    return reader.tokens[index].kind is Kind.STARS and (spaced or reader.closing(index, high) is None)


def _after_newline(reader: TokenReader, index: int, high: int) -> int:
    end = reader.skip_spaces(index, min(high, index + 2))
    return end if any(token.kind is Kind.NEWLINE for token in reader.tokens[index:end]) else index


def _shown(reader: TokenReader, index: int, after: int) -> str:
    token = reader.tokens[index]
    match token.kind:
        case Kind.COMMAND:
            return SYMBOLS.get(token.name, "")
        case Kind.ESCAPED:
            return ESCAPED.get(token.text, token.text[1:])
        case Kind.OPEN_INLINE | Kind.DOLLAR if after > index + 1:
            source = reader.source(index + 1, after - 1)
            if source.lstrip(" {}").startswith("^"):  # the mark of a footnote
                return "†"
            return _FORMULA * max(1, min(30, sum(each.isalnum() for each in source)))
        case kind if kind in WHOLE or kind in (Kind.BEGIN, Kind.SMILES, Kind.VERB):
            return _FORMULA * 10
        case _:
            return token.text


def _of_paragraph(lines: Sequence[_Line]) -> set[int]:
    if len(lines) < 2:
        return set()
    shape = _Shape(lines)
    return {line.end for line, following in pairwise(lines) if not shape.runs_on(line, following)}


class _Shape:
    """The width of a paragraph's column, and whether its lines fill it."""

    def __init__(self, lines: Sequence[_Line]) -> None:
        self._lines = lines
        self.width = max([line.width for line in lines if line.width <= _LONGEST], default=0)
        full = sum([self._is_full(line) for line in lines[:-1]])
        self.is_filled = full > 1 and full >= 0.6 * (len(lines) - 1) and not self.is_verse
        self.is_prose = lines[0].text[0].isupper() or lines[0].text[0].isdigit()

    @cached_property
    def is_verse(self) -> bool:
        body, starts = self._lines[:-1], self._lines[1:]
        is_wide = self.width > _VERSE and bool(_IDEOGRAPH.search(self._lines[0].text))
        verse = len(body) > 1 and not is_wide and all(_PUNCTUATED.search(line.text[-_TAIL:]) for line in body)
        return verse or (len(starts) > 2 and all(line.text[0].isupper() for line in starts))

    @cached_property
    def ordinals(self) -> set[tuple[str, int]]:
        """The markers of the lines that begin with one."""
        return {found for line in self._lines if (found := ordinal(line.text[:_TAIL]))}

    def _is_full(self, line: _Line) -> bool:
        if line.width < 24:
            return False
        ideographs = bool(_IDEOGRAPH.search(line.text[-2:]))
        return line.width >= (max(24, self.width - 5) if ideographs else max(36, 0.85 * self.width))

    def _has_room(self, line: _Line, word: str, share: float) -> bool:
        """Whether the next word would have stood in this line, in a column of ``share`` of its width."""
        if line.width > _LONGEST:
            return False
        return line.width + 1 + len(word) < share * self.width

    def runs_on(self, line: _Line, following: _Line) -> bool:
        """Whether ``line`` plainly goes on in the ``following`` one."""
        if line.is_formula or following.is_formula:
            return False
        text, after, tail = line.text, following.text, line.text[-_TAIL:]
        if text[-1] == "\u00ad" or (text[-1] in "-\u2010–—" and not text[-2:-1].isspace() and after[0].isalnum()):
            return after[0].islower() or line.width >= 12 or bool(_NAME_PART.search(tail))
        if ends_with_elision(text) and after[0].isalpha():
            return True
        opened = is_open(tail, len(text) > len(tail))
        sentence = self.is_prose and after[0].islower()
        if line.width < 16 and not (opened or self.is_filled or sentence):  # as the checks below say, but faster
            return False
        if _MARKER.match(after):
            return refers(tail, after[:_TAIL], opened, self.ordinals)
        if _SALUTATION.match(text):
            return False
        if line.width >= 16 and _BRACKETED.search(tail) and _CLOSED.match(after):
            return True
        if opened or _LEADERS.search(tail):
            return opened
        if _IDEOGRAPH.match(text[-1]) or _IDEOGRAPH.match(after):
            return self._east_asian_runs_on(line, following)
        ended = bool(_SENTENCE_END.search(tail))
        first = after[:_TAIL].split(maxsplit=1)[0]
        if (ended and _ADDRESS.match(after)) or (_ADDRESS.match(text) and " " not in text):
            return False
        if self.is_filled and not self._has_room(line, first, 0.92 if ended else 0.8):
            return line.width <= _LONGEST or not ended
        if ended or self.is_verse:
            return False
        ends = bool(_SENTENCE_END.search(after[-_TAIL:]))
        if after[0].islower() or after[0] in _FORMULA + "(=<>+±":
            return (sentence and ends) or (line.width >= 25 and not self._has_room(line, first, 0.8))
        return self._goes_on_with_a_name(line, following, ends)

    def _goes_on_with_a_name(self, line: _Line, following: _Line, ends: bool) -> bool:
        """Whether a sentence goes on in a line that begins with a capital letter or a digit."""
        if line.width < 40 or following.text[:_TAIL].split(maxsplit=1)[0].lower() in OPEN:  # "The" begins a sentence
            return False
        words = [word for word in line.text.split() if word[0].isalpha()]
        prose = len(words) > 5 and sum(word[0].islower() for word in words) >= 0.5 * len(words)
        lowered = any(word[0].islower() for word in following.text.split())
        return prose and (ends or line.text[-1] == ",") and lowered and not self._has_room(line, "", 0.8)

    def _east_asian_runs_on(self, line: _Line, following: _Line) -> bool:
        ended = bool(_SENTENCE_END.search(line.text[-_TAIL:]))
        if self.is_filled and line.width >= self.width - 5:
            return True
        if not ended and not self.is_verse and line.width >= 16 and line.text[-1] in _LINKING:
            return True
        if ended or self.is_verse or line.width < 16 or (line.width <= _LONGEST and line.width < self.width - 5):
            return False
        if line.text[-1] in "，、,":
            return line.width >= 28
        if line.text[-1] in _OPEN_EAST_ASIAN:
            return True
        # A line of a sentence is as wide as the column; what goes on is a sentence, too.
        punctuated = "，" in line.text or "、" in line.text or "。" in line.text
        ends = bool(_SENTENCE_END.search(following.text[-_TAIL:])) and following.text[-1] not in ":："
        return ends if not punctuated else (line.width >= 28 or ends)
