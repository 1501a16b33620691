"""LlamaIndex: a reader, alone or as a ``file_extractor`` of ``SimpleDirectoryReader``.

documents = GotReader().load_data("paper.pdf")
"""

import asyncio
import base64
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack

from got_loaders.chunks import DocumentChunk, adocument_chunks, document_chunks
from got_loaders.config import Chunker, ChunkMode, LoaderConfig
from got_loaders.metadata import EXCLUDED_FROM_EMBEDDING, metadata_for
from got_loaders.runtimes import RuntimeHandle
from got_runtime.engine.registry import Quantization
from got_runtime.errors import MissingExtra
from got_runtime.options import ErrorPolicy, OcrMode, PageSelection, ReadOptions, ZoomMode
from got_runtime.sources.limits import Limits
from got_runtime.tasks import Task

try:
    from llama_index.core.bridge.pydantic import BaseModel, ConfigDict, Field, PrivateAttr
    from llama_index.core.readers.base import BasePydanticReader
    from llama_index.core.schema import Document, ImageDocument, MediaResource, NodeRelationship, RelatedNodeInfo
except ModuleNotFoundError as error:
    raise MissingExtra("llama-index", "llama-index-core") from error

if TYPE_CHECKING:
    from got_loaders.config import LoaderOptions
    from got_runtime import GotRuntime
    from got_runtime.markup.token_count import CountTokens, Tokenizer
    from got_runtime.results import PageResult

__all__ = ["GotReader"]

FilePath = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class GotReader(BasePydanticReader):
    """Reads PDF files and images. Its fields are its options, and weights are loaded at the first page.

    A reader can be pickled; the pickle contains the password.

    Args:
        mode: the unit of a Document: ``"page"``, ``"document"``, ``"element"`` or ``"chunk"``.
        max_tokens: maximum size of a chunk, in words unless ``count_tokens`` is given; for ``mode="chunk"``.
        chunker: splits the elements of a page instead of the built-in splitting; for ``mode="chunk"``.
        count_tokens: a function from text to number of tokens, a Hugging Face tokenizer or a tiktoken encoding; for
            ``mode="chunk"``.
        image_documents: whether a Document also holds the image of its page (``ImageDocument``).
        runtime: a loaded ``GotRuntime``; without it, readers of equal model options share one.
        is_remote: LlamaIndex's own field; GotReader does not use it.
        options: the fields of :class:`~got_runtime.ReadOptions` (``task``, ``pages``, ``dpi``, ``rotate``,
            ``password``, ``limits``, ``allow_remote``, ``ocr``, ``on_error``, ``max_new_tokens``, ``boxes``,
            ``zoom``) and of :class:`~got_loaders.runtimes.ModelConfig` (``model``, ``device``, ``dtype``, ``revision``,
            ``local_files_only``, ``engine``, ``devices``, ``batch_size``, ``weight_dtype``, ``kv_cache_dtype``,
            ``kv_cache_bytes``, ``threads``, ``cache``).

    Raises:
        OptionError: an unknown option, or a value that it cannot have.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        arbitrary_types_allowed=True, frozen=True, hide_input_in_errors=True
    )

    mode: ChunkMode
    max_tokens: int
    chunker: Any = Field(exclude=True)
    count_tokens: Any = Field(exclude=True)
    image_documents: bool
    task: Task
    pages: PageSelection | None
    dpi: float | None
    rotate: Literal[0, 90, 180, 270]
    password: str | None = Field(repr=False, exclude=True)
    limits: Limits
    allow_remote: bool
    ocr: OcrMode
    on_error: ErrorPolicy
    max_new_tokens: int
    boxes: bool
    zoom: ZoomMode | None
    model: str | None
    device: str
    dtype: str
    revision: str | None
    local_files_only: bool
    engine: str
    devices: list[str]
    batch_size: int | None
    weight_dtype: Quantization
    kv_cache_dtype: Quantization
    kv_cache_bytes: int | None
    threads: int | None
    cache: str | None
    _config: LoaderConfig = PrivateAttr()
    _runtime: RuntimeHandle = PrivateAttr()

    def __init__(
        self,
        *,
        mode: ChunkMode = "page",
        max_tokens: int = 512,
        chunker: Chunker | None = None,
        count_tokens: "CountTokens | Tokenizer | None" = None,
        image_documents: bool = False,
        runtime: "GotRuntime | None" = None,
        is_remote: bool = False,
        **options: "Unpack[LoaderOptions]",
    ) -> None:
        config = LoaderConfig.of(
            "GotReader",
            options,
            mode=mode,
            max_tokens=max_tokens,
            chunker=chunker,
            count_tokens=count_tokens,
            other_names=("image_documents", "is_remote"),
        )
        fields: dict[str, Any] = {
            "mode": mode,
            "max_tokens": max_tokens,
            "chunker": chunker,
            "count_tokens": count_tokens,
            "image_documents": image_documents,
            "is_remote": is_remote,
        }
        super().__init__(**fields, **dict(config.read_options), **config.model.to_dict())
        self._config = config
        self._runtime = RuntimeHandle(runtime, config.model)

    def __repr__(self) -> str:
        return self._config.described("GotReader", self._runtime)

    __str__ = __repr__

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex saves this class."""
        return "GotReader"

    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """The options as a dictionary for ``from_dict``, without the password.

        Raises:
            OptionError: ``chunker`` or ``count_tokens`` is set: functions cannot be saved.
        """
        self._config.to_dict()  # raises
        data: dict[str, Any] = super().to_dict(**kwargs)
        return data

    def __getstate__(self) -> dict[str, Any]:
        """The fields; a pickled reader loads its own runtime."""
        # LlamaIndex's method drops fields that cannot be pickled, which would silently change the chunks.
        return BaseModel.__getstate__(self)

    def lazy_load_data(
        self, file: FilePath, extra_info: dict[str, Any] | None = None, fs: Any = None
    ) -> Iterator[Document]:
        """Documents one by one, each linked to the one before it and the one after it.

        A folder is faster than its files one by one: pages of all its files are decoded together.

        Args:
            file: a file, a folder or a list of them; with ``fs`` one file.
            extra_info: added to the metadata of every Document; replaces keys of the same name.
            fs: the ``fsspec`` file system of the file.

        Raises:
            SourceError: a single file cannot be opened.
            GotError: a file or page failed, and ``on_error="raise"``.
        """
        source, names = _opened(file, fs)
        builder = _DocumentBuilder(source, extra_info, self._image_options())
        for chunk in document_chunks(self._runtime, source, self._config, names):
            yield builder.add(chunk)

    async def aload_data(
        self, file: FilePath, extra_info: dict[str, Any] | None = None, fs: Any = None
    ) -> list[Document]:
        """:meth:`lazy_load_data` as a list, without blocking the event loop."""
        source, names = await asyncio.to_thread(_opened, file, fs)
        builder = _DocumentBuilder(source, extra_info, self._image_options())
        chunks = [chunk async for chunk in adocument_chunks(self._runtime, source, self._config, names)]
        return await asyncio.to_thread(lambda: [builder.add(chunk) for chunk in chunks])

    def _image_options(self) -> ReadOptions | None:
        return self._config.read_options if self.image_documents else None


