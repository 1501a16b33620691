"""Earlier batches taught again in stage 3: the frozen encoder would say the same, and it is most of a step."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from torch import Tensor

from got_runtime.training.batches import Batch

ROOM = 6 << 30
"""Bytes: 20,000 pages of 256 image tokens, 384 wide."""
FEWEST = 40
"""Batches to choose from before any is taught again: of a few, the decoder would learn the texts by heart."""


@dataclass
class Replay:
    """What the encoder made of batches; ``times`` of them are drawn after each new one. A resumed run begins empty."""

    times: int
    seed: int
    _kept: deque[tuple[Tensor, Batch]] = field(default_factory=deque)
    _bytes: int = 0

    def keep(self, image: Tensor, batch: Batch) -> None:
        """``image``: image tokens ``(pictures, tokens, width)`` of ``batch``. The oldest give way."""
        if not self.times:
            return
        self._kept.append((image, replace(batch, pixels=batch.pixels[:0].clone(), dense=batch.dense[:0].clone())))
        self._bytes += image.nbytes
        while self._bytes > ROOM:
            self._bytes -= self._kept.popleft()[0].nbytes

    def draw(self, step: int) -> Iterator[tuple[Tensor, Batch]]:
        """The batches to go over again after ``step``."""
        if len(self._kept) >= FEWEST:
            rng = np.random.default_rng((self.seed, step))
            for place in rng.integers(len(self._kept), size=self.times):
                yield self._kept[place]
