"""One pass over pages: jobs to the engine, its answers back to their pages, retries and errors in their place."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import count

from got_runtime.engine.protocol import Engine, Request, RequestSource
from got_runtime.errors import GotError
from got_runtime.options import ErrorPolicy
from got_runtime.pipeline.planner import Job, PageJobs, Try
from got_runtime.results import PageResult
from got_runtime.sources import SourcePage

__all__ = ["OnToken", "PageReader"]

logger = logging.getLogger(__name__)

OnToken = Callable[[PageResult, str], None]
"""Called with the page being read and each piece of its text."""

LONGEST_CHARACTER = 4
"""Bytes of a character in UTF-8, and so the most tokens it can be cut into."""


class _Stopped(BaseException):
    """On its way through the engine, which answers every Exception, to the reader that was told to stop."""


@dataclass(frozen=True)
class _Stoppable(RequestSource):
    """Requests whose pages may take long to open. ``check`` raises once the caller wants to stop."""

    requests: Generator[Request | None, None, None]
    check_stop: Callable[[], None]

    def __next__(self) -> Request | None:
        return next(self.requests)

    def check(self) -> None:
        self.check_stop()

    def close(self) -> None:
        self.requests.close()


@dataclass(frozen=True)
class PageReader:
    """Has pages read by an engine. ``stop``, once set, ends the work within a step."""

    jobs: PageJobs
    engine: Engine
    on_error: ErrorPolicy = "keep"
    on_token: OnToken | None = None
    stop: threading.Event | None = None

    def read(self, documents: Iterable[Iterator[SourcePage]]) -> Generator[PageResult, None, None]:
        """Results in the order of the pages; a page that needs no decoding keeps its place."""
        try:
            for _, result in self._read(documents):
                if result is not None:
                    yield result
        except _Stopped:
            return

    def read_whole(
        self, documents: Iterable[Iterator[SourcePage]], on_page: Callable[[PageResult], None]
    ) -> Generator[list[PageResult], None, None]:
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

    def _read(self, documents: Iterable[Iterator[SourcePage]]) -> Iterator[tuple[Job, PageResult | None]]:
        """Every job with its result; with none where its page failed and is left out.

        Pages to be tried again share the batch with those that follow.
        """
        jobs, waiting, tries = self.jobs.of(documents), deque[Job](), deque[Try]()
        asked: deque[Job | Try] = deque()
        telling: dict[int, Job] = {}

        def requests() -> Generator[Request | None, None, None]:
            order = count()
            try:
                while (asking := _first(tries) or next(jobs, None)) is not None:
                    self._check_stop()
                    if isinstance(asking, Job):
                        waiting.append(asking)
                    wanted = [asking.request] if isinstance(asking, Job) else self.jobs.requests_again(asking)
                    for request, place in zip(wanted, order, strict=False):
                        asked.append(asking)
                        if isinstance(asking, Job) and self.on_token is not None and request is not None:
                            telling[place] = asking
                        yield request
            finally:
                jobs.close()

        def watch(order: int, token: int) -> None:
            self._check_stop()
            if self.on_token is not None and order in telling:
                self._tell(telling[order], token, self.on_token)

        watched = watch if self.on_token is not None or self.stop is not None else None
        failure: GotError | None = None
        try:
            for order, answer in enumerate(self.engine.generate(_Stoppable(requests(), self._check_stop), watched)):
                telling.pop(order, None)
                if (again := self.jobs.take(asked.popleft(), answer)) is not None:
                    tries.append(again)
                if not asked:  # nothing else is being read: the next page may be long in coming
                    self._climb_all(tries)
                if (failure := (yield from self._hand_on(waiting))) is not None:
                    break
        except GeneratorExit:
            raise
        except BaseException:
            for job in waiting:
                job.settled = job.settled or job.looped
            yield from self._hand_on(waiting)
            raise
        if failure is not None:
            raise failure

    def _hand_on(self, waiting: deque[Job]) -> Generator[tuple[Job, PageResult | None], None, GotError | None]:
        """The first jobs, as far as they are settled; returns an error to stop with."""
        while waiting and waiting[0].settled:
            job = waiting.popleft()
            if job.failure is None:
                yield job, job.result
                continue
            if self.on_error != "raise":
                outcome = "left out" if self.on_error == "skip" else "kept without text"
                logger.warning("%s page %d %s: %s", job.result.source, job.result.number, outcome, job.failure)
            yield job, job.result if self.on_error == "keep" else None
            if self.on_error == "raise":
                return _named(job.failure, job.result)
        return None

    def _climb_all(self, tries: deque[Try]) -> None:
        """Try pages again together, until there is nothing left to try."""
        asked: deque[Try] = deque()

        def requests() -> Generator[Request | None, None, None]:
            while (again := _first(tries)) is not None:
                for request in self.jobs.requests_again(again):
                    asked.append(again)
                    yield request

        watched = None if self.stop is None else lambda order, token: self._check_stop()
        while tries:
            for answer in self.engine.generate(_Stoppable(requests(), self._check_stop), watched):
                if (again := self.jobs.take(asked.popleft(), answer)) is not None:
                    tries.append(again)

    def _check_stop(self) -> None:
        if self.stop is not None and self.stop.is_set():
            raise _Stopped

    def _tell(self, job: Job, token: int, on_token: OnToken) -> None:
        job.untold.append(token)
        text = self.jobs.checkpoint.decode(tuple(job.untold))
        if text.endswith("\N{REPLACEMENT CHARACTER}") and len(job.untold) < LONGEST_CHARACTER:
            return
        job.untold.clear()
        if text:
            on_token(job.result, text)


def _named(failure: GotError, page: PageResult) -> GotError:
    """The error with a note of its page, unless its message names the source already."""
    if page.source not in str(failure):
        failure.add_note(f"while reading {page.source} page {page.number}")
    return failure


def _first(tries: deque[Try]) -> Try | None:
    """Taken out; two threads take."""
    try:
        return tries.popleft()
    except IndexError:
        return None
