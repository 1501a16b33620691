"""GotRuntime: loads a checkpoint and reads sources with it.

Over 300 lines because each of its five methods declares every argument for editors; the work is in ``pipeline``.
"""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never, Self, Unpack

from got_runtime.engine.protocol import Engine
from got_runtime.engine.threads import reading_threads
from got_runtime.errors import EngineError, OptionError, SourceUnsupported, check_names
from got_runtime.options import ReadOptions, ReadOptionsDict
from got_runtime.pipeline.loop import OnToken, PageReader
from got_runtime.pipeline.planner import PagePlanner
from got_runtime.results import DocumentResult, ModelInfo, PageResult
from got_runtime.sources import SourcePage, open_pages
from got_runtime.sources.documents import documents
from got_runtime.sources.folders import is_folder
from got_runtime.sources.names import display_name
from got_runtime.tasks import MultiPage

if TYPE_CHECKING:
    from got_runtime.cache import PageCache
    from got_runtime.engine.registry import EngineConfig
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["GotRuntime", "OnPage"]

OnPage = Callable[[PageResult], None]
"""Called with each page when its result is complete."""

_ENGINE_HINTS = {
    name: f"it is a setting of the engine: engine_config=EngineConfig({name}=…)"
    for name in ("batch_size", "weight_dtype", "kv_cache_dtype", "kv_cache_bytes", "threads")
} | {"model": "the model is the first argument"}
_CALLBACKS = {
    "on_page": "give a function of a page",
    "on_token": "give a function of a page and a piece of its text",
    "stop": "give a threading.Event",
}


