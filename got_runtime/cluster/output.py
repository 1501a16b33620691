"""The output of a run: its rows in files of Parquet or JSON lines, one row a page, in the order of the documents."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from got_runtime.cluster.tables import PAGES
from got_runtime.cluster.work_folder import WorkFolder
from got_runtime.errors import ClusterError

__all__ = ["OutputFormat", "RunSummary", "summarize", "write_output"]

OutputFormat = Literal["parquet", "jsonl"]
ROWS_PER_FILE = 20_000
"""About 100 MB of text, which is held in memory once."""


@dataclass
class RunSummary:
    """What a run has done.

    Attributes:
        documents: number of documents.
        pages: number of pages that are to be read.
        done: pages that were read.
        failed: pages that were not, by the name of their error.
    """

    documents: int = 0
    pages: int = 0
    done: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def left(self) -> int:
        """Pages that were not tried yet."""
        return self.pages - self.done - self.failed.total()


def summarize(work: WorkFolder) -> RunSummary:
    """What is done of the last listing. The rows of slices without errors are not opened.

    Raises:
        ClusterError: the output holds no run, or cannot be read.
    """
    slices = work.table("slices")
    if slices is None:
        raise ClusterError(f"{work.output.name} holds no run: give the -o of got-ocr cluster read")
    counts = dict(zip(slices.column("id").to_pylist(), slices.column("count").to_pylist(), strict=True))
    summary = RunSummary(len(set(slices.column("source").to_pylist())), sum(counts.values()))
    done = work.done()
    summary.done = sum(count for id, count in counts.items() if id in done)
    with_errors = work.failed()
    failed = [id for id in counts if id in with_errors]
    for rows in work.all_rows(failed):
        for error in rows.column("error_type").to_pylist() if rows is not None else ():
            if error:
                summary.failed[error] += 1
            else:
                summary.done += 1
    return summary


def write_output(work: WorkFolder, slices: pa.Table, output_format: OutputFormat) -> RunSummary:
    """Write ``pages-00000.parquet`` (or ``.jsonl``) and so on; files of an earlier run are replaced.

    Args:
        work: the folder of the run.
        slices: whose rows are written, each page once, in this order.
        output_format: ``"parquet"`` or ``"jsonl"``.

    Raises:
        ClusterError: a slice was not finished, or a file cannot be written.
    """
    summary = RunSummary(len(set(slices.column("source").to_pylist())))
    written = set()
    for number, table in enumerate(_files(work, slices.column("id").to_pylist())):
        for error in table.column("error_type").to_pylist():
            if error:
                summary.failed[error] += 1
        summary.pages += table.num_rows
        name = f"pages-{number:05}.{output_format}"
        work.output.write(name, _parquet(table) if output_format == "parquet" else _json_lines(table))
        written.add(name)
    summary.done = summary.pages - summary.failed.total()
    for name in work.output.names(""):
        if name.startswith("pages-") and name.endswith(f".{output_format}") and name not in written:
            work.output.remove(name)
    return summary


def _files(work: WorkFolder, ids: list[str]) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    count = 0
    for id, rows in zip(ids, work.all_rows(ids), strict=True):
        if rows is None:
            raise ClusterError(f"slice {id} is not finished: repeat the command to go on")
        waiting.append(rows.cast(PAGES))
        count += rows.num_rows
        if count >= ROWS_PER_FILE:
            yield pa.concat_tables(waiting)
            waiting, count = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _json_lines(table: pa.Table) -> bytes:
    lines = []
    for row in table.to_pylist():
        row["result"] = json.loads(row["result"])
        lines.append(json.dumps(row, ensure_ascii=False))
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")
