"""What is asked of an engine for each page, and what its answers make of the page."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from got_runtime.boxes import element_boxes
from got_runtime.engine.protocol import Completion, Request
from got_runtime.errors import EngineError, GotError
from got_runtime.options import ReadOptions
from got_runtime.pipeline.postprocess import TIME_IS_UP, answered_fields, located_tokens
from got_runtime.pipeline.preprocess import build_request, is_blank
from got_runtime.pipeline.retry import Climb, Rung, climb
from got_runtime.results import PageError, PageResult, Timings
from got_runtime.sources import SourcePage
from got_runtime.tasks import TRAINED_CONTEXT, Box, Color, MultiPage, PageFrame, Task

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["Job", "PageJobs", "Try"]

RGB_BYTES = 3
"""Of a pixel of a page's picture, which is kept until its answer is there."""


@dataclass
class Job:
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
    settled: bool = False
    """Whether ``result`` is the page's, and not to be tried again."""

    @property
    def looped(self) -> bool:
        """Whether the page has a result, though not the best one yet."""
        return self.result.finish_reason == "repetition"


@dataclass
class Try:
    """Another way to read a page, whose answers come one by one."""

    job: Job
    climb: Climb
    rung: Rung
    seconds: float | None
    parts: int = 1
    answers: list[Completion | Exception | None] = field(default_factory=list)


