"""Documents that wait for a reader, and those being read: admission, fairness, cancelling, and the measured speed.

Each reader is a thread that reads one document with the runtime; the engine decodes the pages of all of them in one
batch. Documents begin in the order of their arrival, except that long ones take at most half of the readers, and jobs
at most three quarters: a client that waits for one page does not wait for them.
"""

import asyncio
import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from got_runtime.options import ReadOptions
from got_runtime.results import PageResult
from got_runtime.serving.problems import Problem
from got_runtime.sources import open_pages

if TYPE_CHECKING:
    from got_runtime.runtime import GotRuntime
    from got_runtime.serving.settings import ServeSettings
    from got_runtime.serving.uploads import Upload

__all__ = ["PageDone", "ReadQueue", "Started", "Ticket", "TokenRead"]

LONG_DOCUMENT = 16
"""Pages from which a document is a long one."""
INTAKE_THREADS = 4
"""Threads that open documents, to count their pages, and download addresses."""
LONGEST_RETRY_S = 600
_SMOOTHING = 0.1
"""Weight of the newest page in the mean time of a page."""


@dataclass(frozen=True)
class Started:
    """A reader has begun with the document."""


@dataclass(frozen=True)
class TokenRead:
    """A piece of text was decoded."""

    page: int
    text: str


@dataclass(frozen=True)
class PageDone:
    """A page is complete."""

    result: PageResult


Event = Started | TokenRead | PageDone


