"""One pass over pages: jobs to the engine, its answers back to their pages, retries and errors in their place."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Literal

from got_runtime.answers import TIME_IS_UP, answered_fields, located_tokens
from got_runtime.boxes import element_boxes
from got_runtime.engine.protocol import Answer, Engine, Request
from got_runtime.errors import EngineError, GotError
from got_runtime.requests import build_request, is_blank
from got_runtime.results import PageError, PageResult, Timings
from got_runtime.retries import Rung, try_again
from got_runtime.sources import SourcePage
from got_runtime.tasks import TRAINED_CONTEXT, Box, Color, PageFrame, Pages, Task

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.checkpoint import Checkpoint

__all__ = ["Ocr", "OnError", "OnToken", "PageReader"]

OnError = Literal["raise", "skip", "keep"]
"""A page that fails: stop with its error, leave it out, or keep it as a result that carries the error."""

Ocr = Literal["always", "auto"]
"""Whether a PDF page with a good text layer is read all the same."""

OnToken = Callable[[PageResult, str], None]
"""Called with the page being read and each piece of its text."""

LONGEST_CHARACTER = 4
"""Bytes of a character in UTF-8, and so the most tokens it can be cut into."""

RGB_BYTES = 3
"""Of a pixel of a page's picture, which is kept until its answer is there."""


@dataclass
class _Job:
    """A page on its way: what is known of it, and the request if it must be decoded."""

    page: SourcePage
    result: PageResult
    request: Request | None = None
    failure: GotError | None = None
    document: int = 0
    """Which of the documents the page is of."""
    last: bool = False
    """Whether no page of its document follows, as far as is known when it is read: pages are drawn ahead."""
    untold: list[int] = field(default_factory=list)
    """Tokens of a character that is not whole yet."""


class _Stopped(BaseException):
    """On its way through the engine, which answers every Exception, to the reader that was told to stop."""


@dataclass(frozen=True)
class _Stoppable:
    """Requests that may wait long for a source; whoever waits for them calls ``check`` now and then, which raises."""

    requests: Generator[Request | None, None, None]
    check: Callable[[], None]

    def __iter__(self) -> Iterator[Request | None]:
        return self

    def __next__(self) -> Request | None:
        return next(self.requests)

    def close(self) -> None:
        self.requests.close()


