"""What the data engine hands on: a page picture, its answer and where every character of the answer stands."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from got_runtime.tasks import Plain, Task

PLAIN = Plain()


@dataclass(frozen=True)
class PageSample:
    """One synthetic page.

    ``image`` is RGB. ``text`` is ASCII, in GOT's own output dialect. ``boxes`` has one row ``x1, y1, x2, y2`` in pixels
    of the picture for each character of ``text``, spaces and line breaks included (a line break is the zero-width box
    where its line ends); markup that stands nowhere has the box of what it marks, or a row of NaN. ``face`` and
    ``seed`` tell how to make the page again. ``task`` is what the network is asked, boxes in pixels of ``image``.

    ``following`` are further pages of one context; ``pages`` then says for each character on which picture it stands
    (0 is ``image``). ``marks`` are the drawn signs that the encoder learns to tell apart, by name (``a``, ``\\alpha``,
    ``notehead``, ``frame:red``). Without marks they are the visible characters of ``text``.
    """

    image: Image.Image
    text: str
    boxes: np.ndarray
    face: str
    seed: tuple[int, int]
    task: Task = PLAIN
    following: tuple[Image.Image, ...] = ()
    pages: np.ndarray | None = None
    marks: tuple[tuple[str, tuple[float, float, float, float]], ...] | None = None

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.text), 4):
            raise ValueError(f"{len(self.text)} characters need as many boxes, got {self.boxes.shape}")
        if not self.text.isascii():
            raise ValueError(f"the data engine writes ASCII, got {self.text!a}")