@dataclass(frozen=True)
class PageJobs:
    """How pages are to be read."""

    checkpoint: "LoadedModel"
    options: ReadOptions

    @property
    def max_seconds(self) -> float | None:
        return self.options.limits.max_seconds_per_page

    def of(self, documents: Iterable[Iterator[SourcePage]]) -> Generator[Job, None, None]:
        """Pages as jobs, each with its document."""
        for number, document in enumerate(documents):
            job: Job | None = None
            for group in self._groups(document):
                job = self._job(group)
                job.document = number
                yield job
            if job is not None:
                job.last = True

    def _groups(self, document: Iterator[SourcePage]) -> Iterator[list[SourcePage]]:
        """The pages of a source that are asked about together: all of them with :class:`MultiPage`, else each alone."""
        if not isinstance(self.options.task, MultiPage):
            yield from ([page] for page in document)
            return
        # One page more than fits is enough to be told so.
        most = self.checkpoint.context // self.checkpoint.tokens_per_tile + 1
        pages = list(islice(document, most))
        yield from ([page] for page in pages if page.image is None)
        whole = [page for page in pages if page.image is not None]
        if whole:
            yield whole

    def _job(self, group: list[SourcePage]) -> Job:
        page, task = group[0], self.options.task
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
            if self.options.ocr == "auto" and not isinstance(task, Box | Color) and not any(p.needs_ocr for p in group):
                text = "\n\n".join(p.text_layer.strip() for p in group)
                return _undecoded(page, result.model_copy(update={"text": text, "finish_reason": "text_layer"}))
            query = task.query(PageFrame(width, height, page.size_pt))
            images = [p.image.crop(query.crop) if query.crop else p.image for p in group if p.image is not None]
            warnings = result.warnings + query.warnings
            if all(is_blank(image) for image in images):
                return _undecoded(page, result.model_copy(update={"warnings": warnings}))
            aligned = self.options.boxes and not query.crop
            request = self._request(result, images, task, query.text, self.max_seconds, record_attention=aligned)
        except GotError as error:
            return _undecoded(page, result, error)
        if len(request.prompt) > TRAINED_CONTEXT:
            warnings += (f"a prompt of {len(request.prompt):,} tokens: GOT was trained with {TRAINED_CONTEXT:,}",)
        return Job(page, result.model_copy(update={"warnings": warnings}), request)

    def _request(
        self,
        page: PageResult,
        images: "list[Image.Image]",
        task: Task,
        query: str,
        max_seconds: float | None,
        *,
        record_attention: bool = False,
    ) -> Request:
        request = build_request(
            self.checkpoint, images, task, query, self.options.max_new_tokens, max_seconds, record_attention
        )
        return replace(request, kept_bytes=RGB_BYTES * page.width * page.height)

    def take(self, asked: Job | Try, answer: Completion | Exception | None) -> Try | None:
        """Settle what was asked with its answer, or return what is to be tried next; None while parts are missing."""
        if isinstance(asked, Job):
            job, read = asked, None
            job.result = self._finish(job, answer)
            if job.result.finish_reason != "repetition":
                _settle(job, job.result)
                return None
            way = climb(job.page, self.options.task, job.result, self.max_seconds)
        else:
            asked.answers.append(answer)
            if len(asked.answers) < asked.parts:
                return None
            job, way, read = asked.job, asked.climb, self._read_again(asked)
        try:
            rung, seconds = next(way) if read is None else way.send(read)
        except StopIteration as top:
            _settle(job, top.value)
            return None
        return Try(job, way, rung, seconds)

    def requests_again(self, again: Try) -> list[Request | None]:
        """The requests of a rung; a rung that cannot be climbed has none, which is answered with none."""
        page, result = again.job.page, again.job.result
        try:
            query = again.rung.task.query(PageFrame(result.width, result.height, page.size_pt)).text
            images = again.rung.images()
            again.parts = len(images)
            return [self._request(result, [image], again.rung.task, query, again.seconds) for image in images]
        except (GotError, MemoryError):  # the source has gone in the meantime, or there is no room for its pixels
            again.parts = 1
            return [None]

    def _read_again(self, again: Try) -> PageResult:
        """The page as it reads on one rung; a rung that could not be climbed ends in ``error``."""
        failed = {"finish_reason": "error", "text": "", "tokens": 0, "confidence": None, "timings": Timings()}
        whole = [answer for answer in again.answers if isinstance(answer, Completion)]
        told = failed if len(whole) < again.parts else answered_fields(self.checkpoint, whole)
        return again.job.result.model_copy(update={**told, "boxes": ()})

    def _finish(self, job: Job, answer: Completion | Exception | None) -> PageResult:
        """The page's result from its answer, or with its error."""
        page = job.result
        if isinstance(answer, Exception):
            reason = f"decoding failed ({type(answer).__name__}: {answer})"
            job.failure = EngineError(f"{page.source} page {page.number}: {reason}")
            job.failure.__cause__ = answer
        if job.failure is not None:
            error = PageError(type=type(job.failure).__name__, message=str(job.failure))
            return page.model_copy(update={"finish_reason": "error", "error": error})
        if not isinstance(answer, Completion):
            return page
        told = answered_fields(self.checkpoint, [answer])
        warnings = answer.warnings + ((TIME_IS_UP,) if answer.finish == "time" else ())
        if warnings:
            told["warnings"] = page.warnings + warnings
        result = page.model_copy(update=told)
        if job.request is not None and job.request.record_attention and len(job.request.pixels) == 1:
            result = self._with_boxes(job.page, result, answer)
        return result

    def _with_boxes(self, page: SourcePage, result: PageResult, answer: Completion) -> PageResult:
        try:
            boxes = element_boxes(page, result.elements, located_tokens(self.checkpoint, answer))
        except GotError as error:  # the layout analysis opens the file again
            return result.model_copy(update={"warnings": (*result.warnings, f"no boxes: {error}")})
        return result.model_copy(update={"boxes": boxes})


def _undecoded(page: SourcePage, result: PageResult, failure: GotError | None = None) -> Job:
    """A page that needs no decoding. Its pixels are let go: many such pages may wait behind one that is decoded."""
    return Job(replace(page, image=None), result, failure=failure)


def _settle(job: Job, result: PageResult) -> None:
    """The page may wait for those before it; its pixels need not."""
    job.result, job.page, job.request, job.settled = result, replace(job.page, image=None), None, True
