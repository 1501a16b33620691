"""Inline content → words and other pieces between which it may be split, and parts of it."""

import re
from collections.abc import Iterator

from got_runtime.markup.content import Content, Inline, Link, Text, merge, plain_text
from got_runtime.markup.render.words import grid_words

# Places at which a text is split, the best ones last.
PIECE, WORD, CLAUSE, SENTENCE, LINE = 1, 2, 3, 4, 5

_EAST_ASIAN = "\u2e80-\u9fff\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003ffff"
_OPENING = "（「『（《〈【〔［｛“‘"
_CLOSING = "。，、；：？！）」』）》〉】〕］｝”’…"
# A word with the space after it, or a Chinese or Japanese character with the punctuation that no line break parts from
# it. Together the matches are the text.
_WORD = re.compile(
    rf"\s+|[{_OPENING}]*(?:(?P<character>[{_EAST_ASIAN}])|[^\s{_EAST_ASIAN}{_OPENING}]+)[{_CLOSING}]*\s*|[{_OPENING}]+\s*"
)
_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]*\s|[。！？；][”’」』）]*\s*$")
# Between Chinese or Japanese words no space stands: what is split elsewhere is split within one.
_CLAUSE_END = re.compile(r"[，、；：][”’」』）]*\s*$")


class SplitContent:
    """A content as consecutive words, formulas, breaks and other units.

    ``texts`` are the units as plain text; ``ends`` the best place (:data:`LINE`, :data:`SENTENCE` …) to which the end
    of each belongs.
    """

    def __init__(self, content: Content) -> None:
        self._pieces = [_as_text(piece) for piece in content]
        self._bounds: list[tuple[int, int, int]] = []  # piece of each unit, and its characters
        self.texts: list[str] = []
        self.ends: list[int] = []
        for index, piece in enumerate(self._pieces):
            if isinstance(piece, Text | Link) and not (piece.kind == "link" and piece.text == piece.url):
                self._add_words(index, piece.text)
            else:
                self._bounds.append((index, 0, 0))
                self.texts.append(plain_text((piece,)))
                self.ends.append(LINE if piece.kind == "break" else PIECE)

    def part(self, low: int, high: int) -> Content:
        """The content of units ``low`` to ``high - 1``, in its normal form."""
        return merge(self._parts(low, high))

    def _add_words(self, index: int, text: str) -> None:
        for found in _WORD.finditer(text):
            word = found[0]
            if word.isspace() and self.ends and found.start() == 0:
                self.ends[-1] = PIECE  # the space belongs to what it follows
            self._bounds.append((index, *found.span()))
            self.texts.append(word)
            if _SENTENCE_END.search(word):
                self.ends.append(SENTENCE)
            elif found["character"] and _CLAUSE_END.search(word):
                self.ends.append(CLAUSE)
            else:
                self.ends.append(WORD if found["character"] or word[-1].isspace() else PIECE)

    def _parts(self, low: int, high: int) -> Iterator[Inline]:
        while low < high:
            index, start, end = self._bounds[low]
            piece = self._pieces[index]
            while low < high and self._bounds[low][0] == index:
                end = self._bounds[low][2]
                low += 1
            if not isinstance(piece, Text | Link) or end - start == len(piece.text) or start == end:
                yield piece
            elif isinstance(piece, Link):
                text = piece.text[start:end]
                yield Link(text=text.rstrip() if end < len(piece.text) else text, url=piece.url)
            else:
                yield Text(text=piece.text[start:end], marks=piece.marks)


def _as_text(piece: Inline) -> Inline:
    """A footnote or a table inside a line as the text that Markdown shows, which can be split."""
    if piece.kind == "note":
        return Text(text=f" ({piece.text})")
    return Text(text=grid_words(piece.grid)) if piece.kind == "nested" else piece
