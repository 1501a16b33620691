"""Pages → passages: the texts that become Documents, by page, document, element or chunk, each with its facts."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from got_loaders.metadata import NO_BOX, Value, box_facts, element_facts, page_facts, source_facts

if TYPE_CHECKING:
    from got_runtime.markup import Element
    from got_runtime.results import PageResult

__all__ = ["Mode", "Passage", "Passages"]

Mode = Literal["page", "document", "element", "chunk"]
"""What becomes one Document: a page, a source, an element (heading, paragraph, table …), or a piece of a section."""

NAMESPACE = uuid.UUID("6f1ad5c2-0f5e-5a52-9c5b-3f0f4f2a7d10")
WHOLE = 1_000_000_000
"""Tokens of a chunk that nothing is cut for: an element stays whole."""


@dataclass(frozen=True)
class Passage:
    """A text with all that is known of it. ``id`` is a UUID of source, place and text: the same every time."""

    id: str
    text: str
    facts: dict[str, Value | None]
    page: "PageResult | None" = None


@dataclass
class Passages:
    """Cuts the pages of one reading into passages: :meth:`take` each page as it comes, :meth:`finish` at the end.

    Elements and chunks never reach over a page's end, so that each can be cited by its page; the headings above them
    are remembered from page to page. A blank page is a passage without text by page, and none by element or chunk.

    Args:
        mode: what becomes one passage.
        model: name of the weights.
        max_tokens: budget of a chunk, in words.
        boxes: whether boxes were asked for.
        names: paths in full by the names that results give them.
    """

    mode: Mode
    model: str
    max_tokens: int = 512
    boxes: bool = False
    names: dict[str, str] = field(default_factory=dict)
    _pages: list["PageResult"] = field(default_factory=list)
    _headings: list[tuple[int, str]] = field(default_factory=list)
    _seen: dict[str, int] = field(default_factory=dict)

    def take(self, page: "PageResult") -> Iterator[Passage]:
        """The passages that are complete with this page."""
        if self._pages and self._pages[-1].source != page.source:
            yield from self.finish()
        self._pages = [*self._pages, page] if self.mode == "document" else [page]
        if self.mode == "document":
            return
        facts = page_facts(page, self._source(page), self.model)
        if self.mode == "page":
            yield self._passage(_text([page]), facts, page)
        elif page.error is not None:
            yield self._passage("", facts | element_facts((), ()) | (NO_BOX if self.boxes else {}), page)
        else:
            yield from self._cut(page, facts)

    def finish(self) -> Iterator[Passage]:
        """What the end of a source completes."""
        pages, self._pages, self._headings, self._seen = self._pages, [], [], {}
        if self.mode == "document" and pages:
            yield self._document(pages)

    def _source(self, page: "PageResult") -> str:
        return self.names.get(page.source, page.source)

    def _document(self, pages: Sequence["PageResult"]) -> Passage:
        first, source = pages[0], self._source(pages[0])
        failed = [page for page in pages if page.error is not None]
        shared = page_facts(failed[0] if failed else first, source, self.model)
        whole = {key: shared[key] for key in ("total_pages", "sha256", "model", "task", "error")}
        return self._passage(_text(pages), source_facts(source) | whole, None)

    def _cut(self, page: "PageResult", facts: dict[str, Value | None]) -> Iterator[Passage]:
        from got_runtime.markup import chunk

        elements = page.elements
        above = [self._headings_above(element) for element in elements]
        if self.mode == "element":
            pieces = chunk(elements, by="element", max_tokens=WHOLE)
        else:
            pieces = chunk(elements, max_tokens=self.max_tokens)
        for piece in pieces:
            members = [elements[index] for index in piece.elements]
            known = facts | element_facts(members, above[piece.elements[0]])
            yield self._passage(piece.text, known | (_box_of(members, page) if self.boxes else {}), page)

    def _headings_above(self, element: "Element") -> tuple[str, ...]:
        from got_runtime.markup import to_text

        if element.kind == "heading":
            title = " ".join(to_text([element]).split())
            self._headings = [(level, text) for level, text in self._headings if level < element.level]
            self._headings.append((element.level, title))
        return tuple(text for _, text in self._headings)

    def _passage(self, text: str, facts: dict[str, Value | None], page: "PageResult | None") -> Passage:
        number = page.number if page is not None else ""
        content = f"{facts.get('sha256') or facts['source']}\n{number}\n{self.mode}\n{text}"
        # The same words may stand twice on a page.
        self._seen[content] = self._seen.get(content, 0) + 1
        element_id = str(uuid.uuid5(NAMESPACE, f"{content}\n{self._seen[content]}"))
        if "category" in facts:
            facts = facts | {"element_id": element_id}
        return Passage(str(uuid.uuid5(NAMESPACE, f"{facts['source']}\n{element_id}")), text, facts, page)


def _text(pages: Iterable["PageResult"]) -> str:
    from got_runtime.markup import to_markdown
    from got_runtime.results import render_pages

    return render_pages(pages, lambda elements: to_markdown(elements).strip())


def _box_of(elements: "Sequence[Element]", page: "PageResult") -> dict[str, Value | None]:
    """The box around the elements, where every one of them has its own."""
    boxes = {box.span: box for box in page.boxes}
    found = [boxes.get(element.span) for element in elements]
    known = [box for box in found if box is not None]
    if not known or len(known) < len(found):
        return dict(NO_BOX)
    around = [box.bbox for box in known]
    hull = [min(b[0] for b in around), min(b[1] for b in around), max(b[2] for b in around), max(b[3] for b in around)]
    size = page.size_pt or (float(page.width), float(page.height))
    return box_facts(hull, size, min(box.score for box in known), known[0].source)
