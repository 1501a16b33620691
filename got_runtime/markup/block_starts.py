"""Where paragraphs begin in an answer whose lines have places on the page: ``breaks`` of ``parse``."""

from collections.abc import Iterable
from typing import Protocol


class Line(Protocol):
    """A line of text on its page, and the number of its block."""

    @property
    def text(self) -> str: ...

    @property
    def block(self) -> int: ...


def block_starts(text: str, lines: Iterable[Line]) -> tuple[int, ...]:
    """Indices of ``text`` at which a block of ``lines`` begins, after the first one.

    Empty if the lines are not those of the text.
    """
    of_text = [line for line in lines if line.text]
    starts, position, rows = list[int](), 0, text.split("\n")
    last: Line | None = None
    for line in of_text:
        if not rows or line.text != rows[0]:
            continue  # a line that is left out of the text
        if last is not None and line.block != last.block:
            starts.append(position)
        position += len(rows.pop(0)) + 1
        last = line
    return () if rows else tuple(starts)
