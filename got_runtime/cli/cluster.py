"""``got-ocr cluster``: reads many documents on a Ray cluster, or on this machine."""

import argparse
import os
import time
from typing import TYPE_CHECKING, Any

from got_runtime.cli.common import counted, non_negative_number, positive_int, positive_number, print_notice
from got_runtime.cli.options import add_model_options, load_arguments
from got_runtime.cli.progress import INTERVAL_S, duration_text, speed_text
from got_runtime.cli.reading_options import add_reading_options, read_options

if TYPE_CHECKING:
    from got_runtime.cluster.output import RunSummary
    from got_runtime.cluster.reader import ReaderSettings
    from got_runtime.cluster.work_folder import WorkFolder

ERRORS_SHOWN = 10


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "cluster",
        help="read many documents with Ray",
        description="Read many documents on a Ray cluster, or on this machine, to one row a page (docs/scale.md).",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    read = actions.add_parser(
        "read",
        help="read documents; repeat the command to go on",
        description="Read documents to Parquet or JSON lines, one row a page. A run that ended early is continued by "
        "the same command.",
    )
    read.add_argument(
        "sources", nargs="+", metavar="SRC", help="file, folder, or address such as s3://bucket/scans or …/*.pdf"
    )
    read.add_argument("-o", "--output", required=True, metavar="OUT", help="folder or address such as s3://bucket/read")
    read.add_argument(
        "--to", default="parquet", choices=("parquet", "jsonl"), help="format of the output (default: parquet)"
    )
    read.add_argument(
        "--address",
        metavar="ADDRESS",
        help="local: this machine; auto: the cluster that it is part of; or an address (default: $RAY_ADDRESS, "
        "else local)",
    )
    read.add_argument(
        "--readers",
        type=reader_range,
        default=1,
        metavar="N[,MAX]",
        help="processes that read, each with the network, or the least and the most of them (default: 1)",
    )
    read.add_argument(
        "--slice-pages", type=positive_int, default=16, metavar="N", help="pages that are given out together (16)"
    )
    read.add_argument(
        "--gpus-per-reader",
        type=non_negative_number,
        metavar="N",
        help="GPUs of each reader (default: 1 where the cluster has any)",
    )
    read.add_argument(
        "--cpus-per-reader", type=positive_number, default=1.0, metavar="N", help="CPUs of each reader (1)"
    )
    read.add_argument(
        "--retry-failed", action="store_true", help="read pages again that failed for good in an earlier run"
    )
    read.add_argument("--cache", metavar="DIR", help="where answers for pages are kept (default: a folder in OUT)")
    read.add_argument(
        "--price-per-hour",
        type=non_negative_number,
        metavar="X",
        help="of all machines together: prints what a million pages cost at the speed of this run",
    )
    add_reading_options(read)
    add_model_options(read)
    read.set_defaults(run=run_read)
    status = actions.add_parser("status", help="show what is done", description="Show what a run has done.")
    status.add_argument("output", metavar="OUT", help="the -o of the run")
    status.set_defaults(run=run_status)
    for action in (read, status):
        action.add_argument(
            "-v", "--verbose", action="count", default=0, help="log to standard error (-vv: debug messages too)"
        )


