"""LangChain: a document loader, and a blob parser for ``GenericLoader`` and for images inside PDF files.

for document in GotLoader("paper.pdf").lazy_load():
    print(document.metadata["page"], document.page_content)
"""

import io
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from got_loaders.chunks import DocumentChunk, adocument_chunks, document_chunks
from got_loaders.config import Chunker, ChunkMode, LoaderConfig
from got_loaders.metadata import metadata_for
from got_loaders.runtimes import RuntimeHandle
from got_runtime.errors import MissingExtra

try:
    from langchain_core.document_loaders import BaseBlobParser, BaseLoader, Blob
    from langchain_core.documents import Document
except ModuleNotFoundError as error:
    raise MissingExtra("langchain", "langchain-core") from error

if TYPE_CHECKING:
    from got_loaders.config import LoaderOptions
    from got_runtime import GotRuntime
    from got_runtime.markup.token_count import CountTokens, Tokenizer
    from got_runtime.sources import Source

__all__ = ["GotBlobParser", "GotLoader"]

NPY = "application/x-npy"
"""MIME type of a saved numpy array, as the PDF loaders of langchain-community pass images to ``images_parser``."""


class GotLoader(BaseLoader):
    """Reads a file, a folder or a list of them; each Document comes as soon as its page has been read.

    A folder is faster than its files one by one: pages of all its files are decoded together. A loader can be pickled;
    the pickle contains the password.

    Args:
        file_path: a file, a folder, an address (with ``allow_remote=True``), bytes, an image, or a list of them.
        mode: the unit of a Document: ``"page"``, ``"document"``, ``"element"`` or ``"chunk"``.
        max_tokens: maximum size of a chunk, in words unless ``count_tokens`` is given; for ``mode="chunk"``.
        chunker: splits the elements of a page instead of the built-in splitting; for ``mode="chunk"``.
        count_tokens: a function from text to number of tokens, a Hugging Face tokenizer or a tiktoken encoding; for
            ``mode="chunk"``.
        runtime: a loaded ``GotRuntime``; without it, loaders of equal model options share one.
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
        file_path: "Source | Sequence[Source]",
        *,
        mode: ChunkMode = "page",
        max_tokens: int = 512,
        chunker: Chunker | None = None,
        count_tokens: "CountTokens | Tokenizer | None" = None,
        runtime: "GotRuntime | None" = None,
        **options: "Unpack[LoaderOptions]",
    ) -> None:
        self._source = file_path
        self._config = LoaderConfig.of(
            "GotLoader", options, mode=mode, max_tokens=max_tokens, chunker=chunker, count_tokens=count_tokens
        )
        self._runtime = RuntimeHandle(runtime, self._config.model)

    def __repr__(self) -> str:
        from got_runtime.sources.names import display_name

        source = self._source
        shown = f"{len(source)} sources" if isinstance(source, list | tuple) else display_name(source)
        return self._config.described("GotLoader", self._runtime, repr(shown))

    def lazy_load(self) -> Iterator[Document]:
        """Documents one by one.

        Raises:
            SourceError: the source, if it is a single file, cannot be opened.
            GotError: a file or page failed, and ``on_error="raise"``.
        """
        for chunk in document_chunks(self._runtime, self._source, self._config):
            yield _document(chunk)

    async def alazy_load(self) -> AsyncIterator[Document]:
        """:meth:`lazy_load` in worker threads. Closing the iterator stops the decoding within a step."""
        async for chunk in adocument_chunks(self._runtime, self._source, self._config):
            yield _document(chunk)


class GotBlobParser(BaseBlobParser):
    """Reads blobs of PDF files and images, and numpy arrays as PDF loaders pass them to an ``images_parser``.

    A blob gives at least one Document, which keeps the blob's own metadata. A blob that cannot be opened is one of many
    for its loader: ``on_error`` decides whether it is kept with its error, skipped or raised.

    Args:
        mode, max_tokens, chunker, count_tokens, runtime, options: as in :class:`GotLoader`.

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
            "GotBlobParser", options, mode=mode, max_tokens=max_tokens, chunker=chunker, count_tokens=count_tokens
        )
        self._runtime = RuntimeHandle(runtime, self._config.model)

    def __repr__(self) -> str:
        return self._config.described("GotBlobParser", self._runtime)

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """Documents one by one.

        Raises:
            GotError: the blob or a page of it failed, and ``on_error="raise"``.
        """
        from got_runtime.sources.names import display_name

        source = _source_of(blob)
        names = {display_name(source): blob.source} if blob.source else {}
        document = None
        for chunk in document_chunks(self._runtime, [source], self._config, names):
            document = _document(chunk, blob.metadata)
            yield document
        if document is None:
            yield Document(
                page_content="", metadata={**blob.metadata, **({"source": blob.source} if blob.source else {})}
            )


def _source_of(blob: Blob) -> Any:
    if blob.mimetype == NPY:
        import numpy as np

        return np.load(io.BytesIO(blob.as_bytes()), allow_pickle=False)
    return blob.path if blob.data is None and blob.path is not None else blob


def _document(chunk: DocumentChunk, blob_metadata: Mapping[Any, Any] | None = None) -> Document:
    metadata = {**(blob_metadata or {}), **metadata_for("langchain", chunk.metadata)}
    return Document(id=chunk.id, page_content=chunk.text, metadata=metadata)
