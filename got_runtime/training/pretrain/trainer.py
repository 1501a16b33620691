"""The training loop: bf16 weights with float32 masters, resumable to the step, honest about its progress."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from got_runtime.model.checkpoint import load
from got_runtime.model.prompt import END_OF_TURN, IMAGE_PAD, build_prompt
from got_runtime.synth.pages.plain import TRAINING, TRAINING_DENSE
from got_runtime.training.optimizer import Masters
from got_runtime.training.pretrain import nano
from got_runtime.training.pretrain.batches import Batch, PageStream, batches
from got_runtime.training.pretrain.feature_buffer import Replay
from got_runtime.training.pretrain.losses import DenseHeads, Losses, decoder_losses, image_tokens, stage_one, stage_two
from got_runtime.training.pretrain.mixture import Mixture
from got_runtime.training.pretrain.validate import held_out_cer, held_out_distances

PATCH_ROWS = 64
FULL_PAGES = {16: 0.85, 32: 0.6, 64: 0.45}
"""Share of full pages by patch rows: a strip is easy when full, a page is not; every batch should hold easy ones."""


@dataclass(frozen=True)
class Recipe:
    """One run of training. ``rows`` of patches a page: 16, 32 or 64 (the whole 1024×1024 page)."""

    stage: int = 1
    rows: int = 16
    batch: int = 16
    minutes: float | None = None
    steps: int | None = None
    rate: float = 1e-3
    warmup: int = 200
    decay: float = 0.0
    """Share of the run, at its end, over which the learning rate falls to zero."""
    encoder_rate: float = 0.1
    """Learning rate of encoder and connector after stage 1, as a share of ``rate``: at the full rate they drift."""
    mixture: Mapping[str, float] = field(default_factory=dict)
    """Kinds of page to teach together (whole pages) and their shares; none for plain pages and strips."""
    misread: float = 0.05
    """Share of wrong characters in what the decoder is shown of its answer so far (stages 2 and 3)."""
    replays: int = 0
    """How often the decoder sees a page again, without the encoder (stage 3)."""
    batch_tokens: int = 6144
    """Image tokens and text of a batch of stage 3, whose pages are of like length."""
    start: Path | None = None
    """LoadedModel folder whose weights a new run begins with; the throw-away heads are learned again."""
    seed: int = 1
    workers: int = 1
    device: str = "auto"
    save_minutes: float = 5.0
    check_minutes: float = 6.0
    """How often held-out pages are read (from stage 2 on), and at the end of the run."""
    check_pages: int = 8
    """Pages read each time in seen faces, and as many in held-out ones."""
    log_steps: int = 20


class Progress:
    """How far a run is, by steps when they are given (reproducible) or by the clock."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.started, self.done = recipe, time.monotonic(), 0

    @property
    def share(self) -> float:
        by_clock = (time.monotonic() - self.started) / (60 * self.recipe.minutes) if self.recipe.minutes else 0.0
        by_steps = self.done / self.recipe.steps if self.recipe.steps else 0.0
        return min(1.0, max(by_clock, by_steps))

    def rate(self) -> float:
        """Warm-up, plateau, straight fall to zero."""
        recipe = self.recipe
        rise = min(1.0, (self.done + 1) / recipe.warmup) if recipe.warmup else 1.0
        fall = min(1.0, (1.0 - self.share) / recipe.decay) if recipe.decay else 1.0
        return recipe.rate * rise * fall


