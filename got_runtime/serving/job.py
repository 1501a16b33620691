"""One job on disk: what is written of it, and how it is found again after a restart."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from got_runtime.options import ReadOptions
from got_runtime.results import PageResult
from got_runtime.serving.state import read_json_file, write_json_file
from got_runtime.serving.uploads import Upload

__all__ = ["Job", "JobRecord", "JobStatus", "load_job"]

JobStatus = Literal["waiting", "reading", "done", "failed"]


@dataclass
class JobRecord:
    """What is written of a job."""

    id: str
    name: str
    options: dict[str, Any]
    include: list[str]
    numbers: list[int]
    created: float
    digest: str
    owner: str
    """Digest of the key that made it."""
    extra: dict[str, Any]
    """Of the dialect that made it."""
    idempotency_key: str | None = None
    status: JobStatus = "waiting"
    finished: float | None = None
    problem: dict[str, Any] | None = None


@dataclass(eq=False)
class Job:
    """A job. Its pages are on disk."""

    record: JobRecord
    folder: Path
    pages: int = 0
    """Results so far."""
    size: int = 0
    task: "asyncio.Task[None] | None" = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ended(self) -> bool:
        return self.record.finished is not None

    @property
    def source(self) -> Upload:
        return Upload(self.record.name, path=self.folder / "source")

    @property
    def options(self) -> ReadOptions:
        return ReadOptions(**self.record.options)

    def save(self) -> None:
        """Write the record."""
        write_json_file(self.folder / "job.json", asdict(self.record))

    def notify(self) -> None:
        """Wake those who wait for a change."""
        self.changed.set()
        self.changed = asyncio.Event()

    def results(self, after: int = 0) -> Iterator[PageResult]:
        """The results so far, but for the first ``after``."""
        with contextlib.suppress(FileNotFoundError), (self.folder / "pages.jsonl").open(encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                if number >= self.pages:
                    return
                if number >= after:
                    yield PageResult.model_validate_json(line)

    def state(self, keep_seconds: float) -> dict[str, Any]:
        """What clients are told."""
        record = self.record
        return {
            "id": record.id,
            "status": record.status,
            "source": record.name,
            "pages": len(record.numbers),
            "pages_done": self.pages,
            "created": record.created,
            "finished": record.finished,
            "expires": None if record.finished is None else record.finished + keep_seconds,
            "problem": record.problem,
        }


def load_job(folder: Path) -> Job | None:
    """The job of a folder; None if it is not whole."""
    value = read_json_file(folder / "job.json")
    try:
        record = JobRecord(**value)
    except TypeError:
        return None
    if record.id != folder.name or (record.finished is None and not (folder / "source").is_file()):
        return None
    job = Job(record, folder)
    file = folder / "pages.jsonl"
    if file.is_file():
        lines = file.read_bytes().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]
        if len(whole) < len(lines):  # the process was killed while it wrote the last one
            file.write_bytes(b"".join(whole))
        job.pages = len(whole)
    job.size = sum(each.stat().st_size for each in folder.iterdir())
    return job
