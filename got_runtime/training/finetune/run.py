"""A fine-tuning run: evaluate the held-out pairs, train, write the weights, evaluate again, write the report."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.errors import GotError
from got_runtime.tasks import MAX_NEW_TOKENS
from got_runtime.training.finetune import adapter
from got_runtime.training.finetune.batches import check_pair
from got_runtime.training.finetune.config import FinetuneConfig
from got_runtime.training.finetune.dataset import Pair, read_pairs, split
from got_runtime.training.finetune.evaluation import FinetuneReport, evaluate_held_out
from got_runtime.training.finetune.fingerprint import fingerprint
from got_runtime.training.finetune.save import write_checkpoint
from got_runtime.training.finetune.trainer import FinetuneTrainer, resumable_state

if TYPE_CHECKING:
    from got_runtime.evaluation.report import Report
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["FinetuneDataset", "FinetuneRun", "read_dataset"]


@dataclass(frozen=True)
class FinetuneDataset:
    """Pairs to train on, held-out pairs, and one line for each entry that was left out."""

    pairs: tuple[Pair, ...]
    held_out: tuple[Pair, ...]
    skipped: tuple[str, ...] = ()


def read_dataset(
    checkpoint: "LoadedModel",
    data: Path,
    *,
    eval_data: Path | None,
    held_out_fraction: float,
    seed: int,
    skip_bad: bool,
) -> FinetuneDataset:
    """Read and check all pairs: pictures are opened and tokens are counted before training begins.

    Args:
        eval_data: file of held-out pairs; without it, ``held_out_fraction`` of the pictures of ``data`` are held out.

    Raises:
        SourceNotFound: no such file.
        SourceCorrupt: as :func:`~got_runtime.training.finetune.dataset.read_pairs` raises it.
    """
    read = read_pairs(data, skip_bad=skip_bad, check=lambda pair: check_pair(checkpoint, pair))
    if eval_data is None:
        return FinetuneDataset(*split(read.pairs, held_out_fraction, seed), read.skipped)
    held_out = read_pairs(eval_data, skip_bad=skip_bad, check=lambda pair: check_pair(checkpoint, pair))
    return FinetuneDataset(read.pairs, held_out.pairs, read.skipped + held_out.skipped)


class FinetuneRun:
    """A run and its folder.

    The folder gets ``report.json``, ``log.jsonl`` (a line for each step), ``state.pt`` (to resume from), ``adapter``
    (LoRA, peft's files) and ``checkpoint`` (a transformers folder).

    Args:
        source: folder that ``checkpoint`` was loaded from.
        resume: continue the run in ``folder`` instead of beginning one.
        max_new_tokens: limit of the answer to a held-out pair.

    Raises:
        GotError: ``folder`` holds a run, and ``resume`` is false.
    """

    def __init__(
        self,
        checkpoint: "LoadedModel",
        source: Path,
        dataset: FinetuneDataset,
        config: FinetuneConfig,
        folder: Path,
        *,
        resume: bool = False,
        max_new_tokens: int = MAX_NEW_TOKENS,
    ) -> None:
        if not resume and (folder / "state.pt").exists():
            raise GotError(f"{folder} holds a run: continue it with --resume, or give another folder")
        self.folder, self.config, self.dataset = folder, config, dataset
        self._checkpoint, self._source = checkpoint, source
        self._resume, self._max_new_tokens = resume, max_new_tokens
        self._file = folder / "report.json"

    def start(self) -> FinetuneTrainer:
        """Evaluate the held-out pairs before training, and prepare the trainer (resumed with ``resume``).

        Raises:
            GotError: the folder cannot be written, or holds no run that can be resumed with these pairs.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GotError(f"{self.folder} cannot be written ({error.strerror}): give another folder") from error
        weight = self._checkpoint.model.lm_head.weight
        digests = fingerprint(self._source, self.dataset.pairs, self.dataset.held_out) | {"dtype": str(weight.dtype)}
        state = None
        if self._resume:  # before the evaluation, which takes long
            state = resumable_state(self.folder, self.config, digests, weight.device)
        before = self._before()
        trainer = FinetuneTrainer(self._checkpoint, self.dataset.pairs, self.folder, self.config, digests)
        if state is not None:
            trainer.load_state(state)
        self.report = FinetuneReport(
            model=self._checkpoint.name,
            config=self.config,
            pairs=len(self.dataset.pairs),
            held_out=len(self.dataset.held_out),
            skipped=self.dataset.skipped,
            trained_weights=trainer.trained_weights,
            before=before,
        )
        self.report.save(self._file)
        return trainer

    def finish(self, trainer: FinetuneTrainer, *, merge: bool = True) -> FinetuneReport:
        """Write the weights (without ``merge`` only the adapter) and evaluate the held-out pairs with them."""
        if trainer.adapted is not None:
            adapter.save(trainer.adapted, self.folder / "adapter")
        model = trainer.merged()
        if merge or trainer.adapted is None:
            write_checkpoint(model, self._source, self.folder / "checkpoint")
        result = {"steps": trainer.step, "seconds": round(trainer.seconds, 1), "after": self._evaluate()}
        self.report = self.report.model_copy(update=result)
        self.report.save(self._file)
        return self.report

    def _before(self) -> "Report | None":
        """The evaluation before training: that of the resumed run, else a new one."""
        if not (self._resume and self._file.exists()):
            return self._evaluate()
        try:
            return FinetuneReport.model_validate_json(self._file.read_text(encoding="utf-8")).before
        except (OSError, ValueError) as error:
            raise GotError(f"{self._file} is damaged: delete it, and the held-out pairs are read again") from error

    def _evaluate(self) -> "Report | None":
        if not self.dataset.held_out:
            return None
        return evaluate_held_out(self._checkpoint, self.dataset.held_out, self._max_new_tokens)
