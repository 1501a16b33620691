"""Retries of a page whose decoding ran into a loop, with other images or another task."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from got_runtime.pipeline.postprocess import DecodedPage
from got_runtime.results import Attempt, Timings
from got_runtime.sources import SourcePage
from got_runtime.tasks import Formatted, Plain, Task, Tiles

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ACCEPTED_CONFIDENCE", "Retry", "RetryMethod", "halves"]

logger = logging.getLogger(__name__)

LOWER_DPI_FACTOR = 0.75
"""Resolution of a retry relative to the first: a loop often depends on one blurred spot, which another grid changes."""
MIN_DPI = 36.0
"""Lowest resolution of a retry, in dots per inch."""
ACCEPTED_CONFIDENCE = 0.8
"""Mean probability of the chosen tokens from which no further method is tried. On views that the
network was not trained for it guesses, with far lower probabilities."""


@dataclass(frozen=True)
class RetryMethod:
    """A method of retrying: its name in the result, its task, and its images in order, one request each."""

    name: str
    task: Task
    images: Callable[[], "list[Image.Image]"]


class Retry:
    """The retries of one page: call :meth:`next_attempt` and :meth:`record` in turn; then ``best`` is the page's text.

    Args:
        page: the page, with its image.
        task: of the page. Only whole pages (``Plain``, ``Formatted``) have methods.
        first: the page as it was decoded first.
        max_seconds: bound on the decoding time of the page, ``first`` and all retries together.
        methods: instead of those for a page that ran into a loop.
    """

    def __init__(
        self,
        page: SourcePage,
        task: Task,
        first: DecodedPage,
        max_seconds: float | None,
        methods: Iterable[RetryMethod] | None = None,
    ) -> None:
        self.best = first
        self.timings = first.timings
        self._page_name = f"{page.source} page {page.number}"
        self._methods = iter(methods) if methods is not None else _methods(page, task)
        self._max_seconds = max_seconds
        self._tried: list[tuple[str, DecodedPage]] = []

    @property
    def seconds_left(self) -> float | None:
        """Decoding time that is left for the page; ``None`` without a bound."""
        if self._max_seconds is None:
            return None
        return self._max_seconds - self.timings.encode - self.timings.decode

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every retry so far."""
        return tuple(
            Attempt(
                method=method,
                finish_reason=decoded.finish_reason,
                confidence=decoded.confidence,
                chosen=decoded is self.best,
            )
            for method, decoded in self._tried
        )

    def next_attempt(self) -> RetryMethod | None:
        """The next method; ``None`` if the best text is good enough, no time is left, or every method was tried."""
        if self.best.finish_reason == "stop" and _confidence(self.best) >= ACCEPTED_CONFIDENCE:
            return None
        if self.seconds_left is not None and self.seconds_left <= 0:
            return None
        return next(self._methods, None)

    def record(self, method: RetryMethod, decoded: DecodedPage) -> None:
        """Record the outcome of a method; an attempt that failed has the finish reason ``"error"``."""
        logger.info("%s: retry with %s ended with %r", self._page_name, method.name, decoded.finish_reason)
        self._tried.append((method.name, decoded))
        self.timings = Timings(
            encode=self.timings.encode + decoded.timings.encode, decode=self.timings.decode + decoded.timings.decode
        )
        self.best = _better(self.best, decoded)


def _better(one: DecodedPage, other: DecodedPage) -> DecodedPage:
    """The text to keep: one that ended by itself, and of two such the one with the higher confidence.

    Two loops are not compared by confidence, because the network gives the tokens of a loop high probabilities.
    """
    if other.finish_reason != "stop":
        return one
    return other if one.finish_reason != "stop" or _confidence(other) > _confidence(one) else one


def _confidence(decoded: DecodedPage) -> float:
    return decoded.confidence.mean if decoded.confidence is not None else 0.0


def _methods(page: SourcePage, task: Task) -> Iterator[RetryMethod]:
    """Methods for a whole page, the most promising first; other tasks (a box, several pages) have none.

    Halves first: type of twice the height helped most where got-nano looped (CONTRIBUTING.md has the numbers).
    """
    image = page.image
    if image is None or not isinstance(task, Plain | Formatted):
        return
    yield RetryMethod("halves", task, lambda: halves(image))
    if page.pdf is not None and page.dpi is not None:
        dpi = max(MIN_DPI, page.dpi * LOWER_DPI_FACTOR)
        yield RetryMethod(f"{dpi:.0f} dpi", task, lambda: [page.render(dpi) or image])
    yield RetryMethod("tiles", Tiles(formatted=isinstance(task, Formatted)), lambda: [image])


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
