"""Reads pages: sends requests to the engine, assigns completions to pages, retries, and yields results in order."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass

from got_runtime.engine.protocol import Completion, Engine, Request, RequestSource
from got_runtime.errors import GotError
from got_runtime.pipeline.page_task import PageTask, PartTask, ViewTask
from got_runtime.pipeline.planner import PagePlanner
from got_runtime.pipeline.postprocess import MAX_CHARACTER_TOKENS
from got_runtime.results import PageResult
from got_runtime.sources import SourcePage

__all__ = ["OnToken", "PageReader"]

logger = logging.getLogger(__name__)

OnToken = Callable[[PageResult, str], None]
"""Called with the page being read and each piece of its text."""


class _Stopped(BaseException):
    """Raised through the engine, which handles every Exception itself, when the caller has set ``stop``."""


class _Queue:
    """The state of one pass, shared by the caller's thread and the thread in which the engine draws requests.

    Both threads take from ``parts``; deques need no lock for that.
    """

    def __init__(self) -> None:
        self.waiting: deque[PageTask] = deque()
        """Tasks in the order of their pages, until their results are yielded."""
        self.parts: deque[PartTask] = deque()
        """Retries, and zoomed views that are read again, whose requests are not sent yet."""

    def take_part(self) -> PartTask | None:
        try:
            return self.parts.popleft()
        except IndexError:
            return None


class _Requests(RequestSource):
    """The requests of one call of the engine: parts of pages first, then pages, which may take long to open."""

    def __init__(self, reader: "PageReader", queue: _Queue, tasks: Generator[PageTask, None, None] | None) -> None:
        self.requested: deque[PageTask | PartTask] = deque()
        """The tasks of the engine's next completions, in order."""
        self._reader = reader
        self._queue = queue
        self._tasks = tasks
        self._views: deque[PartTask] = deque()
        """Zoomed views of the page that was drawn last."""
        self._part: tuple[PartTask, Iterator[Request | None]] | None = None
        self._decoding: dict[int, PageTask] = {}
        self._count = 0

    def __next__(self) -> Request | None:
        while True:
            if self._part is not None:
                part, requests = self._part
                for request in requests:
                    self.check()
                    return self._request(part, request)
                self._part = None
            more = self._queue.take_part() or (self._views.popleft() if self._views else None)
            if more is not None:
                self._part = more, self._reader.planner.requests(more)
                continue
            if self._tasks is None:
                raise StopIteration
            task = next(self._tasks)
            self.check()
            self._queue.waiting.append(task)
            if task.zoom is not None:
                self._views.extend(self._reader.planner.first_views(task))
                continue
            if task.request is not None:
                self._decoding[self._count] = task
            return self._request(task, task.request)

    def _request(self, owner: PageTask | PartTask, request: Request | None) -> Request | None:
        self.requested.append(owner)
        self._count += 1
        return request

    def check(self) -> None:
        """Raises _Stopped if the caller has set ``stop``."""
        if self._reader.stop is not None and self._reader.stop.is_set():
            raise _Stopped

    def close(self) -> None:
        if self._tasks is not None:
            self._tasks.close()

    def on_token(self, index: int, token: int) -> None:
        """Called by the engine in the caller's thread."""
        self.check()
        if self._reader.on_token is not None and (task := self._decoding.get(index)) is not None:
            self._reader.report_token(task, token, self._reader.on_token)

    def completed(self, index: int) -> PageTask | PartTask:
        """The task of the completion with this index, which is the next one."""
        self._decoding.pop(index, None)
        return self.requested.popleft()


