"""Settings of a fine-tuning run."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FULL_RATE", "LORA_RATE", "FinetuneConfig"]

LORA_RATE, FULL_RATE = 1e-4, 2e-5
"""Learning rates in common use for large pre-trained networks; got-nano, which is small, needs 2e-3 for LoRA."""


class FinetuneConfig(BaseModel):
    """Options of a fine-tuning run; the same settings, pairs and machine give the same weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["lora", "full"] = "lora"
    """``lora``: adapters on the decoder's linear layers; ``full``: every weight of the decoder."""
    rank: int = Field(default=16, ge=1)
    """Rank of the adapters."""
    alpha: int = Field(default=32, ge=1)
    """The adapters' output is scaled by ``alpha / rank``."""
    train_encoder: bool = False
    """Train encoder and connector too, at a tenth of the rate (with ``full`` only)."""
    batch: int = Field(default=4, ge=1)
    """Pairs in memory together."""
    accumulate: int = Field(default=2, ge=1)
    """Batches whose gradients are added up for one step."""
    steps: int = Field(default=100, ge=0)
    rate: float = Field(default=LORA_RATE, gt=0, allow_inf_nan=False)
    """Highest learning rate."""
    warmup: float = Field(default=0.05, ge=0, le=1)
    """Fraction of the steps over which the learning rate rises from 0; then it falls along a cosine to 0."""
    seed: int = Field(default=0, ge=0, lt=2**32)

    def differences(self, other: "FinetuneConfig") -> list[str]:
        """Names of the settings that differ and must not, for a run to resume from the other's state."""
        free = {"steps", "rate", "warmup"}
        return [
            name for name in type(self).model_fields if getattr(self, name) != getattr(other, name) and name not in free
        ]
