"""Measures how much longer a page takes while other processes use the cores."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from got_runtime.bench.document import page_images
from got_runtime.engine.threads import allowed_threads

if TYPE_CHECKING:
    from got_runtime.runtime import GotRuntime

__all__ = ["BusyReport", "measure_busy"]


@dataclass(frozen=True)
class BusyReport:
    """Seconds a page.

    Attributes:
        pages: read one after the other.
        neighbours: processes that computed all the time, in each run; the first run has none.
        seconds: a page, in each run.
    """

    pages: int
    neighbours: tuple[int, ...]
    seconds: tuple[float, ...]

    def lines(self) -> list[str]:
        """The report as text."""
        alone = self.seconds[0]
        lines = [
            f"{self.pages} pages, one after the other",
            "",
            "| busy processes | s/page | × alone |",
            "|---|---|---|",
        ]
        for count, seconds in zip(self.neighbours, self.seconds, strict=True):
            lines.append(f"| {count} | {seconds:.2f} | {seconds / alone:.2f} |")
        return lines


def measure_busy(
    runtime: "GotRuntime", pages: int, budget: int, on_progress: Callable[[str], None] = lambda _: None
) -> BusyReport:
    """Read pages alone, beside one process that computes, and beside one for each core.

    Args:
        runtime: reads them; one page is read first to warm up.
        pages: of each run.
        budget: ``max_new_tokens`` of a page.
        on_progress: called with progress messages.
    """
    images = list(page_images(pages))
    runtime.read(images[0], max_new_tokens=budget)
    counts, seconds = tuple(sorted({0, 1, allowed_threads()})), []
    for count in counts:
        on_progress(f"reading beside {count} busy processes")
        with _busy_processes(count):
            started = time.perf_counter()
            for image in images:
                runtime.read(image, max_new_tokens=budget)
            seconds.append((time.perf_counter() - started) / pages)
    return BusyReport(pages, counts, tuple(seconds))


@contextmanager
def _busy_processes(count: int) -> Iterator[None]:
    """Processes that compute until the end of the block; they are computing when it begins."""
    code = "import sys\nprint(flush=True)\nwhile True: pass"
    processes = [subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE) for _ in range(count)]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()
