"""Plans a task for each page of the documents, and turns the engine's completions into results."""

import itertools
import logging
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from got_runtime.boxes import line_boxes
from got_runtime.engine.protocol import Completion
from got_runtime.markup import parse
from got_runtime.options import ReadOptions
from got_runtime.pipeline.finish import PageFinisher
from got_runtime.pipeline.kept import keep_answer, kept_task
from got_runtime.pipeline.page_by_page import PagesOfResult, options_of_page
from got_runtime.pipeline.page_task import DocumentTask, PageTask, PartTask, RetryTask, ViewTask, Work, without_image
from got_runtime.pipeline.part_requests import part_requests
from got_runtime.pipeline.postprocess import DecodedPage, build_result, decode_page
from got_runtime.pipeline.preprocess import prepare_page
from got_runtime.pipeline.retry import ACCEPTED_CONFIDENCE, Retry, RetryMethod
from got_runtime.pipeline.zoomed import ZoomReading
from got_runtime.pipeline.zoomed_parts import readable_width
from got_runtime.results import PageLine, PageResult
from got_runtime.sources import SourcePage
from got_runtime.sources.in_order import in_order
from got_runtime.tasks import Box, Formatted, MultiPage, Plain
from got_runtime.views.zoom import ZoomedPage, characters_of_piece