def reader_range(text: str) -> int | tuple[int, int]:
    """Type of ``--readers``: a number, or the least and the most."""
    numbers = [positive_int(part.strip()) for part in text.split(",")]
    if len(numbers) > 2 or numbers != sorted(numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not N or LEAST,MOST")
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


def run_status(args: argparse.Namespace) -> int:
    """Print what a run has done.

    Raises:
        ClusterError: there is no run, or it cannot be read.
    """
    from got_runtime.cluster.output import summarize
    from got_runtime.cluster.work_folder import WorkFolder
    from got_runtime.errors import ClusterError

    if "://" not in args.output and not os.path.isdir(args.output):
        raise ClusterError(f"there is no folder {args.output}: give the -o of got-ocr cluster read")
    summary = summarize(WorkFolder(args.output))
    print(f"{args.output}: {_summary_text(summary)}")
    return 0


def run_read(args: argparse.Namespace) -> int:
    """Read the documents.

    Returns:
        0, or 2 where a page could not be read.

    Raises:
        GotError: the run cannot begin, or not go on.
    """
    from got_runtime.cluster.find import find_documents
    from got_runtime.cluster.output import write_output
    from got_runtime.cluster.ray_data import connect, disconnect, list_slices
    from got_runtime.cluster.reader import ReaderSettings
    from got_runtime.cluster.work_folder import WorkFolder

    options = read_options(args)
    documents = find_documents(args.sources)
    work = WorkFolder(args.output)
    settings = ReaderSettings(
        args.model,
        options,
        load_arguments(args),
        args.output,
        args.cache,
        args.retry_failed,
        columns=("source", "page", "cached", "error_type", "error"),
    )
    work.check_settings(settings.recorded(args.slice_pages))
    connect(args.address)
    try:
        if args.retry_failed:
            work.forget_deaths()
        print_notice(f"{counted(documents.num_rows, 'document')}: counting pages")
        slices = list_slices(documents, options, args.slice_pages, work)
        _read(args, work, slices, settings)
    except KeyboardInterrupt:
        disconnect()
        work.forget_deaths()  # nobody was killed by a page
        raise
    summary = write_output(work, slices, args.to)
    print_notice(f"{args.output}: {_summary_text(summary)}")
    return 2 if summary.failed else 0


def _read(args: argparse.Namespace, work: "WorkFolder", slices: Any, settings: "ReaderSettings") -> None:
    """Read the slices that are not finished, and show the progress."""
    from got_runtime.cluster.ray_data import ray_errors, read_slices
    from got_runtime.cluster.reader import pending_slices

    pending = pending_slices(work, slices, settings)
    total = sum(slices.column("count").to_pylist())
    before = total - sum(pending.column("count").to_pylist())
    progress = _Progress(total, before)
    if before:
        print_notice(f"{counted(before, 'page')} read before, {counted(progress.total - before, 'page')} left")
    if not pending.num_rows:
        return
    dataset = read_slices(pending, settings, args.readers, args.gpus_per_reader, args.cpus_per_reader)
    with ray_errors():
        for batch in dataset.iter_batches(batch_format="pyarrow", batch_size=None):
            progress.add(batch.to_pylist())
    progress.end(args.price_per_hour)


class _Progress:
    """Counts pages, and prints a line now and then.

    Args:
        total: pages of the run.
        before: pages that were read before.
    """

    def __init__(self, total: int, before: int) -> None:
        self.total, self._before = total, before
        self._pages = self._read = self._errors = 0
        self._started = self._last_line = time.monotonic()

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Count rows; errors are printed, up to :data:`ERRORS_SHOWN`."""
        self._pages += len(rows)
        for row in rows:
            self._read += not row["error_type"] and not row["cached"]
            if row["error_type"]:
                self._errors += 1
                if self._errors <= ERRORS_SHOWN:
                    print_notice(row["error"])
                elif self._errors == ERRORS_SHOWN + 1:
                    print_notice("further errors are in the output (columns error_type and error)")
        if time.monotonic() - self._last_line >= INTERVAL_S:
            self._last_line = time.monotonic()
            print_notice(self._status())

    def _status(self) -> str:
        seconds, done = time.monotonic() - self._started, self._before + self._pages
        left = duration_text(seconds * (self.total - done) / self._pages) if self._pages else "?"
        return f"{done:,} of {counted(self.total, 'page')}, {speed_text(self._pages, seconds)}, about {left} left"

    def end(self, price_per_hour: float | None) -> None:
        """Print the speed, and with a price what a million pages cost."""
        from got_runtime.cluster.cost import cost_per_million_pages

        seconds = time.monotonic() - self._started
        print_notice(f"{counted(self._pages, 'page')} in {duration_text(seconds)}, {speed_text(self._pages, seconds)}")
        if price_per_hour is not None and self._read:
            cost = cost_per_million_pages(self._read / seconds, price_per_hour)
            print_notice(f"at this speed and {price_per_hour:g} an hour, a million pages cost {cost:,.0f}")


def _summary_text(summary: "RunSummary") -> str:
    parts = [f"{summary.done:,} of {counted(summary.pages, 'page')} in {counted(summary.documents, 'document')} read"]
    if summary.failed:
        kinds = ", ".join(f"{name} {number:,}" for name, number in summary.failed.most_common())
        parts.append(f"{summary.failed.total():,} failed ({kinds})")
    if summary.left:
        parts.append(f"{summary.left:,} left")
    return ", ".join(parts)
