"""Random sequences of elements in which each word is used once, so that a lost or misplaced one is found."""

import re
from collections.abc import Iterator
from itertools import count

from hypothesis import strategies as st
from pydantic import JsonValue

from got_runtime.markup import Element
from got_runtime.markup import elements as e
from got_runtime.markup.content import (
    Align,
    Break,
    Cell,
    Content,
    Grid,
    Inline,
    Link,
    Mark,
    Math,
    Nested,
    Note,
    Smiles,
    Text,
)

WORD = re.compile(r"w\d+")
KINDS = (
    *("heading", "paragraph", "list_item", "table", "table", "caption", "caption", "formula", "code", "footnote"),
    *("abstract", "author", "reference", "figure", "music", "molecule", "geometry", "chart", "page_break"),
)
MARKS: tuple[tuple[Mark, ...], ...] = (
    (),
    (),
    ("bold",),
    ("bold", "italic"),
    ("code",),
    ("superscript",),
    ("underline",),
)


class _Writer:
    """Writes elements of the given size; ``shape`` varies what they are made of."""

    def __init__(self) -> None:
        self._numbers = count()

    def word(self) -> str:
        return f"w{next(self._numbers)}"

    def words(self, number: int, between: str = " ") -> str:
        return between.join(self.word() for _ in range(number))

    def content(self, size: int, shape: int) -> Content:
        pieces: list[Inline] = []
        for index in range(max(1, size // 4)):
            marks = MARKS[(shape + index) % len(MARKS)]
            match (shape + index * 5) % 11:
                case 0:
                    pieces.append(Math(latex=self.words(2, " + ")))
                case 1:
                    pieces.append(Note(text=self.words(5)))
                case 2:
                    pieces.append(Link(text=self.words(3), url="https://example.org/a"))
                case 3:
                    pieces.append(Break())
                case 4:
                    pieces.append(Smiles(smiles=self.word()))
                case 5:
                    pieces.append(Nested(grid=self.grid(2, shape)))
                case _:
                    signs = (". ", ", ", "。", "! ", "(", " *", "；", "] (")
                    pieces.append(Text(text=self.words(4, " ") + signs[(shape + index) % len(signs)], marks=marks))
        return (*pieces, Text(text=f" {self.word()}"))

    def grid(self, rows: int, shape: int) -> Grid:
        columns, header = 1 + shape % 3, shape % 3
        alignment: list[Align] = ["left"] * columns
        cells: list[Cell] = []
        taken: set[tuple[int, int]] = set()
        for row in range(rows):
            for column in range(columns):
                if (row, column) in taken or (shape % 7 == 3 and (row + column) % 5 == 4):
                    continue
                rowspan = 2 if shape % 5 == 1 and row + 1 < rows and (row * columns + column) % 4 == 1 else 1
                taken |= {(row + below, column) for below in range(rowspan)}
                content = (Text(text=self.words(1 + (row + shape) % 3)), Math(latex=self.word()))
                cells.append(Cell(row=row, column=column, rowspan=rowspan, content=content[: 1 + shape % 2]))
        return Grid(
            rows=rows,
            columns=columns,
            cells=tuple(cells),
            header_rows=min(header, max(0, rows - 1)),
            alignment=tuple(alignment),
        )

    def humdrum(self, bars: int, shape: int) -> str:
        lines = ["**kern\t**kern", "*clefG2\t*clefF4", "*M4/4\t*M4/4"]
        for bar in range(bars):
            lines += [f"={bar}\t={bar}", f"4c!{self.word()}\t4d!{self.word()}"]
            if bar % 3 == shape % 3:
                voices = f"4e!{self.word()}\t4f!{self.word()}\t4g!{self.word()}"
                lines += ["*^\t*", voices, "*v\t*v\t*"]
        return "\n".join([*lines, "*-\t*-"]) + "\n"

    def formula(self, rows: int, shape: int) -> str:
        lines = [f"{self.word()} & = \\left( {self.word()} \\right)" for _ in range(rows)]
        body = (" \\\\ ", " \\\\[2pt] ", "\\\\")[shape % 3].join(lines)
        environment = ("aligned", "", "gathered", "pmatrix", "array")[shape % 5]
        argument = "{ll}" if environment == "array" else ""
        return f"\\begin{{{environment}}}{argument} {body} \\end{{{environment}}}" if environment else body

    def element(self, kind: str, size: int, shape: int, at: int) -> Element:
        span = (at, at + 1)
        match kind:
            case "heading":
                return e.Heading(span=span, level=1 + shape % 4, content=self.content(size % 12, shape))
            case "paragraph":
                return e.Paragraph(span=span, content=self.content(size, shape))
            case "abstract":
                return e.Abstract(span=span, content=self.content(size, shape))
            case "author":
                return e.Author(span=span, content=self.content(size, shape))
            case "list_item":
                depth, number = shape % 3, shape if shape % 2 else None
                content = self.content(size, shape)
                return e.ListItem(span=span, depth=depth, ordered=bool(number), number=number, content=content)
            case "footnote":
                return e.Footnote(span=span, mark=self.word() if shape % 2 else None, content=self.content(size, shape))
            case "reference":
                return e.Reference(span=span, key=self.word() if shape % 2 else None, content=self.content(size, shape))
            case "caption":
                of = "table" if shape % 3 else "figure"
                position = (None, None, "above", "below")[shape % 4]
                return e.Caption(span=span, of=of, position=position, content=self.content(size % 16, shape))  # type: ignore[arg-type]
            case "table":
                return e.Table(span=span, grid=self.grid(1 + size % 40, shape))
            case "formula":
                latex = self.formula(1 + size % 20, shape)
                return e.Formula(span=span, latex=latex, number=self.word() if shape % 3 == 1 else None)
            case "code":
                lines = [f"{'    ' * (line % 3)}{self.words(1 + shape % 4)}" for line in range(1 + size)]
                return e.Code(span=span, code=("\n", "\n\n", "\n  \n")[shape % 3].join(lines), language="python")
            case "figure":
                return e.Figure(span=span, alt=self.words(size) or None)
            case "music":
                return e.Music(span=span, humdrum=self.humdrum(1 + size % 20, shape))
            case "molecule":
                return e.Molecule(span=span, smiles=self.word())
            case "geometry":
                lines = [f"  \\draw (0,0) -- (1,{line}) node {{{self.word()}}};" for line in range(1 + size)]
                return e.Geometry(span=span, tikz=("\n" if shape % 2 else " ").join(lines))
            case "chart":
                title = self.words(2) if shape % 2 else "None"
                values: dict[str, JsonValue] = {self.word(): {"v": self.word()} for _ in range(1 + size % 30)}
                return e.Chart(span=span, value={"title": title, "x_title": "x", "values": values})
            case _:
                return e.PageBreak(span=span, number=at)


def write(shapes: list[tuple[str, int, int]]) -> list[Element]:
    """An element for each kind, size and shape."""
    writer = _Writer()
    return [writer.element(kind, size, shape, at) for at, (kind, size, shape) in enumerate(shapes)]


def words(text: str) -> list[str]:
    """The words of a text in their order."""
    return WORD.findall(text)


def sequences(most: int = 12) -> st.SearchStrategy[list[Element]]:
    """Sequences of elements of every kind."""
    shape = st.tuples(st.sampled_from(KINDS), st.integers(0, 60), st.integers(0, 200))
    return st.lists(shape, max_size=most).map(write)


def is_subsequence(inner: list[str], outer: list[str]) -> bool:
    """Whether ``inner`` is in ``outer`` in its order."""
    rest: Iterator[str] = iter(outer)
    return all(each in rest for each in inner)
