"""Elements while an answer is read: where each starts, what it holds, and what the page said before it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from got_runtime.markup import elements as e
from got_runtime.markup.content import Content, plain
from got_runtime.markup.latex.labels import heading_number
from got_runtime.markup.latex.token_reader import Reader

_BIBLIOGRAPHIES = frozenset({"references", "bibliography", "literature", "literature cited", "参考文献"})

Fields = dict[str, Any]


@dataclass
class Draft:
    """An element whose end is not known yet: it reaches to where the next one starts."""

    build: Callable[..., e.AnyElement]
    start: int
    fields: Fields
    warnings: tuple[e.Mend, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where in the page the parser is: what a paragraph is called here, and how deep."""

    depth: int = 0
    role: type[e.Paragraph] | type[e.Abstract] = e.Paragraph
    float: str | None = None
    list_depth: int = 0


@dataclass
class Drafts(ABC):
    """The :attr:`drafts` of an answer in reading order; :meth:`read` adds to them, recursing into environments."""

    reader: Reader
    drafts: list[Draft] = field(default_factory=list)
    in_references: bool = False
    _indents: list[int] = field(default_factory=list)
    _page: int = 1

    @abstractmethod
    def read(self, low: int, high: int, place: Place) -> None:
        """Adds the blocks of tokens ``low`` to ``high - 1``."""

    def add(self, build: Callable[..., Any], index: int, **fields: Any) -> None:
        """Adds an element that starts at token ``index``, with the mends noted since the one before."""
        self.drafts.append(Draft(build, self.reader.tokens[index].start, fields, self.reader.take_mends()))

    def add_page_break(self, index: int) -> None:
        """Adds the end of a page."""
        self._page += 1
        self.add(e.PageBreak, index, number=self._page)

    def add_heading(self, index: int, level: int, content: Content) -> None:
        """Adds a heading that says something; below one of references, numbered lines are entries of them."""
        if not content:
            return
        title = plain(content)
        self.in_references = title.strip().rstrip(":").lower() in _BIBLIOGRAPHIES
        self.add(e.Heading, index, level=level, number=heading_number(title), content=content)

    def list_depth(self, indent: int) -> int:
        """How deep a list item is whose marker stands ``indent`` columns to the right."""
        if not self.drafts or self.drafts[-1].build is not e.ListItem:
            self._indents.clear()
        while self._indents and indent < self._indents[-1]:
            self._indents.pop()
        if not self._indents or indent > self._indents[-1] + 1:
            self._indents.append(indent)
        return len(self._indents) - 1
