"""What the data engine hands on: a page picture, its text and where every character of the text stands."""

from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class PageSample:
    """One synthetic page.

    ``image`` is RGB. ``boxes`` has one row ``x1, y1, x2, y2`` in pixels of ``image`` for each character of ``text``,
    spaces and line breaks included (a line break is the zero-width box where its line ends). ``face`` and ``seed``
    tell how to make it again.
    """

    image: Image.Image
    text: str
    boxes: np.ndarray
    face: str
    seed: tuple[int, int]

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.text), 4):
            raise ValueError(f"{len(self.text)} characters need as many boxes, got {self.boxes.shape}")
