"""A page of the data engine: picture, text, and the box of every character."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from got_runtime.tasks import Plain, Task

PLAIN = Plain()
VIEW_SIDE = 1024
"""Side of the square view that the network gets, in pixels; a page's sizes are chosen by what they become in it."""


@dataclass(frozen=True)
class PageSample:
    """One synthetic page.

    Raises:
        ValueError: the number of boxes is not that of the characters.
    """

    image: Image.Image
    """RGB."""
    text: str
    """The answer in GOT's output format; ASCII for all kinds but those of typeset prose."""
    boxes: np.ndarray
    """float32 ``(characters, 4)``: ``x1, y1, x2, y2`` in pixels of the picture.

    A line break has a box of no width where its line ends. Markup that is not printed has the box of what it marks up,
    or a row of NaN.
    """
    face: str
    """Name of the font face."""
    seed: tuple[int, int]
    """Stream and index; with the kind and the faces they make the same page again."""
    task: Task = PLAIN
    """The task that the text answers; boxes in pixels of ``image``."""
    following: tuple[Image.Image, ...] = ()
    """Further pages of the same context."""
    pages: np.ndarray | None = None
    """``(characters,)``, if there are several pictures: number of the picture of each character; 0 is ``image``."""
    symbols: tuple[tuple[str, tuple[float, float, float, float]], ...] | None = None
    """Drawn symbols for the encoder's training: name (``a``, ``\\alpha``, ``note:4@2``, ``frame:red``) and box.

    None: the visible characters of ``text``.
    """

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.text), 4):
            raise ValueError(f"{len(self.text)} characters need as many boxes, got {self.boxes.shape}")
