"""The host: sources in, page results out, whichever task and engine."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from got_runtime.engine.protocol import Answer, Engine, Request
from got_runtime.errors import EngineError, GotError, TaskError
from got_runtime.requests import build_request, is_blank
from got_runtime.results import Confidence, DocumentResult, ModelInfo, PageError, PageResult, Timings
from got_runtime.sources import Limits, Rotation, SourcePage, open_pages
from got_runtime.tasks import MAX_NEW_TOKENS, PageFrame, Pages, Plain, Task

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.checkpoint import Checkpoint

__all__ = ["GotRuntime", "Ocr", "OnError", "OnToken"]

OnError = Literal["raise", "skip", "keep"]
"""A page that fails: stop with its error, leave it out, or keep it as a result that carries the error."""

Ocr = Literal["always", "auto"]
"""Whether a PDF page with a good text layer is read all the same."""

OnToken = Callable[[PageResult, str], None]
"""Called with the page being read and each piece of its text."""


@dataclass
class _Job:
    """A page on its way: what is known of it, and the request if it must be decoded."""

    result: PageResult
    request: Request | None = None
    failure: GotError | None = None
    tokens: list[int] = field(default_factory=list)
    told: int = 0


class GotRuntime:
    """A loaded network and everything needed to read with it. Safe to use from several threads.

    Make one with :meth:`from_pretrained`.
    """

    def __init__(self, checkpoint: "Checkpoint", engine: Engine) -> None:
        self._checkpoint = checkpoint
        self._engine = engine

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path | None = None,
        *,
        device: str = "auto",
        dtype: str = "auto",
        revision: str | None = None,
        local_files_only: bool = False,
    ) -> Self:
        """Load weights.

        Args:
            name_or_path: ``None`` or ``"got-nano"`` (embedded), a folder of a GOT-OCR2 checkpoint, or a hub id such as
                ``"stepfun-ai/GOT-OCR-2.0-hf"``.
            device: ``auto`` (CUDA when there is one), ``cpu``, ``cuda``, ``cuda:1``…
            dtype: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
            revision: branch, tag or commit of a hub id.
            local_files_only: never ask the hub, use its local cache.

        Raises:
            CheckpointNotFound: neither embedded, nor a folder, nor reachable.
            CheckpointInvalid: files that do not make a GOT model, or an unusable device or dtype.
        """
        from got_runtime.checkpoint import load
        from got_runtime.engine.torch_engine import TorchEngine

        checkpoint = load(name_or_path, device, dtype, revision, local_files_only)
        return cls(checkpoint, TorchEngine(checkpoint.model, checkpoint.end_tokens))

    @property
    def model_info(self) -> ModelInfo:
        """Name, revision, device and dtype of the weights in use."""
        weight = self._checkpoint.model.lm_head.weight
        return ModelInfo(
            name=self._checkpoint.name,
            revision=self._checkpoint.revision,
            device=str(weight.device),
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
        """
        pages = []
        for page in self.stream([source], **options):
            pages.append(page)
            if on_page is not None:
                on_page(page)
        name, digest = (pages[0].source, pages[0].sha256) if pages else (str(source), None)
        return DocumentResult(source=name, sha256=digest, pages=tuple(pages), model=self.model_info)

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
    ) -> Iterator[PageResult]:
        """Pages in order, as they are ready; sources are opened and rendered as they are needed.

        Args:
            sources: one source (path, bytes, file object, blob, image, array) or a list of them.
            task: what to read; :class:`~got_runtime.tasks.Plain` when left out.
            pages: selection such as ``"1-3,7,-1"`` or page numbers, applied to each source.
            dpi: rendering resolution of PDF pages; chosen from the page's size when left out.
            rotate: turn every page clockwise by 90, 180 or 270 degrees first.
            password: for encrypted PDF.
            limits: what to refuse.
            allow_remote: whether ``http(s)://`` sources are fetched.
            ocr: ``"auto"`` returns a PDF page's own text where it is good (``finish_reason="text_layer"``).
            on_error: what a failing page does; a source that cannot be opened always raises.
            max_new_tokens: token budget of a page.
            on_token: called with the page and each piece of text as it is decoded.

        Raises:
            SourceError: a source cannot be opened.
            TaskError: an unusable budget, or (with ``on_error="raise"``) a task that does not fit a page.
        """
        if max_new_tokens < 1:
            raise TaskError(f"max_new_tokens={max_new_tokens}: a page needs at least 1 token")
        listed = sources if isinstance(sources, list | tuple) else [sources]
        opened = (
            open_pages(
                source,
                pages=pages,
                dpi=dpi,
                rotate=rotate,
                password=password,
                limits=limits,
                allow_remote=allow_remote,
            )
            for source in listed
        )
        jobs = self._jobs(opened, task or Plain(), max_new_tokens, ocr)
        return self._results(jobs, on_error, on_token)

    def read_images(self, images: "Iterable[Image.Image]", *, task: Task | None = None) -> list[PageResult]:
        """Read pictures, one page each, decoded together."""
        return list(self.stream(list(images), task=task))

    async def aread(self, source: Any, **options: Any) -> DocumentResult:
        """:meth:`read` in a worker thread: the event loop is never blocked; cancelling stops the decoding."""
        pages = [page async for page in self.astream([source], **options)]
        name, digest = (pages[0].source, pages[0].sha256) if pages else (str(source), None)
        return DocumentResult(source=name, sha256=digest, pages=tuple(pages), model=self.model_info)

    async def astream(
        self, sources: Any, *, on_token: OnToken | None = None, **options: Any
    ) -> AsyncIterator[PageResult]:
        """:meth:`stream` in worker threads; cancelling stops within one decoding step."""
        cancelled = threading.Event()

        def watch(page: PageResult, piece: str) -> None:
            if cancelled.is_set():
                raise asyncio.CancelledError
            if on_token is not None:
                on_token(page, piece)

        pages = self.stream(sources, on_token=watch, **options)
        step: asyncio.Future[PageResult | None] | None = None
        try:
            while True:
                step = asyncio.ensure_future(asyncio.to_thread(next, pages, None))
                page = await asyncio.shield(step)
                if page is None:
                    return
                yield page
        finally:
            cancelled.set()
            if step is not None:
                # The worker may be in the middle of a step: its iterator cannot be closed before it is out of it.
                await asyncio.gather(step, return_exceptions=True)
            close = getattr(pages, "close", None)
            if close is not None:
                close()

    def _results(self, jobs: Iterator[_Job], on_error: OnError, on_token: OnToken | None) -> Iterator[PageResult]:
        """Feed the engine and pair its answers with their pages; what needs no decoding keeps its place."""
        waiting: deque[_Job] = deque()
        drawn: dict[int, _Job] = {}

        def requests() -> Iterator[Request | None]:
            for order, job in enumerate(jobs):
                waiting.append(job)
                if on_token is not None and job.request is not None:
                    drawn[order] = job
                yield job.request

        def tell(order: int, token: int) -> None:
            job = drawn[order]
            job.tokens.append(token)
            text = self._checkpoint.decode(tuple(job.tokens))
            # A character of several tokens is told when it is whole.
            if on_token is not None and len(text) > job.told and not text.endswith("\N{REPLACEMENT CHARACTER}"):
                on_token(job.result, text[job.told :])
                job.told = len(text)

        for answer in self._engine.answer(requests(), tell if on_token else None):
            job = waiting.popleft()
            result, failure = self._finish(job, answer)
            if failure is not None and on_error == "raise":
                raise failure
            if failure is None or on_error == "keep":
                yield result

    def _jobs(
        self, opened: Iterable[Iterator[SourcePage]], task: Task, max_new_tokens: int, ocr: Ocr
    ) -> Iterator[_Job]:
        """Pages as jobs; with :class:`Pages`, all pages of a source as one."""
        for document in opened:
            if isinstance(task, Pages):
                group = list(document)
                whole = [page for page in group if page.image is not None]
                yield from (self._job([page], task, max_new_tokens, ocr) for page in group if page.image is None)
                if whole:
                    yield self._job(whole, task, max_new_tokens, ocr)
            else:
                for page in document:
                    yield self._job([page], task, max_new_tokens, ocr)

    def _job(self, group: list[SourcePage], task: Task, max_new_tokens: int, ocr: Ocr) -> _Job:
        page = group[0]
        width, height = page.image.size if page.image is not None else (0, 0)
        result = PageResult(
            source=page.source,
            sha256=page.sha256,
            number=page.number,
            label=page.label if len(group) == 1 else f"{page.label}-{group[-1].label}",
            total=page.total,
            width=width,
            height=height,
            size_pt=page.size_pt,
            task=task,
            finish_reason="blank",
            warnings=page.warnings,
        )
        if page.image is None:
            return _Job(result, failure=page.error)
        try:
            if ocr == "auto" and not any(p.needs_ocr for p in group):
                text = "\n\n".join(p.text_layer.strip() for p in group)
                return _Job(result.model_copy(update={"text": text, "finish_reason": "text_layer"}))
            query = task.query(PageFrame(width, height, page.size_pt))
            images = [p.image.crop(query.crop) if query.crop else p.image for p in group if p.image is not None]
            if all(is_blank(image) for image in images):
                return _Job(result)
            request = build_request(self._checkpoint, images, task, query.text, max_new_tokens)
        except GotError as error:
            return _Job(result, failure=error)
        return _Job(result.model_copy(update={"warnings": page.warnings + query.warnings}), request)

    def _finish(self, job: _Job, answer: Answer | Exception | None) -> tuple[PageResult, GotError | None]:
        """The page's result from its answer, or with its error."""
        page, failure = job.result, job.failure
        if isinstance(answer, Exception):
            reason = f"decoding failed ({type(answer).__name__}: {answer})"
            failure = EngineError(f"{page.source} page {page.number}: {reason}")
            failure.__cause__ = answer
        if failure is not None:
            error = PageError(type=type(failure).__name__, message=str(failure))
            return page.model_copy(update={"finish_reason": "error", "error": error}), failure
        if not isinstance(answer, Answer):
            return page, None
        given = answer.probabilities
        return page.model_copy(
            update={
                "text": self._checkpoint.decode(answer.tokens).strip(),
                "tokens": len(answer.tokens),
                "finish_reason": answer.finish,
                "confidence": Confidence(mean=sum(given) / len(given), minimum=min(given)) if given else None,
                "timings": Timings(encode=answer.encode_seconds, decode=answer.decode_seconds),
            }
        ), None
