"""Pre-training of got-nano as a :class:`got_runtime.training.runner.Runner`: its batches, losses and validation."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from got_runtime.model.checkpoint import choose_dtype, load
from got_runtime.model.prompt import END_OF_TURN, IMAGE_PAD, build_prompt
from got_runtime.synth.pages.plain import TRAINING, TRAINING_DENSE
from got_runtime.training.optimizer import MixedPrecisionOptimizer
from got_runtime.training.pretrain import nano
from got_runtime.training.pretrain.batches import PATCH, SIDE, Batch, PageStream, load_batches
from got_runtime.training.pretrain.config import PretrainConfig
from got_runtime.training.pretrain.feature_buffer import FeatureBuffer
from got_runtime.training.pretrain.losses import (
    AuxiliaryHeads,
    Losses,
    decoder_losses,
    encode_frozen,
    encoder_losses,
    joint_losses,
)
from got_runtime.training.pretrain.mixture import Mixture
from got_runtime.training.pretrain.validate import mixture_edit_distances, plain_error_rates
from got_runtime.training.runner import LogEntry, Runner, read_state
from got_runtime.training.schedule import Progress, linear_decay, linear_warmup

__all__ = ["PretrainTrainer"]

PATCH_ROWS = SIDE // PATCH
"""Rows of patches of a whole page."""
FULL_PAGES = {16: 0.85, 32: 0.6, 64: 0.45}
"""Fraction of pages that are set to their last line, by rows of patches.

Full strips are easy and full pages are not; every batch should hold easy ones.
"""


class PretrainTrainer(Runner[Batch]):
    """got-nano in pre-training; continues the run in ``folder`` where there is one."""

    def __init__(self, folder: Path, config: PretrainConfig) -> None:
        self.config = config
        name = config.device if config.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
        self.device = torch.device(name)
        dtype = choose_dtype(config.dtype, self.device)
        model = load(config.start, "cpu", "float32").model.train() if config.start else nano.build_model(config.seed)
        self.model = model.to(self.device, dtype)
        shape = self.model.config
        heads = AuxiliaryHeads(shape.vision_config.output_channels, shape.text_config.hidden_size)
        self.heads = heads.to(self.device, dtype)
        core = self.model.model
        encoder = {*core.vision_tower.parameters(), *core.multi_modal_projector.parameters()}
        optimizer = MixedPrecisionOptimizer(
            [*self.model.parameters(), *self.heads.parameters()],
            nano.muon_parameters(self.model),
            slow_parameters=encoder if config.stage > 1 else set(),
            slow_rate=config.encoder_rate,
        )
        super().__init__(
            folder,
            optimizer,
            log_steps=config.log_steps,
            save_seconds=60 * config.save_minutes,
            validate_seconds=60 * config.check_minutes if config.stage > 1 else None,
        )
        self.tokenizer = nano.build_tokenizer()
        self.end_token = self.tokenizer.convert_tokens_to_ids(END_OF_TURN)
        prefix, _, _ = build_prompt("", 1).partition(IMAGE_PAD)
        self.prefix = torch.tensor(self.tokenizer.encode(prefix), device=self.device)
        """Token ids of the prompt before the image tokens."""
        self.buffer = FeatureBuffer(config.seed, config.batch_tokens, config.buffer)
        self.pages, self.characters = 0, 0
        """Samples, and tokens of their answers, over all runs in the folder."""
        self._logged = 0, 0.0
        state = read_state(folder, self.device)
        if state is not None:
            self.load_state(state)

    def extra_state(self) -> dict[str, Any]:
        return {"pages": self.pages, "characters": self.characters}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self.pages, self.characters = state["pages"], state["characters"]
        self._logged = self.pages, self.seconds

    def progress(self) -> Progress:
        return Progress(self.config.steps, self.config.minutes)

    def learning_rate(self, progress: Progress) -> float:
        """Warm-up, plateau, straight fall to 0; each run in a folder begins with its own warm-up."""
        config = self.config
        factor = linear_warmup(progress.done, config.warmup) * linear_decay(progress.fraction, config.decay)
        return config.rate * factor

    def stream(self) -> "Dataset[Batch]":
        """The pages of the run."""
        config = self.config
        seed = config.seed * 1000 + config.stage * 100 + config.rows
        if config.mixture:
            return Mixture(seed, config.batch, self.end_token, config.mixture)
        style = TRAINING_DENSE if config.stage == 1 else replace(TRAINING, full=FULL_PAGES[config.rows])
        return PageStream(style, seed, config.rows, config.batch, self.end_token)

    def batches(self) -> Iterator[Batch]:
        return load_batches(self.stream(), self.step, self.config.workers)

    def backward(self, batch: Batch) -> Iterator[Mapping[str, Any]]:
        # Strips are encoded with the position embeddings of a random part of the page.
        offset = 4 * int(torch.randint(0, (PATCH_ROWS - self.config.rows) // 4 + 1, (), generator=self._generator()))
        for losses in self.losses_for(batch.to(self.device), offset):
            losses.total.backward()
            yield losses.values
        self.pages += batch.tokens.shape[0]
        self.characters += batch.characters

    def losses_for(self, batch: Batch, offset: int) -> Iterator[Losses]:
        """The losses of the run's stage on one new batch, one for each optimiser step.

        Args:
            offset: first row of patches of the page that the batch's strips are taken for.
        """
        stage = self.config.stage
        if stage == 1:
            yield encoder_losses(self.model, self.heads, batch, offset)
            return
        noise, generator = self.config.token_noise, self._generator()
        one_picture = batch.pixels.shape[0] == batch.tokens.shape[0]
        # Several pictures of one context would take most of the encoder's time: it is trained on single ones.
        if stage == 2 and one_picture:
            noisy = batch.with_token_noise(noise, generator)
            yield joint_losses(self.model, self.heads, noisy, offset, self.prefix)
            return
        features = encode_frozen(self.model, batch, offset)
        if stage == 2:
            yield decoder_losses(self.model, features, batch.with_token_noise(noise, generator), self.prefix)
            return
        self.buffer.add(features, batch)
        for features, buffered in self.buffer.take_batches(self.step):
            yield decoder_losses(self.model, features, buffered.with_token_noise(noise, generator), self.prefix)

    def validate(self) -> LogEntry:
        """Errors of the answers to held-out pages."""
        config = self.config
        if config.mixture:
            return mixture_edit_distances(self.model, self.tokenizer, config.mixture, config.check_pages // 2)
        return plain_error_rates(self.model, self.tokenizer, config.rows, config.check_pages)

    def log_fields(self, progress: Progress) -> LogEntry:
        pages, seconds = self._logged
        self._logged = self.pages, self.seconds
        return {
            "stage": self.config.stage,
            "rows": self.config.rows,
            "pages": self.pages,
            "characters": self.characters,
            "pages_per_second": round((self.pages - pages) / max(self.seconds - seconds, 1e-9), 2),
            "progress": round(progress.fraction, 4),
        }

    def _generator(self) -> torch.Generator:
        """The random numbers of the step."""
        return torch.Generator().manual_seed(self.step)
