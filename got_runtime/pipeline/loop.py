"""Reads pages: sends requests to the engine, assigns completions to pages, retries, and yields results."""

import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

from got_runtime.engine.protocol import Completed, Completion, Engine, Event, Session, Token
from got_runtime.errors import GotError
from got_runtime.pipeline.page_task import DocumentTask, PageTask, PartTask, ViewTask, Work
from got_runtime.pipeline.planner import PagePlanner
from got_runtime.pipeline.postprocess import MAX_CHARACTER_TOKENS
from got_runtime.pipeline.prefetch import Prefetcher
from got_runtime.results import PageResult
from got_runtime.sources import SourcePage

__all__ = ["OnToken", "PageReader"]

WINDOW = 4
"""Pages that are open at once in page order, for each request that the engine decodes together. Where lengths differ
widely, short pages wait behind a long one: of 128 rows 27 to 46 % are busy with a window of 1, and 93 % with one of 4.
A page that waits keeps its result, without its image."""

logger = logging.getLogger(__name__)

OnToken = Callable[[PageResult, str], None]
"""Called with the page being read and each piece of its text."""

_Done = Generator[tuple[PageTask, PageResult | None], None, None]


class _Stopped(BaseException):
    """Raised where the caller has set ``stop``."""


@dataclass(frozen=True)
class PageReader:
    """Reads pages with an engine.

    Args:
        planner: plans and completes the tasks; its option ``on_error`` applies to pages that fail.
        engine: decodes requests.
        on_token: called during decoding.
        stop: once set, the work ends within a step.
        ordered: yield results in the order of the pages, rather than as they finish.
    """

    planner: PagePlanner
    engine: Engine
    on_token: OnToken | None = None
    stop: threading.Event | None = None
    ordered: bool = True

    def read(self, documents: Iterable[Iterator[SourcePage]]) -> Generator[PageResult, None, None]:
        """Results of the pages, including pages that are not decoded."""
        try:
            with closing(_Pass(self, documents).run()) as done:
                for _, result in done:
                    if result is not None:
                        yield result
        except _Stopped:
            return

    def read_whole(
        self, documents: Iterable[Iterator[SourcePage]], on_page: Callable[[PageResult], None]
    ) -> Generator[list[PageResult], None, None]:
        """The results of each document that has any, when its last page is done; ``on_page`` gets each result."""
        parts: dict[DocumentTask, list[tuple[int, PageResult | None]]] = {}
        try:
            with closing(_Pass(self, documents).run()) as done:
                for task, result in done:
                    if result is not None:
                        on_page(result)
                    parts.setdefault(task.document, []).append((task.index, result))
                    # What a document lacks may have become known after its last page was done.
                    for document in [each for each in parts if each.pages == len(parts[each])]:
                        if whole := _in_order(parts.pop(document)):
                            yield whole
        except _Stopped:
            pass
        for pages in parts.values():
            if whole := _in_order(pages):
                yield whole

    def check(self) -> None:
        """Raises _Stopped if the caller has set ``stop``."""
        if self.stop is not None and self.stop.is_set():
            raise _Stopped


def _in_order(pages: list[tuple[int, PageResult | None]]) -> list[PageResult]:
    return [result for _, result in sorted(pages, key=lambda page: page[0]) if result is not None]


