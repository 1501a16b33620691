"""Elements → chunks for retrieval, by element or by section, within a token budget, with their heading path."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Never

from got_runtime.errors import OptionError, check_names, nearest_hint
from got_runtime.markup.content import Frozen, plain_text
from got_runtime.markup.elements import AnyElement, Table
from got_runtime.markup.render.markdown import MarkdownOptions, element_markdown, to_markdown
from got_runtime.markup.token_count import CountTokens, Tokenizer, check_max_tokens, token_counter

__all__ = ["Chunk", "chunk", "split_text"]

_BY = ("section", "element")

_CAPTIONED = ("table", "figure", "chart", "geometry", "molecule", "music")


class Chunk(Frozen):
    """A chunk of a document.

    ``header_path`` holds the headings above it, outermost first; ``kinds`` and ``elements`` the kinds and indexes of
    its elements; ``span`` their characters in the answer; ``tokens`` the number that ``count_tokens`` returns for
    ``text``.
    """

    text: str
    header_path: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    elements: tuple[int, ...] = ()
    span: tuple[int, int]
    page: int | None = None
    tokens: int
    warnings: tuple[str, ...] = ()


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

    A caption stays with its table. An element that is too long is split: a table between rows with its header
    repeated, other text between paragraphs, lines, sentences, then words. A row or word that is itself longer than
    ``max_tokens`` is a chunk of its own with a warning.

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
    chunker = _Chunker(token_counter(count_tokens), max_tokens, options or MarkdownOptions())
    for unit in _units(elements, first_page):
        chunker.take(unit, flush=by == "element")
    return chunker.finish()


@dataclass
class _Unit:
    """An element and its caption, which stay together."""

    members: list[tuple[int, AnyElement]]
    headers: tuple[str, ...]
    page: int | None


def _units(elements: Sequence[AnyElement], first_page: int) -> Iterator[_Unit]:
    path: list[tuple[int, str]] = []
    page: int | None = first_page
    held: _Unit | None = None
    for index, element in enumerate(elements):
        if element.kind == "page_break":
            page = element.number
            continue
        if element.kind == "heading":
            path = [(level, title) for level, title in path if level < element.level]
            path.append((element.level, " ".join(plain_text(element.content).split())))
        headers = tuple(title for _, title in path)
        before = held.members[-1][1].kind if held is not None else ""
        joins = (before == "caption" and element.kind in _CAPTIONED) or (
            element.kind == "caption" and before in _CAPTIONED and len(held.members if held else ()) == 1
        )
        if held is not None and joins:
            held.members.append((index, element))
            continue
        if held is not None:
            yield held
        held = _Unit([(index, element)], headers, page)
    if held is not None:
        yield held


@dataclass
class _Chunker:
    count: CountTokens
    budget: int
    options: MarkdownOptions
    chunks: list[Chunk] = field(default_factory=list)
    _tokens: int = 0
    _members: list[tuple[int, AnyElement]] = field(default_factory=list)
    _headers: tuple[str, ...] = ()
    _page: int | None = None

    def take(self, unit: _Unit, *, flush: bool) -> None:
        starts_section = unit.members[0][1].kind == "heading"
        if flush or starts_section or unit.headers != self._headers:
            self._flush()
        text = "\n\n".join(block for _, each in unit.members if (block := element_markdown(each, self.options)))
        if not text:
            return
        tokens = self.count(text)
        if self._members and self._tokens + tokens + 2 > self.budget:
            self._flush()
        if tokens > self.budget:
            self._split(unit, text)
            return
        if not self._members:
            self._headers, self._page = unit.headers, unit.page
        self._tokens += tokens + 2  # at most two tokens for the empty line between elements in most tokenizers
        self._members += unit.members

    def finish(self) -> list[Chunk]:
        self._flush()
        return self.chunks

    def _flush(self) -> None:
        if self._members:
            text = to_markdown([element for _, element in self._members], self.options).strip("\n")
            self._emit(text, self._members, self._headers, self._page)
        self._members, self._tokens = [], 0

    def _emit(
        self,
        text: str,
        members: list[tuple[int, AnyElement]],
        headers: tuple[str, ...],
        page: int | None,
        warnings: Iterable[str] = (),
    ) -> None:
        tokens = self.count(text)
        noted = [*warnings]
        if tokens > self.budget:
            noted.append(f"{tokens} tokens, more than max_tokens={self.budget}: it cannot be split further")
        self.chunks.append(
            Chunk(
                text=text,
                header_path=headers,
                kinds=tuple(dict.fromkeys(element.kind for _, element in members)),
                elements=tuple(index for index, _ in members),
                span=(members[0][1].span[0], members[-1][1].span[1]),
                page=page,
                tokens=tokens,
                warnings=tuple(noted),
            )
        )

    def _split(self, unit: _Unit, text: str) -> None:
        """Splits a unit over the budget; caption and header of a table are repeated in each part."""
        table = next((element for _, element in unit.members if element.kind == "table"), None)
        if table is None:
            pieces = split_text(text, self.budget, self.count)
        else:
            captions = [element for _, element in unit.members if element.kind == "caption"]
            caption = "".join(element_markdown(each, self.options) + "\n\n" for each in captions)
            pieces = self._split_table(table, caption)
        note = f"part of an element of more than {self.budget} tokens"
        for piece in pieces:
            self._emit(piece, unit.members, unit.headers, unit.page, [note] if len(pieces) > 1 else [])

    def _split_table(self, table: Table, caption: str) -> list[str]:
        header, rows = max(1, table.grid.header_rows), table.grid.rows
        lines = element_markdown(table, self.options).split("\n")
        # lines[0] is the first row, lines[1] the delimiters, followed by further header rows
        head = caption + "\n".join(lines[: header + 1])
        fixed, pieces, current, tokens = self.count(head), [], list[str](), 0
        for line in lines[header + 1 : rows + 1]:
            cost = self.count(line) + 1
            if current and fixed + tokens + cost > self.budget:
                pieces.append("\n".join([head, *current]))
                current, tokens = [], 0
            current.append(line)
            tokens += cost
        return [*pieces, "\n".join([head, *current])]


def split_text(text: str, budget: int, count: CountTokens) -> list[str]:
    """``text`` in pieces of at most ``budget`` tokens, split between paragraphs, else lines, sentences, words.

    A word over the budget is a piece of its own. Each part is counted once a level, so the time is linear.
    """
    return [piece for piece in _split_at(text, ("\n\n", "\n", ". ", "。", " "), budget, count) if piece.strip()]


def _split_at(text: str, separators: tuple[str, ...], budget: int, count: CountTokens) -> list[str]:
    if not separators or count(text) <= budget:
        return [text]
    separator, *finer = separators
    pieces: list[str] = []
    current: list[str] = []
    tokens = 0
    parts = text.split(separator)
    for index, part in enumerate(parts):
        part += separator if index + 1 < len(parts) else ""
        cost = count(part) + 1
        if current and tokens + cost > budget:
            pieces.append("".join(current).strip())
            current, tokens = [], 0
        if cost > budget:
            pieces += _split_at(part.strip(), tuple(finer), budget, count)
        else:
            current.append(part)
            tokens += cost
    return [*pieces, "".join(current).strip()]
