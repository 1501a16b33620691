"""Jobs: documents that are read after their request was answered. They are on disk, and go on after a restart.

The folder of a job has ``source`` (the bytes), ``job.json`` (options and status) and ``pages.jsonl`` (a result a line,
in the order of the pages). After a restart only the pages that have no result are read.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
import secrets
import shutil
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from got_runtime.results import PageResult
from got_runtime.serving.job import Job, JobRecord, JobStatus, load_job
from got_runtime.serving.problems import Problem, as_problem
from got_runtime.serving.read_queue import PageDone, ReadQueue, Started, Ticket
from got_runtime.serving.state import expired, keep_source
from got_runtime.serving.uploads import Upload
from got_runtime.tasks import MultiPage

if TYPE_CHECKING:
    from got_runtime.serving.body import Reading
    from got_runtime.serving.settings import ServeSettings

__all__ = ["Jobs"]

SWEEP_SECONDS = 60.0

logger = logging.getLogger(__name__)


class Jobs:
    """All jobs of a service.

    Args:
        queue: reads them.
        folder: where they are.
        settings: how long and how much is kept.
    """

    def __init__(self, queue: ReadQueue, folder: Path, settings: "ServeSettings") -> None:
        self._queue = queue
        self._folder = folder
        self._settings = settings
        self._jobs: dict[str, Job] = {}
        self._accepting = asyncio.Lock()
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Go on with the jobs that are on disk."""
        for folder in sorted(self._folder.iterdir()):
            job = load_job(folder)
            if job is None:  # accepted only in part when the process was killed
                shutil.rmtree(folder, ignore_errors=True)
                continue
            self._jobs[job.record.id] = job
            if not job.ended:
                job.task = asyncio.create_task(self._run(job, None))
        self._sweeper = asyncio.create_task(self._sweep())

    def pause(self) -> None:
        """Stop reading, so that the requests that are waited for finish sooner. Jobs go on at the next start."""
        for job in self._jobs.values():
            if job.task is not None:
                job.task.cancel()

    async def close(self) -> None:
        """Stop reading, and wait until nothing is written."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        tasks += [self._sweeper] if self._sweeper is not None else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def get(self, id: str, owner: str) -> Job:
        """The job of this owner with this id. Raises Problem."""
        job = self._jobs.get(id)
        if job is None or job.record.owner != owner:
            raise Problem(404, "JobNotFound", "there is no job with this id: it was removed, or its time is over")
        return job

    async def accept(
        self,
        reading: "Reading",
        owner: str,
        idempotency_key: str | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Job:
        """A new job; or the one that was made before with the same key.

        Args:
            reading: what to read.
            owner: who may see it.
            idempotency_key: of the client.
            extra: kept with the job, for its dialect.

        Raises:
            Problem: too much waits or is kept, or the key was used for something else.
            SourceError: the document cannot be opened.
        """
        async with self._accepting:  # two requests with one key make one job
            try:
                return await self._accept(reading, owner, idempotency_key, extra or {})
            finally:
                reading.upload.remove()

    async def _accept(self, reading: "Reading", owner: str, key: str | None, extra: dict[str, Any]) -> Job:
        options = {**reading.options.model_dump(mode="json"), "password": reading.options.password}
        digest = await self._queue.in_thread(_digest, reading.upload, options)
        hashed = key and hashlib.sha256(f"{owner} {key}".encode()).hexdigest()
        for job in self._jobs.values():
            if hashed is not None and job.record.idempotency_key == hashed:
                if job.record.digest != digest:
                    raise Problem(422, "IdempotencyKeyReused", "this Idempotency-Key was used for another document")
                return job
        if sum(job.size for job in self._jobs.values()) > self._settings.max_kept_bytes:
            raise Problem(503, "StorageFull", "finished jobs fill the storage: delete some, or try again later")
        ticket = await self._queue.admit(reading.upload, reading.options, is_job=True)
        try:
            record = JobRecord(
                id=secrets.token_urlsafe(18),
                name=reading.upload.name,
                options=options,
                include=list(reading.include),
                numbers=list(ticket.numbers),
                created=time.time(),
                digest=digest,
                owner=owner,
                extra=extra,
                idempotency_key=hashed,
            )
            job = self._make(record, reading.upload)
        except BaseException:
            self._queue.release(ticket)
            raise
        ticket.source = job.source
        job.task = asyncio.create_task(self._run(job, ticket))
        return job

    def _make(self, record: JobRecord, upload: Upload) -> Job:
        """Put a job on disk."""
        folder = self._folder / record.id
        folder.mkdir(mode=0o700)
        job = Job(record, folder)
        try:
            job.size = keep_source(upload, folder / "source")
            job.save()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._jobs[record.id] = job
        return job

    async def _run(self, job: Job, ticket: Ticket | None) -> None:
        """Read the pages that have no result."""
        try:
            ticket = ticket or await self._admitted(job)
            if ticket is not None:
                await self._read(job, ticket)
            self._end(job, "done")
        except Exception as error:  # noqa: BLE001 - as_problem() logs it
            self._end(job, "failed", as_problem(error))

    async def _admitted(self, job: Job) -> Ticket | None:
        """A place in the queue for the rest of the job; None if nothing is left."""
        options, rest = job.options, job.record.numbers
        if not isinstance(options.task, MultiPage):
            done = {page.number for page in job.results()}
            rest = [number for number in rest if number not in done]
            options = options.replace({"pages": tuple(rest)} if rest else {}, caller="a job")
        elif job.pages:
            rest = []
        return await self._queue.admit(job.source, options, is_job=True, always=True) if rest else None

    async def _read(self, job: Job, ticket: Ticket) -> None:
        async with aclosing(self._queue.events(ticket)) as events:
            with (job.folder / "pages.jsonl").open("a", encoding="utf-8") as lines:
                async for event in events:
                    if isinstance(event, Started):
                        job.record.status = "reading"
                    elif isinstance(event, PageDone):
                        line = event.result.model_dump_json() + "\n"
                        lines.write(line)
                        lines.flush()
                        job.pages += 1
                        job.size += len(line)
                    job.notify()

    def _end(self, job: Job, status: JobStatus, problem: Problem | None = None) -> None:
        record = job.record
        record.status, record.finished = status, time.time()
        record.problem = None if problem is None else problem.document()
        record.options = {**record.options, "password": None}
        with contextlib.suppress(OSError):  # it may have been removed
            (job.folder / "source").unlink()
            job.save()
        job.notify()

    async def remove(self, job: Job) -> None:
        """Cancel a job and remove its results."""
        if self._jobs.pop(job.record.id, None) is None:
            return
        if job.task is not None:
            job.task.cancel()
            await asyncio.gather(job.task, return_exceptions=True)
        shutil.rmtree(job.folder, ignore_errors=True)
        job.record.finished = job.record.finished or time.time()
        job.notify()

    async def wait(self, job: Job, seconds: float) -> None:
        """Wait until the job has ended, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not job.ended:
                    await job.changed.wait()

    async def pages(self, job: Job, after: int = 0) -> AsyncGenerator[tuple[int, PageResult], None]:
        """The results with their numbers in order, counted from 1, from ``after`` + 1 on until the job ends."""
        while True:
            changed = job.changed
            for result in job.results(after):
                after += 1
                yield after, result
            if job.ended and after >= job.pages:
                return
            if after >= job.pages:
                await changed.wait()

    async def _sweep(self) -> None:
        """Remove jobs whose time is over."""
        while True:
            for job in list(self._jobs.values()):
                if expired(job.record.finished, self._settings.keep_seconds):
                    await self.remove(job)
            await asyncio.sleep(SWEEP_SECONDS)


def _digest(upload: Upload, options: dict[str, Any]) -> str:
    described = json.dumps([upload.sha256, options], sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()
