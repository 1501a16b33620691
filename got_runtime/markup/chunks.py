"""Elements → chunks for retrieval, by element or by section, within a token budget, with their heading path."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Never

from pydantic import Field

from got_runtime.errors import OptionError, check_names, nearest_hint
from got_runtime.markup.captions import captioned
from got_runtime.markup.content import Frozen, plain_text
from got_runtime.markup.elements import AnyElement
from got_runtime.markup.render.markdown import MarkdownOptions, to_markdown
from got_runtime.markup.split.elements import Measure, Part, repeats, split
from got_runtime.markup.token_count import CountTokens, Tokenizer, check_max_tokens, token_counter

__all__ = ["Chunk", "chunk"]

_BY = ("section", "element")

_CAPTION_SHARE = 0.75
"""A caption of more than this share of the budget is not repeated beside each part of its table."""


class Chunk(Frozen):
    """A chunk of a document.

    ``header_path`` holds the headings above it, outermost first; ``kinds`` and ``elements`` the kinds and indexes of
    its elements; ``span`` their characters in the answer; ``tokens`` the number that ``count_tokens`` returns for
    ``text``. ``parts`` are the elements as far as they are in this chunk: rows of a table that was split, for example.
    They are not part of the JSON.
    """

    text: str
    header_path: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    elements: tuple[int, ...] = ()
    span: tuple[int, int]
    page: int | None = None
    tokens: int
    warnings: tuple[str, ...] = ()
    parts: tuple[AnyElement, ...] = Field(default=(), exclude=True, repr=False)


def chunk(
    elements: Sequence[AnyElement],
    *,
    by: Literal["element", "section"] = "section",
    max_tokens: int = 512,
    count_tokens: CountTokens | Tokenizer | None = None,
    options: MarkdownOptions | None = None,
    first_page: int = 1,
    **unknown: Never,
) -> list[Chunk]:
    """The elements as chunks of Markdown, none longer than ``max_tokens`` unless its ``warnings`` say so.

    A caption stays with its table or figure. An element that is too long is split: a table and a chart between rows
    with their header repeated, code, a score and TikZ between lines in a fence of their own, a formula between rows in
    delimiters of their own, other text between lines, sentences, Chinese or Japanese clauses, then words. A caption is
    repeated beside each part unless it is long. A row, line or word that is itself longer than ``max_tokens`` is a
    chunk of its own with a warning.

    Args:
        elements: from :func:`~got_runtime.markup.parse` or :func:`~got_runtime.markup.parse_pages`.
        by: ``"section"`` fills a chunk with the elements below one heading; ``"element"`` makes a chunk of each.
        max_tokens: the longest chunk, as ``count_tokens`` counts it.
        count_tokens: a function from text to number of tokens, a Hugging Face tokenizer or a tiktoken encoding, whose
            special tokens are not counted. By default words separated by white space, plus one for each Chinese or
            Japanese character.
        options: how the Markdown is written.
        first_page: number of the page on which the elements begin.
        unknown: no other argument exists; the error names the nearest one.

    Raises:
        OptionError: an unknown argument, or a value that an argument cannot have, such as ``max_tokens=0`` (also a
            ValueError).
    """
    check_names(unknown, ("by", "max_tokens", "count_tokens", "options", "first_page"), "chunk")
    if by not in _BY:
        raise OptionError(f"chunk: by={by!r}: {nearest_hint(str(by), _BY)}")
    check_max_tokens(max_tokens)
    measure = Measure(token_counter(count_tokens), options or MarkdownOptions())
    chunker = _Chunker(elements, measure, max_tokens)
    for unit in _units(elements, first_page):
        chunker.take(unit, flush=by == "element")
    return chunker.finish()


@dataclass(frozen=True)
class _Unit:
    """An element, or a table or figure and its caption, which stay together: the indexes in their order."""

    members: tuple[int, ...]
    headers: tuple[str, ...]
    page: int | None


def _units(elements: Sequence[AnyElement], first_page: int) -> Iterator[_Unit]:
    path: list[tuple[int, str]] = []
    page: int | None = first_page
    partner = captioned(elements)
    partner |= {element: caption for caption, element in partner.items()}
    for index, element in enumerate(elements):
        if element.kind == "page_break":
            page = element.number
            continue
        if element.kind == "heading":
            path = [(level, title) for level, title in path if level < element.level]
            path.append((element.level, " ".join(plain_text(element.content).split())))
        other = partner.get(index, index)
        if other >= index:
            members = (index,) if other == index else (index, other)
            yield _Unit(members, tuple(title for _, title in path), page)


_Member = tuple[int, Part]
"""The index of an element, and a part of it."""


def _blocks(members: Iterable[_Member]) -> str:
    return "\n\n".join(part.text for _, part in members if part.text)


@dataclass
class _Chunker:
    elements: Sequence[AnyElement]
    measure: Measure
    budget: int
    chunks: list[Chunk] = field(default_factory=list)
    _tokens: int = 0
    _units: list[_Unit] = field(default_factory=list)

    def take(self, unit: _Unit, *, flush: bool) -> None:
        starts_section = self.elements[unit.members[0]].kind == "heading"
        if flush or starts_section or (self._units and unit.headers != self._units[0].headers):
            self._flush()
        members = [(index, self.measure.part(self.elements[index])) for index in unit.members]
        text = _blocks(members)
        if not text:
            return
        tokens = self.measure.count(text) if len(members) > 1 else members[0][1].tokens
        if self._units and self._tokens + tokens + 2 > self.budget:
            self._flush()
        if tokens > self.budget:
            self._split(unit, members)
            return
        self._tokens += tokens + 2  # at most two tokens for the empty line between elements in most tokenizers
        self._units.append(unit)

    def finish(self) -> list[Chunk]:
        self._flush()
        return self.chunks

    def _flush(self) -> None:
        pending, self._units, self._tokens = [self._units], [], 0
        while pending:
            units = pending.pop()
            indexes = [index for unit in units for index in unit.members]
            text = to_markdown([self.elements[index] for index in indexes], self.measure.options).strip("\n")
            tokens = self.measure.count(text)
            if len(units) > 1 and tokens > self.budget:  # nested lists are indented, for example
                middle = len(units) // 2
                pending += [units[middle:], units[:middle]]
            elif units:
                self._emit(text, tokens, [(index, self.elements[index]) for index in indexes], units[0])

    def _emit(
        self,
        text: str,
        tokens: int,
        members: Sequence[tuple[int, AnyElement]],
        unit: _Unit,
        warnings: Iterable[str] = (),
    ) -> None:
        noted = [*warnings]
        if tokens > self.budget:
            noted.append(f"{tokens} tokens, more than max_tokens={self.budget}: it cannot be split further")
        spans = [self.elements[index].span for index, _ in members]
        self.chunks.append(
            Chunk(
                text=text,
                header_path=unit.headers,
                kinds=tuple(dict.fromkeys(self.elements[index].kind for index, _ in members)),
                elements=tuple(index for index, _ in members),
                span=(spans[0][0], spans[-1][1]),
                page=unit.page,
                tokens=tokens,
                warnings=tuple(noted),
                parts=tuple(element for _, element in members),
            )
        )

    def _split(self, unit: _Unit, members: Sequence[_Member]) -> None:
        """Splits a unit over the budget; a caption is repeated beside each part of its table or figure."""
        note = f"part of an element of more than {self.budget} tokens"
        chunks = self._with_caption(members) or [*self._one_by_one(members)]
        for each in chunks:
            text = _blocks(each)
            tokens = self.measure.count(text) if len(each) > 1 else each[0][1].tokens
            shown = [(index, part.element) for index, part in each]
            self._emit(text, tokens, shown, unit, [note] if len(chunks) > 1 else [])

    def _with_caption(self, members: Sequence[_Member]) -> list[list[_Member]] | None:
        """The parts of a table or figure, each beside its caption; None without a caption, or with a long one."""
        if len(members) < 2:
            return None
        below = members[1][1].element.kind == "caption"
        caption, (index, whole) = reversed(members) if below else members
        if caption[1].tokens > _CAPTION_SHARE * self.budget:
            return None
        parts = split(whole, max(1, self.budget - caption[1].tokens - 2), self.measure)
        if not repeats(caption[1].text, len(parts), whole.text):
            return None
        return [[(index, part), caption] if below else [caption, (index, part)] for part in parts]

    def _one_by_one(self, members: Sequence[_Member]) -> Iterator[list[_Member]]:
        """The parts of each member; those of two members are together where they fit."""
        group: list[_Member] = []
        for index, whole in members:
            for part in split(whole, self.budget, self.measure):
                tokens = sum(each.tokens + 2 for _, each in group)
                if group and (group[-1][0] == index or tokens + part.tokens > self.budget):
                    yield group
                    group = []
                group.append((index, part))
        yield group
