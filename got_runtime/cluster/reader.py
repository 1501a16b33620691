"""Slices → rows, one for each page. Nothing a page does ends the run: errors are rows, deaths are counted."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa

from got_runtime.cluster.fetch import DocumentFetcher
from got_runtime.cluster.lister import MAX_DEATHS
from got_runtime.cluster.tables import error_row, page_row, page_table, parse_pages
from got_runtime.cluster.work_folder import WorkFolder
from got_runtime.errors import PERMANENT_ERRORS, ClusterError, GotError
from got_runtime.options import ReadOptions
from got_runtime.runtime import GotRuntime
from got_runtime.sources.names import one_line
from got_runtime.tasks import MultiPage

__all__ = ["ReaderSettings", "SliceReader", "pending_slices"]

_NOT_OF_THE_TEXT = {"on_error", "allow_remote", "password", "limits"}
"""Options that change whether something is read, but not what."""
LOADING = "loading"
MAX_DEATHS_LOADING = 5
"""Processes that may die while they load the model, before the run is given up."""


@dataclass(frozen=True)
class ReaderSettings:
    """What a reader does. It is sent to the machines, with the password of ``options``.

    Attributes:
        model: see :meth:`got_runtime.GotRuntime.from_pretrained`. A folder must be there on each machine.
        options: how pages are read.
        load: further arguments of ``from_pretrained``, such as ``device``, ``dtype`` and ``engine_config``.
        output: where finished slices and deaths are recorded; None records nothing.
        cache: where answers for pages are kept; None takes a folder in ``output``.
        retry_failed: whether pages that failed for good in an earlier run are read again.
        columns: those of the table that is returned; none for all.
    """

    model: str | None = None
    options: ReadOptions = ReadOptions()  # noqa: RUF009 - frozen
    load: Mapping[str, Any] = field(default_factory=dict)
    output: str | None = None
    cache: str | None = None
    retry_failed: bool = False
    columns: tuple[str, ...] = ()

    def stays(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of an earlier run, of which ``error_type`` is needed, is not read again."""
        error = row["error_type"]
        if error == "SourceEncrypted" and self.options.password is not None:
            return False
        return not error or (error in PERMANENT_ERRORS and not self.retry_failed)

    def recorded(self, slice_pages: int) -> dict[str, Any]:
        """What the rows of a run depend on, as JSON values. Raises CheckpointNotFound if there is no such model."""
        from got_runtime.cache import weights_digest
        from got_runtime.model.checkpoint import find_folder

        revision, local = self.load.get("revision"), bool(self.load.get("local_files_only"))
        _, folder = find_folder(self.model, revision, local)
        config = self.load.get("engine_config")
        return {
            "model": self.model or "got-nano",
            "weights": weights_digest(folder)[:16],
            "engine": str(self.load.get("engine", "torch")),
            "dtype": self.load.get("dtype", "auto"),
            "int8": config is not None and "int8" in (config.weight_dtype, config.kv_cache_dtype),
            "slice_pages": slice_pages,
            **self.options.model_dump(mode="json", exclude=_NOT_OF_THE_TEXT),
        }


