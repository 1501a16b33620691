"""Measures resident memory while a long PDF is rendered page by page, and while every page is kept."""

import random
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from got_runtime.bench.hardware import process_memory
from got_runtime.errors import EngineError

if TYPE_CHECKING:
    from got_runtime.sources import SourcePage

__all__ = ["MemoryReport", "measure_memory"]

MIB = 1 << 20


@dataclass(frozen=True)
class MemoryReport:
    """Resident memory, in bytes.

    Attributes:
        pages: of the PDF.
        step: pages between two samples of ``lazy``.
        dpi: at which pages were rendered.
        at_rest: before the first page.
        lazy: while each page is released before the next is rendered, as in ``GotRuntime.stream``.
        eager_step: pages between two samples of ``eager``.
        eager: while all pages are kept in a list, for fewer pages.
    """

    pages: int
    step: int
    dpi: float
    at_rest: int
    lazy: tuple[int, ...]
    eager_step: int
    eager: tuple[int, ...]

    @property
    def lazy_ratio(self) -> float:
        """Last sample of ``lazy`` divided by the first; 1 means that memory does not grow."""
        return self.lazy[-1] / self.lazy[0]

    @property
    def eager_ratio(self) -> float:
        """Last sample of ``eager`` divided by the first."""
        return self.eager[-1] / self.eager[0]

    def lines(self) -> list[str]:
        """The report as text."""
        held = len(self.eager) * self.eager_step
        return [
            f"{self.pages:,} pages at {self.dpi:g} dpi; resident memory in MiB, {_mib(self.at_rest)} before the first",
            f"lazy, after every {self.step} pages: {' '.join(map(_mib, self.lazy))}",
            f"lazy, last / first: {self.lazy_ratio:.3f}",
            f"all pages kept, after every {self.eager_step} of {held}: {' '.join(map(_mib, self.eager))}",
            f"all pages kept, last / first: {self.eager_ratio:.3f}",
        ]


def measure_memory(pages: int = 1000, *, dpi: float = 96, samples: int = 10, eager_pages: int = 100) -> MemoryReport:
    """Write a PDF of ``pages`` A4 pages (text and an image each) to a temporary folder and render it twice.

    Args:
        pages: of the PDF.
        dpi: resolution.
        samples: of each run.
        eager_pages: pages of the run that keeps all of them.

    Raises:
        EngineError: resident memory is unknown (no ``/proc``).
    """
    from got_runtime.sources import open_pages

    step, eager_pages = max(1, pages // samples), min(eager_pages, pages)
    eager_step = max(1, eager_pages // samples)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "long.pdf"
        _write_pdf(file, pages)
        at_rest = resident_memory()
        lazy = tuple(_sampled(open_pages(file, dpi=dpi), step))
        kept: list[SourcePage] = []
        eager = tuple(_sampled(_keeping(open_pages(file, dpi=dpi, pages=f"1-{eager_pages}"), kept), eager_step))
    return MemoryReport(pages, step, dpi, at_rest, lazy, eager_step, eager)


def resident_memory() -> int:
    """Bytes of this process that are in memory now (not the peak).

    Raises:
        EngineError: it is unknown (no ``/proc``).
    """
    resident = process_memory("VmRSS")
    if resident is None:
        raise EngineError("resident memory is read from /proc, which this system lacks: measure on Linux")
    return resident


def _sampled(pages: "Iterable[SourcePage]", step: int) -> Iterator[int]:
    for count, page in enumerate(pages, 1):
        if page.error is not None:
            raise page.error
        if count % step == 0:
            yield resident_memory()


def _keeping(pages: "Iterable[SourcePage]", kept: "list[SourcePage]") -> "Iterator[SourcePage]":
    for page in pages:
        kept.append(page)
        yield page


def _write_pdf(file: Path, pages: int) -> None:
    """Write a PDF whose pages have their own text and image each, so that nothing can be shared between pages."""
    import pymupdf

    library: Any = pymupdf  # its types are incomplete
    side = 200
    with library.open() as document:
        for number in range(1, pages + 1):
            page = document.new_page(width=595, height=842)
            lines = [f"Page {number}, line {line}: every line is different." for line in range(40)]
            page.insert_text((60, 300), lines, fontsize=9)
            samples = random.Random(number).randbytes(side * side)
            page.insert_image((60, 60, 260, 260), pixmap=library.Pixmap(library.csGRAY, side, side, samples, False))
        document.save(file, deflate=True)


def _mib(size: int) -> str:
    return f"{size / MIB:.0f}"
