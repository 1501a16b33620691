"""Batches of several kinds of page: each batch has answers of similar length and one number of pictures."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from torch.utils.data import Dataset

from got_runtime.synth.faces import TRAINING_FACES
from got_runtime.synth.kinds import page_of
from got_runtime.synth.sample import PageSample
from got_runtime.training.pretrain.batches import SIDE, Batch, collate

__all__ = ["KIND_WEIGHTS", "Mixture"]

KIND_WEIGHTS: Mapping[str, float] = {
    "plain": 12.0,
    "dense": 0.7,
    "prose": 6.0,
    "zoomed": 8.0,
    "formatted": 2.0,
    "table": 1.5,
    "formula": 1.6,
    "box": 1.2,
    "color": 1.0,
    "tiles": 12.0,
    "pages": 0.25,
    "chart": 0.6,
    "molecule": 0.6,
    "music": 0.6,
    "geometry": 0.6,
    "scene": 1.0,
}
"""Pages of each kind, in proportion. Most are text, plain or as zoom shows it: most users read that.

A fourth are tiles, which v4 had been trained on with 1 %: it repeats itself on them.
"""

SHORT_KINDS = frozenset({"formula", "box", "color", "chart", "molecule", "music", "geometry", "scene"})
"""Kinds with short answers are batched together; long answers would pad them."""
PICTURES = {"tiles": 4, "pages": 3}
"""Kinds of several pictures a sample, and about how many: their batches are smaller by this factor."""
MAX_ANSWER = 2000
"""Samples with longer answers (characters) are left out: the attention of one would cost as much as ten pages."""


@dataclass(frozen=True)
class Mixture(Dataset[Batch]):
    """Batches of whole pages; batch ``i`` is the same for any number of workers.

    Args:
        seed: stream of the pages.
        batch: samples of a batch; fewer where a sample has several pictures.
        end_token: id of the token that ends an answer.
        weights: pages of each kind, in proportion.
    """

    seed: int
    batch: int
    end_token: int
    weights: Mapping[str, float] = field(default_factory=lambda: KIND_WEIGHTS)

    def __getitem__(self, index: int) -> Batch:
        return collate(self.samples(index), SIDE, self.end_token)

    def samples(self, index: int) -> list[PageSample]:
        """The samples of batch ``index``."""
        rng = np.random.default_rng((self.seed, index))
        # Kinds with smaller batches are drawn more often, so that the proportions hold.
        first = self._kind(rng, {kind: weight * PICTURES.get(kind, 1) for kind, weight in self.weights.items()})
        compatible = self._compatible(first)
        size = max(1, self.batch // PICTURES.get(first, 1))
        samples: list[PageSample] = []
        for attempt in range(1000):
            kind = self._kind(rng, compatible) if samples else first
            sample = page_of(kind, (self.seed, index * 1000 + attempt), TRAINING_FACES, training=True)
            alike = not samples or _picture_key(sample) == _picture_key(samples[0])
            if alike and len(sample.text) <= MAX_ANSWER:
                samples.append(sample)
            if len(samples) == size:
                break
        return samples

    def _compatible(self, kind: str) -> Mapping[str, float]:
        """Kinds that may be batched with ``kind``, and their weights."""
        if kind in PICTURES:
            return {kind: 1.0}
        return {
            other: weight
            for other, weight in self.weights.items()
            if other not in PICTURES and (other in SHORT_KINDS) == (kind in SHORT_KINDS)
        }

    @staticmethod
    def _kind(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
        names = sorted(weights)
        values = np.array([weights[name] for name in names])
        return names[rng.choice(len(names), p=values / values.sum())]


def _picture_key(sample: PageSample) -> tuple[str, int]:
    """Equal within a batch: the number of pages, or for tiles the page's shape, which decides the tile grid."""
    if sample.task.kind == "tiles":
        return "tiles", round(sample.image.width / sample.image.height)
    return "", len(sample.following)
