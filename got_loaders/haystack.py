"""Haystack: a converter component.

documents = GotConverter().run(sources=["paper.pdf"])["documents"]
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from got_loaders.chunks import Mode, Passage
from got_loaders.config import OnError, Reading
from got_loaders.metadata import told_to
from got_loaders.runtimes import ModelSettings, shared_runtime
from got_runtime.errors import MissingExtra
from got_runtime.tasks import Plain, Task

try:
    from haystack import Document, component, default_from_dict, default_to_dict
    from haystack.components.converters.utils import normalize_metadata
    from haystack.dataclasses import ByteStream
except ModuleNotFoundError as error:
    raise MissingExtra("haystack", "haystack-ai") from error

if TYPE_CHECKING:
    from got_runtime import GotRuntime

__all__ = ["GotConverter"]


@component
class GotConverter:
    """Converts PDF and images to Documents.

    Args:
        mode: what becomes one Document: ``"page"``, ``"document"``, ``"element"`` or ``"chunk"``.
        task: what to read, ``Plain()`` when left out; also as a dictionary such as ``{"kind": "format"}``.
        pages: selection such as ``"1-3,7,-1"``.
        on_error: a page or source that fails raises its error, is left out (``"skip"``), or becomes a Document without
            content whose meta has the ``error`` (``"document"``).
        boxes: look where on the page each element and chunk stands (``bbox`` in the meta).
        max_tokens: budget of a chunk, in words.
        model: ``None`` for the embedded got-nano, a folder, or a hub id.
        device, dtype: as in ``GotRuntime.from_pretrained``.
        options: further ones of ``GotRuntime.stream``, JSON values only if the pipeline is to be saved.
        runtime: a loaded ``GotRuntime``, never serialised; without one, converters of the same settings share theirs.
    """

    def __init__(
        self,
        *,
        mode: Mode = "page",
        task: Task | dict[str, Any] | None = None,
        pages: str | int | list[int] | None = None,
        on_error: OnError = "raise",
        boxes: bool = False,
        max_tokens: int = 512,
        model: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        options: dict[str, Any] | None = None,
        runtime: "GotRuntime | None" = None,
    ) -> None:
        self.task: Task = TypeAdapter[Task](Task).validate_python(task) if task is not None else Plain()
        self._reading = Reading(mode, self.task, pages, on_error, boxes, max_tokens, options or {})
        self._settings = ModelSettings(model, device, dtype)
        self._given = runtime

    def to_dict(self) -> dict[str, Any]:
        """The settings, for a saved pipeline."""
        reading, settings = self._reading, self._settings
        return default_to_dict(
            self,
            mode=reading.mode,
            task=self.task.model_dump(mode="json"),
            pages=reading.pages,
            on_error=reading.on_error,
            boxes=reading.boxes,
            max_tokens=reading.max_tokens,
            model=settings.model,
            device=settings.device,
            dtype=settings.dtype,
            options=dict(reading.options),
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "GotConverter":
        """A converter of the same settings."""
        return default_from_dict(cls, data)

    def warm_up(self) -> None:
        """Load the weights now rather than with the first source."""
        self._runtime()

    @component.output_types(documents=list[Document])
    def run(
        self, sources: list[str | Path | ByteStream], meta: dict[str, Any] | list[dict[str, Any]] | None = None
    ) -> dict[str, list[Document]]:
        """Convert sources (paths, or bytes with their own meta) to Documents.

        ``meta``, one for all sources or one for each, goes above what the reading tells. Raises GotError when a source
        or page fails and ``on_error="raise"``.
        """
        runtime = self._runtime()
        return {
            "documents": [
                _document(passage, beneath, above)
                for source, name, beneath, above in _listed(sources, meta)
                for passage in self._reading.passages(runtime, source, name)
            ]
        }

    @component.output_types(documents=list[Document])
    async def run_async(
        self, sources: list[str | Path | ByteStream], meta: dict[str, Any] | list[dict[str, Any]] | None = None
    ) -> dict[str, list[Document]]:
        """:meth:`run` without blocking the event loop."""
        runtime = await asyncio.to_thread(self._runtime)
        return {
            "documents": [
                _document(passage, beneath, above)
                for source, name, beneath, above in _listed(sources, meta)
                async for passage in self._reading.apassages(runtime, source, name)
            ]
        }

    def _runtime(self) -> "GotRuntime":
        return self._given if self._given is not None else shared_runtime(self._settings)


def _listed(
    sources: list[str | Path | ByteStream], meta: dict[str, Any] | list[dict[str, Any]] | None
) -> Iterator[tuple[Any, str | None, dict[str, Any], dict[str, Any]]]:
    """Each source, its name where it has none of its own, and the meta beneath and above what the reading tells."""
    for source, above in zip(sources, normalize_metadata(meta, len(sources)), strict=True):
        if isinstance(source, ByteStream):
            yield source.data, str(source.meta.get("file_path", "<bytes>")), source.meta, above
        else:
            yield source, None, {}, above


def _document(passage: Passage, beneath: dict[str, Any], above: dict[str, Any]) -> Document:
    return Document(content=passage.text, meta={**beneath, **told_to("haystack", passage.facts), **above})