@dataclass(frozen=True)
class PageReader:
    """How pages are to be read, and by whom.

    ``max_new_tokens`` bounds each answer, ``max_seconds`` each page. ``stop``, once set, ends the work within a step.
    ``boxes`` asks where the elements of pages stand that are read whole, in one view.
    """

    checkpoint: "Checkpoint"
    engine: Engine
    task: Task
    max_new_tokens: int
    max_seconds: float | None = None
    ocr: Ocr = "always"
    on_error: OnError = "keep"
    on_token: OnToken | None = None
    stop: threading.Event | None = None
    boxes: bool = False

    def read(self, documents: Iterable[Iterator[SourcePage]]) -> Iterator[PageResult]:
        """Results in the order of the pages; a page that needs no decoding keeps its place."""
        try:
            for _, result in self._read(documents):
                if result is not None:
                    yield result
        except _Stopped:
            return

    def read_whole(
        self, documents: Iterable[Iterator[SourcePage]], on_page: Callable[[PageResult], None]
    ) -> Iterator[list[PageResult]]:
        """The results of each document that has any, as soon as it is whole; ``on_page`` is told each as it comes."""
        whole: list[PageResult] = []
        number = 0
        try:
            for job, result in self._read(documents):
                if job.document != number and whole:
                    yield whole
                    whole = []
                number = job.document
                if result is not None:
                    on_page(result)
                    whole.append(result)
                if job.last and whole:
                    yield whole
                    whole = []
        except _Stopped:
            pass
        if whole:
            yield whole

    def _read(self, documents: Iterable[Iterator[SourcePage]]) -> Iterator[tuple[_Job, PageResult | None]]:
        """Every job with its result; with none where its page failed and is left out."""
        waiting: deque[_Job] = deque()
        telling: dict[int, _Job] = {}

        def requests() -> Generator[Request | None, None, None]:
            for order, job in enumerate(self._jobs(documents)):
                self._check_stop()
                waiting.append(job)
                if self.on_token is not None and job.request is not None:
                    telling[order] = job
                yield job.request

        def watch(order: int, token: int) -> None:
            self._check_stop()
            if self.on_token is not None:
                self._tell(telling[order], token, self.on_token)

        watched = watch if self.on_token is not None or self.stop is not None else None
        drawn = _Stoppable(requests(), self._check_stop)
        for order, answer in enumerate(self.engine.answer(drawn, watched)):
            job = waiting.popleft()
            telling.pop(order, None)
            result, failure = self._finish(job, answer)
            if result.finish_reason == "repetition":
                climb = partial(self._climb, job.page, result)
                result = try_again(job.page, self.task, result, self.max_seconds, climb)
            yield job, result if failure is None or self.on_error == "keep" else None
            if failure is not None and self.on_error == "raise":
                raise failure

    def _check_stop(self) -> None:
        if self.stop is not None and self.stop.is_set():
            raise _Stopped

    def _tell(self, job: _Job, token: int, on_token: OnToken) -> None:
        job.untold.append(token)
        text = self.checkpoint.decode(tuple(job.untold))
        if text.endswith("\N{REPLACEMENT CHARACTER}") and len(job.untold) < LONGEST_CHARACTER:
            return
        job.untold.clear()
        if text:
            on_token(job.result, text)

    def _jobs(self, documents: Iterable[Iterator[SourcePage]]) -> Iterator[_Job]:
        """Pages as jobs, each with its document."""
        for number, document in enumerate(documents):
            job: _Job | None = None
            for group in self._groups(document):
                job = self._job(group)
                job.document = number
                yield job
            if job is not None:
                job.last = True

    def _groups(self, document: Iterator[SourcePage]) -> Iterator[list[SourcePage]]:
        """The pages of a source that are asked about together: all of them with :class:`Pages`, else each alone."""
        if not isinstance(self.task, Pages):
            yield from ([page] for page in document)
            return
        # One page more than fits is enough to be told so.
        most = self.checkpoint.context // self.checkpoint.tokens_per_tile + 1
        pages = list(islice(document, most))
        yield from ([page] for page in pages if page.image is None)
        whole = [page for page in pages if page.image is not None]
        if whole:
            yield whole

    def _job(self, group: list[SourcePage]) -> _Job:
        page, task = group[0], self.task
        width, height = page.image.size if page.image is not None else (0, 0)
        failure = page.error
        try:
            digest = page.sha256
        except GotError as error:  # the disk or the connection has gone in the meantime
            digest, failure = None, error
        result = PageResult(
            source=page.source,
            sha256=digest,
            number=page.number,
            label=page.label if len(group) == 1 else f"{page.label}-{group[-1].label}",
            total=page.total,
            width=width,
            height=height,
            size_pt=page.size_pt,
            task=task,
            finish_reason="blank",
            warnings=tuple(warning for each in group for warning in each.warnings),
        )
        if page.image is None or failure is not None:
            return _undecoded(page, result, failure)
        try:
            # A text layer does not tell what is inside a box or a coloured frame.
            if self.ocr == "auto" and not isinstance(task, Box | Color) and not any(p.needs_ocr for p in group):
                text = "\n\n".join(p.text_layer.strip() for p in group)
                return _undecoded(page, result.model_copy(update={"text": text, "finish_reason": "text_layer"}))
            query = task.query(PageFrame(width, height, page.size_pt))
            images = [p.image.crop(query.crop) if query.crop else p.image for p in group if p.image is not None]
            warnings = result.warnings + query.warnings
            if all(is_blank(image) for image in images):
                return _undecoded(page, result.model_copy(update={"warnings": warnings}))
            request = self._request(images, task, query.text, self.max_seconds, align=self.boxes and not query.crop)
        except GotError as error:
            return _undecoded(page, result, error)
        if len(request.prompt) > TRAINED_CONTEXT:
            warnings += (f"a prompt of {len(request.prompt):,} tokens: GOT was trained with {TRAINED_CONTEXT:,}",)
        request = replace(request, kept_bytes=RGB_BYTES * width * height)
        return _Job(page, result.model_copy(update={"warnings": warnings}), request)

    def _request(
        self, images: "list[Image.Image]", task: Task, query: str, max_seconds: float | None, *, align: bool = False
    ) -> Request:
        return build_request(self.checkpoint, images, task, query, self.max_new_tokens, max_seconds, align)

    def _climb(self, page: SourcePage, first: PageResult, rung: Rung, max_seconds: float | None) -> PageResult:
        """The page as it reads on one rung; a rung that cannot be climbed ends in ``error``."""
        failed = {"finish_reason": "error", "text": "", "tokens": 0, "confidence": None, "timings": Timings()}
        try:
            query = rung.task.query(PageFrame(first.width, first.height, page.size_pt)).text
            requests = [self._request([image], rung.task, query, max_seconds) for image in rung.images()]
        except GotError:  # the source has gone in the meantime
            return first.model_copy(update=failed)
        watched = None if self.stop is None else lambda order, token: self._check_stop()
        answers = list(self.engine.answer(requests, watched))
        whole = [answer for answer in answers if isinstance(answer, Answer)]
        told = failed if len(whole) < len(requests) else answered_fields(self.checkpoint, whole)
        return first.model_copy(update={**told, "boxes": ()})

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
        told = answered_fields(self.checkpoint, [answer])
        warnings = answer.warnings + ((TIME_IS_UP,) if answer.finish == "time" else ())
        if warnings:
            told["warnings"] = page.warnings + warnings
        result = page.model_copy(update=told)
        if job.request is not None and job.request.align and len(job.request.pixels) == 1:
            result = self._with_boxes(job.page, result, answer)
        return result, None

    def _with_boxes(self, page: SourcePage, result: PageResult, answer: Answer) -> PageResult:
        try:
            boxes = element_boxes(page, result.elements, located_tokens(self.checkpoint, answer))
        except GotError as error:  # the layout analysis opens the file again
            return result.model_copy(update={"warnings": (*result.warnings, f"no boxes: {error}")})
        return result.model_copy(update={"boxes": boxes})


def _undecoded(page: SourcePage, result: PageResult, failure: GotError | None = None) -> _Job:
    """A page that needs no decoding. Its pixels are let go: many such pages may wait behind one that is decoded."""
    return _Job(replace(page, image=None), result, failure=failure)
