"""LangChain: a document loader, and a blob parser for ``GenericLoader`` and for the pictures inside PDF.

for document in GotLoader("paper.pdf").lazy_load():
    print(document.metadata["page"], document.page_content)
"""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from got_loaders.chunks import Mode, Passage
from got_loaders.config import OnError, Reading
from got_loaders.metadata import told_to
from got_loaders.runtimes import ModelSettings, shared_runtime
from got_runtime.errors import MissingExtra

try:
    from langchain_core.document_loaders import BaseBlobParser, BaseLoader, Blob
    from langchain_core.documents import Document
except ModuleNotFoundError as error:
    raise MissingExtra("langchain", "langchain-core") from error

if TYPE_CHECKING:
    from got_runtime import GotRuntime
    from got_runtime.tasks import Task

__all__ = ["GotBlobParser", "GotLoader"]

NPY = "application/x-npy"
"""What the PDF loaders of langchain-community hand their ``images_parser``: a saved numpy array."""


class _Got:
    """What loader and parser are told alike.

    Args:
        mode: what becomes one Document: ``"page"``, ``"document"``, ``"element"`` or ``"chunk"``.
        task: what to read, ``Plain()`` when left out; ``Formatted()`` for headings, tables and formulas.
        pages: selection such as ``"1-3,7,-1"``.
        on_error: a page or file that fails raises its error, is left out (``"skip"``), or becomes a Document without
            text whose metadata has the ``error`` (``"document"``).
        boxes: look where on the page each element and chunk stands (``bbox`` in the metadata).
        max_tokens: budget of a chunk, in words.
        runtime: a loaded ``GotRuntime``; without one, loaders of the same model settings share theirs.
        model: ``None`` for the embedded got-nano, a folder, or a hub id.
        device, dtype: as in ``GotRuntime.from_pretrained``.
        options: further ones of ``GotRuntime.stream``: ``dpi``, ``rotate``, ``password``, ``limits``, ``ocr`` …
    """

    def __init__(
        self,
        *,
        mode: Mode = "page",
        task: "Task | None" = None,
        pages: str | int | Sequence[int] | None = None,
        on_error: OnError = "raise",
        boxes: bool = False,
        max_tokens: int = 512,
        runtime: "GotRuntime | None" = None,
        model: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        **options: Any,
    ) -> None:
        self._reading = Reading(mode, task, pages, on_error, boxes, max_tokens, options)
        self._given = runtime
        self._settings = ModelSettings(model, device, dtype)

    def _runtime(self) -> "GotRuntime":
        return self._given if self._given is not None else shared_runtime(self._settings)


class GotLoader(_Got, BaseLoader):
    """Reads a file, a folder or a list of them; each Document comes as soon as its page is read.

    Args:
        file_path: the file, folder, address (with ``allow_remote=True``) or list of them.
        settings: ``mode``, ``task``, ``pages``, ``on_error``, ``boxes``, ``max_tokens``, ``runtime``, ``model``,
            ``device``, ``dtype``, and those of ``GotRuntime.stream``: all as :class:`GotBlobParser` takes them.
    """

    def __init__(self, file_path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], **settings: Any) -> None:
        super().__init__(**settings)
        self._source = file_path

    def lazy_load(self) -> Iterator[Document]:
        """Documents one by one.

        Raises:
            GotError: a file or page fails, and ``on_error="raise"``.
        """
        for passage in self._reading.passages(self._runtime(), self._source):
            yield _document(passage)

    async def alazy_load(self) -> AsyncIterator[Document]:
        """:meth:`lazy_load` with all work in worker threads; abandoning it stops the decoding within a step."""
        runtime = await asyncio.to_thread(self._runtime)
        async for passage in self._reading.apassages(runtime, self._source):
            yield _document(passage)


class GotBlobParser(_Got, BaseBlobParser):
    """Reads blobs of PDF and images, and numpy arrays as PDF loaders hand them to an ``images_parser``.

    A blob's own metadata stays, beneath what the reading tells. There is at least one Document for a blob.
    """

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """Documents one by one; see :meth:`GotLoader.lazy_load` for the errors."""
        document = None
        for passage in self._reading.passages(self._runtime(), _source_of(blob), blob.source):
            document = _document(passage, blob.metadata)
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


def _document(passage: Passage, beneath: dict[Any, Any] | None = None) -> Document:
    metadata = {**(beneath or {}), **told_to("langchain", passage.facts)}
    return Document(id=passage.id, page_content=passage.text, metadata=metadata)
