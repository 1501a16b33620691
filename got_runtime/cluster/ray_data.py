"""Runs the listing and the reading with Ray Data. The only module that knows Ray."""

import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa

from got_runtime.cluster.find import find_documents
from got_runtime.cluster.lister import SliceLister
from got_runtime.cluster.reader import ReaderSettings, SliceReader
from got_runtime.cluster.tables import DOCUMENTS, SLICES
from got_runtime.cluster.work_folder import WorkFolder
from got_runtime.errors import ClusterError, GotError, MissingExtra, OptionError
from got_runtime.options import ReadOptions
from got_runtime.sources.names import one_line

if TYPE_CHECKING:
    from ray.data import Dataset

__all__ = ["check_numbers", "connect", "disconnect", "list_slices", "ray_errors", "read_documents", "read_slices"]

SLICES_IN_FLIGHT = 2
"""Slices that a reader reads at once: while one is opened or ends, pages of the other fill the batch. On two cores, two
readers read 7.9 pages/s with two and 7.2 with three."""
MAX_TASKS = 4096
"""Tasks of a run; with more slices a task has several. Ray keeps some kilobytes of each in memory."""
DOCUMENTS_PER_TASK = 16


def connect(address: str | None = None) -> None:
    """Connect to a Ray cluster, or start one on this machine. A connection that exists is used.

    Args:
        address: ``"local"``, ``"auto"`` (the cluster that this machine is part of), or an address of Ray; None takes
            ``$RAY_ADDRESS``, else ``"local"``.

    Raises:
        MissingExtra: Ray is not installed.
        ClusterError: there is no cluster at this address.
    """
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent that nobody asked for
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what concerns the run is raised
    if address == "local":  # its servers are for this machine alone, and listen on 127.0.0.1 with this
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    ray = _ray()
    if ray.is_initialized():
        return
    local = {"include_dashboard": False} if address == "local" else {}
    try:
        _check_reachable(address)
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **local)
    except Exception as error:  # of Ray, of its connection, and of the operating system
        raise ClusterError(
            f"no Ray cluster at {address!r} ({one_line(str(error))}): start one with 'ray start --head', or use 'local'"
        ) from error


def _check_reachable(address: str) -> None:
    """Raises OSError or ValueError if nothing listens at an address: Ray would try for minutes."""
    if address in ("local", "auto"):
        return
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    if parts.hostname is None or parts.port is None:
        raise ValueError("it has no port")
    with socket.create_connection((parts.hostname, parts.port), timeout=10):
        pass


def disconnect() -> None:
    """End the connection, and the actors and the local cluster that it started."""
    _ray().shutdown()


def read_documents(
    documents: "str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Dataset",
    *,
    model: str | None = None,
    options: ReadOptions | None = None,
    readers: int | tuple[int, int] = 1,
    slice_pages: int = 16,
    resume: str | os.PathLike[str] | None = None,
    cache: str | None = None,
    retry_failed: bool = False,
    gpus_per_reader: float | None = None,
    cpus_per_reader: float = 1,
    load: Mapping[str, Any] | None = None,
) -> "Dataset":
    """Read documents with Ray Data: a dataset with one row a page, of the schema :data:`got_runtime.cluster.PAGES`.

    The documents are listed at once, by tasks of Ray that open each and read no page. Pages are read when the dataset
    is consumed. An error is a row with ``error_type`` and ``error``, and ends nothing.

    Args:
        documents: files, folders and addresses of fsspec, such as ``s3://bucket/scans``; or a dataset with a column
            ``source`` of such files.
        model: see :meth:`got_runtime.GotRuntime.from_pretrained`.
        options: how pages are read. ``on_error`` is ``"keep"``.
        readers: number of actors, each with the network, or the least and the most of them.
        slice_pages: pages of a document that are read together.
        resume: folder or address where finished slices are recorded, together with the pages between, and from where
            a later call with the same arguments takes them. It also counts the processes that a slice or page ends: a
            page that ends two becomes a row with an error. None records nothing, and such a page ends the run.
        cache: where answers for pages are kept; None takes a folder in ``resume``.
        retry_failed: read pages again that failed for good, such as those of damaged documents.
        gpus_per_reader: GPUs, or a part of one, of each reader; None gives each one where the cluster has any.
        cpus_per_reader: CPUs of each reader.
        load: further arguments of ``from_pretrained``, such as ``{"dtype": "bfloat16"}``.

    Raises:
        MissingExtra: Ray is not installed.
        OptionError: a number below one, or ``resume`` was used with other settings.
        SourceNotFound, SourceForbidden, SourceUnsupported: a source names nothing that can be listed.
        ClusterError: no cluster can be reached, or ``resume`` cannot be written.
    """
    connect()
    output = None if resume is None else os.fspath(resume)
    chosen = options or ReadOptions()
    check_numbers(readers, slice_pages)
    settings = ReaderSettings(model, chosen, dict(load or {}), output, cache, retry_failed)
    work = None
    if output is not None:
        work = WorkFolder(output)
        work.check_settings(settings.recorded(slice_pages))
        if retry_failed:
            work.forget_deaths()
    if isinstance(documents, str | os.PathLike | list | tuple):
        found = find_documents([documents] if isinstance(documents, str | os.PathLike) else documents)
    else:
        dataset: Any = documents
        found = find_documents([row["source"] for row in dataset.select_columns(["source"]).take_all()])
    slices = list_slices(found, chosen, slice_pages, work)
    return read_slices(slices, settings, readers, gpus_per_reader, cpus_per_reader)


