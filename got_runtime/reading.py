"""One pass over pages: jobs to the engine, its answers back to their pages, retries and errors in their place."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from got_runtime.engine.protocol import Answer, Engine, Request
from got_runtime.errors import EngineError, GotError
from got_runtime.requests import build_request, is_blank
from got_runtime.results import Attempt, Confidence, FinishReason, PageError, PageResult, Timings
from got_runtime.retries import ladder
from got_runtime.sources import SourcePage
from got_runtime.tasks import PageFrame, Pages, Task

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


@dataclass
class _Job:
    """A page on its way: what is known of it, and the request if it must be decoded."""

    page: SourcePage
    result: PageResult
    request: Request | None = None
    failure: GotError | None = None
    tokens: list[int] = field(default_factory=list)
    told: int = 0


@dataclass(frozen=True)
class PageReader:
    """How pages are to be read, and by whom. ``max_seconds`` and ``max_new_tokens`` bound each page."""

    checkpoint: "Checkpoint"
    engine: Engine
    task: Task
    max_new_tokens: int
    max_seconds: float | None = None
    ocr: Ocr = "always"
    on_error: OnError = "keep"
    on_token: OnToken | None = None

    def read(self, documents: Iterable[Iterator[SourcePage]]) -> Iterator[PageResult]:
        """Results in the order of the pages; a page that needs no decoding keeps its place."""
        waiting: deque[_Job] = deque()
        drawn: dict[int, _Job] = {}

        def requests() -> Iterator[Request | None]:
            for order, job in enumerate(self._jobs(documents)):
                waiting.append(job)
                if self.on_token is not None and job.request is not None:
                    drawn[order] = job
                yield job.request

        def tell(order: int, token: int) -> None:
            job = drawn[order]
            job.tokens.append(token)
            text = self.checkpoint.decode(tuple(job.tokens))
            # A character of several tokens is told when it is whole.
            if self.on_token is not None and len(text) > job.told and not text.endswith("\N{REPLACEMENT CHARACTER}"):
                self.on_token(job.result, text[job.told :])
                job.told = len(text)

        for answer in self.engine.answer(requests(), tell if self.on_token else None):
            job = waiting.popleft()
            result, failure = self._finish(job, answer)
            if result.finish_reason == "repetition":
                result = self._try_again(job.page, result)
            if failure is not None and self.on_error == "raise":
                raise failure
            if failure is None or self.on_error == "keep":
                yield result

    def _jobs(self, documents: Iterable[Iterator[SourcePage]]) -> Iterator[_Job]:
        """Pages as jobs; with :class:`Pages`, all pages of a source as one."""
        for document in documents:
            if isinstance(self.task, Pages):
                group = list(document)
                whole = [page for page in group if page.image is not None]
                yield from (self._job([page]) for page in group if page.image is None)
                if whole:
                    yield self._job(whole)
            else:
                for page in document:
                    yield self._job([page])

    def _job(self, group: list[SourcePage]) -> _Job:
        page, task = group[0], self.task
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
            return _Job(page, result, failure=page.error)
        try:
            if self.ocr == "auto" and not any(p.needs_ocr for p in group):
                text = "\n\n".join(p.text_layer.strip() for p in group)
                return _Job(page, result.model_copy(update={"text": text, "finish_reason": "text_layer"}))
            query = task.query(PageFrame(width, height, page.size_pt))
            images = [p.image.crop(query.crop) if query.crop else p.image for p in group if p.image is not None]
            if all(is_blank(image) for image in images):
                return _Job(page, result)
            request = self._request(images, task, query.text)
        except GotError as error:
            return _Job(page, result, failure=error)
        return _Job(page, result.model_copy(update={"warnings": page.warnings + query.warnings}), request)

    def _request(self, images: "list[Image.Image]", task: Task, query: str) -> Request:
        return build_request(self.checkpoint, images, task, query, self.max_new_tokens, self.max_seconds)

    def _try_again(self, page: SourcePage, result: PageResult) -> PageResult:
        """Climb the ladder of other ways to show the page until one ends well; every try is recorded."""
        attempts: list[Attempt] = []
        for rung in ladder(page, self.task):
            query = rung.task.query(PageFrame(result.width, result.height, page.size_pt)).text
            requests = [self._request([image], rung.task, query) for image in rung.images()]
            answers = [answer for answer in self.engine.answer(requests) if isinstance(answer, Answer)]
            ends: set[FinishReason] = {_finish_reason(answer) for answer in answers}
            ended: FinishReason = (
                "error" if len(answers) < len(requests) else "stop" if ends == {"stop"} else ends.pop()
            )
            attempts.append(Attempt(way=rung.way, finish_reason=ended))
            if ended == "stop":
                result = result.model_copy(update=self._told(answers))
                break
        return result.model_copy(update={"attempts": tuple(attempts)})

    def _told(self, answers: Sequence[Answer]) -> dict[str, Any]:
        """The fields of a result that come from its answers (several where a page was read in parts)."""
        given = [probability for answer in answers for probability in answer.probabilities]
        return {
            "text": "\n".join(self.checkpoint.decode(answer.tokens).strip() for answer in answers),
            "tokens": sum(len(answer.tokens) for answer in answers),
            "finish_reason": _finish_reason(answers[-1]),
            "confidence": Confidence(mean=sum(given) / len(given), minimum=min(given)) if given else None,
            "timings": Timings(
                encode=sum(answer.encode_seconds for answer in answers),
                decode=sum(answer.decode_seconds for answer in answers),
            ),
        }

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
        told = self._told([answer])
        if answer.finish == "time":
            told["warnings"] = (*page.warnings, "decoding stopped at the time limit (Limits.max_seconds_per_page)")
        return page.model_copy(update=told), None


def _finish_reason(answer: Answer) -> FinishReason:
    """An answer cut by the clock is cut like one cut by its budget; a warning tells them apart."""
    return "length" if answer.finish == "time" else answer.finish