def _opened(file: FilePath, fs: Any) -> tuple[Any, dict[str, str]]:
    """The source to read, and the full name of a source that has no name of its own."""
    if fs is None:
        return file, {}
    with fs.open(str(file), "rb") as opened:
        return opened.read(), {"<bytes>": str(file)}


class _DocumentBuilder:
    """Makes the Documents of one source, in order.

    Args:
        source: what is read; its pages are rendered again for their images.
        extra_info: additional metadata.
        image_options: how pages are rendered for ``ImageDocument``; ``None`` for plain Documents.
    """

    def __init__(self, source: Any, extra_info: Mapping[str, Any] | None, image_options: ReadOptions | None) -> None:
        self._source = source
        self._extra_info = extra_info or {}
        self._image_options = image_options
        self._previous: Document | None = None
        self._page: PageResult | None = None
        self._page_image: bytes = b""
        """The image of ``_page``, which all chunks of a page share."""

    def add(self, chunk: DocumentChunk) -> Document:
        """The Document of a chunk, linked to the one before it."""
        metadata = {**metadata_for("llama_index", chunk.metadata), **self._extra_info}
        excluded = [key for key, value in metadata.items() if key in EXCLUDED_FROM_EMBEDDING or value == ""]
        fields: dict[str, Any] = {
            "id_": chunk.id,
            "text_resource": MediaResource(text=chunk.text),
            "metadata": metadata,
            "excluded_embed_metadata_keys": excluded,
            "excluded_llm_metadata_keys": list(excluded),
        }
        image = self._image(chunk)
        if image is not None:
            fields["image_resource"] = MediaResource(data=image, mimetype="image/png")
        document: Document = (ImageDocument if image is not None else Document)(**fields)
        if self._previous is not None:
            document.relationships[NodeRelationship.PREVIOUS] = RelatedNodeInfo(node_id=self._previous.id_)
            self._previous.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id=document.id_)
        self._previous = document
        return document

    def _image(self, chunk: DocumentChunk) -> bytes | None:
        """The image of the chunk's page as base64 PNG, if images are wanted and the page could be read."""
        if self._image_options is None or chunk.page is None or chunk.page.error is not None:
            return None
        if self._page is not chunk.page:
            # A chunk of a folder names its file; bytes and addresses are opened again as they were given.
            source = self._source if isinstance(self._source, bytes) else chunk.metadata["file_path"] or self._source
            self._page, self._page_image = chunk.page, _png(source, chunk.page.number, self._image_options)
        return self._page_image


def _png(source: Any, page_number: int, options: ReadOptions) -> bytes:
    """A page rendered as base64 PNG; empty if the page has no image."""
    from got_runtime.sources import open_pages

    page = next(
        open_pages(
            source,
            pages=page_number,
            dpi=options.dpi,
            rotate=options.rotate,
            password=options.password,
            limits=options.limits,
            allow_remote=options.allow_remote,
        )
    )
    file = io.BytesIO()
    if page.image is not None:
        page.image.save(file, "PNG")
    return base64.b64encode(file.getvalue())
