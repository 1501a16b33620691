"""Elements under construction: a list in document order to which the block parsers append."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from got_runtime.markup import elements as e
from got_runtime.markup.content import Content, plain_text
from got_runtime.markup.latex.heading_numbers import heading_number
from got_runtime.markup.latex.token_reader import TokenReader

_BIBLIOGRAPHIES = frozenset({"references", "bibliography", "literature", "literature cited", "参考文献"})

_ENDS_OF_LISTS = frozenset({e.Heading, e.PageBreak})

Fields = dict[str, Any]


@dataclass(slots=True)
class ElementBuilder:
    """An element without its span: it ends where the next one starts, which is not known yet.

    ``element_type`` is its class, ``start`` the index of its first character.
    """

    element_type: type[e.Element]
    start: int
    fields: Fields
    warnings: tuple[e.Repair, ...] = ()

    def build(self, end: int) -> e.AnyElement:
        """The element of characters ``start`` to ``end - 1``."""
        self.fields["span"], self.fields["warnings"] = (self.start, end), self.warnings
        # what the class does when it is called, in two thirds of the time: an answer can be 100,000 elements
        element: e.AnyElement = self.element_type.__pydantic_validator__.validate_python(self.fields)
        return element


@dataclass(frozen=True)
class ParseContext:
    """Context of a range of tokens: nesting depth, the class of its paragraphs, its float, its list."""

    depth: int = 0
    role: type[e.Paragraph] | type[e.Abstract] = e.Paragraph
    float: str | None = None
    list_depth: int = 0


@dataclass
class DocumentBuilder(ABC):
    """The elements of an answer in document order; :meth:`parse` appends to them and recurses into environments."""

    reader: TokenReader
    elements: list[ElementBuilder] = field(default_factory=list)
    in_references: bool = False
    _last_number: int | None = None  # of the last item of an ordered list
    _indents: list[int] = field(default_factory=list)
    _page: int = 1

    @abstractmethod
    def parse(self, low: int, high: int, context: ParseContext) -> None:
        """Appends the blocks of tokens ``low`` to ``high - 1``."""

    def add(self, element_type: type[e.Element], index: int, **fields: Any) -> None:
        """Appends an element that starts at token ``index``, with the repairs recorded since the previous one."""
        if element_type is e.ListItem and fields.get("number") is not None:
            self._last_number = fields["number"]
        elif element_type in _ENDS_OF_LISTS:
            self._last_number = None
        start = self.reader.tokens[index].start
        self.elements.append(ElementBuilder(element_type, start, fields, self.reader.take_repairs()))

    def add_page_break(self, index: int) -> None:
        """Appends the end of a page."""
        self._page += 1
        self.add(e.PageBreak, index, number=self._page)

    def add_heading(self, index: int, level: int, content: Content) -> None:
        """Appends a heading unless it is empty. Below a heading such as "References", numbered lines are references."""
        if not content:
            return
        title = plain_text(content)
        self.in_references = title.strip().rstrip(":").lower() in _BIBLIOGRAPHIES
        self.add(e.Heading, index, level=level, number=heading_number(title), content=content)

    def continues_list(self, number: int | None) -> bool:
        """Whether ``number`` is that of the next item of the list above, whose last item may go on behind a formula."""
        return number is not None and self._last_number is not None and number == self._last_number + 1

    def list_depth(self, indent: int) -> int:
        """Nesting depth of a list item whose marker is indented by ``indent`` columns."""
        if not self.elements or self.elements[-1].element_type is not e.ListItem:
            self._indents.clear()
        while self._indents and indent < self._indents[-1]:
            self._indents.pop()
        if not self._indents or indent > self._indents[-1] + 1:
            self._indents.append(indent)
        return len(self._indents) - 1
