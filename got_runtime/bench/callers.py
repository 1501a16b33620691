"""Measures many callers at once on one runtime, against one stream of the same pages."""

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from got_runtime.bench.document import page_images
from got_runtime.bench.hardware import peak_memory, reset_peak_memory

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from got_runtime.runtime import GotRuntime

__all__ = ["CallersReport", "measure_callers"]


@dataclass(frozen=True)
class CallersReport:
    """Callers with one page each, and one caller beside a document. Medians of the rounds.

    Attributes:
        model: name of the checkpoint.
        callers: threads, with one page each.
        budget: ``max_new_tokens`` of a page.
        rounds: measurements.
        stream_rate: pages a second of one stream of as many pages.
        callers_rate: pages a second of the callers together.
        stream_memory: most bytes held during the streams, or None if unknown.
        callers_memory: the same for the callers.
        document: pages of the document.
        alone: seconds that one page takes alone.
        beside: seconds that it takes while the document is read.
    """

    model: str
    callers: int
    budget: int
    rounds: int
    stream_rate: float
    callers_rate: float
    stream_memory: int | None
    callers_memory: int | None
    document: int
    alone: float
    beside: float

    def lines(self) -> list[str]:
        """The report as text."""
        stream, callers = f"{self.stream_rate:.2f} pages/s", f"{self.callers_rate:.2f} pages/s"
        lines = [f"{self.model}: pages of up to {self.budget} tokens, {self.rounds} rounds"]
        lines.append(
            f"one stream of {self.callers} pages: {stream}; {self.callers} callers with one page each: {callers}, "
            f"{self.callers_rate / self.stream_rate:.2f} ×"
        )
        if self.stream_memory and self.callers_memory:
            mib = f"{self.stream_memory / 2**20:.0f} MiB; {self.callers_memory / 2**20:.0f} MiB"
            lines.append(f"peak memory: {mib}, {self.callers_memory / self.stream_memory:.2f} ×")
        lines.append(
            f"one page alone: {self.alone:.2f} s; beside a document of {self.document} pages: {self.beside:.2f} s, "
            f"{self.beside / self.alone:.2f} ×"
        )
        return lines


def measure_callers(
    runtime: "GotRuntime",
    callers: int,
    budget: int,
    rounds: int,
    *,
    device: "torch.device",
    document: int = 200,
    on_progress: Callable[[str], None] = lambda _: None,
) -> CallersReport:
    """Read the same pages as one stream and from as many threads, in turns; and one page beside a document.

    Args:
        runtime: what all threads use.
        callers: threads, with one page each.
        budget: ``max_new_tokens`` of a page.
        rounds: measurements.
        device: of the runtime.
        document: pages of the document.
        on_progress: called with progress messages.
    """
    images = list(page_images(callers))
    rates: tuple[list[float], list[float]] = [], []
    peaks: tuple[list[int | None], list[int | None]] = [], []
    alone, beside = list[float](), list[float]()
    list(runtime.stream(images, max_new_tokens=8))
    for turn in range(rounds):
        on_progress(f"round {turn + 1} of {rounds}")
        for kind, read in enumerate((_read_as_stream, _read_in_threads)):
            reset_peak_memory(device)
            rates[kind].append(callers / _seconds(lambda read=read: read(runtime, images, budget)))  # type: ignore[misc]
            peaks[kind].append(peak_memory(device))
        alone.append(_seconds(lambda: runtime.read(images[0], max_new_tokens=budget)))
        beside.append(_beside_document(runtime, images[0], document, budget))
    stream_memory, callers_memory = (max((each for each in peak if each), default=None) for peak in peaks)
    return CallersReport(
        runtime.model_info.name,
        callers,
        budget,
        rounds,
        statistics.median(rates[0]),
        statistics.median(rates[1]),
        stream_memory,
        callers_memory,
        document,
        statistics.median(alone),
        statistics.median(beside),
    )


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _read_as_stream(runtime: "GotRuntime", images: "Sequence[Image.Image]", budget: int) -> None:
    list(runtime.stream(list(images), max_new_tokens=budget, on_error="raise"))


def _read_in_threads(runtime: "GotRuntime", images: "Sequence[Image.Image]", budget: int) -> None:
    threads = [
        threading.Thread(target=lambda image=image: runtime.read(image, max_new_tokens=budget)) for image in images
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _beside_document(runtime: "GotRuntime", image: "Image.Image", document: int, budget: int) -> float:
    """Seconds that one page takes once the first pages of a document have been read by another thread."""
    stop, begun = threading.Event(), threading.Event()

    def read() -> None:
        for _ in runtime.stream(list(page_images(document)), max_new_tokens=budget, stop=stop):
            begun.set()
        begun.set()

    reader = threading.Thread(target=read)
    reader.start()
    begun.wait()
    try:
        return _seconds(lambda: runtime.read(image, max_new_tokens=budget))
    finally:
        stop.set()
        reader.join()
