"""The mixture of tasks that the decoder is taught last: batches of one length of answer and one number of pictures."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from torch.utils.data import Dataset

from got_runtime.synth.faces import TRAINING_FACES
from got_runtime.synth.kinds import page_of
from got_runtime.synth.sample import PageSample
from got_runtime.training.pretrain.batches import SIDE, Batch, collate

__all__ = ["SHARES", "Mixture"]

SHARES: Mapping[str, float] = {
    "plain": 12.0,
    "dense": 0.7,
    "formatted": 2.0,
    "table": 1.5,
    "formula": 1.6,
    "box": 1.2,
    "color": 1.0,
    "tiles": 0.2,
    "pages": 0.25,
    "chart": 0.6,
    "molecule": 0.6,
    "music": 0.6,
    "geometry": 0.6,
    "scene": 1.0,
}
"""How many pages of each kind, in proportion; the plain page is rehearsed most, being what most users read."""

SHORT = frozenset({"formula", "box", "color", "chart", "molecule", "music", "geometry", "scene"})
"""Kinds with short answers share batches; long answers would pad them."""
TALL = {"tiles": 4, "pages": 3}
"""Kinds of several pictures, and about how many: their batches are smaller by as much."""
LONGEST = 2000
"""Longer answers are left out: the attention of one would cost as much as ten pages."""


@dataclass(frozen=True)
class Mixture(Dataset[Batch]):
    """Batch ``i`` of whole pages, the same for any number of workers. ``shares`` are of :data:`SHARES`' form."""

    seed: int
    batch: int
    end_token: int
    shares: Mapping[str, float] = field(default_factory=lambda: SHARES)

    def __getitem__(self, index: int) -> Batch:
        return collate(self.samples(index), SIDE, self.end_token)

    def samples(self, index: int) -> list[PageSample]:
        """What batch ``index`` is made of."""
        rng = np.random.default_rng((self.seed, index))
        # Small batches are drawn more often, so that the shares hold.
        first = self._kind(rng, {kind: share * TALL.get(kind, 1) for kind, share in self.shares.items()})
        fellows = self._fellows(first)
        wanted = max(1, self.batch // TALL.get(first, 1))
        samples: list[PageSample] = []
        for attempt in range(1000):
            kind = self._kind(rng, fellows) if samples else first
            sample = page_of(kind, (self.seed, index * 1000 + attempt), TRAINING_FACES, training=True)
            alike = not samples or _pictures(sample) == _pictures(samples[0])
            if alike and len(sample.text) <= LONGEST:
                samples.append(sample)
            if len(samples) == wanted:
                break
        return samples

    def _fellows(self, kind: str) -> Mapping[str, float]:
        if kind in TALL:
            return {kind: 1.0}
        return {k: s for k, s in self.shares.items() if k not in TALL and (k in SHORT) == (kind in SHORT)}

    @staticmethod
    def _kind(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
        names = sorted(shares)
        weights = np.array([shares[name] for name in names])
        return names[rng.choice(len(names), p=weights / weights.sum())]


def _pictures(sample: PageSample) -> tuple[str, int]:
    """What must agree within a batch: pages by their number, tiles by the grid that their shape leads to."""
    if sample.task.kind == "tiles":
        return "tiles", round(sample.image.width / sample.image.height)
    return "", len(sample.following)
