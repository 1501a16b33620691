"""A document of many pages, read by one engine after the other: pages a second, and how long the first page takes."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from got_runtime.bench.memory import resident_memory

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.runtime import GotRuntime

__all__ = ["DocumentReport", "DocumentSpeed", "SteadyReport", "measure_document", "measure_steady"]

_LINES = (
    "The ferry leaves at nine and comes back at five.",
    "Please bring the blue folder and two pencils.",
    "It rained all morning; the garden was glad of it.",
    "Nobody had seen the key since last Thursday.",
    "Three boxes of apples, one of pears, no plums.",
)


@dataclass(frozen=True)
class DocumentSpeed:
    """Medians over the rounds; ``tokens`` a page on average."""

    name: str
    pages_per_second: float
    first_page: float
    tokens: float


@dataclass(frozen=True)
class DocumentReport:
    """``pages`` pages with a budget of ``budget`` tokens each."""

    model: str
    pages: int
    budget: int
    rounds: int
    engines: tuple[DocumentSpeed, ...]

    def lines(self) -> list[str]:
        """The report for a terminal; the first engine is compared with every other."""
        lines = [f"{self.model}: a document of {self.pages} pages of up to {self.budget} tokens, {self.rounds} rounds"]
        lines += ["", "| engine | pages/s | first page s | tokens a page |", "|---|---|---|---|"]
        for speed in self.engines:
            numbers = f"{speed.pages_per_second:.2f} | {speed.first_page:.2f} | {speed.tokens:.0f}"
            lines.append(f"| {speed.name} | {numbers} |")
        ours, *others = self.engines
        for other in others:
            pages = ours.pages_per_second / other.pages_per_second
            first = ours.first_page / other.first_page
            lines.append(f"{ours.name} against {other.name}: pages {pages:.1f}×, first page {first:.2f}×")
        return lines


@dataclass(frozen=True)
class SteadyReport:
    """Pages a second and resident memory (bytes) after every tenth of a long run."""

    pages: int
    rates: tuple[float, ...]
    memory: tuple[int, ...]

    def lines(self) -> list[str]:
        """The report for a terminal."""
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
    say: Callable[[str], None] = lambda _: None,
) -> DocumentReport:
    """The same pages to every engine, in turns. A first page before it lets each warm up."""
    rates: list[list[float]] = [[] for _ in engines]
    firsts: list[list[float]] = [[] for _ in engines]
    tokens = [0.0] * len(engines)
    for _, runtime in engines:
        list(runtime.stream(list(_images(1)), max_new_tokens=8))
    for turn in range(rounds):
        for place, (name, runtime) in enumerate(engines):
            say(f"round {turn + 1} of {rounds}: {name}")
            began, first, told = time.perf_counter(), 0.0, 0
            for page in runtime.stream(list(_images(pages)), max_new_tokens=budget, on_error="raise"):
                first = first or time.perf_counter() - began
                told += page.tokens
            rates[place].append(pages / (time.perf_counter() - began))
            firsts[place].append(first)
            tokens[place] = told / pages
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
    """Whether the last pages of a long run are as fast as the first, and whether memory stays."""
    step = max(1, pages // samples)
    rates, memory = [], []
    list(runtime.stream(list(_images(2)), max_new_tokens=budget))
    began = time.perf_counter()
    for count, _ in enumerate(_streamed(runtime, step * samples, budget), 1):
        if count % step == 0:
            now = time.perf_counter()
            rates.append(step / (now - began))
            memory.append(resident_memory())
            began = now
    return SteadyReport(step * samples, tuple(rates), tuple(memory))


def _streamed(runtime: "GotRuntime", pages: int, budget: int) -> Iterator[object]:
    """Pages written to files first: pictures held in a list would be memory of their own."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number:05}.png" for number in range(pages)]
        for file, image in zip(files, _images(pages), strict=True):
            image.save(file)
        yield from runtime.stream(files, max_new_tokens=budget, on_error="raise")


def _images(pages: int) -> "Iterator[Image.Image]":
    """Pages of five printed lines, no two alike."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(40)
    for number in range(pages):
        image = Image.new("L", (1024, 1024), 255)
        draw = ImageDraw.Draw(image)
        for line in range(5):
            text = _LINES[(number + line) % len(_LINES)] if line else f"Page {number + 1}"
            draw.text((60, 80 + 90 * line), text, fill=0, font=font)
        yield image
