"""What the native interface and all dialects stand on: a request's document is admitted, read, and given back."""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from fastapi import Request

from got_runtime.options import ReadOptions
from got_runtime.results import DocumentResult, PageResult
from got_runtime.serving.answers import unless_gone
from got_runtime.serving.body import Intake, Reading
from got_runtime.serving.files import Files
from got_runtime.serving.gate import key_of_request
from got_runtime.serving.jobs import Jobs
from got_runtime.serving.metrics import Metrics
from got_runtime.serving.picture_desk import PictureDesk
from got_runtime.serving.read_queue import Event, PageDone, ReadQueue, Ticket
from got_runtime.serving.state import State

if TYPE_CHECKING:
    from got_runtime.runtime import GotRuntime
    from got_runtime.serving.settings import ServeSettings

__all__ = ["GOT_NANO", "Service"]

GOT_NANO = "got-nano"
"""Name of the embedded network."""


class Service:
    """A runtime with its queue, its folder and its bounds.

    Args:
        runtime: reads; the caller closes it.
        settings: bounds.
    """

    def __init__(self, runtime: "GotRuntime", settings: "ServeSettings") -> None:
        self.runtime = runtime
        self.settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self.started = int(time.time())
        self.metrics = Metrics()
        self.state = State(settings.state)
        self.intake = Intake(settings, self.state.uploads)
        self.queue = ReadQueue(runtime, settings, self.metrics.page)
        self.metrics.watch(self.queue)
        self.pictures = PictureDesk()
        self.files = Files(self.state.files, settings)
        self.jobs = Jobs(self.queue, self.state.jobs, settings)

    @classmethod
    def of(cls, request: Request) -> "Service":
        """The service of the application that got the request."""
        service = request.app.state.service
        assert isinstance(service, cls)
        return service

    def owner(self, request: Request) -> str:
        """Whose jobs and files a request may see: those made with the same key. Empty where no key is needed."""
        if not self.settings.keys:
            return ""
        return hashlib.sha256(key_of_request(request.headers).encode()).hexdigest()

    @property
    def markdown_task(self) -> str:
        """The task of clients that ask for Markdown and name none."""
        nano = self.runtime.model_info.name == GOT_NANO
        return self.settings.task or ("plain" if nano else "format")

    def drain(self) -> None:
        """Accept nothing more. Requests are finished; jobs go on at the next start. A signal's handler calls it too."""
        self.queue.draining = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.jobs.pause)

    async def start(self) -> None:
        """Go on with what was accepted before."""
        self._loop = asyncio.get_running_loop()
        await self.jobs.start()

    async def stop(self) -> None:
        """Stop all reading, and remove temporary files. Jobs go on at the next start."""
        self.drain()
        await self.jobs.close()
        self.close()

    def close(self) -> None:
        """Stop all reading and remove temporary files, also where the event loop was ended at once."""
        self.queue.close()
        self.pictures.close()
        self.state.close()

    async def admit(self, reading: Reading) -> Ticket:
        """Put a document in the queue. Its file is removed if it is refused. Raises Problem and GotError."""
        try:
            return await self.queue.admit(reading.upload, reading.options)
        except BaseException:
            reading.upload.remove()
            raise

    async def events(self, ticket: Ticket, *, tokens: bool = False) -> AsyncGenerator[Event, None]:
        """Read an admitted document, and remove its file. Raises GotError."""
        try:
            async with aclosing(self.queue.events(ticket, tokens=tokens)) as events:
                async for event in events:
                    yield event
        finally:
            self.release(ticket)

    def release(self, ticket: Ticket) -> None:
        """End a document and remove its file."""
        self.queue.release(ticket)
        ticket.source.remove()

    async def read(self, request: Request, reading: Reading) -> DocumentResult:
        """Read a document; if its client goes away, reading stops. Raises Problem, GotError and ClientDisconnect."""
        ticket = await self.admit(reading)
        return await unless_gone(request.receive, self._read(ticket))

    async def _read(self, ticket: Ticket) -> DocumentResult:
        async with aclosing(self.events(ticket)) as events:
            pages = [event.result async for event in events if isinstance(event, PageDone)]
        return self.document(ticket.source.source, ticket.options, pages)

    def document(self, source: str, options: ReadOptions, pages: Sequence[PageResult]) -> DocumentResult:
        """Pages as the result of their document."""
        return DocumentResult(
            source=pages[0].source if pages else source,
            sha256=pages[0].sha256 if pages else None,
            pages=tuple(pages),
            model=self.runtime.model_info,
            settings=options.model_copy(update={"password": None}),
        )
