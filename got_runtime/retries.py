"""What to try when a page's answer has run into a loop: the same page, shown to the network another way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from got_runtime.sources import SourcePage
from got_runtime.tasks import Formatted, Plain, Task, Tiles

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Rung", "ladder"]

OTHER_DPI = 0.75
"""Share of the first resolution: a loop often hangs on one blurred spot that falls differently on another grid."""


@dataclass(frozen=True)
class Rung:
    """One try: its name in the result, and the pictures to read in order, each as one request."""

    way: str
    task: Task
    images: Callable[[], "list[Image.Image]"]


def ladder(page: SourcePage, task: Task) -> Iterator[Rung]:
    """Tries for a whole page, the most promising first; other tasks (a box, several pages) have none."""
    image = page.image
    if image is None or not isinstance(task, Plain | Formatted):
        return
    yield Rung("tiles", Tiles(formatted=isinstance(task, Formatted)), lambda: [image])
    if page.pdf is not None and page.dpi is not None:
        lower = max(36.0, page.dpi * OTHER_DPI)
        yield Rung(f"{lower:.0f} dpi", task, lambda: [page.render(lower) or image])
    yield Rung("halves", task, lambda: halves(image))


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
