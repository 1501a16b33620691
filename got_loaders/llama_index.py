"""LlamaIndex: a reader, alone or as the ``file_extractor`` of ``SimpleDirectoryReader``.

documents = GotReader().load_data("paper.pdf")
"""

import asyncio
import base64
import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from got_loaders.chunks import Mode, Passage
from got_loaders.config import OnError, Reading
from got_loaders.metadata import BULKY, told_to
from got_loaders.runtimes import ModelSettings, shared_runtime
from got_runtime.errors import MissingExtra
from got_runtime.tasks import Plain, Task

try:
    from llama_index.core.bridge.pydantic import Field, PrivateAttr
    from llama_index.core.readers.base import BasePydanticReader
    from llama_index.core.schema import Document, ImageDocument, MediaResource, NodeRelationship, RelatedNodeInfo
except ModuleNotFoundError as error:
    raise MissingExtra("llama-index", "llama-index-core") from error

if TYPE_CHECKING:
    from got_runtime import GotRuntime
    from got_runtime.results import PageResult

__all__ = ["GotReader"]


class GotReader(BasePydanticReader):
    """Reads PDF and images. Its fields are settings only: it can be pickled, and loads weights when it first reads.

    A page or file that fails raises its error, is left out (``on_error="skip"``), or becomes a Document without text
    whose metadata has the ``error`` (``"document"``). With ``image_documents`` a Document holds its page's picture too.
    """

    mode: Mode = "page"
    task: Task = Field(default_factory=Plain)
    pages: str | int | list[int] | None = None
    on_error: OnError = "raise"
    boxes: bool = False
    max_tokens: int = 512
    image_documents: bool = False
    model: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    options: dict[str, Any] = Field(default_factory=dict, description="Further options of GotRuntime.stream.")
    _given: "GotRuntime | None" = PrivateAttr(default=None)
    _drawn: "tuple[PageResult | None, bytes]" = PrivateAttr(default=(None, b""))
    """The page whose picture was wanted last: its elements come one after another."""

    def __init__(self, *, runtime: "GotRuntime | None" = None, **settings: Any) -> None:
        """``runtime`` is a loaded one to read with; without it, readers of the same model settings share theirs."""
        super().__init__(**settings)
        self._given = runtime
        self._reading()  # refuses unknown settings here rather than in a worker

    @classmethod
    def class_name(cls) -> str:
        return "GotReader"

    def __getstate__(self) -> dict[str, Any]:
        """Settings without the runtime: the process that unpickles them shares its own."""
        state: dict[str, Any] = dict(super().__getstate__())
        return state | {"__pydantic_private__": {"_given": None, "_drawn": (None, b"")}}

    def lazy_load_data(
        self, file: str | os.PathLike[str], extra_info: dict[str, Any] | None = None, fs: Any = None
    ) -> Iterator[Document]:
        """Documents of a file or folder one by one; each is linked to the one before, and that one to it.

        ``extra_info`` goes into every Document's metadata, above what the reading tells; ``fs`` is the ``fsspec`` file
        system the file is on. Raises GotError when a file or page fails and ``on_error="raise"``.
        """
        source, name = _opened(file, fs)
        linked = _Linked(extra_info)
        for passage in self._reading().passages(self._runtime(), source, name):
            yield linked.document(passage, self._picture(source, passage))

    async def aload_data(
        self, file: str | os.PathLike[str], extra_info: dict[str, Any] | None = None, fs: Any = None
    ) -> list[Document]:
        """All Documents of a file, without blocking the event loop."""
        source, name = await asyncio.to_thread(_opened, file, fs)
        runtime = await asyncio.to_thread(self._runtime)
        linked = _Linked(extra_info)
        passages = [passage async for passage in self._reading().apassages(runtime, source, name)]
        return [linked.document(passage, self._picture(source, passage)) for passage in passages]

    def _reading(self) -> Reading:
        return Reading(self.mode, self.task, self.pages, self.on_error, self.boxes, self.max_tokens, self.options)

    def _runtime(self) -> "GotRuntime":
        if self._given is not None:
            return self._given
        return shared_runtime(ModelSettings(self.model, self.device, self.dtype))

    def _picture(self, source: Any, passage: Passage) -> bytes | None:
        """The passage's page as PNG in base64, where it is wanted."""
        if not self.image_documents or passage.page is None or passage.page.error is not None:
            return None
        page, drawn = self._drawn
        if page is not passage.page:
            # A folder's passage names its own file; bytes and addresses are opened as they were given.
            opened = source if isinstance(source, bytes) else passage.facts["file_path"] or source
            drawn = _png(opened, passage.page.number, self.options)
            self._drawn = passage.page, drawn
        return drawn


def _png(source: Any, number: int, options: dict[str, Any]) -> bytes:
    """A page's picture in base64; empty where the page has none."""
    from got_runtime.sources import open_pages

    asked = ("dpi", "rotate", "password", "limits", "allow_remote")
    image = next(open_pages(source, pages=number, **{name: options[name] for name in asked if name in options})).image
    file = io.BytesIO()
    if image is not None:
        image.save(file, "PNG")
    return base64.b64encode(file.getvalue())


def _opened(file: str | os.PathLike[str], fs: Any) -> tuple[Any, str | None]:
    """What to read, and its name where it has none of its own."""
    if fs is None:
        return file, None
    with fs.open(str(file), "rb") as opened:
        return opened.read(), str(file)


class _Linked:
    """Documents of one file, each with a relationship to the one before it and back."""

    def __init__(self, extra_info: dict[str, Any] | None) -> None:
        self._extra_info = extra_info or {}
        self._last: Document | None = None

    def document(self, passage: Passage, picture: bytes | None) -> Document:
        metadata = {**told_to("llama_index", passage.facts), **self._extra_info}
        hidden = [key for key, value in metadata.items() if key in BULKY or value == ""]
        fields: dict[str, Any] = {
            "id_": passage.id,
            "text_resource": MediaResource(text=passage.text),
            "metadata": metadata,
            "excluded_embed_metadata_keys": hidden,
            "excluded_llm_metadata_keys": list(hidden),
        }
        if picture is not None:
            fields["image_resource"] = MediaResource(data=picture, mimetype="image/png")
        document: Document = (ImageDocument if picture is not None else Document)(**fields)
        if self._last is not None:
            document.relationships[NodeRelationship.PREVIOUS] = RelatedNodeInfo(node_id=self._last.id_)
            self._last.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id=document.id_)
        self._last = document
        return document