def list_slices(documents: pa.Table, options: ReadOptions, slice_pages: int, work: WorkFolder | None) -> pa.Table:
    """The slices of the documents, in their order. Documents that did not change since the last run are not opened.

    Raises:
        ClusterError: the run cannot go on.
    """
    known = _known(work, documents)
    new = [row for row in documents.to_pylist() if row["source"] not in known]
    found: dict[str, list[dict[str, Any]]] = dict(known)
    output = work.output.name if work is not None else None
    for row in _listed(new, (options, slice_pages, output)):
        found.setdefault(row["source"], []).append(row)
    rows = [row for document in documents.to_pylist() for row in found.get(document["source"], ())]
    slices = pa.Table.from_pylist(rows, schema=SLICES)
    if work is not None:
        work.write_table("slices", slices)
        work.write_table("documents", documents)
    return slices


def _known(work: WorkFolder | None, documents: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """Slices of the last listing, of documents that did not change; those of one that failed are listed again."""
    before, slices = (work.table("documents"), work.table("slices")) if work is not None else (None, None)
    if before is None or slices is None:
        return {}
    unchanged = {tuple(row.values()) for row in before.to_pylist()}
    same = {row["source"] for row in documents.to_pylist() if tuple(row.values()) in unchanged}
    known: dict[str, list[dict[str, Any]]] = {}
    for row in slices.to_pylist():
        if row["source"] in same and not row["error_type"]:
            known.setdefault(row["source"], []).append(row)
    return known


def _listed(
    documents: list[dict[str, Any]], arguments: tuple[ReadOptions, int, str | None]
) -> Iterator[dict[str, Any]]:
    if not documents:
        return
    ray, table = _ray(), pa.Table.from_pylist(documents, schema=DOCUMENTS)
    _quiet()
    # A process that dies is counted in the output, so that a task is tried until its document is given up.
    remote = ray.remote(max_retries=-1)(_list)
    step = max(1, min(DOCUMENTS_PER_TASK, len(documents) // 8))
    with ray_errors():
        waiting = [remote.remote(table.slice(start, step), *arguments) for start in range(0, table.num_rows, step)]
        for each in waiting:
            yield from ray.get(each).to_pylist()


def _list(documents: pa.Table, options: ReadOptions, slice_pages: int, output: str | None) -> pa.Table:
    return SliceLister(options, slice_pages, output)(documents)


def read_slices(
    slices: pa.Table,
    settings: ReaderSettings,
    readers: int | tuple[int, int] = 1,
    gpus_per_reader: float | None = None,
    cpus_per_reader: float = 1,
) -> "Dataset":
    """The dataset of the pages of some slices (see :func:`read_documents`)."""
    ray = _ray()
    _quiet()
    if gpus_per_reader is None:
        has_gpu = ray.cluster_resources().get("GPU", 0) and settings.load.get("device") != "cpu"
        gpus_per_reader = 1 if has_gpu else 0
    least, most = (readers, readers) if isinstance(readers, int) else readers
    step = max(1, -(-slices.num_rows // MAX_TASKS))
    blocks = [slices.slice(start, step).combine_chunks() for start in range(0, slices.num_rows, step)]
    least = max(1, min(least, len(blocks)))
    return ray.data.from_arrow(blocks or slices).map_batches(
        SliceReader,
        fn_constructor_args=[settings],
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(
            min_size=least,
            max_size=max(most, least),
            max_tasks_in_flight_per_actor=SLICES_IN_FLIGHT + 1,
            max_concurrent_calls_per_actor=SLICES_IN_FLIGHT,
            enable_true_multi_threading=True,
        ),
        num_cpus=cpus_per_reader,
        num_gpus=gpus_per_reader or None,
    )  # Ray restarts actors, and tries their tasks again, without a bound


@contextmanager
def ray_errors() -> Iterator[None]:
    """Errors of Ray as ClusterError, and our own as they were raised on the other machine."""
    import ray

    try:
        yield
    except ray.exceptions.RayError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, GotError):
            cause = getattr(cause, "cause", None) or cause.__cause__
        if isinstance(cause, GotError):
            raise cause from error
        raise ClusterError(f"the run on Ray failed: {_last_line(error)}") from error


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else type(error).__name__


def check_numbers(readers: int | tuple[int, int], slice_pages: int) -> None:
    """Raises OptionError for a number of readers or pages that cannot be used."""
    numbers = (readers,) if isinstance(readers, int) else tuple(readers)
    if (
        len(numbers) not in (1, 2)
        or not all(isinstance(n, int) and n >= 1 for n in numbers)
        or list(numbers) != sorted(numbers)
    ):
        raise OptionError(f"readers={readers!r}: give a number from 1, or the least and the most, such as (2, 8)")
    if not isinstance(slice_pages, int) or slice_pages < 1:
        raise OptionError(f"slice_pages={slice_pages!r}: give a number from 1")


def _quiet() -> None:
    """Without Ray Data's own progress bars and messages of the start."""
    context = _ray().data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtra("cluster", "ray") from error
    return ray