if TYPE_CHECKING:
    from got_runtime.cache import PageCache
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["PagePlanner"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Numbered:
    """A page, or the pages that share a context, and its place: in its document, and among all pages."""

    group: list[SourcePage]
    document: DocumentTask
    index: int
    number: int


@dataclass(frozen=True)
class PagePlanner:
    """Plans the tasks of documents, and completes them."""

    checkpoint: "LoadedModel"
    options: ReadOptions
    cache: "PageCache | None" = None
    threads: int = 1
    """Pages that are prepared at the same time."""

    @property
    def _finisher(self) -> PageFinisher:
        return PageFinisher(self.checkpoint, self.options)

    def work(self, documents: Iterable[Iterator[SourcePage]]) -> Generator[Work, None, None]:
        """The requests of each page, in order; a page in zoomed views has several, as has a group read page by page."""
        with closing(in_order(self._prepared, self._numbered(documents), self.threads)) as prepared:
            for work in prepared:
                yield from work

    def _prepared(self, page: "_Numbered") -> Iterable[Work]:
        task = self._plan_page(page.group, self.options, self.cache)
        task.document, task.index, task.number = page.document, page.index, page.number
        return self._first_works(task) if task.pages is None else self._page_by_page(task, page.group)

    def _page_by_page(self, group: PageTask, pages: list[SourcePage]) -> Iterator[Work]:
        """The requests of a group that is read page by page. They are made as they are needed: all of them are many."""
        options = options_of_page(self.options, len(pages))

        def prepared(place: int) -> Iterable[Work]:
            # The warnings of the source are those of the whole result.
            task = self._plan_page([replace(pages[place], warnings=(), file_warnings=())], options)
            task.group, task.place = group, place
            return self._first_works(task)

        with closing(in_order(prepared, range(len(pages)), self.threads)) as works:
            for work in works:
                yield from work

    def _first_works(self, task: PageTask) -> Iterable[Work]:
        if task.zoom is None or not (views := self.first_views(task)):
            return [Work(task, task.request)]
        works = itertools.chain.from_iterable(self.requests(view) for view in views)
        return works if self.threads == 1 else list(works)

    def _numbered(self, documents: Iterable[Iterator[SourcePage]]) -> Iterator["_Numbered"]:
        """Each page, or each group of pages that share a context."""
        numbers = itertools.count()
        for pages in documents:
            document, count = DocumentTask(), 0
            for group in self._groups(pages):
                yield _Numbered(group, document, count, next(numbers))
                count += 1
            document.pages = count

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

    def _plan_page(self, group: list[SourcePage], options: ReadOptions, cache: "PageCache | None" = None) -> PageTask:
        if (kept := kept_task(cache, options, group)) is not None:
            return kept
        _ = self.checkpoint.name  # loads a network that is not loaded yet, and its errors are not the page's
        prepared = prepare_page(self.checkpoint, options, group)
        decoded = prepared.request is not None or prepared.zoomed
        page = group[0] if decoded else without_image(group[0])
        task = PageTask(page, prepared.header, prepared.request, prepared.lines)
        task.text_layer, task.failure = prepared.text_layer, prepared.failure
        if prepared.page_by_page:
            task.pages = PagesOfResult([None] * len(group))
        if task.text_layer is not None and options.boxes and len(group) == 1:
            lines = [PageLine(text=text, bbox=box) for text, box in group[0].text_layer_lines.lines]
            task.boxes = tuple(line_boxes(parse(task.text_layer, is_latex=False), lines, task.text_layer))
        if prepared.zoomed and prepared.lines is not None:
            task.zoom = self._zoom(task, prepared.lines)
        keep_answer(cache, options, group, task)
        return task

    def _zoom(self, task: PageTask, lines: ZoomedPage) -> ZoomReading:
        return ZoomReading(lines, task.header, self.options.limits.max_seconds_per_page)

    def preview(self, task: PageTask) -> PageResult:
        """The page's result as far as it is known during decoding."""
        if task.preview is None:
            task.preview = build_result(task.header, DecodedPage("blank"))
        return task.preview

    def complete(self, task: PageTask, completion: Completion | Exception | None) -> list[PartTask]:
        """Set the result from the engine's completion, or return what is decoded next."""
        if isinstance(completion, Exception):
            self._finisher.fail(task, completion)
        if not isinstance(completion, Completion) or task.failure is not None:
            self._finisher.finish_undecoded(task)
            return []
        decoded = decode_page(self.checkpoint, [completion])
        if decoded.finish_reason != "repetition":
            self._finisher.finish(task, decoded, completion)
            return []
        task.first = completion
        if (parts := self._zoom_after_loop(task)) is not None:
            return parts
        return self._next_retry(task, self._retry(task, decoded))

    def _retry(self, task: PageTask, decoded: DecodedPage) -> Retry:
        return Retry(task.page, task.header.task, decoded, self.options.limits.max_seconds_per_page)

    def _zoom_after_loop(self, task: PageTask) -> list[PartTask] | None:
        """The zoomed views of a page that ran into a loop in one view; None without zoom, or without lines."""
        image = task.page.image
        if task.lines is None or image is None or not isinstance(task.header.task, Plain):
            return None
        size = self.checkpoint.image_processor.size[0]
        zoomed = ZoomedPage.of(image, characters_of_piece(readable_width(self.checkpoint), size))
        if not zoomed.pieces:
            return None
        task.zoom = self._zoom(task, zoomed)
        return self.first_views(task)

    def first_views(self, task: PageTask) -> list[PartTask]:
        """The views of a page that is read in zoomed views."""
        assert task.zoom is not None
        return [ViewTask(task, task.zoom, pieces) for pieces in task.zoom.pending()]

    def complete_part(
        self, part: PartTask, completion: Completion | Exception | None, number: int = 0
    ) -> list[PartTask]:
        """Record a part of a page; when it was the last part, set the result or return what is decoded next.

        Args:
            part: what was decoded.
            completion: or the error; None if its request could not be made.
            number: of the request, where the part has several.
        """
        if isinstance(part, ViewTask):
            return self._complete_view(part, completion)
        retry_task = part
        retry_task.completions[number] = completion
        if len(retry_task.completions) < retry_task.parts:
            return []
        ordered = [each for _, each in sorted(retry_task.completions.items(), key=lambda item: item[0])]
        decoded = [each for each in ordered if isinstance(each, Completion)]
        whole = len(decoded) == retry_task.parts
        retry_task.retry.record(
            retry_task.method, decode_page(self.checkpoint, decoded) if whole else DecodedPage("error")
        )
        return self._next_retry(retry_task.task, retry_task.retry)

    def _complete_view(self, part: ViewTask, completion: Completion | Exception | None) -> list[PartTask]:
        task, zoom = part.task, part.zoom
        view = part.view or zoom.view(part.pieces)
        part.view = None
        more = zoom.record(self.checkpoint, self.options, view, completion)
        if not zoom.done:
            return [ViewTask(task, zoom, pieces) for pieces in more]
        if not zoom.failed:
            return self._retry_in_one_view(task, zoom)
        if task.first is not None:
            self._finisher.finish(task, decode_page(self.checkpoint, [task.first]), task.first)
        else:
            self._finisher.fail(task, zoom.failure or MemoryError())
            self._finisher.finish_undecoded(task)
        return []

    def _retry_in_one_view(self, task: PageTask, zoom: ZoomReading) -> list[PartTask]:
        """Read a page whole whose zoomed views gave hardly any text, such as a photograph; else set the result.

        A part of a page is read in one view only where they gave none: the network may read another part instead.
        """
        decoded, image = zoom.decoded(), task.page.image
        confidence = decoded.confidence.mean if decoded.confidence is not None else 0.0
        page = isinstance(task.header.task, Plain | Formatted)
        readable = decoded.text and (confidence >= ACCEPTED_CONFIDENCE or not page)
        cropped = isinstance(task.header.task, Box) and task.header.task.crop
        whole = not cropped and task.first is None and image is not None
        if readable or not whole or decoded.finish_reason != "stop":
            self._finisher.finish_zoomed(task, zoom, ())
            return []
        method = RetryMethod("one view", task.header.task, lambda: [image] if image is not None else [])
        seconds = self.options.limits.max_seconds_per_page
        return self._next_retry(task, Retry(task.page, task.header.task, decoded, seconds, [method]))

    def complete_early(self, task: PageTask) -> None:
        """Set as the result what has been decoded of a page whose retries cannot be decoded any more."""
        if task.result is None and task.first is not None:
            self._finisher.finish(task, decode_page(self.checkpoint, [task.first]), task.first)

    def requests(self, part: PartTask) -> Iterator[Work]:
        """See :func:`got_runtime.pipeline.part_requests.part_requests`."""
        return part_requests(self.checkpoint, self.options, part)

    def _next_retry(self, task: PageTask, retry: Retry) -> list[PartTask]:
        method = retry.next_attempt()
        if method is not None:
            return [RetryTask(task, retry, method)]
        chosen = any(attempt.chosen for attempt in retry.attempts)
        if task.zoom is not None and not chosen:
            self._finisher.finish_zoomed(task, task.zoom, retry.attempts)
        else:
            self._finisher.finish(task, retry.best, None if chosen else task.first, retry)
        return []
