"""Stage 3's store: what the frozen encoder made of pages, taught in batches of like length.

Answers differ in length by fifty times: batches as they come from the mixture would be padding for the most part. And
the encoder, half of a step, would say the same of a page that is taught again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from got_runtime.training.pretrain.batches import IGNORED, Batch

FEWEST = 512
"""Samples to choose from before any is taught: of fewer, batches of like length would be small."""
LENGTHS = (64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096)
"""Queries and answers are padded to one of these: a new shape costs oneDNN a compilation of every kernel."""

Shape = tuple[int, int]
"""Image tokens and padded length of the text."""


@dataclass
class Kept:
    """What is taught of a page, and how often still."""

    image: Tensor
    texts: Batch
    left: int


@dataclass
class Replay:
    """Every sample is taught ``1 + times`` times, among ever others; a resumed run begins empty.

    batch_tokens: of images and padded texts together, in a batch that is drawn.
    """

    times: int
    seed: int
    batch_tokens: int
    kept: dict[Shape, list[Kept]] = field(default_factory=dict)

    def keep(self, image: Tensor, batch: Batch) -> None:
        """``image``: image tokens ``(pictures, tokens, width)`` of ``batch``."""
        samples = batch.tokens.shape[0]
        for i, seen in enumerate(image.reshape(samples, -1, image.shape[-1])):
            length = int(torch.nonzero(batch.targets[i] != IGNORED).max()) + 1
            shape = seen.shape[0], next(size for size in LENGTHS if size >= length)
            self.kept.setdefault(shape, []).append(Kept(seen.clone(), _alone(batch, i, shape[1]), 1 + self.times))

    def draw(self, step: int) -> Iterator[tuple[Tensor, Batch]]:
        """The batches to teach after ``step``: image tokens ``(samples, tokens, width)`` and the rest."""
        rng = np.random.default_rng((self.seed, step))
        while sum(map(len, self.kept.values())) >= FEWEST:
            shapes = sorted(self.kept)
            tokens = np.array([len(self.kept[shape]) * sum(shape) for shape in shapes], dtype=float)
            shape = shapes[rng.choice(len(shapes), p=tokens / tokens.sum())]
            kept = self.kept[shape]
            # A power of two where the store has too few: again, every number of samples is a shape of its own.
            most = max(1, self.batch_tokens // sum(shape))
            size = most if len(kept) >= most else 1 << (len(kept).bit_length() - 1)
            chosen = [kept[place] for place in rng.choice(len(kept), size, replace=False)]
            for one in chosen:
                one.left -= 1
            self.kept[shape] = [one for one in kept if one.left]
            if not self.kept[shape]:
                del self.kept[shape]
            parts = [one.texts for one in chosen]
            texts = {
                name: torch.cat([getattr(part, name) for part in parts]) for name in ("tokens", "targets", "places")
            }
            yield torch.stack([one.image for one in chosen]), replace(parts[0], **texts)


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