class SliceReader:
    """A table of slices → a table of pages (see :mod:`got_runtime.cluster.tables`). Safe to use from several threads.

    Threads share one engine, whose batch has pages of all their slices. A slice that two processes did not survive is
    read page by page while no other slice is read here, so that the page that kills is known; a page that kills twice
    becomes a row with an error. That needs an ``output``.

    Args:
        settings: what it does.
        make_runtime: makes the runtime; None loads the model of the settings.

    Raises:
        ClusterError: processes die while they load the model, or the output cannot be used.
        GotError: the model cannot be loaded.
    """

    def __init__(self, settings: ReaderSettings, make_runtime: Callable[[], GotRuntime] | None = None) -> None:
        self._settings = settings
        self._together = isinstance(settings.options.task, MultiPage)
        self._work = work = WorkFolder(settings.output) if settings.output is not None else None
        self._fetcher = DocumentFetcher(settings.options.limits)
        self._gate = _Gate()
        if work is not None and work.deaths(LOADING) >= MAX_DEATHS_LOADING:
            raise ClusterError(
                f"{MAX_DEATHS_LOADING} processes died while they loaded the model: is there memory for it?"
            )
        with work.attempt(LOADING) if work is not None else nullcontext():
            self._runtime = (make_runtime or self._load)()

    def _load(self) -> GotRuntime:
        settings, work = self._settings, self._work
        cache = settings.cache or (work.kept if work is not None else None)
        return GotRuntime.from_pretrained(settings.model, cache=cache, **settings.load)

    def __call__(self, slices: pa.Table) -> pa.Table:
        """Read the slices; the pages of those that are finished are taken from the output.

        Raises:
            ClusterError: the output cannot be read or written.
        """
        tables = [self._read(row) for row in slices.to_pylist()]
        table = pa.concat_tables(tables) if tables else page_table([])
        return table.select(self._settings.columns) if self._settings.columns else table

    def close(self) -> None:
        """Release the memory of the network."""
        self._runtime.close()

    def _read(self, part: dict[str, Any]) -> pa.Table:
        before = self._work.rows(part["id"]) if self._work is not None else None
        stays = self._settings.stays
        rows = {} if before is None else {row["page"]: row for row in before.to_pylist() if stays(row)}
        numbers = parse_pages(part["pages"]) or [1]
        left = [number for number in numbers if number not in rows]
        if self._together and rows:
            left = []
        if before is not None and not left:
            return before
        if part["error_type"]:
            rows[1] = error_row(part, 1, part["error_type"], part["error"])
        else:
            rows |= {row["page"]: row for row in self._pages(part, left)}
        table = page_table(rows.values())
        if self._work is not None:
            self._work.finish(part["id"], table)
        return table

    def _pages(self, part: dict[str, Any], numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
        work, id = self._work, part["id"]
        if work is None:
            yield from self._rows(part, numbers)
            return
        if work.deaths(id) < MAX_DEATHS:
            with self._gate.shared(), work.attempt(id):
                yield from self._rows(part, numbers)
            work.forget_deaths(id)
            return
        groups = [list(numbers)] if self._together else [[number] for number in numbers]
        for group in groups:
            yield from self._alone(work, part, group)
        work.forget_deaths(id)

    def _alone(self, work: WorkFolder, part: dict[str, Any], numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Read a page, or the pages of one context, while nothing else is read in this process."""
        key = f"{part['id']}-{numbers[0]}"
        with self._gate.alone():
            if work.deaths(key) >= MAX_DEATHS:
                message = f"page {numbers[0]} of {one_line(part['source'])} ended the process that read it alone, twice"
                yield error_row(part, numbers[0], ClusterError.__name__, message)
                return
            with work.attempt(key):
                yield from self._rows(part, numbers)

    def _rows(self, part: dict[str, Any], numbers: Sequence[int]) -> list[dict[str, Any]]:
        try:
            rows = self._results(part, numbers)
        except GotError as error:
            return self._all_failed(part, numbers, type(error).__name__, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a page does, the others are read
            return self._all_failed(part, numbers, type(error).__name__, one_line(str(error)))
        if self._together:
            return rows
        found = {row["page"] for row in rows}
        errors = [row for row in rows if row["error_type"]]
        for number in numbers:  # a document that vanished has one result, whatever was selected
            if number not in found:
                error_type, message = ("SourceNotFound", "the page was not found")
                if errors:
                    error_type, message = errors[-1]["error_type"], errors[-1]["error"]
                rows.append(error_row(part, number, error_type, message))
        return [row for row in rows if row["page"] in numbers]

    def _all_failed(
        self, part: dict[str, Any], numbers: Sequence[int], error_type: str, message: str
    ) -> list[dict[str, Any]]:
        return [error_row(part, number, error_type, message) for number in (numbers[:1] if self._together else numbers)]

    def _results(self, part: dict[str, Any], numbers: Sequence[int]) -> list[dict[str, Any]]:
        source = self._fetcher.get(part["source"])
        options = self._settings.options.replace({"pages": tuple(numbers), "on_error": "keep"}, caller="SliceReader")
        return list(map(partial(page_row, part), self._runtime.stream([source], options)))


def pending_slices(work: WorkFolder, slices: pa.Table, settings: ReaderSettings) -> pa.Table:
    """The slices that are not finished, or have a page that is read again. Raises ClusterError."""
    ids = slices.column("id").to_pylist()
    finished = work.done()
    with_errors = work.failed()
    failed = [id for id in ids if id in with_errors]
    for id, rows in zip(failed, work.all_rows(failed), strict=True):
        if rows is not None and all(map(settings.stays, rows.select(["error_type"]).to_pylist())):
            finished.add(id)
    return slices.filter(pa.array([id not in finished for id in ids], pa.bool_()))


class _Gate:
    """Lets in many at once, or one alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._alone_wanted = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._alone_wanted)
            self._inside += 1
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._changed:
            self._alone_wanted += 1
            self._changed.wait_for(lambda: not self._inside)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._alone_wanted -= 1
            self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()
