"""What to try when a page's answer has run into a loop: the same page, shown to the network another way."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from got_runtime.results import Attempt, PageResult, Timings
from got_runtime.sources import SourcePage
from got_runtime.tasks import Formatted, Plain, Task, Tiles

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Climb", "Rung", "climb", "halves"]

OTHER_DPI = 0.75
"""Share of the first resolution: a loop often hangs on one blurred spot that falls differently on another grid."""

CONVINCING = 0.8
"""Mean probability of the chosen tokens. A page read in a way that does not suit it is guessed at, with far less."""


@dataclass(frozen=True)
class Rung:
    """One try: its name in the result, and the pictures to read in order, each as one request."""

    way: str
    task: Task
    images: Callable[[], "list[Image.Image]"]


Climb = Generator[tuple[Rung, float | None], PageResult, PageResult]
"""Yields rungs, each with the seconds left for it, is sent what was read there, and returns the page's result."""


def climb(page: SourcePage, task: Task, first: PageResult, max_seconds: float | None) -> Climb:
    """Up the ladder of other ways to show the page; the most convincing answer is the page's.

    Every try is recorded. ``timings`` and the time limit (seconds) cover all of them.
    """
    tried: list[tuple[str, PageResult]] = []
    best, spent = first, first.timings
    for rung in _ladder(page, task):
        left = None if max_seconds is None else max_seconds - spent.encode - spent.decode
        if left is not None and left <= 0:
            break
        result = yield rung, left
        tried.append((rung.way, result))
        spent = Timings(encode=spent.encode + result.timings.encode, decode=spent.decode + result.timings.decode)
        best = _better(best, result)
        if _is_convincing(best):
            break
    attempts = tuple(
        Attempt(method=way, finish_reason=result.finish_reason, confidence=result.confidence, chosen=result is best)
        for way, result in tried
    )
    return best.model_copy(update={"attempts": attempts, "timings": spent})


def _better(one: PageResult, other: PageResult) -> PageResult:
    """The reading to keep: one that ended by itself, and of two such the one the network was surer of.

    Between loops sureness does not count: the network is quite sure of a loop.
    """
    if other.finish_reason != "stop":
        return one
    return other if one.finish_reason != "stop" or _sureness(other) > _sureness(one) else one


def _is_convincing(result: PageResult) -> bool:
    """Whether a reading is good enough to look no further."""
    return result.finish_reason == "stop" and _sureness(result) >= CONVINCING


def _sureness(result: PageResult) -> float:
    return result.confidence.mean if result.confidence is not None else 0.0


def _ladder(page: SourcePage, task: Task) -> Iterator[Rung]:
    """Tries for a whole page, the most promising first; other tasks (a box, several pages) have none.

    Halves first: type of twice the height helped most where got-nano had lost its place (CONTRIBUTING.md has numbers).
    """
    image = page.image
    if image is None or not isinstance(task, Plain | Formatted):
        return
    yield Rung("halves", task, lambda: halves(image))
    if page.pdf is not None and page.dpi is not None:
        lower = max(36.0, page.dpi * OTHER_DPI)
        yield Rung(f"{lower:.0f} dpi", task, lambda: [page.render(lower) or image])
    yield Rung("tiles", Tiles(formatted=isinstance(task, Formatted)), lambda: [image])


def halves(image: "Image.Image") -> "list[Image.Image]":
    """The upper and the lower half, cut where the middle fifth of the page has the least ink."""
    grey = np.asarray(image.convert("L"), dtype=np.int16)
    first, last = image.height * 2 // 5, max(image.height * 2 // 5 + 1, image.height * 3 // 5)
    contrast = np.abs(grey[first:last] - np.int16(np.median(grey))).sum(axis=1)
    # Of equally empty rows the one nearest to the middle, so that a gap is cut in its middle.
    distance = np.abs(np.arange(first, last) - image.height / 2)
    cut = first + int(np.lexsort((distance, contrast))[0])
    if not 0 < cut < image.height:
        return [image]
    return [image.crop((0, 0, image.width, cut)), image.crop((0, cut, image.width, image.height))]
