"""Measures engines on a document of many pages: pages a second, seconds until the first page, and a long run."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.bench.memory import resident_memory

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.runtime import GotRuntime

__all__ = ["DocumentReport", "DocumentSpeed", "SteadyReport", "measure_document", "measure_steady", "page_images"]

_LINES = (
    "The ferry leaves at nine and comes back at five.",
    "Please bring the blue folder and two pencils.",
    "It rained all morning; the garden was glad of it.",
    "Nobody had seen the key since last Thursday.",
    "Three boxes of apples, one of pears, no plums.",
)


@dataclass(frozen=True)
class DocumentSpeed:
    """The speed of one engine.

    Attributes:
        name: of the engine.
        pages_per_second: median of the rounds.
        first_page: seconds until the first page, median of the rounds.
        tokens: a page, on average.
    """

    name: str
    pages_per_second: float
    first_page: float
    tokens: float


@dataclass(frozen=True)
class DocumentReport:
    """The speed of several engines on one document.

    Attributes:
        model: name of the checkpoint.
        pages: of the document.
        budget: ``max_new_tokens`` of a page.
        rounds: runs of each engine.
        engines: in the order of their turns.
    """

    model: str
    pages: int
    budget: int
    rounds: int
    engines: tuple[DocumentSpeed, ...]

    def lines(self) -> list[str]:
        """The report as text; the first engine is compared with every other."""
        lines = [f"{self.model}: a document of {self.pages} pages of up to {self.budget} tokens, {self.rounds} rounds"]
        lines += ["", "| engine | pages/s | first page s | tokens a page |", "|---|---|---|---|"]
        for speed in self.engines:
            numbers = f"{speed.pages_per_second:.2f} | {speed.first_page:.2f} | {speed.tokens:.0f}"
            lines.append(f"| {speed.name} | {numbers} |")
        engine, *others = self.engines
        for other in others:
            pages = engine.pages_per_second / other.pages_per_second
            first = engine.first_page / other.first_page
            lines.append(f"{engine.name} against {other.name}: pages {pages:.1f}×, first page {first:.2f}×")
        return lines


@dataclass(frozen=True)
class SteadyReport:
    """Speed and memory over a long run.

    Attributes:
        pages: that were read.
        rates: pages a second, in each tenth of the run.
        memory: resident bytes, after each tenth of the run.
    """

    pages: int
    rates: tuple[float, ...]
    memory: tuple[int, ...]

    def lines(self) -> list[str]:
        """The report as text."""
        step = self.pages // len(self.rates)
        return [
            f"{self.pages} pages; pages a second in every {step}: {' '.join(f'{rate:.1f}' for rate in self.rates)}",
            f"last / first: {self.rates[-1] / self.rates[0]:.3f}",
            f"resident memory in MiB: {' '.join(f'{size / 2**20:.0f}' for size in self.memory)}",
            f"last / first: {self.memory[-1] / self.memory[0]:.3f}",
        ]


def measure_document(
    engines: Sequence[tuple[str, "GotRuntime"]],
    pages: int,
    budget: int,
    rounds: int,
    on_progress: Callable[[str], None] = lambda _: None,
) -> DocumentReport:
    """Read the same pages with every engine, in turns. Each engine reads one page first to warm up.

    Args:
        engines: name and runtime of each.
        pages: of the document.
        budget: ``max_new_tokens`` of a page.
        rounds: runs of each engine.
        on_progress: called with progress messages.
    """
    rates: list[list[float]] = [[] for _ in engines]
    firsts: list[list[float]] = [[] for _ in engines]
    tokens = [0.0] * len(engines)
    for _, runtime in engines:
        list(runtime.stream(list(page_images(1)), max_new_tokens=8))
    for turn in range(rounds):
        for index, (name, runtime) in enumerate(engines):
            on_progress(f"round {turn + 1} of {rounds}: {name}")
            started, first, count = time.perf_counter(), 0.0, 0
            for page in runtime.stream(list(page_images(pages)), max_new_tokens=budget, on_error="raise"):
                first = first or time.perf_counter() - started
                count += page.tokens
            rates[index].append(pages / (time.perf_counter() - started))
            firsts[index].append(first)
            tokens[index] = count / pages
    return DocumentReport(
        engines[0][1].model_info.name,
        pages,
        budget,
        rounds,
        tuple(
            DocumentSpeed(name, statistics.median(rates[i]), statistics.median(firsts[i]), tokens[i])
            for i, (name, _) in enumerate(engines)
        ),
    )


def measure_steady(runtime: "GotRuntime", pages: int, budget: int, samples: int = 10) -> SteadyReport:
    """Read ``pages`` pages and record speed and memory ``samples`` times."""
    step = max(1, pages // samples)
    rates, memory = [], []
    list(runtime.stream(list(page_images(2)), max_new_tokens=budget))
    started = time.perf_counter()
    for count, _ in enumerate(_read_from_files(runtime, step * samples, budget), 1):
        if count % step == 0:
            now = time.perf_counter()
            rates.append(step / (now - started))
            memory.append(resident_memory())
            started = now
    return SteadyReport(step * samples, tuple(rates), tuple(memory))


def _read_from_files(runtime: "GotRuntime", pages: int, budget: int) -> Iterator[object]:
    """Read pages from files: images held in a list would add to the memory that is measured."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number:05}.png" for number in range(pages)]
        for file, image in zip(files, page_images(pages), strict=True):
            image.save(file)
        yield from runtime.stream(files, max_new_tokens=budget, on_error="raise")


def page_images(pages: int) -> "Iterator[Image.Image]":
    """Different pages of five printed lines, 1024×1024 pixels."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(40)
    for number in range(pages):
        image = Image.new("L", (1024, 1024), 255)
        draw = ImageDraw.Draw(image)
        for line in range(5):
            text = _LINES[(number + line) % len(_LINES)] if line else f"Page {number + 1}"
            draw.text((60, 80 + 90 * line), text, fill=0, font=font)
        yield image
