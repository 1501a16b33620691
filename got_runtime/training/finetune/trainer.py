"""Fine-tuning as a :class:`got_runtime.training.runner.Runner`: batches and losses of pairs of image and text."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from got_runtime.errors import GotError
from got_runtime.training.finetune import adapter
from got_runtime.training.finetune.batches import ImageFeatures, answer_ids, answer_loss
from got_runtime.training.finetune.config import FinetuneConfig
from got_runtime.training.finetune.dataset import Pair
from got_runtime.training.optimizer import ENCODER_RATE, MixedPrecisionOptimizer
from got_runtime.training.runner import Runner, read_state
from got_runtime.training.schedule import Progress, cosine_decay, linear_warmup

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["FinetuneTrainer", "learning_rate", "pair_indices", "resumable_state"]

SAVE_SECONDS = 600


def learning_rate(step: int, config: FinetuneConfig) -> float:
    """Learning rate of a step, counted from 0: a straight rise, then a cosine that ends at 0 after the last step."""
    warmup = max(1, round(config.warmup * config.steps))
    if step < warmup:
        return config.rate * linear_warmup(step, warmup)
    return config.rate * cosine_decay(step - warmup, config.steps - warmup)


def pair_indices(count: int, step: int, size: int, seed: int) -> list[int]:
    """Indices of the ``size`` pairs of a step.

    Each pass over all ``count`` pairs has its own shuffled order, which follows from the pass's number and ``seed``:
    a resumed run needs no state of a random generator.
    """
    chosen: list[int] = []
    while len(chosen) < size:
        epoch, offset = divmod(step * size + len(chosen), count)
        generator = torch.Generator().manual_seed(1_000_003 * seed + epoch)
        shuffled = torch.randperm(count, generator=generator)
        chosen += shuffled[offset : offset + size - len(chosen)].tolist()
    return chosen


def resumable_state(
    folder: Path, config: FinetuneConfig, fingerprint: Mapping[str, str], device: torch.device
) -> dict[str, Any]:
    """The state in ``folder``, for :meth:`FinetuneTrainer.load_state`.

    Raises:
        GotError: there is none, it is damaged, or it is of a run with other settings or another fingerprint.
    """
    state = read_state(folder, device)
    if state is None:
        raise GotError(f"{folder} holds no run to resume: start it without --resume")
    try:
        different = config.differences(FinetuneConfig.model_validate_json(state["config"]))
        different += [name for name in fingerprint if state["fingerprint"].get(name) != fingerprint[name]]
    except (KeyError, AttributeError, ValueError) as error:
        reason = type(error).__name__
        raise GotError(f"{folder}: state.pt is of another version ({reason}): start again in another folder") from error
    if different:
        raise GotError(f"{folder} holds a run that differs in {', '.join(different)}: give the same, or another folder")
    return state


class FinetuneTrainer(Runner[list[Pair]]):
    """A checkpoint in fine-tuning on pairs; a batch is all pairs of a step.

    Args:
        fingerprint: digests of model and data, kept in ``state.pt`` for :func:`resumable_state`.
    """

    def __init__(
        self,
        checkpoint: "LoadedModel",
        pairs: Sequence[Pair],
        folder: Path,
        config: FinetuneConfig,
        fingerprint: Mapping[str, str] | None = None,
    ) -> None:
        self.config, self.pairs, self.fingerprint = config, pairs, dict(fingerprint or {})
        self.checkpoint = checkpoint
        self.adapted: Any = None
        """peft's wrapper of the model; None for ``full``."""
        torch.manual_seed(config.seed)
        model = checkpoint.model
        core = model.model
        encoder = {*core.vision_tower.parameters(), *core.multi_modal_projector.parameters()}
        if config.method == "lora":
            self.adapted = adapter.attach(model, config.rank, config.alpha, checkpoint.name)
        else:
            for parameter in encoder:
                parameter.requires_grad_(config.train_encoder)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.trained_weights = sum(parameter.numel() for parameter in trained)
        optimizer = MixedPrecisionOptimizer(trained, set(), slow_parameters=encoder, slow_rate=ENCODER_RATE)
        super().__init__(folder, optimizer, log_steps=1, save_seconds=SAVE_SECONDS)
        self.features = ImageFeatures(checkpoint, frozen=not config.train_encoder)

    def extra_state(self) -> dict[str, Any]:
        return {"config": self.config.model_dump_json(), "fingerprint": self.fingerprint}

    def progress(self) -> Progress:
        return Progress(self.config.steps, done=self.step)

    def learning_rate(self, progress: Progress) -> float:
        return learning_rate(progress.done, self.config)

    def batches(self) -> Iterator[list[Pair]]:
        config, step = self.config, self.step
        while True:
            indices = pair_indices(len(self.pairs), step, config.batch * config.accumulate, config.seed)
            yield [self.pairs[index] for index in indices]
            step += 1

    def backward(self, batch: list[Pair]) -> Iterator[Mapping[str, Any]]:
        """Mean loss (nats a token) and fraction of answer tokens with the highest logit, teacher-forced."""
        tokens = sum(len(answer_ids(self.checkpoint, pair)) for pair in batch)
        loss, right = 0.0, 0
        for first in range(0, len(batch), self.config.batch):
            pairs = batch[first : first + self.config.batch]
            nats, hits = answer_loss(self.checkpoint, pairs, [self.features.of(pair) for pair in pairs])
            (nats / tokens).backward()
            loss, right = loss + float(nats.detach()), right + int(hits)
        yield {"loss": loss / tokens, "right": right / tokens}

    def merged(self) -> Any:
        """The trained network; adapters are added to the weights and removed."""
        return self.checkpoint.model if self.adapted is None else adapter.merge(self.adapted)
