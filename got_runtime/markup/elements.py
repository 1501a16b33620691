"""Elements of a page (headings, paragraphs, tables, formulas …), each with its span in the answer."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, TypeAdapter

from got_runtime.markup.content import Content, Frozen, Grid

RepairCode = Literal[
    "cell-count",
    "cell-overlap",
    "chart-syntax",
    "fullwidth",
    "joined-pages",
    "left-right",
    "repeated-tail",
    "special-token",
    "spine-width",
    "too-deep",
    "unbalanced-brace",
    "unclosed-environment",
    "unclosed-math",
    "unmatched-end",
]


class Repair(Frozen):
    """A defect of the markup and how it was repaired."""

    code: RepairCode
    message: str


class Element(Frozen):
    """Fields of every element: its characters ``[start, end)`` of the answer, and the repairs made in it.

    The spans of an answer's elements follow one another from its first character to its last.
    """

    span: tuple[int, int]
    warnings: tuple[Repair, ...] = ()


class Heading(Element):
    """A title (level 1), section (2), subsection (3) …; ``number`` as printed ("2.1"), also in the content."""

    kind: Literal["heading"] = "heading"
    level: int = Field(ge=1, le=6)
    number: str | None = None
    content: Content


class Paragraph(Element):
    """Running text."""

    kind: Literal["paragraph"] = "paragraph"
    content: Content


class ListItem(Element):
    """A list item; ``depth`` is 0 in an outermost list, ``number`` the printed one of an ordered list."""

    kind: Literal["list_item"] = "list_item"
    depth: int = Field(default=0, ge=0)
    ordered: bool = False
    number: int | None = None
    label: str | None = None
    content: Content


class Table(Element):
    """A table."""

    kind: Literal["table"] = "table"
    grid: Grid


class Formula(Element):
    """A formula outside a line; ``latex`` has no delimiters; ``\\tag`` and ``\\label`` are in the other fields."""

    kind: Literal["formula"] = "formula"
    latex: str
    display: bool = True
    number: str | None = None
    label: str | None = None


class Code(Element):
    """Verbatim text."""

    kind: Literal["code"] = "code"
    code: str
    language: str | None = None


class Caption(Element):
    """The caption of an adjacent table or figure; its label ("Table 3") is part of the content too.

    ``position`` is where it stands, as seen from the table or figure; None where the answer does not tell.
    """

    kind: Literal["caption"] = "caption"
    of: Literal["table", "figure"]
    number: str | None = None
    position: Literal["above", "below"] | None = None
    content: Content


class Footnote(Element):
    """A footnote's text; ``mark`` is its number or sign."""

    kind: Literal["footnote"] = "footnote"
    mark: str | None = None
    content: Content


class Abstract(Element):
    """A paragraph of the abstract."""

    kind: Literal["abstract"] = "abstract"
    content: Content


class Author(Element):
    """The authors, with the line breaks they were printed with."""

    kind: Literal["author"] = "author"
    content: Content


class Reference(Element):
    """An entry of the bibliography; ``key`` is its number or ``\\bibitem`` key."""

    kind: Literal["reference"] = "reference"
    key: str | None = None
    content: Content


class Figure(Element):
    """A picture, which is not parsed; ``source`` is its file name in the answer, a file that is never opened."""

    kind: Literal["figure"] = "figure"
    source: str | None = None
    alt: str | None = None


class Music(Element):
    """Sheet music in Humdrum ``**kern``, repaired so that every record has one field a spine."""

    kind: Literal["music"] = "music"
    humdrum: str


class Molecule(Element):
    """A molecule as SMILES, not validated (see :mod:`got_runtime.markup.notation.molecule`)."""

    kind: Literal["molecule"] = "molecule"
    smiles: str


class Geometry(Element):
    """A geometric figure as TikZ, with ASCII punctuation."""

    kind: Literal["geometry"] = "geometry"
    tikz: str


class Chart(Element):
    """The data of a chart: the JSON object of the answer."""

    kind: Literal["chart"] = "chart"
    value: dict[str, JsonValue]


class PageBreak(Element):
    """The end of a page; ``number`` is that of the page that follows, counted from 1."""

    kind: Literal["page_break"] = "page_break"
    number: int | None = None


AnyElement = Annotated[
    Heading
    | Paragraph
    | ListItem
    | Table
    | Formula
    | Code
    | Caption
    | Footnote
    | Abstract
    | Author
    | Reference
    | Figure
    | Music
    | Molecule
    | Geometry
    | Chart
    | PageBreak,
    Field(discriminator="kind"),
]

ELEMENTS: TypeAdapter[list[AnyElement]] = TypeAdapter(list[AnyElement])