@dataclass(frozen=True)
class PageReader:
    """Reads pages with an engine.

    Args:
        planner: plans and completes the tasks; its option ``on_error`` applies to pages that fail.
        engine: decodes requests.
        on_token: called during decoding.
        stop: once set, the work ends within a step.
    """

    planner: PagePlanner
    engine: Engine
    on_token: OnToken | None = None
    stop: threading.Event | None = None

    def read(self, documents: Iterable[Iterator[SourcePage]]) -> Generator[PageResult, None, None]:
        """Results in the order of the pages, including pages that are not decoded."""
        try:
            for _, result in self._read(documents):
                if result is not None:
                    yield result
        except _Stopped:
            return

    def read_whole(
        self, documents: Iterable[Iterator[SourcePage]], on_page: Callable[[PageResult], None]
    ) -> Generator[list[PageResult], None, None]:
        """The results of each document that has any, when its last page is done; ``on_page`` gets each result."""
        whole: list[PageResult] = []
        number = 0
        try:
            for task, result in self._read(documents):
                if task.document != number and whole:
                    yield whole
                    whole = []
                number = task.document
                if result is not None:
                    on_page(result)
                    whole.append(result)
                if task.last and whole:
                    yield whole
                    whole = []
        except _Stopped:
            pass
        if whole:
            yield whole

    def _read(
        self, documents: Iterable[Iterator[SourcePage]]
    ) -> Generator[tuple[PageTask, PageResult | None], None, None]:
        """Every task with its result; with None where its page failed and is left out.

        Retries are decoded in one batch with the pages that follow.
        """
        queue = _Queue()
        requests = _Requests(self, queue, self.planner.plan(documents))
        failure: GotError | None = None
        try:
            for index, completion in enumerate(self.engine.generate(requests, self._callback(requests))):
                self._complete(queue, requests.completed(index), completion)
                if not requests.requested:  # nothing else is being decoded, and the next page may take long to open
                    self._decode_parts(queue)
                if (failure := (yield from self._take_done(queue.waiting))) is not None:
                    break
        except GeneratorExit:
            raise
        except BaseException:
            for task in queue.waiting:
                self.planner.complete_early(task)
            yield from self._take_done(queue.waiting)
            raise
        if failure is not None:
            raise failure

    def _callback(self, requests: _Requests) -> Callable[[int, int], None] | None:
        return requests.on_token if self.on_token is not None or self.stop is not None else None

    def _complete(self, queue: _Queue, owner: PageTask | PartTask, completion: Completion | Exception | None) -> None:
        if isinstance(owner, PageTask):
            queue.parts.extend(self.planner.complete(owner, completion))
            return
        task = owner.task
        if isinstance(owner, ViewTask) and self.on_token is not None and task.first is None:
            preview = self.planner.preview(task)
            queue.parts.extend(self.planner.complete_part(owner, completion))
            if text := owner.zoom.zoomed.new_text():
                self.on_token(preview, text)
            return
        queue.parts.extend(self.planner.complete_part(owner, completion))

    def _decode_parts(self, queue: _Queue) -> None:
        """Decode the parts of pages together, until none is left."""
        while queue.parts:
            requests = _Requests(self, queue, tasks=None)
            for index, completion in enumerate(self.engine.generate(requests, self._callback(requests))):
                self._complete(queue, requests.completed(index), completion)

    def _take_done(
        self, waiting: deque[PageTask]
    ) -> Generator[tuple[PageTask, PageResult | None], None, GotError | None]:
        """Yield the finished tasks up to the first unfinished one; returns the error to raise, if any."""
        on_error = self.planner.options.on_error
        while waiting and (result := waiting[0].result) is not None:
            task = waiting.popleft()
            if task.failure is None:
                yield task, result
                continue
            if on_error != "raise":
                outcome = "left out" if on_error == "skip" else "kept without text"
                logger.warning("%s page %d %s: %s", result.source, result.number, outcome, task.failure)
            yield task, result if on_error == "keep" else None
            if on_error == "raise":
                return _named(task.failure, result)
        return None

    def report_token(self, task: PageTask, token: int, on_token: OnToken) -> None:
        """Call ``on_token`` with the text of the token, once its character is complete."""
        task.pending_tokens.append(token)
        text = self.planner.checkpoint.decode(tuple(task.pending_tokens))
        if text.endswith("\N{REPLACEMENT CHARACTER}") and len(task.pending_tokens) < MAX_CHARACTER_TOKENS:
            return
        task.pending_tokens.clear()
        if text:
            on_token(self.planner.preview(task), text)


def _named(failure: GotError, page: PageResult) -> GotError:
    """The error, with a note that names its page unless the message names the source."""
    if page.source not in str(failure):
        failure.add_note(f"while reading {page.source} page {page.number}")
    return failure
