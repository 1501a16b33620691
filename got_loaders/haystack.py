"""Haystack: a converter component.

documents = GotConverter().run(sources=["paper.pdf"])["documents"]
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from got_loaders.chunks import DocumentChunk, adocument_chunks, document_chunks
from got_loaders.config import Chunker, ChunkMode, LoaderConfig
from got_loaders.metadata import metadata_for
from got_loaders.runtimes import RuntimeHandle
from got_runtime.errors import MissingExtra, OptionError

try:
    from haystack import Document, component, default_from_dict, default_to_dict
    from haystack.components.converters.utils import normalize_metadata
    from haystack.dataclasses import ByteStream
except ModuleNotFoundError as error:
    raise MissingExtra("haystack", "haystack-ai") from error

if TYPE_CHECKING:
    from got_loaders.config import LoaderOptions
    from got_runtime import GotRuntime
    from got_runtime.markup.token_count import CountTokens, Tokenizer

__all__ = ["GotConverter"]


@component
class GotConverter:
    """Converts PDF files and images to Documents.

    A saved pipeline does not contain the password; a pickled converter does.

    Args:
        mode: the unit of a Document: ``"page"``, ``"document"``, ``"element"`` or ``"chunk"``. Documents of
            ``"document"`` have a form feed between pages, by which Haystack's splitters number them.
        max_tokens: maximum size of a chunk, in words unless ``count_tokens`` is given; for ``mode="chunk"``.
        chunker: splits the elements of a page instead of the built-in splitting; for ``mode="chunk"``.
        count_tokens: a function from text to number of tokens, a Hugging Face tokenizer or a tiktoken encoding; for
            ``mode="chunk"``.
        runtime: a loaded ``GotRuntime``, which is never saved; without it, converters of equal model options share one.
        options: the fields of :class:`~got_runtime.ReadOptions` (``task``, ``pages``, ``dpi``, ``rotate``,
            ``password``, ``limits``, ``allow_remote``, ``ocr``, ``on_error``, ``max_new_tokens``, ``boxes``,
            ``zoom``) and of :class:`~got_loaders.runtimes.ModelConfig` (``model``, ``device``, ``dtype``, ``revision``,
            ``local_files_only``, ``engine``, ``devices``, ``batch_size``, ``weight_dtype``, ``kv_cache_dtype``,
            ``kv_cache_bytes``, ``threads``, ``cache``).

    Raises:
        OptionError: an unknown option, or a value that it cannot have.
    """

    def __init__(
        self,
        *,
        mode: ChunkMode = "page",
        max_tokens: int = 512,
        chunker: Chunker | None = None,
        count_tokens: "CountTokens | Tokenizer | None" = None,
        runtime: "GotRuntime | None" = None,
        **options: "Unpack[LoaderOptions]",
    ) -> None:
        self._config = LoaderConfig.of(
            "GotConverter", options, mode=mode, max_tokens=max_tokens, chunker=chunker, count_tokens=count_tokens
        )
        self._runtime = RuntimeHandle(runtime, self._config.model)

    def to_dict(self) -> dict[str, Any]:
        """The options, for a saved pipeline; without the password and the runtime.

        Raises:
            OptionError: ``chunker`` or ``count_tokens`` is set: functions cannot be saved.
        """
        return default_to_dict(self, **self._config.to_dict())

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "GotConverter":
        """A converter with the same options."""
        return default_from_dict(cls, data)

    def warm_up(self) -> None:
        """Load the weights now rather than at the first source."""
        self._runtime()

    @component.output_types(documents=list[Document])
    def run(
        self, sources: list[str | Path | ByteStream], meta: dict[str, Any] | list[dict[str, Any]] | None = None
    ) -> dict[str, list[Document]]:
        """Convert sources to Documents; pages of all sources are decoded together.

        Args:
            sources: paths of files and folders, or bytes with their own meta.
            meta: one dictionary for all sources or one for each; replaces keys of the same name.

        Raises:
            GotError: a source or page failed, and ``on_error="raise"``.
        """
        return {
            "documents": [
                batch.document(chunk)
                for batch in _batches(sources, meta)
                for chunk in document_chunks(self._runtime, batch.inputs, self._config, batch.names, form_feeds=True)
            ]
        }

    @component.output_types(documents=list[Document])
    async def run_async(
        self, sources: list[str | Path | ByteStream], meta: dict[str, Any] | list[dict[str, Any]] | None = None
    ) -> dict[str, list[Document]]:
        """:meth:`run` without blocking the event loop."""
        return {
            "documents": [
                batch.document(chunk)
                for batch in _batches(sources, meta)
                async for chunk in adocument_chunks(
                    self._runtime, batch.inputs, self._config, batch.names, form_feeds=True
                )
            ]
        }


@dataclass(frozen=True)
class _NamedBytes:
    """Bytes that the runtime reads under a name."""

    source: str
    data: bytes

    def as_bytes(self) -> bytes:
        return self.data


@dataclass(frozen=True)
class _Source:
    """One source of a call: what is read, its name in results, its full name, and the meta of stream and caller."""

    given: Path | str | _NamedBytes
    result_name: str
    full_name: str
    stream_meta: Mapping[str, Any]
    meta: Mapping[str, Any]

    @classmethod
    def of(cls, given: str | Path | ByteStream, meta: Mapping[str, Any]) -> "_Source":
        from got_runtime.sources.names import display_name, is_address

        if isinstance(given, ByteStream):
            name = str(given.meta.get("file_path", "<bytes>"))
            named = _NamedBytes(name, given.data)
            return cls(named, display_name(named), name, given.meta, meta)
        if is_address(given):
            return cls(given, display_name(given), display_name(given), {}, meta)  # an address may contain a password
        path = Path(given)
        return cls(path, display_name(path), str(path), {}, meta)


@dataclass(frozen=True)
class _Batch:
    """Sources that are read in one stream. Their names differ, so that a chunk's source is known by its name."""

    sources: list[_Source]

    @property
    def inputs(self) -> list[Any]:
        return [source.given for source in self.sources]

    @property
    def names(self) -> dict[str, str]:
        return {source.result_name: source.full_name for source in self.sources}

    def document(self, chunk: DocumentChunk) -> Document:
        source = self.sources[0]  # the files of a folder have other names, and a folder is alone in its batch
        if len(self.sources) > 1:
            source = next(each for each in self.sources if each.full_name == chunk.metadata["source"])
        meta = {**source.stream_meta, **metadata_for("haystack", chunk.metadata), **source.meta}
        return Document(content=chunk.text, meta=meta)


def _batches(
    sources: list[str | Path | ByteStream], meta: dict[str, Any] | list[dict[str, Any]] | None
) -> Iterator[_Batch]:
    """The sources in order, in as few batches as :class:`_Batch` allows."""
    from got_runtime.sources.folders import is_folder

    if isinstance(sources, str | Path | ByteStream):  # the characters of a path would be read as paths, "/" among them
        raise OptionError("GotConverter.run: sources= is a list: put the source in brackets")
    batch: list[_Source] = []
    names: set[str] = set()
    for given, its_meta in zip(sources, normalize_metadata(meta, len(sources)), strict=True):
        source = _Source.of(given, its_meta)
        its_names = {source.result_name, source.full_name}
        if batch and (names & its_names or is_folder(given) or is_folder(batch[-1].given)):
            yield _Batch(batch)
            batch, names = [], set()
        batch.append(source)
        names |= its_names
    if batch:
        yield _Batch(batch)
