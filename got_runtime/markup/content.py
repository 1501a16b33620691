"""What stands inside an element: runs of text, formulas, links, and the cells of a table."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Mark = Literal["bold", "code", "italic", "strike", "subscript", "superscript", "underline"]
Align = Literal["left", "center", "right"]


class Frozen(BaseModel):
    """A record that does not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Frozen):
    """A run of characters with one look; ``marks`` are sorted and unique."""

    kind: Literal["text"] = "text"
    text: str
    marks: tuple[Mark, ...] = ()


class Math(Frozen):
    """A formula inside a line; ``latex`` without delimiters, mended."""

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
    """A footnote written where it is called (``\\footnote``)."""

    kind: Literal["note"] = "note"
    text: str


class Break(Frozen):
    """A line break that was meant (``\\\\``, ``\\newline``)."""

    kind: Literal["break"] = "break"


class Nested(Frozen):
    """A table inside a cell or a line."""

    kind: Literal["nested"] = "nested"
    grid: "Grid"


Inline = Annotated[Text | Math | Smiles | Link | Note | Break | Nested, Field(discriminator="kind")]
Content = tuple[Inline, ...]


class Cell(Frozen):
    """A cell at its top left corner (0-based); ``align`` only where it differs from its column's."""

    row: int
    column: int
    rowspan: int = 1
    colspan: int = 1
    content: Content = ()
    align: Align | None = None


class Grid(Frozen):
    """A table as a grid: ``cells`` in reading order, none overlapping; a place no cell covers is empty."""

    rows: int
    columns: int
    cells: tuple[Cell, ...]
    header_rows: int = 0
    alignment: tuple[Align, ...] = ()


Nested.model_rebuild()


def with_mark(marks: tuple[Mark, ...], mark: Mark) -> tuple[Mark, ...]:
    """The marks and one more, in their normal form."""
    return tuple(sorted({*marks, mark}))


def plain_text(content: Content) -> str:
    """The words of a content, formulas as LaTeX: for comparing and labelling, not for reading."""
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
    """The normal form of a content: runs of one look joined, spaces single and, where it can be, in the plain run.

    ``merge(merge(x)) == merge(x)``; no space at either end or beside a break, no break at either end or twice.
    """
    merged: list[Inline | _Run] = []
    space = False
    for piece in pieces:
        last = merged[-1] if merged else None
        if piece.kind == "text":
            words = piece.text.split()
            if not words:
                space = space or bool(piece.text)
                continue
            space = (space or piece.text[0].isspace()) and not _starts_line(last)
            _append_words(merged, " ".join(words), piece.marks, space)
            space = piece.text[-1].isspace()
        elif piece.kind == "break":
            if not _starts_line(last):
                merged.append(piece)
            space = False
        else:
            if space and not _starts_line(last):
                _append_words(merged, "", (), True)
            merged.append(piece)
            space = False
    if merged and _starts_line(merged[-1]):
        merged.pop()
    return tuple(piece.text() if isinstance(piece, _Run) else piece for piece in merged)


class _Run:
    """A run that is still growing: its parts are joined once, so that a long line costs linear time."""

    def __init__(self, marks: tuple[Mark, ...]) -> None:
        self.marks = marks
        self.parts: list[str] = []

    def text(self) -> Text:
        return Text(text="".join(self.parts), marks=self.marks)


def _starts_line(last: "Inline | _Run | None") -> bool:
    return last is None or isinstance(last, Break)


def _append_words(merged: list["Inline | _Run"], words: str, marks: tuple[Mark, ...], space: bool) -> None:
    last = merged[-1] if merged else None
    if isinstance(last, _Run) and last.marks == marks:
        last.parts.append(" " + words if space else words)
        return
    if space and marks:  # the space goes to a plain run: the one before, or one of its own
        if not (isinstance(last, _Run) and not last.marks):
            last = _Run(())
            merged.append(last)
        last.parts.append(" ")
        space = False
    run = _Run(marks)
    run.parts.append(" " + words if space else words)
    merged.append(run)