class GotRuntime:
    """A loaded network with the engine that runs it. Safe to use from several threads.

    Make one with :meth:`from_pretrained`. :meth:`close`, or the end of a ``with`` statement, returns its memory.

    Args:
        checkpoint: the network with its tokenizer and geometry.
        engine: decodes requests of that network.
        devices: the devices of the engine's processes, for :attr:`model_info`, where it has processes of its own.
        cache: where answers are kept, if they are.
        model_info: of a network that is not loaded yet (see :class:`~got_runtime.engine.lazy.LazyNetwork`).
    """

    def __init__(
        self,
        checkpoint: "LoadedModel",
        engine: Engine,
        devices: Sequence[str] = (),
        cache: "PageCache | None" = None,
        model_info: ModelInfo | None = None,
    ) -> None:
        self._loaded: tuple[LoadedModel, Engine] | None = (checkpoint, engine)
        self._cache = cache
        self._model_info = model_info or _info_of(checkpoint, devices)

    def __repr__(self) -> str:
        info, closed = self._model_info, "" if self._loaded is not None else ", closed"
        return f"<GotRuntime {info.name}, {info.device}, {info.dtype}{closed}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the memory of the network and end the engine's processes. Closing twice is allowed.

        Afterwards reading raises EngineError, in streams that were begun before too; :attr:`model_info` stays.
        """
        if self._loaded is not None:
            engine = self._loaded[1]
            self._loaded = None
            engine.close()

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
        cache: str | os.PathLike[str] | None = None,
        **unknown: Never,
    ) -> Self:
        """Load a checkpoint. Before got-nano is loaded for the first time in a process, a DemoModelWarning is issued.

        With ``cache``, the weights are loaded when the first page has to be decoded. Weights that are damaged are
        reported then.

        Args:
            name_or_path: ``None`` or ``"got-nano"`` (embedded), a folder of a GOT-OCR2 checkpoint, or a hub id such as
                ``"stepfun-ai/GOT-OCR-2.0-hf"``.
            device: ``auto`` (CUDA when there is one), ``cpu``, ``cuda``, ``cuda:1``…
            dtype: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
            revision: branch, tag or commit of a hub id.
            local_files_only: use only the local cache of the hub, without network access.
            engine: ``torch``, ``vllm``, ``transformers`` (the reference implementation), or an engine object
                (:class:`~got_runtime.engine.protocol.Engine`).
            engine_config: batch size, 8-bit weights or KV cache, size of the KV cache.
            devices: one engine process for each, such as ``["cuda:0", "cuda:1"]``; ``device`` is ignored then. As
                the processes are spawned, a script must make its runtime under ``if __name__ == "__main__":``.
            cache: folder, or address such as ``"s3://bucket/readings"``, where the answers for pages are kept. A page
                that was read from the same bytes with the same options, weights and numerics is taken from there
                (``PageResult.cached``). None keeps nothing.
            unknown: no other argument exists; the error names the nearest one.

        Raises:
            CacheError: the cache cannot be used.
            OptionError: an unknown argument, or one of the wrong type.
            CheckpointNotFound: the checkpoint is neither embedded, nor a folder, nor reachable on the hub.
            CheckpointInvalid: the files are not a GOT checkpoint, or device or dtype cannot be used.
            EngineError: no engine has this name, or it cannot run with this configuration.
            MissingExtra: the engine needs a package that is not installed.
        """
        from got_runtime.cache import Network, PageCache, open_store
        from got_runtime.engine.lazy import LazyNetwork
        from got_runtime.engine.registry import EngineConfig, check_engine, make_engine
        from got_runtime.model.arguments import check_arguments
        from got_runtime.model.checkpoint import is_embedded, load
        from got_runtime.model.demo_warning import warn_of_demo_model
        from got_runtime.model.description import describe

        chosen = {"device": device, "dtype": dtype, "revision": revision, "local_files_only": local_files_only}
        other_names = ("engine", "engine_config", "devices", "name_or_path")
        check_names(unknown, chosen, "GotRuntime.from_pretrained", other_names, _ENGINE_HINTS)
        check_arguments(name_or_path, devices, chosen)
        check_engine(engine, engine_config)
        if devices and not isinstance(engine, str):
            raise EngineError(
                "devices= needs an engine by name, for each process makes its own: name one, or leave it out"
            )
        store = None if cache is None else open_store(cache)
        if is_embedded(name_or_path):
            warn_of_demo_model()
        config, compiled = engine_config or EngineConfig(), engine == "torch"
        # With several devices, this process needs the tokenizer and the geometry; the others load the weights again.
        arguments = name_or_path, "cpu" if devices else device, dtype, revision, local_files_only, compiled

        def make() -> "tuple[LoadedModel, Engine]":
            checkpoint = load(*arguments, loaded_again=engine == "vllm", plain=compiled)
            if not devices:
                return checkpoint, make_engine(engine, checkpoint, config)
            from got_runtime.engine.multi_device import CheckpointRef, MultiDeviceEngine

            weights = CheckpointRef(name_or_path, dtype, revision, local_files_only=True, compiled=compiled)
            return checkpoint, MultiDeviceEngine(weights, devices, str(engine), config)

        if store is None:
            return cls(*make(), devices)
        found = describe(*arguments)
        info = ModelInfo(
            name=found.name, revision=found.revision, device=", ".join(devices) or found.device, dtype=found.dtype
        )
        name = engine if isinstance(engine, str) else type(engine).__qualname__
        network = Network.of(found.folder, name, info, config.weight_dtype, config.kv_cache_dtype)
        lazy = LazyNetwork(make, config.batch_size)
        return cls(lazy.checkpoint, lazy.engine, cache=PageCache(store, network), model_info=info)

    @property
    def model_info(self) -> ModelInfo:
        """Name, revision, device and dtype of the weights; also after :meth:`close`."""
        return self._model_info

    def read(
        self,
        source: Any,
        options: ReadOptions | None = None,
        *,
        on_page: OnPage | None = None,
        on_token: OnToken | None = None,
        stop: threading.Event | None = None,
        **changes: Unpack[ReadOptionsDict],
    ) -> DocumentResult:
        """Read the selected pages of one source.

        Args:
            source: a path, bytes, file object, blob, image or array.
            options: how to read it; the defaults of :class:`~got_runtime.ReadOptions` when left out.
            on_page: called with each page when its result is complete.
            on_token: called with the page and each piece of text as it is decoded.
            stop: once set, by another thread or a callback, decoding stops within a step; the result has the pages
                that were complete.
            changes: single options by name, which replace those of ``options``.

        Raises:
            OptionError: an unknown option, or a value that it cannot have.
            SourceError: the source cannot be opened, whatever ``on_error`` says, or it is a folder.
            GotError: a page failed, and ``on_error="raise"``.
        """
        _check_single(source)
        chosen = _chosen(options, changes, "GotRuntime.read", on_page=on_page, on_token=on_token, stop=stop)
        pages = []
        for page in self._stream(source, chosen, on_token, stop):
            if on_page is not None:
                on_page(page)
            pages.append(page)
        return self._document(source, pages, chosen)

    def read_all(
        self,
        sources: Any,
        options: ReadOptions | None = None,
        *,
        on_page: OnPage | None = None,
        on_token: OnToken | None = None,
        stop: threading.Event | None = None,
        ordered: bool = True,
        **changes: Unpack[ReadOptionsDict],
    ) -> Generator[DocumentResult, None, None]:
        """Read a folder or list of sources, one document at a time; pages of all documents share a batch.

        With ``on_error="keep"`` a source that cannot be opened yields a document of one page with the error.

        Args:
            sources: a list of sources and folders, or one of them (see :meth:`stream`).
            options: how to read them; the defaults of :class:`~got_runtime.ReadOptions` when left out.
            on_page: called with each page when its result is complete.
            on_token: called with the page and each piece of text as it is decoded.
            stop: once set, by another thread or a callback, decoding stops within a step and no document follows.
            ordered: yield documents in the order of the sources; else each as soon as its last page is complete.
            changes: single options by name, which replace those of ``options``.

        Raises:
            OptionError: an unknown option, or a value that it cannot have.
            GotError: a source or page failed, and ``on_error="raise"``.
        """
        chosen = _chosen(options, changes, "GotRuntime.read_all", on_page=on_page, on_token=on_token, stop=stop)
        reader, opened = self._plan(sources, chosen, on_token, stop, ordered)
        whole = reader.read_whole(opened, on_page or (lambda _: None))
        return (self._document(None, pages, chosen) for pages in whole)

    def stream(
        self,
        sources: Any,
        options: ReadOptions | None = None,
        *,
        on_token: OnToken | None = None,
        stop: threading.Event | None = None,
        ordered: bool = True,
        **changes: Unpack[ReadOptionsDict],
    ) -> Generator[PageResult, None, None]:
        """Yield the pages in order, each when it is complete. Sources are opened and rendered lazily.

        Args:
            sources: one source (path, bytes, file object, blob, image, array), a folder (read recursively, in natural
                order), or a list of sources and folders.
            options: how to read them; the defaults of :class:`~got_runtime.ReadOptions` when left out.
            on_token: called with the page and each piece of text as it is decoded.
            stop: once set, by another thread or a callback, decoding stops within a step and no page follows.
            ordered: yield pages in their order; else each as soon as it is complete.
            changes: single options by name, which replace those of ``options``.

        Raises:
            OptionError: an unknown option, or a value that it cannot have.
            SourceError: the source, if it is the only one, cannot be opened.
            GotError: a source or page failed, and ``on_error="raise"``.
        """
        chosen = _chosen(options, changes, "GotRuntime.stream", on_token=on_token, stop=stop)
        return self._stream(sources, chosen, on_token, stop, ordered)

    async def aread(
        self,
        source: Any,
        options: ReadOptions | None = None,
        *,
        on_page: OnPage | None = None,
        on_token: OnToken | None = None,
        **changes: Unpack[ReadOptionsDict],
    ) -> DocumentResult:
        """:meth:`read` in a worker thread: the event loop is not blocked. Cancelling stops the decoding.

        ``on_page`` is called in the event loop, ``on_token`` in the worker thread.
        """
        _check_single(source)
        chosen = _chosen(options, changes, "GotRuntime.aread", on_page=on_page, on_token=on_token)
        pages = []
        async for page in self._astream(source, chosen, on_token):
            pages.append(page)
            if on_page is not None:
                on_page(page)
        return self._document(source, pages, chosen)

    def astream(
        self,
        sources: Any,
        options: ReadOptions | None = None,
        *,
        on_token: OnToken | None = None,
        ordered: bool = True,
        **changes: Unpack[ReadOptionsDict],
    ) -> AsyncGenerator[PageResult, None]:
        """:meth:`stream` in worker threads. Cancelling ends it within a step, as ``stop`` does there.

        ``on_token`` is called in the worker thread.
        """
        chosen = _chosen(options, changes, "GotRuntime.astream", on_token=on_token)
        return self._astream(sources, chosen, on_token, ordered)

    def _plan(
        self,
        sources: Any,
        options: ReadOptions,
        on_token: OnToken | None,
        stop: threading.Event | None,
        ordered: bool = True,
    ) -> tuple[PageReader, Iterable[Iterator[SourcePage]]]:
        """The reader, and the pages of each source. Raises EngineError if the runtime is closed."""
        if self._loaded is None:
            raise EngineError("this runtime is closed: make a new one with GotRuntime.from_pretrained()")
        checkpoint, engine = self._loaded

        cache = self._cache
        # The pages of one context have one answer, which the planner looks for.
        by_page = cache is not None and not isinstance(options.task, MultiPage)
        find_kept = (lambda sha256, number: cache.get(options, sha256, [number])) if cache and by_page else None
        threads = reading_threads(self._model_info.device)

        def opened(source: Any) -> Iterator[SourcePage]:
            return open_pages(
                source,
                pages=options.pages,
                dpi=options.dpi,
                password=options.password,
                limits=options.limits,
                allow_remote=options.allow_remote,
                rotate=options.rotate,
                find_kept=find_kept,
                threads=threads,
            )

        reader = PageReader(PagePlanner(checkpoint, options, cache, threads), engine, on_token, stop, ordered)
        if isinstance(sources, list | tuple) or is_folder(sources):
            return reader, documents(sources if isinstance(sources, list | tuple) else [sources], opened)
        return reader, [opened(sources)]

    def _stream(
        self,
        sources: Any,
        options: ReadOptions,
        on_token: OnToken | None,
        stop: threading.Event | None,
        ordered: bool = True,
    ) -> Generator[PageResult, None, None]:
        reader, opened = self._plan(sources, options, on_token, stop, ordered)
        return reader.read(opened)

    async def _astream(
        self, sources: Any, options: ReadOptions, on_token: OnToken | None, ordered: bool = True
    ) -> AsyncGenerator[PageResult, None]:
        stop = threading.Event()
        pages = self._stream(sources, options, on_token, stop, ordered)
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
                # The worker thread may be executing the generator, which cannot be closed until it yields.
                await asyncio.gather(step, return_exceptions=True)
            pages.close()

    def _document(self, source: Any, pages: list[PageResult], options: ReadOptions) -> DocumentResult:
        return DocumentResult(
            source=pages[0].source if pages else display_name(source),  # on_error="skip" may leave no page
            sha256=pages[0].sha256 if pages else None,
            pages=tuple(pages),
            model=self.model_info,
            settings=options.model_copy(update={"password": None}),
        )


def _info_of(checkpoint: "LoadedModel", devices: Sequence[str]) -> ModelInfo:
    weight = checkpoint.model.lm_head.weight
    return ModelInfo(
        name=checkpoint.name,
        revision=checkpoint.revision,
        device=", ".join(devices) or str(checkpoint.device or weight.device),
        dtype=str(weight.dtype).removeprefix("torch."),
    )


def _chosen(options: ReadOptions | None, changes: Mapping[str, Any], caller: str, **callbacks: Any) -> ReadOptions:
    """Raises OptionError for an unknown name in ``changes``, or a value that an option or a callback cannot have."""
    for name, value in callbacks.items():
        is_event = callable(getattr(value, "is_set", None)) and not isinstance(value, type)
        if value is not None and not (is_event if name == "stop" else callable(value)):
            raise OptionError(f"{caller}: {name}={value!r}: {_CALLBACKS[name]}")
    if options is not None and not isinstance(options, ReadOptions):
        raise OptionError(
            f"{caller}: the second argument is a ReadOptions, not {type(options).__name__}: "
            "give options by name, such as task=Formatted()"
        )
    return (options or ReadOptions()).replace(changes, caller=caller, other_names=("options", *callbacks))


def _check_single(source: Any) -> None:
    """Raises SourceUnsupported for a folder or a list."""
    if is_folder(source):
        raise SourceUnsupported(f"{source} is a folder, which is many documents: use stream(), or name one file")
    if isinstance(source, list | tuple):
        raise SourceUnsupported(
            f"a {type(source).__name__} is many sources: use stream(), or give one source at a time"
        )