class Trainer:
    """Network, heads, masters and the place in the data stream, as saved in one ``state.pt``."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.folder, self.recipe = folder, recipe
        name = recipe.device if recipe.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
        self.device = torch.device(name)
        fresh = load(recipe.start, "cpu", "float32").model.train() if recipe.start else nano.build_model(recipe.seed)
        self.model = fresh.to(self.device, torch.bfloat16)
        config = self.model.config
        heads = DenseHeads(config.vision_config.output_channels, config.text_config.hidden_size)
        self.heads = heads.to(self.device, torch.bfloat16)
        core = self.model.model
        seeing = (
            {*core.vision_tower.parameters(), *core.multi_modal_projector.parameters()} if recipe.stage > 1 else set()
        )
        parameters = [*self.model.parameters(), *self.heads.parameters()]
        self.masters = Masters(parameters, nano.hidden_matrices(self.model), seeing, recipe.encoder_rate)
        self.tokenizer = nano.build_tokenizer()
        self.end = self.tokenizer.convert_tokens_to_ids(END_OF_TURN)
        before, _, _ = build_prompt("", 1).partition(IMAGE_PAD)
        self.head = torch.tensor(self.tokenizer.encode(before), device=self.device)
        self.step, self.pages, self.characters, self.seconds = 0, 0, 0, 0.0
        self.replay = Replay(recipe.replays, recipe.seed, recipe.batch_tokens)
        self.stopping = False
        """Set from outside: the step in progress is the run's last."""
        if (folder / "state.pt").exists():
            self._load()

    def _load(self) -> None:
        state = torch.load(self.folder / "state.pt", map_location=self.device, weights_only=True)
        self.masters.load(state["optimiser"])
        self.step, self.pages, self.characters = state["step"], state["pages"], state["characters"]
        self.seconds = state["seconds"]

    def save(self) -> None:
        """Atomically: an interrupted save leaves the previous state whole."""
        partial = self.folder / "state.pt.partial"
        torch.save(
            {
                "optimiser": self.masters.state(),
                "step": self.step,
                "pages": self.pages,
                "characters": self.characters,
                "seconds": self.seconds,
            },
            partial,
        )
        os.replace(partial, self.folder / "state.pt")

    def stream(self) -> "Dataset[Batch]":
        """The recipe's pages."""
        recipe = self.recipe
        seed = recipe.seed * 1000 + recipe.stage * 100 + recipe.rows
        if recipe.mixture:
            return Mixture(seed, recipe.batch, self.end, recipe.mixture)
        style = TRAINING_DENSE if recipe.stage == 1 else replace(TRAINING, full=FULL_PAGES[recipe.rows])
        return PageStream(style, seed, recipe.rows, recipe.batch, self.end)

    def lessons(self, batch: Batch, offset: int) -> Iterator[Losses]:
        """What the recipe's stage makes of one new batch: one update each."""
        if self.recipe.stage == 1:
            yield stage_one(self.model, self.heads, batch, offset)
            return
        share, noise = self.recipe.misread, _generator(self.step)
        alone = batch.pixels.shape[0] == batch.tokens.shape[0]
        # The encoder learns from single pictures: several of one context would cost it most of the time.
        if self.recipe.stage == 2 and alone:
            yield stage_two(self.model, self.heads, batch.misread(share, noise), offset, self.head)
            return
        image = image_tokens(self.model, batch, offset)
        if self.recipe.stage == 2:
            yield decoder_losses(self.model, image, batch.misread(share, noise), self.head)
            return
        self.replay.keep(image, batch)
        for seen, texts in self.replay.draw(self.step):
            yield decoder_losses(self.model, seen, texts.misread(share, noise), self.head)

    def check(self) -> dict[str, float]:
        """Readings of held-out pages, free-running."""
        recipe = self.recipe
        if recipe.mixture:
            return held_out_distances(self.model, self.tokenizer, recipe.mixture, recipe.check_pages // 2)
        return held_out_cer(self.model, self.tokenizer, recipe.rows, recipe.check_pages)

    def run(self) -> Iterator[dict[str, float]]:
        """Train until the recipe's end; yields a reading every ``log_steps`` steps, which is also in ``log.jsonl``."""
        recipe, progress = self.recipe, Progress(self.recipe)
        stream = self.stream()
        saved = checked = ticked = time.monotonic()
        sums: dict[str, list[Tensor]] = {}
        since = 0
        with open(self.folder / "log.jsonl", "a", encoding="utf-8") as log:
            for batch in batches(stream, self.step, recipe.workers):
                offset = 4 * int(
                    torch.randint(0, (PATCH_ROWS - recipe.rows) // 4 + 1, (), generator=_generator(self.step))
                )
                rate = progress.rate()
                for losses in self.lessons(batch.to(self.device), offset):
                    losses.total.backward()
                    readings = {**losses.readings, "norm": torch.tensor(self.masters.step(rate))}
                    for name, value in readings.items():
                        sums.setdefault(name, []).append(value.detach().float().cpu())
                self.step, progress.done = self.step + 1, progress.done + 1
                self.pages += batch.tokens.shape[0]
                self.characters += batch.characters
                since += batch.tokens.shape[0]
                finished = self.stopping or progress.share >= 1.0
                if self.step % recipe.log_steps == 0 or finished:
                    now = time.monotonic()
                    self.seconds += now - ticked
                    reading = {
                        "stage": recipe.stage,
                        "rows": recipe.rows,
                        "step": self.step,
                        "pages": self.pages,
                        "characters": self.characters,
                        "seconds": round(self.seconds, 1),
                        "pages_per_second": round(since / (now - ticked), 2),
                        "rate": rate,
                        "share": round(progress.share, 4),
                        **{name: round(float(torch.stack(values).mean()), 4) for name, values in sums.items()},
                    }
                    if recipe.stage > 1 and (finished or now - checked > 60 * recipe.check_minutes):
                        reading |= self.check()
                        checked = now = time.monotonic()
                    print(json.dumps(reading), file=log, flush=True)
                    yield reading
                    sums, since, ticked = {}, 0, now
                if finished or time.monotonic() - saved > 60 * recipe.save_minutes:
                    self.save()
                    saved = time.monotonic()
                if finished:
                    return


def _generator(step: int) -> torch.Generator:
    return torch.Generator().manual_seed(step)
