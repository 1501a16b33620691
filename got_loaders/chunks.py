"""Pages → chunks of text, each with an id and metadata, from which the adapters make Documents.

    source ──GotRuntime.stream──► PageResult ──_ChunkBuilder──► DocumentChunk ──adapter──► the framework's Document

The adapters (``langchain``, ``llama_index``, ``haystack``) only copy ``id``, ``text`` and
``metadata_for(framework, metadata)`` of a chunk into their own class.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from got_loaders.config import LoaderConfig
from got_loaders.metadata import (
    NO_BOX,
    FullMetadata,
    box_metadata,
    document_metadata,
    element_metadata,
    page_metadata,
)
from got_loaders.runtimes import RuntimeHandle
from got_runtime.errors import OptionError

if TYPE_CHECKING:
    from got_runtime.markup import Element
    from got_runtime.results import PageResult

__all__ = ["DocumentChunk", "adocument_chunks", "document_chunks"]

NAMESPACE = uuid.UUID("6f1ad5c2-0f5e-5a52-9c5b-3f0f4f2a7d10")
UNLIMITED_TOKENS = 1_000_000_000
"""A chunk size that no element reaches, so that elements are never split."""


@dataclass(frozen=True)
class DocumentChunk:
    """Id, text and metadata of one Document. ``id`` is a UUID of source, page, mode and text: the same in every run."""

    id: str
    text: str
    metadata: FullMetadata
    page: "PageResult | None" = None
    """The page it is from; ``None`` with ``mode="document"``."""


def document_chunks(
    runtime: RuntimeHandle,
    source: Any,
    config: LoaderConfig,
    names: Mapping[str, str] | None = None,
    *,
    form_feeds: bool = False,
) -> Iterator[DocumentChunk]:
    """The chunks of a source, a folder, or a list of them, each as soon as its page has been read.

    Args:
        runtime: reads the pages. Its weights are loaded after the source was checked.
        source: as in ``GotRuntime.stream``.
        config: the loader's options.
        names: full names of sources by their ``PageResult.source``; those of paths are known.
        form_feeds: whether a form feed ends each page but the last with ``mode="document"``; nothing is joined over the
            end of a page then.

    Raises:
        SourceError: the source, if it is the only one, cannot be opened.
        GotError: a source or page failed, and ``on_error="raise"``.
    """
    _check_sources(source, config)
    loaded = runtime()
    builder = _ChunkBuilder(config, loaded.model_info.name, _path_names(source) | dict(names or {}), form_feeds)
    with closing(loaded.stream(source, config.read_options)) as pages:
        for page in pages:
            yield from builder.add(page)
    yield from builder.finish()


async def adocument_chunks(
    runtime: RuntimeHandle,
    source: Any,
    config: LoaderConfig,
    names: Mapping[str, str] | None = None,
    *,
    form_feeds: bool = False,
) -> AsyncIterator[DocumentChunk]:
    """:func:`document_chunks` without blocking the event loop."""
    await asyncio.to_thread(_check_sources, source, config)
    loaded = await runtime.aload()
    builder = _ChunkBuilder(config, loaded.model_info.name, _path_names(source) | dict(names or {}), form_feeds)
    async with aclosing(loaded.astream(source, config.read_options)) as pages:
        async for page in pages:
            for chunk in builder.add(page):
                yield chunk
    for chunk in builder.finish():
        yield chunk


def _check_sources(source: Any, config: LoaderConfig) -> None:
    """Raises SourceError for a source whose failure ends the load, before weights are loaded."""
    from got_runtime.sources import check_source

    options = config.read_options
    several = isinstance(source, list | tuple)
    for each in source if several else [source]:
        if not several or options.on_error == "raise":
            check_source(each, options.limits, allow_remote=options.allow_remote)


@dataclass
class _ChunkBuilder:
    """Splits pages into chunks: :meth:`add` each page in order, :meth:`finish` at the end.

    Elements and chunks end with their page, so that each can be cited by its page; the headings above them are carried
    from page to page. A blank page is a chunk without text with ``mode="page"``, and none with ``"element"`` or
    ``"chunk"``. A page that failed is a chunk without text whose metadata has the ``error``.
    """

    config: LoaderConfig
    model_name: str
    names: Mapping[str, str]
    form_feeds: bool = False
    _pages: list["PageResult"] = field(default_factory=list)
    """The pages since the last chunk: with ``mode="document"`` those of the source so far, else the last page."""
    _headings: list[tuple[int, str]] = field(default_factory=list)
    """Level and text of the headings that the next element stands under."""
    _occurrences: dict[str, int] = field(default_factory=dict)
    """Number of occurrences of each text on its page: the same words twice on a page need two ids."""

    def add(self, page: "PageResult") -> Iterator[DocumentChunk]:
        """The chunks that are complete with this page."""
        if self._pages and self._pages[-1].source != page.source:
            yield from self.finish()
        if self.config.mode == "document":
            self._pages.append(page)
            return
        self._pages = [page]
        metadata = page_metadata(page, self._source_name(page), self.model_name)
        if self.config.mode == "page":
            yield self._chunk(_markdown([page]), metadata, page)
        elif page.error is not None:
            yield self._chunk("", metadata | element_metadata((), ()) | self._box([], page), page)
        else:
            yield from self._split(page, metadata)

    def finish(self) -> Iterator[DocumentChunk]:
        """The chunk that is complete with the end of its source, with ``mode="document"``."""
        pages, self._pages, self._headings, self._occurrences = self._pages, [], [], {}
        if self.config.mode == "document" and pages:
            representative = next((page for page in pages if page.error is not None), pages[0])
            metadata = document_metadata(representative, self._source_name(pages[0]), self.model_name)
            text = "\f".join(_page_text(page) for page in pages) if self.form_feeds else _markdown(pages)
            yield self._chunk(text, metadata, None)

    def _split(self, page: "PageResult", metadata: FullMetadata) -> Iterator[DocumentChunk]:
        elements = page.elements
        headings = [self._headings_above(element) for element in elements]
        for text, indexes, parts in self._texts(elements):
            members = [elements[index] for index in indexes]
            above = headings[indexes[0]] if indexes else ()
            yield self._chunk(
                text, metadata | element_metadata(parts or members, above) | self._box(members, page), page
            )

    def _texts(self, elements: "Sequence[Element]") -> "Iterator[tuple[str, tuple[int, ...], tuple[Element, ...]]]":
        """The texts of a page, each with the indexes of its elements, and these as far as they are in the text.

        Neither is known of a chunker's strings, and the latter not of chunks that it made itself.
        """
        from got_runtime.markup import Chunk, chunk

        config = self.config
        chunks: Iterable[str | Chunk]
        if config.mode == "element":
            chunks = chunk(elements, by="element", max_tokens=UNLIMITED_TOKENS)
        elif config.chunker is not None:
            chunks = config.chunker(elements)
        else:
            chunks = chunk(elements, max_tokens=config.max_tokens, count_tokens=config.count_tokens)
        if isinstance(chunks, str) or not isinstance(chunks, Iterable):  # a str is an iterable of its characters
            raise OptionError(
                f"chunker= returned an object of type {type(chunks).__name__}: return a list of texts or chunks"
            )
        for each in chunks:
            if not isinstance(each, str | Chunk):
                kind = type(each).__name__
                raise OptionError(f"chunker= returned an object of type {kind} in its list: return texts or chunks")
            yield (each, (), ()) if isinstance(each, str) else (each.text, each.elements, each.parts)

    def _headings_above(self, element: "Element") -> tuple[str, ...]:
        from got_runtime.markup import to_text

        if element.kind == "heading":
            title = " ".join(to_text([element]).split())
            self._headings = [(level, text) for level, text in self._headings if level < element.level]
            self._headings.append((element.level, title))
        return tuple(text for _, text in self._headings)

    def _box(self, elements: "Sequence[Element]", page: "PageResult") -> FullMetadata:
        """The box around the elements, empty unless each of them has one; no keys without ``boxes=True``."""
        if not self.config.read_options.boxes:
            return {}
        box_of = {box.span: box for box in page.boxes}
        boxes = [box_of[element.span] for element in elements if element.span in box_of]
        if not boxes or len(boxes) < len(elements):
            return dict(NO_BOX)
        left, top, right, bottom = zip(*(box.bbox for box in boxes), strict=True)
        page_size = page.size_pt or (float(page.width), float(page.height))
        hull = (min(left), min(top), max(right), max(bottom))
        return box_metadata(hull, page_size, min(box.score for box in boxes), boxes[0].source)

    def _chunk(self, text: str, metadata: FullMetadata, page: "PageResult | None") -> DocumentChunk:
        number = page.number if page is not None else ""
        content = f"{metadata.get('sha256') or metadata['source']}\n{number}\n{self.config.mode}\n{text}"
        self._occurrences[content] = self._occurrences.get(content, 0) + 1
        element_id = str(uuid.uuid5(NAMESPACE, f"{content}\n{self._occurrences[content]}"))
        if "category" in metadata:
            metadata = metadata | {"element_id": element_id}
        return DocumentChunk(str(uuid.uuid5(NAMESPACE, f"{metadata['source']}\n{element_id}")), text, metadata, page)

    def _source_name(self, page: "PageResult") -> str:
        return self.names.get(page.source, page.source)


def _path_names(source: Any) -> dict[str, str]:
    """Paths by the names that results give them, in which characters that cannot be printed are replaced."""
    from got_runtime.sources.names import display_name, is_address

    sources = source if isinstance(source, list | tuple) else [source]
    paths = [each for each in sources if isinstance(each, str | os.PathLike) and not is_address(each)]
    return {display_name(path): str(Path(path)) for path in paths}


def _page_text(page: "PageResult") -> str:
    """The text of a page without form feeds, which would count as further pages."""
    return _markdown([page]).replace("\f", "\n")


def _markdown(pages: Iterable["PageResult"]) -> str:
    from got_runtime.markup import to_markdown
    from got_runtime.results import render_pages

    return render_pages(pages, lambda elements: to_markdown(elements).strip())
