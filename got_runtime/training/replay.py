"""Stage 3's store: what the frozen encoder made of pages, taught again in batches of like length.

The encoder is most of a step and would say the same again, and answers differ in length by fifty times: batches as they
come from the mixture would be padding for the most part.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from got_runtime.training.batches import IGNORED, Batch

MOST = 1024
"""Samples; the oldest give way. Drawn from all there ever were, the first would be taught far more often."""
FEWEST = 256
"""Samples to choose from before any is taught again: of a few, the decoder would learn the texts by heart."""
LENGTHS = (64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096)
"""Queries and answers are padded to one of these: a new shape costs oneDNN a compilation of every kernel."""

Shape = tuple[int, int]
"""Image tokens and padded length of the text."""


@dataclass
class Replay:
    """Every sample is taught ``1 + times`` times on average. A resumed run begins empty.

    batch_tokens: of images and padded texts together, in a batch that is drawn.
    """

    times: int
    seed: int
    batch_tokens: int
    _kept: dict[Shape, deque[tuple[Tensor, Batch]]] = field(default_factory=dict)
    _order: deque[Shape] = field(default_factory=deque)
    _owed: int = 0

    def keep(self, image: Tensor, batch: Batch) -> None:
        """``image``: image tokens ``(pictures, tokens, width)`` of ``batch``."""
        samples = batch.tokens.shape[0]
        for i, seen in enumerate(image.reshape(samples, -1, image.shape[-1])):
            length = int(torch.nonzero(batch.targets[i] != IGNORED).max()) + 1
            shape = seen.shape[0], next(size for size in LENGTHS if size >= length)
            self._kept.setdefault(shape, deque()).append((seen.clone(), _alone(batch, i, shape[1])))
            self._order.append(shape)
            if self.ready:
                self._owed += (1 + self.times) * sum(shape)
        while len(self._order) > MOST:
            self._kept[self._order.popleft()].popleft()

    @property
    def ready(self) -> bool:
        """There is enough to draw from; before, the new batch itself is to be taught."""
        return len(self._order) >= FEWEST

    def draw(self, step: int) -> Iterator[tuple[Tensor, Batch]]:
        """The batches to teach after ``step``: image tokens ``(samples, tokens, width)`` and the rest."""
        rng = np.random.default_rng((self.seed, step))
        shapes = sorted(shape for shape, kept in self._kept.items() if kept)
        tokens = np.array([len(self._kept[shape]) * sum(shape) for shape in shapes], dtype=float)
        while self._owed > 0:
            shape = shapes[rng.choice(len(shapes), p=tokens / tokens.sum())]
            kept = self._kept[shape]
            # A power of two where the store has too few: again, every number of samples is a shape of its own.
            most = max(1, self.batch_tokens // sum(shape))
            size = most if len(kept) >= most else 1 << (len(kept).bit_length() - 1)
            chosen = [kept[place] for place in rng.choice(len(kept), size, replace=False)]
            self._owed -= size * sum(shape)
            images, parts = zip(*chosen, strict=True)
            texts = {
                name: torch.cat([getattr(part, name) for part in parts]) for name in ("tokens", "targets", "places")
            }
            yield torch.stack(images), replace(parts[0], **texts)


def _alone(batch: Batch, place: int, length: int) -> Batch:
    """One sample's texts, cut or padded to ``length``; its pictures are not needed any more."""

    def fit(rows: Tensor, filler: int) -> Tensor:
        row = rows[place : place + 1, :length]
        return torch.nn.functional.pad(row, (0, length - row.shape[1]), value=filler).clone()

    return replace(
        batch,
        pixels=batch.pixels[:0].clone(),
        tokens=fit(batch.tokens, 0),
        targets=fit(batch.targets, IGNORED),
        places=fit(batch.places, IGNORED),
        dense=batch.dense[:0].clone(),
    )
