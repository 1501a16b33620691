"""Plans a task for each page of the documents, and turns the engine's completions into results."""

import logging
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from got_runtime.boxes import element_boxes
from got_runtime.engine.protocol import Completion, Request
from got_runtime.errors import EngineError, GotError
from got_runtime.markup import parse
from got_runtime.options import ReadOptions
from got_runtime.pipeline.postprocess import DecodedPage, build_result, decode_page, token_positions
from got_runtime.pipeline.preprocess import PageHeader, prepare_page, retry_request
from got_runtime.pipeline.retry import Retry, RetryMethod
from got_runtime.results import ElementBox, PageError, PageResult
from got_runtime.sources import SourcePage
from got_runtime.sources.names import one_line
from got_runtime.tasks import MultiPage

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["PagePlanner", "PageTask", "RetryTask"]

logger = logging.getLogger(__name__)


@dataclass
class PageTask:
    """The state of a page from its request to its result."""

    page: SourcePage
    header: PageHeader
    request: Request | None = None
    """None if the page is not decoded."""
    text_layer: str | None = None
    failure: GotError | None = None
    document: int = 0
    """Index of the document that the page belongs to."""
    last: bool = False
    """Whether no page of the document follows, as far as is known: pages are prefetched."""
    pending_tokens: list[int] = field(default_factory=list)
    """Tokens of a character that is not complete yet."""
    first: Completion | None = None
    """The first completion, while the page is retried."""
    preview: PageResult | None = None
    """The result without text, for callbacks during decoding."""
    result: PageResult | None = None
    """The page's result, once nothing about it can change."""


@dataclass
class RetryTask:
    """One attempt to decode a page again, in one part or several."""

    task: PageTask
    retry: Retry
    method: RetryMethod
    parts: int = 1
    completions: list[Completion | Exception | None] = field(default_factory=list)


