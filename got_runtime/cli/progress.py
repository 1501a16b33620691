"""Progress of ``got-ocr read`` on standard error: a bar on a terminal, elsewhere a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from got_runtime.cli.common import counted, print_notice

if TYPE_CHECKING:
    from rich.progress import Progress

    from got_runtime.results import PageResult

__all__ = ["INTERVAL_S", "ReadProgress", "duration_text", "speed_text"]

INTERVAL_S = 30.0
"""Seconds between two lines where standard error is not a terminal. A shorter run prints none."""


class ReadProgress:
    """Counts pages and files as they are completed, and shows the counts, the speed and the estimated time left.

    Args:
        files: number of files to read.
        pages_expected: number of pages that are read of a file of so many pages.
        clock: seconds from any start.
    """

    def __init__(
        self, files: int, pages_expected: Callable[[int], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._files, self._pages_expected, self._clock = files, pages_expected, clock
        self._files_done = self._pages_done = 0
        self._file_fraction = 0.0
        self._pages_of_file = 0
        self._started = self._last_line = clock()
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

            columns = SpinnerColumn(), BarColumn(bar_width=20), TextColumn("{task.description}", markup=False)
            # Standard output is not redirected: it may be a file, and rich would print its text on the terminal.
            bar = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)
            bar.add_task(self.status(), total=1.0)
            bar.start()
            self._bar = bar
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def page_done(self, page: "PageResult") -> None:
        """Count a page, unless it could not be read, and show the progress."""
        self._pages_done += page.error is None
        self._pages_of_file += 1
        self._file_fraction = min(1.0, self._pages_of_file / max(1, self._pages_expected(page.total or 1)))
        self._show(page.source.rsplit("/", 1)[-1])

    def file_done(self) -> None:
        """Count the file whose last page was counted."""
        self._files_done += 1
        self._pages_of_file, self._file_fraction = 0, 0.0

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Without the bar, while results are printed on the same terminal."""
        if self._bar is None:
            yield
            return
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()

    def status(self) -> str:
        """The counts, the speed and the estimated time left, in one line."""
        pages, seconds = self._pages_done, self._clock() - self._started
        parts = [f"{self._files_done} of {counted(self._files, 'file')}", counted(pages, "page")]
        if pages and seconds > 0:
            parts.append(speed_text(pages, seconds))
        if fraction := self._fraction():
            parts.append(f"about {duration_text(seconds * (1 - fraction) / fraction)} left")
        return ", ".join(parts)

    def _fraction(self) -> float:
        return min(1.0, (self._files_done + self._file_fraction) / self._files)

    def _show(self, name: str) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._fraction(), description=f"{self.status()}, {name}")
        elif self._clock() - self._last_line >= INTERVAL_S:
            self._last_line = self._clock()
            print_notice(self.status())


def speed_text(pages: int, seconds: float) -> str:
    """``2.4 pages/s``."""
    return f"{pages / seconds:.2g} pages/s" if pages / seconds < 10 else f"{pages / seconds:.0f} pages/s"


def duration_text(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3.1 h``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
