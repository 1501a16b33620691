"""Settings of a pre-training run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from got_runtime.training.optimizer import ENCODER_RATE

__all__ = ["PretrainConfig"]


@dataclass(frozen=True)
class PretrainConfig:
    """Options of a pre-training run; with ``steps`` the same settings and machine give the same weights."""

    stage: int = 1
    """1: encoder and connector; 2: everything; 3: the decoder, on features of the frozen encoder."""
    rows: int = 16
    """Rows of patches of a page: 16, 32 or 64 (the whole 1024×1024 page)."""
    batch: int = 16
    """Pages of a step."""
    minutes: float | None = None
    steps: int | None = None
    rate: float = 1e-3
    """Learning rate between warm-up and decay."""
    warmup: int = 200
    """Steps over which the learning rate rises from 0, in each run."""
    decay: float = 0.0
    """Fraction of the run, at its end, over which the learning rate falls to 0."""
    encoder_rate: float = ENCODER_RATE
    """Learning rate of encoder and connector in stages 2 and 3, relative to ``rate``."""
    mixture: Mapping[str, float] = field(default_factory=dict)
    """Kinds of page (whole pages) and their weights; empty for plain pages and strips alone."""
    token_noise: float = 0.05
    """Fraction of the answer's tokens that are replaced in the decoder's input (stages 2 and 3)."""
    batch_tokens: int = 6144
    """Image and text tokens of a batch of stage 3."""
    buffer: int = 512
    """Samples that stage 3 keeps so that batches have answers of similar length; a run ends with as many unused."""
    start: Path | None = None
    """Checkpoint folder whose weights a new run begins with; the auxiliary heads begin anew."""
    seed: int = 1
    workers: int = 1
    """Processes that make pages."""
    device: str = "auto"
    dtype: str = "auto"
    """Of weights and activations: ``bfloat16``, ``float32``, or ``auto``: bfloat16 where the device computes in it."""
    save_minutes: float = 5.0
    check_minutes: float = 6.0
    """Minutes from one validation to the next (stages 2 and 3); there is one at the end of the run too."""
    check_pages: int = 8
    """Pages of a validation in training faces, and as many in held-out ones; half as many of each kind of a mixture."""
    log_steps: int = 20