@dataclass(frozen=True)
class PagePlanner:
    """Plans the tasks of documents, and completes them."""

    checkpoint: "LoadedModel"
    options: ReadOptions

    def plan(self, documents: Iterable[Iterator[SourcePage]]) -> Generator[PageTask, None, None]:
        """A task for each page, or for each group of pages that share a context."""
        for number, document in enumerate(documents):
            task: PageTask | None = None
            for group in self._groups(document):
                task = self._plan_page(group)
                task.document = number
                yield task
            if task is not None:
                task.last = True

    def _groups(self, document: Iterator[SourcePage]) -> Iterator[list[SourcePage]]:
        """The pages of a source that share a context: all of them with :class:`MultiPage`, else each alone."""
        if not isinstance(self.options.task, MultiPage):
            yield from ([page] for page in document)
            return
        # With one page more than fits, the request fails with the error that the context is too small.
        most = self.checkpoint.context // self.checkpoint.tokens_per_tile + 1
        pages = list(islice(document, most))
        yield from ([page] for page in pages if page.image is None)
        whole = [page for page in pages if page.image is not None]
        if whole:
            yield whole

    def _plan_page(self, group: list[SourcePage]) -> PageTask:
        prepared = prepare_page(self.checkpoint, self.options, group)
        page = group[0] if prepared.request is not None else _without_image(group[0])
        return PageTask(page, prepared.header, prepared.request, prepared.text_layer, prepared.failure)

    def preview(self, task: PageTask) -> PageResult:
        """The page's result as far as it is known during decoding."""
        if task.preview is None:
            task.preview = build_result(task.header, DecodedPage("blank"))
        return task.preview

    def complete(self, task: PageTask, completion: Completion | Exception | None) -> RetryTask | None:
        """Set the result from the engine's completion, or return the first retry."""
        if isinstance(completion, Exception):
            reason = f"decoding failed ({type(completion).__name__}: {one_line(str(completion))})"
            task.failure = EngineError(f"{task.header.source} page {task.header.number}: {reason}")
            task.failure.__cause__ = completion
        if not isinstance(completion, Completion) or task.failure is not None:
            self._finish_undecoded(task)
            return None
        decoded = decode_page(self.checkpoint, [completion])
        if decoded.finish_reason != "repetition":
            self._finish(task, decoded, completion)
            return None
        task.first = completion
        seconds = self.options.limits.max_seconds_per_page
        return self._next_retry(task, Retry(task.page, self.options.task, decoded, seconds))

    def complete_part(self, retry_task: RetryTask, completion: Completion | Exception | None) -> RetryTask | None:
        """Record a part of a retry; when it was the last part, set the result or return the next retry."""
        retry_task.completions.append(completion)
        if len(retry_task.completions) < retry_task.parts:
            return None
        decoded = [part for part in retry_task.completions if isinstance(part, Completion)]
        whole = len(decoded) == retry_task.parts
        retry_task.retry.record(
            retry_task.method, decode_page(self.checkpoint, decoded) if whole else DecodedPage("error")
        )
        return self._next_retry(retry_task.task, retry_task.retry)

    def complete_looped(self, task: PageTask) -> None:
        """Set the first completion as the result of a page whose retries cannot be decoded any more."""
        if task.result is None and task.first is not None:
            self._finish(task, decode_page(self.checkpoint, [task.first]), task.first)

    def retry_requests(self, retry_task: RetryTask) -> list[Request | None]:
        """The requests of a retry, one for each part; ``[None]`` if its images cannot be made."""
        task, method = retry_task.task, retry_task.method
        try:
            images = method.images()
            retry_task.parts = len(images)
            return [
                retry_request(
                    self.checkpoint, self.options, task.header, image, method.task, retry_task.retry.seconds_left
                )
                for image in images
            ]
        except (GotError, MemoryError) as error:  # the file was removed in the meantime, or memory is short
            header = task.header
            logger.warning("%s page %d: no retry with %s: %s", header.source, header.number, method.name, error)
            retry_task.parts = 1
            return [None]

    def _next_retry(self, task: PageTask, retry: Retry) -> RetryTask | None:
        method = retry.next_attempt()
        if method is not None:
            return RetryTask(task, retry, method)
        first = task.first if not any(attempt.chosen for attempt in retry.attempts) else None
        self._finish(task, retry.best, first, retry)
        return None

    def _finish(
        self, task: PageTask, decoded: DecodedPage, completion: Completion | None, retry: Retry | None = None
    ) -> None:
        """Set the result.

        Args:
            task: the page.
            decoded: the text that was chosen.
            completion: the first completion, if ``decoded`` comes from it; other completions give no boxes.
            retry: the retries, if there were any.
        """
        boxes, warnings = self._locate(task, decoded, completion) if completion is not None else ((), ())
        _set_result(
            task,
            build_result(
                task.header,
                decoded,
                timings=retry.timings if retry is not None else None,
                warnings=decoded.warnings + warnings,
                attempts=retry.attempts if retry is not None else (),
                boxes=boxes,
            ),
        )

    def _finish_undecoded(self, task: PageTask) -> None:
        if task.failure is not None:
            error = PageError(type=type(task.failure).__name__, message=str(task.failure))
            result = build_result(task.header, DecodedPage("error"), error=error)
        elif task.text_layer is not None:
            result = build_result(task.header, DecodedPage("text_layer", task.text_layer))
        else:
            result = build_result(task.header, DecodedPage("blank"))
        _set_result(task, result)

    def _locate(
        self, task: PageTask, decoded: DecodedPage, completion: Completion
    ) -> tuple[tuple[ElementBox, ...], tuple[str, ...]]:
        """Boxes of the elements of a page in one view, if they are wanted; warnings if they cannot be found."""
        request = task.request
        if request is None or not request.record_attention or len(request.pixels) != 1:
            return (), ()
        elements = parse(decoded.text, is_latex=task.header.task.formatted)
        try:
            return element_boxes(task.page, elements, token_positions(self.checkpoint, completion)), ()
        except GotError as error:  # the layout analysis opens the file again
            return (), (f"no boxes: {error}",)


def _set_result(task: PageTask, result: PageResult) -> None:
    """Set the result and release pixels and tokens: the result may wait for those of earlier pages."""
    task.result, task.page, task.request, task.first = result, _without_image(task.page), None, None


def _without_image(page: SourcePage) -> SourcePage:
    """A copy without pixels: many pages that are not decoded may wait for one that is."""
    return replace(page, image=None)
