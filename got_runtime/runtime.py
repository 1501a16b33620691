"""The host: sources in, page results out, whichever task and engine."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

from got_runtime.engine.protocol import Engine
from got_runtime.errors import EngineError, SourceUnsupported, TaskError
from got_runtime.pipeline.loop import OnError, OnToken, PageReader
from got_runtime.pipeline.planner import Ocr, PageJobs
from got_runtime.results import DocumentResult, ModelInfo, PageResult, Settings
from got_runtime.sources import Limits, Rotation, SourcePage, open_pages
from got_runtime.sources.documents import documents
from got_runtime.sources.folders import is_folder
from got_runtime.sources.names import display_name
from got_runtime.tasks import MAX_NEW_TOKENS, Plain, Task

if TYPE_CHECKING:
    from got_runtime.engine.registry import EngineConfig
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["GotRuntime"]

_TASKS = get_args(get_args(Task)[0])


class GotRuntime:
    """A loaded network and everything needed to read with it. Safe to use from several threads.

    Make one with :meth:`from_pretrained`. In a ``with`` statement, or with :meth:`close`, the processes of ``devices``
    end when you are done.
    """

    def __init__(self, checkpoint: "LoadedModel", engine: Engine, devices: Sequence[str] = ()) -> None:
        self._checkpoint = checkpoint
        self._engine = engine
        self._devices = devices

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the engine's processes, if it has any; reading with this runtime is over then."""
        self._engine.close()

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path | None = None,
        *,
        device: str = "auto",
        dtype: str = "auto",
        revision: str | None = None,
        local_files_only: bool = False,
        engine: str | Engine = "torch",
        engine_config: "EngineConfig | None" = None,
        devices: Sequence[str] = (),
    ) -> Self:
        """Load weights.

        Args:
            name_or_path: ``None`` or ``"got-nano"`` (embedded), a folder of a GOT-OCR2 checkpoint, or a hub id such as
                ``"stepfun-ai/GOT-OCR-2.0-hf"``.
            device: ``auto`` (CUDA when there is one), ``cpu``, ``cuda``, ``cuda:1``…
            dtype: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
            revision: branch, tag or commit of a hub id.
            local_files_only: never ask the hub, use its local cache.
            engine: who decodes: ``torch``, ``vllm``, ``transformers`` (the reference), ``scripted``, or your own.
            engine_config: batch size, 8-bit weights or KV cache, size of the KV cache.
            devices: one engine process for each, such as ``["cuda:0", "cuda:1"]``; ``device`` is left aside then. As
                the processes are spawned, a script must make its runtime under ``if __name__ == "__main__":``.

        Raises:
            CheckpointNotFound: neither embedded, nor a folder, nor reachable.
            CheckpointInvalid: files that do not make a GOT model, or an unusable device or dtype.
            EngineError: no engine of that name, or unusable options.
            MissingExtra: the engine needs a package that is not installed.
        """
        from got_runtime.engine.registry import make_engine
        from got_runtime.model.checkpoint import load

        if devices:
            if not isinstance(engine, str):
                raise EngineError("an engine object runs where it is: leave devices out, or name an engine")
            from got_runtime.engine.multi_device import CheckpointRef, MultiDeviceEngine

            # Here the weights only say what model it is; the workers load their own.
            checkpoint = load(name_or_path, "cpu", dtype, revision, local_files_only)
            weights = CheckpointRef(name_or_path, dtype, revision, local_files_only=True)
            return cls(checkpoint, MultiDeviceEngine(weights, devices, engine, engine_config), devices)
        checkpoint = load(name_or_path, device, dtype, revision, local_files_only)
        return cls(checkpoint, make_engine(engine, checkpoint, engine_config))

    @property
    def model_info(self) -> ModelInfo:
        """Name, revision, device and dtype of the weights in use."""
        weight = self._checkpoint.model.lm_head.weight
        return ModelInfo(
            name=self._checkpoint.name,
            revision=self._checkpoint.revision,
            device=", ".join(self._devices) or str(weight.device),
            dtype=str(weight.dtype).removeprefix("torch."),
        )

    def read(
        self, source: Any, *, on_page: Callable[[PageResult], None] | None = None, **options: Any
    ) -> DocumentResult:
        """Read one source to its end.

        Args:
            source: a path, bytes, file object, blob, image or array.
            on_page: called with each page as it is finished.
            options: those of :meth:`stream`.

        Raises:
            SourceError: the source cannot be opened, whatever ``on_error`` says, or it is a folder.
        """
        pages = self.stream(_one(source), **options)
        return self._document(source, list(pages if on_page is None else _telling(pages, on_page)), options)

    def stream(
        self,
        sources: Any,
        *,
        task: Task | None = None,
        pages: str | int | Sequence[int] | None = None,
        dpi: float | None = None,
        rotate: Rotation = 0,
        password: str | None = None,
        limits: Limits | None = None,
        allow_remote: bool = False,
        ocr: Ocr = "always",
        on_error: OnError = "keep",
        max_new_tokens: int = MAX_NEW_TOKENS,
        on_token: OnToken | None = None,
        stop: threading.Event | None = None,
        boxes: bool = False,
    ) -> Iterator[PageResult]:
        """Pages in order, as they are ready; sources are opened and rendered as they are needed.

        Args:
            sources: one source (path, bytes, file object, blob, image, array), a folder (read recursively, in natural
                order), or a list of sources and folders.
            task: what to read; :class:`~got_runtime.tasks.Plain` when left out.
            pages: selection such as ``"1-3,7,-1"`` or page numbers, applied to each source.
            dpi: rendering resolution of PDF pages; chosen from the page's size when left out.
            rotate: turn every page clockwise by 90, 180 or 270 degrees first.
            password: for encrypted PDF.
            limits: what to refuse.
            allow_remote: whether ``http(s)://`` sources are fetched.
            ocr: ``"auto"`` returns a PDF page's own text where it is good (``finish_reason="text_layer"``).
            on_error: what a failing page does: ``"keep"`` makes it a result that carries the error, ``"skip"`` leaves
                it out, ``"raise"`` stops. The same holds for each source of a list or folder that cannot be opened; one
                source alone raises.
            max_new_tokens: token budget of a page.
            on_token: called with the page and each piece of text as it is decoded.
            boxes: also find where each element stands on its page (``PageResult.boxes``).
            stop: once set, by another thread or a callback, decoding stops within a step and no further page comes.

        Raises:
            SourceError: the source cannot be opened.
            TaskError: an option that cannot be, or (with ``on_error="raise"``) a task that does not fit a page.
        """
        reader, wanted = self._plan(
            sources,
            task=task,
            pages=pages,
            dpi=dpi,
            rotate=rotate,
            password=password,
            limits=limits,
            allow_remote=allow_remote,
            ocr=ocr,
            on_error=on_error,
            max_new_tokens=max_new_tokens,
            on_token=on_token,
            stop=stop,
            boxes=boxes,
        )
        return reader.read(wanted)

    def _plan(
        self,
        sources: Any,
        *,
        task: Task | None = None,
        ocr: Ocr = "always",
        on_error: OnError = "keep",
        max_new_tokens: int = MAX_NEW_TOKENS,
        limits: Limits | None = None,
        on_token: OnToken | None = None,
        stop: threading.Event | None = None,
        boxes: bool = False,
        **opening: Any,
    ) -> tuple[PageReader, Iterable[Iterator[SourcePage]]]:
        """Who reads, and the pages of each source; ``opening`` are options of ``open_pages``."""
        for name, value, known in (("ocr", ocr, Ocr), ("on_error", on_error, OnError)):
            if value not in get_args(known):
                raise TaskError(f"{name}={value!r} is not known: choose from {', '.join(get_args(known))}")
        if task is not None and not isinstance(task, _TASKS):
            raise TaskError(f"task={task!r} is no task: give one of got_runtime's, such as Formatted()")
        if max_new_tokens < 1:
            raise TaskError(f"max_new_tokens={max_new_tokens}: a page needs at least 1 token")

        def opened(source: Any) -> Iterator[SourcePage]:
            return open_pages(source, limits=limits, **opening)

        seconds = limits.max_seconds_per_page if limits is not None else None
        jobs = PageJobs(self._checkpoint, task or Plain(), max_new_tokens, seconds, ocr, boxes)
        reader = PageReader(jobs, self._engine, on_error, on_token, stop)
        if isinstance(sources, list | tuple) or is_folder(sources):
            return reader, documents(sources if isinstance(sources, list | tuple) else [sources], opened)
        return reader, [opened(sources)]

    def read_all(
        self, sources: Any, *, on_page: Callable[[PageResult], None] | None = None, **options: Any
    ) -> Iterator[DocumentResult]:
        """A folder or list of sources, one document at a time, their pages decoded together.

        ``on_page`` and ``options`` as for :meth:`read`. With ``on_error="keep"`` a source that cannot be opened is a
        document of one page that carries the error.
        """
        reader, wanted = self._plan(sources, **options)
        for pages in reader.read_whole(wanted, on_page or (lambda _: None)):
            yield self._document(None, pages, options)

    async def aread(
        self, source: Any, *, on_page: Callable[[PageResult], None] | None = None, **options: Any
    ) -> DocumentResult:
        """:meth:`read` in a worker thread: the event loop is never blocked; cancelling stops the decoding.

        ``on_page`` is called in the event loop.
        """
        pages = []
        async for page in self.astream(_one(source), **options):
            pages.append(page)
            if on_page is not None:
                on_page(page)
        return self._document(source, pages, options)

    async def astream(self, sources: Any, **options: Any) -> AsyncIterator[PageResult]:
        """:meth:`stream` in worker threads; cancelling, which takes the place of ``stop``, ends it within a step.

        ``on_token`` is called in the worker thread.
        """
        stop = threading.Event()
        pages = self.stream(sources, stop=stop, **options)
        step: asyncio.Future[PageResult | None] | None = None
        try:
            while True:
                step = asyncio.ensure_future(asyncio.to_thread(next, pages, None))
                page = await asyncio.shield(step)
                if page is None:
                    return
                yield page
        finally:
            stop.set()
            if step is not None:
                # The worker may be in the middle of a step: its iterator cannot be closed before it is out of it.
                await asyncio.gather(step, return_exceptions=True)
            close = getattr(pages, "close", None)
            if close is not None:
                close()

    def _document(self, source: Any, pages: list[PageResult], options: dict[str, Any]) -> DocumentResult:
        """The pages of one source, with what was asked of it."""
        asked = {name: value for name, value in options.items() if name in Settings.model_fields and value is not None}
        if not isinstance(chosen := asked.get("pages", ""), str):
            asked["pages"] = tuple(map(int, chosen)) if isinstance(chosen, Sequence) else int(chosen)
        return DocumentResult(
            source=pages[0].source if pages else display_name(source),  # on_error="skip" may leave no page
            sha256=pages[0].sha256 if pages else None,
            pages=tuple(pages),
            model=self.model_info,
            settings=Settings(**asked),
        )


def _telling(pages: Iterator[PageResult], on_page: Callable[[PageResult], None]) -> Iterator[PageResult]:
    for page in pages:
        on_page(page)
        yield page


def _one(source: Any) -> Any:
    """``source`` where it is one document. Raises SourceUnsupported for a folder or a list."""
    if is_folder(source):
        raise SourceUnsupported(f"{source} is a folder, which is many documents: use stream(), or name one file")
    if isinstance(source, list | tuple):
        raise SourceUnsupported(
            f"a {type(source).__name__} is many sources: use stream(), or give one source at a time"
        )
    return source
