"""Inline content of elements: runs of text, formulas, links, and the cells of a table."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

Mark = Literal["bold", "code", "italic", "strike", "subscript", "superscript", "underline"]
Align = Literal["left", "center", "right"]


class Frozen(BaseModel):
    """An immutable record without further fields."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class Text(Frozen):
    """A run of characters with the same marks; ``marks`` are sorted and unique."""

    kind: Literal["text"] = "text"
    text: str
    marks: tuple[Mark, ...] = ()


@lru_cache(maxsize=4096)
def short_text(text: str, marks: tuple[Mark, ...] = ()) -> Text:
    """The same :class:`Text` for the same characters: half of the tokens of an answer are short, spaces above all."""
    return Text(text=text, marks=marks)


def run(text: str, marks: tuple[Mark, ...] = ()) -> Text:
    """The :class:`Text` of any characters."""
    return short_text(text, marks) if len(text) < 4 else Text(text=text, marks=marks)


class Math(Frozen):
    """A formula inside a line; ``latex`` is repaired and has no delimiters."""

    kind: Literal["math"] = "math"
    latex: str


class Smiles(Frozen):
    """A molecule inside a line."""

    kind: Literal["smiles"] = "smiles"
    smiles: str


class Link(Frozen):
    """A link (``\\href``, ``\\url``) with its visible text."""

    kind: Literal["link"] = "link"
    text: str
    url: str


class Note(Frozen):
    """A footnote in the text that refers to it (``\\footnote``)."""

    kind: Literal["note"] = "note"
    text: str


class Break(Frozen):
    """An explicit line break (``\\\\``, ``\\newline``)."""

    kind: Literal["break"] = "break"


BREAK = Break()


class Nested(Frozen):
    """A table inside a cell or a line."""

    kind: Literal["nested"] = "nested"
    grid: "Grid"


Inline = Annotated[Text | Math | Smiles | Link | Note | Break | Nested, Field(discriminator="kind")]
Content = tuple[Inline, ...]


class Cell(Frozen):
    """A table cell; ``row`` and ``column`` are 0-based; ``align`` is set if it differs from the column's."""

    row: int
    column: int
    rowspan: int = 1
    colspan: int = 1
    content: Content = ()
    align: Align | None = None


class Grid(Frozen):
    """A table as a grid: ``cells`` in reading order, none overlapping; a position that no cell covers is empty."""

    rows: int
    columns: int
    cells: tuple[Cell, ...]
    header_rows: int = 0
    alignment: tuple[Align, ...] = ()


Nested.model_rebuild()


def with_mark(marks: tuple[Mark, ...], mark: Mark) -> tuple[Mark, ...]:
    """The marks and one more, sorted and unique."""
    return tuple(sorted({*marks, mark}))


def plain_text(content: Content) -> str:
    """The content as text with formulas as LaTeX, for comparisons and labels (``render/words.py`` is for output)."""
    words: list[str] = []
    for piece in content:
        match piece.kind:
            case "text" | "link" | "note":
                words.append(piece.text)
            case "math":
                words.append(piece.latex)
            case "smiles":
                words.append(piece.smiles)
            case "break":
                words.append(" ")
            case "nested":
                words.append(" ".join(plain_text(cell.content) for cell in piece.grid.cells))
    return "".join(words)


def merge(pieces: Iterable[Inline]) -> Content:
    """The normal form of a content: runs with the same marks joined, single spaces, outside marked runs if possible.

    ``merge(merge(x)) == merge(x)``; no space at either end or beside a break, no break at either end or twice, a space
    between two molecules.
    """
    merged: list[Inline | _TextRun] = []
    space = False
    for piece in pieces:
        last = merged[-1] if merged else None
        if type(piece) is Text:  # the kind of nearly every piece; isinstance is slow for classes of pydantic
            text = piece.text
            words = text.split()
            if not words:
                space = space or bool(text)
                continue
            space = (space or text[0].isspace()) and not _starts_line(last)
            _append_words(merged, " ".join(words) if len(words) > 1 else words[0], piece.marks, space)
            space = text[-1].isspace()
        elif piece.kind == "break":
            if not _starts_line(last):
                merged.append(piece)
            space = False
        else:
            beside = type(piece) is Smiles and type(last) is Smiles  # two molecules in a row: their SMILES would be one
            if beside or (space and not _starts_line(last)):
                _append_words(merged, "", (), True)
            merged.append(piece)
            space = False
    if merged and _starts_line(merged[-1]):
        merged.pop()
    return tuple(piece.text() if isinstance(piece, _TextRun) else piece for piece in merged)


class _TextRun:
    """A run under construction: its parts are joined once, so that a long line takes linear time."""

    __slots__ = ("marks", "parts")

    def __init__(self, marks: tuple[Mark, ...]) -> None:
        self.marks = marks
        self.parts: list[str] = []

    def text(self) -> Text:
        return run("".join(self.parts), self.marks)


def _starts_line(last: "Inline | _TextRun | None") -> bool:
    return last is None or type(last) is Break


def _append_words(merged: list["Inline | _TextRun"], words: str, marks: tuple[Mark, ...], space: bool) -> None:
    last = merged[-1] if merged else None
    if isinstance(last, _TextRun) and last.marks == marks:
        last.parts.append(" " + words if space else words)
        return
    if space and marks:  # the space goes to a run without marks: the previous one, or a new one
        if not (isinstance(last, _TextRun) and not last.marks):
            last = _TextRun(())
            merged.append(last)
        last.parts.append(" ")
        space = False
    text_run = _TextRun(marks)
    text_run.parts.append(" " + words if space else words)
    merged.append(text_run)