class _Pass:
    """One pass over the pages of some documents."""

    def __init__(self, reader: PageReader, documents: Iterable[Iterator[SourcePage]]) -> None:
        self._reader = reader
        self._planner = reader.planner
        self._documents = documents
        self._open: deque[PageTask] = deque()
        """Pages in their order, until their results are yielded."""
        self._parts: deque[PartTask] = deque()
        """Retries, and zoomed views that are read again, whose requests are not made yet."""
        self._works: Iterator[Work] = iter(())
        """Requests of a part that are not sent yet."""
        self._sent: dict[int, Work] = {}
        """What is being decoded, by the id of its request."""
        self._ids = itertools.count()
        self._newest = -1
        """Number of the page that was opened last."""

    def run(self) -> _Done:
        """Every task with its result; with None where its page failed and is left out."""
        with closing(self._reader.engine.session(tokens=self._reader.on_token is not None)) as session:
            prefetcher = Prefetcher(self._planner.work(self._documents), self._reader.check)
            try:
                with closing(self._decode(session, prefetcher)) as pages:
                    for page in pages:
                        prefetcher.first_page_done()
                        yield page
            finally:
                session.close()  # first, as a page that is being rendered may take seconds
                prefetcher.close()

    def _decode(self, session: Session, prefetcher: Prefetcher) -> _Done:
        failure: GotError | None = None
        try:
            while failure is None:
                self._reader.check()
                while session.has_room() and (work := self._next_work(session, prefetcher)) is not None:
                    self._send(session, work)
                if self._sent:
                    for event in session.step():
                        self._handle(event)
                elif not self._open:
                    return
                failure = yield from self._take_done()
        except GeneratorExit:
            raise
        except BaseException:
            for task in self._open:
                self._planner.complete_early(task)
            yield from self._take_done()
            raise
        raise failure

    def _next_work(self, session: Session, prefetcher: Prefetcher) -> Work | None:
        """The next request; None if there is none now, or, when nothing is being decoded, none at all.

        Parts of pages come first.
        """
        if (work := next(self._works, None)) is not None:
            return work
        if self._parts:
            self._works = self._planner.requests(self._parts.popleft())
            return next(self._works)
        if len(self._open) >= WINDOW * session.batch_size:
            return None
        return prefetcher.take(wait=not (self._sent or self._has_done()))

    def _send(self, session: Session, work: Work) -> None:
        task = work.owner if isinstance(work.owner, PageTask) else work.owner.task
        task = task.group or task
        if task.number > self._newest:
            self._newest = task.number
            self._open.append(task)
        if work.request is None:
            self._complete(work, None)
            return
        id = next(self._ids)
        self._sent[id] = Work(work.owner, None, work.part)
        session.add(id, work.request)

    def _handle(self, event: Event) -> None:
        on_token, work = self._reader.on_token, self._sent.get(event.id)
        if work is None:
            return
        if isinstance(event, Token):
            self._reader.check()
            if on_token is not None and isinstance(work.owner, PageTask) and work.owner.group is None:
                self._report_token(work.owner, event.token, on_token)
            return
        del self._sent[event.id]
        self._complete(work, event.completion if isinstance(event, Completed) else event.error)

    def _complete(self, work: Work, completion: Completion | Exception | None) -> None:
        owner, on_token = work.owner, self._reader.on_token
        if isinstance(owner, PageTask):
            task = owner
            self._parts.extend(self._planner.complete(owner, completion))
        else:
            task = owner.task
            streams = isinstance(owner, ViewTask) and task.first is None
            self._parts.extend(self._planner.complete_part(owner, completion, work.part))
        if on_token is None:
            return
        group, text = task.group, ""
        if group is not None and group.pages is not None:
            text = group.pages.new_text()
        elif isinstance(owner, ViewTask) and streams:
            text = owner.zoom.new_text()
        if text:
            on_token(self._planner.preview(group or task), text)

    def _has_done(self) -> bool:
        """Whether a result can be yielded."""
        if self._reader.ordered:
            return bool(self._open) and self._open[0].result is not None
        return any(task.result is not None for task in self._open)

    def _take_done(self) -> Generator[tuple[PageTask, PageResult | None], None, GotError | None]:
        """Yield the finished tasks, up to the first unfinished one or all; return the error to raise, if any."""
        on_error = self._planner.options.on_error
        while self._has_done():
            task = next(task for task in self._open if task.result is not None)
            self._open.remove(task)
            result = task.result
            assert result is not None
            if task.failure is None:
                yield task, result
                continue
            if on_error == "raise":  # its document is not whole, and is not yielded
                return _named(task.failure, result)
            outcome = "left out" if on_error == "skip" else "kept without text"
            logger.warning("%s page %d %s: %s", result.source, result.number, outcome, task.failure)
            yield task, result if on_error == "keep" else None
        return None

    def _report_token(self, task: PageTask, token: int, on_token: OnToken) -> None:
        """Call ``on_token`` with the text of the token, once its character is complete."""
        task.pending_tokens.append(token)
        text = self._planner.checkpoint.decode(tuple(task.pending_tokens))
        if text.endswith("\N{REPLACEMENT CHARACTER}") and len(task.pending_tokens) < MAX_CHARACTER_TOKENS:
            return
        task.pending_tokens.clear()
        if text:
            on_token(self._planner.preview(task), text)


def _named(failure: GotError, page: PageResult) -> GotError:
    """The error, with a note that names its page unless the message names the source."""
    if page.source not in str(failure):
        failure.add_note(f"while reading {page.source} page {page.number}")
    return failure
