"""The fine-tuning loop: bf16 weights with float32 masters, resumable to the step."""

import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from got_runtime.errors import GotError
from got_runtime.training.finetune import adapter
from got_runtime.training.finetune.batches import Features, answer_ids, answer_loss
from got_runtime.training.finetune.config import Recipe
from got_runtime.training.finetune.dataset import Pair
from got_runtime.training.optimizer import Masters

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["Reading", "Tuner", "kept_state", "order", "rate_at"]

ENCODER_RATE = 0.1
"""Learning rate of encoder and connector as a share of the decoder's: at the full rate they drift."""
SAVE_SECONDS = 600


class Reading(NamedTuple):
    """One step: mean loss (nats a token) and share of tokens right, teacher-forced; gradient norm before clipping."""

    step: int
    loss: float
    right: float
    rate: float
    norm: float
    seconds: float


def rate_at(step: int, recipe: Recipe) -> float:
    """Learning rate of a step, counted from 0: a straight rise, then a cosine to zero after the last."""
    rise = max(1, round(recipe.warmup * recipe.steps))
    if step < rise:
        return recipe.rate * (step + 1) / rise
    done = (step - rise) / max(1, recipe.steps - rise)
    return recipe.rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def order(count: int, step: int, size: int, seed: int) -> list[int]:
    """The ``size`` pairs of a step: each pass over all ``count`` is shuffled anew, and known from its number alone."""
    chosen: list[int] = []
    place = step * size
    while len(chosen) < size:
        turn, offset = divmod(place + len(chosen), count)
        generator = torch.Generator().manual_seed(1_000_003 * seed + turn)
        shuffled = torch.randperm(count, generator=generator)
        chosen += shuffled[offset : offset + size - len(chosen)].tolist()
    return chosen


def kept_state(folder: Path, recipe: Recipe, identity: Mapping[str, str], device: Any) -> dict[str, Any]:
    """The state in ``folder``, for :meth:`Tuner.resume`.

    Raises GotError when there is none, it is damaged, or it is of a run with another recipe or ``identity``.
    """
    file = folder / "state.pt"
    if not file.exists():
        raise GotError(f"{folder} holds no run to go on with: start it without --resume")
    try:
        state: dict[str, Any] = torch.load(file, map_location=device, weights_only=True)
        other = recipe.differing(Recipe.model_validate_json(state["recipe"]))
        other += [name for name in identity if state["identity"].get(name) != identity[name]]
    except Exception as error:  # whatever a broken file makes torch raise
        reason = type(error).__name__
        raise GotError(f"{file} is damaged or of an older version ({reason}): begin anew in another folder") from error
    if other:
        raise GotError(f"{folder} holds a run that differs in {', '.join(other)}: give the same, or another folder")
    return state


class Tuner:
    """A checkpoint in training on pairs; its place is kept in ``folder/state.pt``.

    ``identity`` says what the run was begun with, and is kept there too. Set :attr:`stopping` from outside to end after
    the step in progress.
    """

    def __init__(
        self,
        checkpoint: "LoadedModel",
        pairs: Sequence[Pair],
        folder: Path,
        recipe: Recipe,
        identity: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.recipe, self.pairs, self.identity = folder, recipe, pairs, dict(identity or {})
        self.checkpoint = checkpoint
        self.step, self.seconds, self.stopping = 0, 0.0, False
        self.adapted: Any = None
        torch.manual_seed(recipe.seed)
        model = checkpoint.model
        core = model.model
        seeing = {*core.vision_tower.parameters(), *core.multi_modal_projector.parameters()}
        if recipe.method == "lora":
            self.adapted = adapter.attach(model, recipe.rank, recipe.alpha, checkpoint.name)
        else:
            for parameter in seeing:
                parameter.requires_grad_(recipe.train_encoder)
        learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.trained = sum(parameter.numel() for parameter in learning)
        self.masters = Masters(learning, set(), seeing, ENCODER_RATE)
        self.features = Features(checkpoint, frozen=not recipe.train_encoder)

    def save(self) -> None:
        """Atomically: an interrupted save leaves the previous state whole."""
        partial = self.folder / "state.pt.partial"
        recipe = self.recipe.model_dump_json()
        state = {"optimiser": self.masters.state(), "step": self.step, "seconds": self.seconds, "recipe": recipe}
        torch.save(state | {"identity": self.identity}, partial)
        os.replace(partial, self.folder / "state.pt")

    def resume(self, state: Mapping[str, Any]) -> None:
        """Back to a state of :func:`kept_state`."""
        self.masters.load(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]

    def run(self) -> Iterator[Reading]:
        """Train to the recipe's last step; every step's reading is also a line of ``log.jsonl``."""
        saved = time.monotonic()
        with open(self.folder / "log.jsonl", "a", encoding="utf-8") as log:
            while self.step < self.recipe.steps and not self.stopping:
                reading = self._step()
                print(json.dumps(reading._asdict()), file=log, flush=True)
                yield reading
                if time.monotonic() - saved > SAVE_SECONDS:
                    self.save()
                    saved = time.monotonic()
        self.save()

    def merged(self) -> Any:
        """The trained network as the port's plain class; adapters are added to the weights and gone."""
        return self.checkpoint.model if self.adapted is None else adapter.merge(self.adapted)

    def _step(self) -> Reading:
        began = time.monotonic()
        recipe = self.recipe
        chosen = [
            self.pairs[i] for i in order(len(self.pairs), self.step, recipe.batch * recipe.accumulate, recipe.seed)
        ]
        tokens = sum(len(answer_ids(self.checkpoint, pair)) for pair in chosen)
        loss, right = 0.0, 0
        for first in range(0, len(chosen), recipe.batch):
            some = chosen[first : first + recipe.batch]
            nats, hits = answer_loss(self.checkpoint, some, [self.features.of(pair) for pair in some])
            (nats / tokens).backward()
            loss, right = loss + float(nats.detach()), right + int(hits)
        rate = rate_at(self.step, recipe)
        norm = self.masters.step(rate)
        self.step += 1
        self.seconds += time.monotonic() - began
        return Reading(self.step, loss / tokens, right / tokens, rate, norm, round(self.seconds, 3))