@dataclass(eq=False)
class Ticket:
    """A document that was admitted."""

    source: "Upload"
    options: ReadOptions
    numbers: tuple[int, ...]
    is_job: bool = False
    """Whether nobody waits for the answer now."""
    stop: threading.Event = field(default_factory=threading.Event)
    turn: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Done when a reader is free for it."""
    unread: int = 0
    """Pages without a result, while it is being read."""
    begun: bool = False
    """Whether a thread reads it, or has read it."""

    @property
    def is_long(self) -> bool:
        return len(self.numbers) >= LONG_DOCUMENT


class ReadQueue:
    """Reads documents with one runtime. Its methods are called in one event loop.

    Args:
        runtime: reads.
        settings: bounds.
        on_page: called with each result and the seconds that it took, for metrics.
    """

    def __init__(
        self, runtime: "GotRuntime", settings: "ServeSettings", on_page: Callable[[PageResult], None] = lambda _: None
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._on_page = on_page
        self._readers = ThreadPoolExecutor(settings.readers, "got-ocr reader")
        self._intake = ThreadPoolExecutor(INTAKE_THREADS, "got-ocr intake")
        self._waiting: deque[Ticket] = deque()
        self._reading: set[Ticket] = set()
        self._seconds_per_page: float | None = None
        self._last_page = 0.0
        self.draining = False

    @property
    def waiting_pages(self) -> int:
        """Pages of documents that wait for a reader."""
        return sum(len(ticket.numbers) for ticket in self._waiting)

    @property
    def reading_pages(self) -> int:
        """Pages of documents being read that have no result."""
        return sum(ticket.unread for ticket in self._reading)

    @property
    def reading_documents(self) -> int:
        """Documents being read."""
        return len(self._reading)

    @property
    def pages_per_second(self) -> float | None:
        """Measured over the last pages; None before the first one."""
        return 1 / self._seconds_per_page if self._seconds_per_page else None

    @property
    def retry_after(self) -> int:
        """Seconds until the pages that wait now will probably have been read, at least 1."""
        pages = self.waiting_pages + self.reading_pages
        return min(max(1, math.ceil(pages * (self._seconds_per_page or 1.0))), LONGEST_RETRY_S)

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in one of the threads that open documents."""
        return await asyncio.get_running_loop().run_in_executor(self._intake, function, *arguments)

    def check_room(self) -> None:
        """Raise Problem if nothing is admitted now. What has passed this check is read, also while draining."""
        if self.draining:
            raise Problem(503, "Draining", "the service is being stopped: try another one, or later")
        self._check_waiting(0)

    def _check_waiting(self, pages: int) -> None:
        waiting, most = self.waiting_pages, self._settings.max_waiting_pages
        if waiting >= most or (waiting and waiting + pages > most):
            raise self._busy()

    async def admit(
        self, source: "Upload", options: ReadOptions, *, is_job: bool = False, always: bool = False
    ) -> Ticket:
        """Open the document, count its pages, and put it in the queue.

        Args:
            source: the document.
            options: how to read it.
            is_job: whether nobody waits for the answer now.
            always: admit it whatever waits, since it was accepted before a restart.

        Raises:
            Problem: too many pages wait.
            SourceError: the document cannot be opened.
        """
        numbers = await self.in_thread(_page_numbers, source, options)
        if not always:
            self._check_waiting(len(numbers))
        ticket = Ticket(source, options, numbers, is_job)
        self._waiting.append(ticket)
        self._begin()
        return ticket

    def _busy(self) -> Problem:
        seconds, waiting = self.retry_after, self.waiting_pages
        return Problem(
            429,
            "Busy",
            f"{waiting:,} pages wait: try again in {seconds} s",
            headers={"Retry-After": str(seconds)},
            retry_after=seconds,
            waiting_pages=waiting,
        )

    def release(self, ticket: Ticket) -> None:
        """End a document: one that waits leaves the queue, one that is being read stops within a step."""
        ticket.stop.set()
        with contextlib.suppress(ValueError):
            self._waiting.remove(ticket)
        if not ticket.begun:
            self._end(ticket)

    def _begin(self) -> None:
        """Let documents begin, as long as there are readers."""
        readers = self._settings.readers
        while len(self._reading) < readers:
            long_ones = sum(ticket.is_long for ticket in self._reading)
            jobs = sum(ticket.is_job for ticket in self._reading)
            no_long, no_job = long_ones >= max(1, readers // 2), jobs >= readers - readers // 4
            may_begin = (each for each in self._waiting if not ((each.is_long and no_long) or (each.is_job and no_job)))
            ticket = next(may_begin, None)
            if ticket is None:
                return
            self._waiting.remove(ticket)
            if not self._reading:
                self._last_page = time.monotonic()  # the pause before is no time of a page
            ticket.unread = len(ticket.numbers)
            self._reading.add(ticket)
            if not ticket.turn.done():
                ticket.turn.set_result(None)

    async def events(self, ticket: Ticket, *, tokens: bool = False) -> AsyncGenerator[Event, None]:
        """Read an admitted document. Closing the generator, or cancelling its task, stops the reading within a step.

        Args:
            ticket: from :meth:`admit`.
            tokens: whether to report tokens.

        Raises:
            GotError: the document cannot be opened, or a page failed with ``on_error="raise"``.
        """
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Event | BaseException | None] = asyncio.Queue()

        def emit(event: "Event | BaseException | None") -> None:
            try:
                loop.call_soon_threadsafe(arrived.put_nowait, event)
            except RuntimeError:  # the loop has ended
                ticket.stop.set()

        try:
            await ticket.turn
            work = loop.run_in_executor(self._readers, self._read, ticket, tokens, emit)
            ticket.begun = True
            work.add_done_callback(lambda _: self._end(ticket))
            yield Started()
            while (event := await arrived.get()) is not None:
                if isinstance(event, BaseException):
                    raise event
                if isinstance(event, PageDone):
                    self._count(ticket, event.result)
                yield event
        finally:
            self.release(ticket)

    def _read(self, ticket: Ticket, tokens: bool, emit: "Callable[[Event | BaseException | None], None]") -> None:
        """Read a document in a thread."""

        def on_token(page: PageResult, text: str) -> None:
            emit(TokenRead(page.number, text))

        try:
            for page in self._runtime.stream(
                ticket.source, ticket.options, on_token=on_token if tokens else None, stop=ticket.stop
            ):
                emit(PageDone(page))
            emit(None)
        except BaseException as error:  # noqa: BLE001 - raised in the event loop
            emit(error)

    def _count(self, ticket: Ticket, page: PageResult) -> None:
        now = time.monotonic()
        took, self._last_page = now - self._last_page, now
        before = self._seconds_per_page
        self._seconds_per_page = took if before is None else before + _SMOOTHING * (took - before)
        ticket.unread = max(0, ticket.unread - 1)
        self._on_page(page)

    def _end(self, ticket: Ticket) -> None:
        self._reading.discard(ticket)
        self._begin()

    def close(self) -> None:
        """Stop all reading, and wait for the threads."""
        for ticket in [*self._waiting, *self._reading]:
            ticket.stop.set()
        self._waiting.clear()
        self._readers.shutdown(cancel_futures=True)
        self._intake.shutdown(cancel_futures=True)


def _page_numbers(source: "Upload", options: ReadOptions) -> tuple[int, ...]:
    """The numbers of the selected pages; nothing is rendered. Raises SourceError."""
    pages = open_pages(
        source,
        pages=options.pages,
        password=options.password,
        limits=options.limits,
        find_kept=lambda *_: True,
    )
    return tuple(page.number for page in pages)
