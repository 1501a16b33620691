"""Documents → slices of their pages. A document is opened for its digest and the number of its pages; none is read."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from got_runtime.cluster.fetch import DocumentFetcher
from got_runtime.cluster.tables import SLICES, identity, slice_rows
from got_runtime.cluster.work_folder import WorkFolder
from got_runtime.errors import GotError, SourceCorrupt
from got_runtime.options import ReadOptions
from got_runtime.sources import open_pages, select_pages
from got_runtime.sources.names import one_line
from got_runtime.tasks import MultiPage

__all__ = ["MAX_DEATHS", "SliceLister"]

MAX_DEATHS = 2
"""Processes that may die with a document or a page before it is given up."""


class SliceLister:
    """A table of documents → a table of slices (see :mod:`got_runtime.cluster.tables`).

    A document that cannot be opened, or whose process died twice, is one slice with an error.

    Args:
        options: of reading; the selection of pages, limits and password count here.
        slice_pages: pages of a slice.
        output: the output of the run, where deaths are recorded; None records none.
    """

    def __init__(self, options: ReadOptions, slice_pages: int = 16, output: str | None = None) -> None:
        self._options = options
        self._slice_pages = slice_pages
        self._work = WorkFolder(output) if output is not None else None
        self._fetcher = DocumentFetcher(options.limits)

    def __call__(self, documents: pa.Table) -> pa.Table:
        """List the slices of each document."""
        rows = [row for document in documents.to_pylist() for row in self._listed(document["source"])]
        return pa.Table.from_pylist(rows, schema=SLICES)

    def _listed(self, source: str) -> list[dict[str, Any]]:
        try:
            if self._work is None:
                return list(self._slices(source))
            key = identity("document", source)
            if self._work.deaths(key) >= MAX_DEATHS:
                raise SourceCorrupt(f"{one_line(source)} cannot be opened: its process died {MAX_DEATHS} times")
            with self._work.attempt(key):
                return list(self._slices(source))
        except GotError as error:
            return [_failed(source, type(error).__name__, str(error))]
        except Exception as error:  # noqa: BLE001 - whatever a document does, the others are listed
            return [_failed(source, type(error).__name__, one_line(str(error)))]

    def _slices(self, source: str) -> Iterator[dict[str, Any]]:
        options = self._options
        pages = open_pages(
            self._fetcher.get(source),
            pages=options.pages,
            password=options.password,
            limits=options.limits,
            allow_remote=options.allow_remote,
            find_kept=lambda sha256, number: number,  # so that no page is rendered
        )
        try:
            first = next(pages)
        finally:
            pages.close()  # type: ignore[attr-defined]  # a generator
        if first.error is not None and first.total is None:
            raise first.error
        total = first.total or 1
        numbers = select_pages(options.pages, total, source, options.limits.max_pages)
        together = len(numbers) if isinstance(options.task, MultiPage) else self._slice_pages
        yield from slice_rows(source, first.sha256 or "", numbers, total, together)


def _failed(source: str, error_type: str, error: str) -> dict[str, Any]:
    return {
        "id": identity(source, "failed"),
        "source": source,
        "sha256": "",
        "pages": "",
        "count": 1,
        "total": 0,
        "error_type": error_type,
        "error": error,
    }
