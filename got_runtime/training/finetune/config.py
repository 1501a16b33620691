"""What a fine-tuning run is asked to do."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Recipe"]

LORA_RATE, FULL_RATE = 1e-4, 2e-5
"""Learning rates that large pre-trained networks are fine-tuned with; a small network takes ten times as much."""


class Recipe(BaseModel):
    """How to fine-tune; the same recipe, pairs and machine give the same weights.

    ``full`` trains every weight of the decoder, ``lora`` adapters of ``rank`` whose effect is scaled by ``alpha /
    rank``. ``train_encoder`` adds encoder and connector, at a tenth of the rate (with ``full`` only). A step learns
    from ``batch`` pairs ``accumulate`` times over; only ``batch`` are in memory together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["lora", "full"] = "lora"
    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    train_encoder: bool = False
    batch: int = Field(default=4, ge=1)
    accumulate: int = Field(default=2, ge=1)
    steps: int = Field(default=100, ge=0)
    rate: float = Field(default=LORA_RATE, gt=0, allow_inf_nan=False)
    warmup: float = Field(default=0.05, ge=0, le=1)
    """Share of the steps in which the learning rate rises from 0; then it falls along a cosine to 0."""
    seed: int = Field(default=0, ge=0, lt=2**32)

    def differing(self, other: "Recipe") -> list[str]:
        """Names of settings that must be equal for a run to go on with another's state."""
        free = {"steps", "rate", "warmup"}
        return [
            name for name in type(self).model_fields if getattr(self, name) != getattr(other, name) and name not in free
        ]
