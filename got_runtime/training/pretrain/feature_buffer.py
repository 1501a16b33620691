"""Features of the frozen encoder, kept until enough samples of similar length make a batch (stage 3).

Answers differ in length by a factor of fifty: batches in the order of the mixture would be padding for the most part.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from got_runtime.training.padding import IGNORED
from got_runtime.training.pretrain.batches import Batch

LENGTHS = (64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096)
"""Queries and answers are padded to one of these: for each new shape oneDNN compiles every kernel of the step."""

Shape = tuple[int, int]
"""Number of image tokens and padded length of the text."""


@dataclass(frozen=True)
class BufferedSample:
    """Image tokens ``(tokens, width)`` of one sample, and its texts as a batch of one without pictures."""

    features: Tensor
    texts: Batch


@dataclass
class FeatureBuffer:
    """Samples by shape; each is taken once. The buffer is not saved: a resumed run begins with an empty one.

    Args:
        seed: decides, with the step's number, which samples are taken.
        batch_tokens: image tokens and padded texts of a batch together.
        min_samples: samples in the buffer before any is taken: from fewer, batches of similar length would be small.
    """

    seed: int
    batch_tokens: int
    min_samples: int
    samples: dict[Shape, list[BufferedSample]] = field(default_factory=dict)

    def add(self, features: Tensor, batch: Batch) -> None:
        """Keep the samples of ``batch``; ``features``: its image tokens ``(pictures, tokens, width)``."""
        count = batch.tokens.shape[0]
        for index, sample in enumerate(features.reshape(count, -1, features.shape[-1])):
            length = int(torch.nonzero(batch.targets[index] != IGNORED).max()) + 1
            shape = sample.shape[0], next(size for size in LENGTHS if size >= length)
            texts = _texts_of(batch, index, shape[1])
            self.samples.setdefault(shape, []).append(BufferedSample(sample.clone(), texts))

    def take_batches(self, step: int) -> Iterator[tuple[Tensor, Batch]]:
        """Batches to train on after ``step``, while there are enough samples: features and texts.

        Features are ``(samples, image tokens, width)``.
        """
        rng = np.random.default_rng((self.seed, step))
        while sum(map(len, self.samples.values())) >= self.min_samples:
            shapes = sorted(self.samples)
            tokens = np.array([len(self.samples[shape]) * sum(shape) for shape in shapes], dtype=float)
            shape = shapes[rng.choice(len(shapes), p=tokens / tokens.sum())]
            samples = self.samples[shape]
            # A power of two where there are too few: each number of samples is a shape of its own.
            most = max(1, self.batch_tokens // sum(shape))
            size = most if len(samples) >= most else 1 << (len(samples).bit_length() - 1)
            chosen = rng.choice(len(samples), size, replace=False).tolist()
            gone = set(chosen)
            left = [sample for index, sample in enumerate(samples) if index not in gone]
            if left:
                self.samples[shape] = left
            else:
                del self.samples[shape]
            taken = [samples[index] for index in chosen]
            parts = [sample.texts for sample in taken]
            names = ("tokens", "targets", "image_targets")
            texts = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
            yield torch.stack([sample.features for sample in taken]), replace(parts[0], **texts)


def _texts_of(batch: Batch, index: int, length: int) -> Batch:
    """One sample's texts, cut or padded to ``length``, without its pictures."""

    def fit(rows: Tensor, value: int) -> Tensor:
        row = rows[index : index + 1, :length]
        return torch.nn.functional.pad(row, (0, length - row.shape[1]), value=value).clone()

    return replace(
        batch,
        pixels=batch.pixels[:0].clone(),
        tokens=fit(batch.tokens, 0),
        targets=fit(batch.targets, IGNORED),
        image_targets=fit(batch.image_targets, IGNORED),
        cells=batch.cells[:0].clone(),
    )
