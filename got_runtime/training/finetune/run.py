"""A fine-tuning run: held-out pairs read before, training, held-out pairs read after, weights and report written."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.errors import GotError
from got_runtime.tasks import MAX_NEW_TOKENS
from got_runtime.training.finetune import adapter
from got_runtime.training.finetune.batches import check_pair
from got_runtime.training.finetune.config import Recipe
from got_runtime.training.finetune.dataset import Pair, read_pairs, split
from got_runtime.training.finetune.evaluation import FineTuning, read_held_out
from got_runtime.training.finetune.fingerprint import identity
from got_runtime.training.finetune.save import write_checkpoint
from got_runtime.training.finetune.trainer import Tuner, kept_state

if TYPE_CHECKING:
    from got_runtime.evaluation.report import Report
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["Lesson", "Run", "read_lesson"]


@dataclass(frozen=True)
class Lesson:
    """Pairs to learn from, pairs to be measured with, and why others were left out."""

    pairs: tuple[Pair, ...]
    held_out: tuple[Pair, ...]
    skipped: tuple[str, ...] = ()


def read_lesson(
    checkpoint: "LoadedModel", data: Path, *, eval_data: Path | None, share: float, seed: int, skip_bad: bool
) -> Lesson:
    """Read and check every pair: pictures are opened and tokens counted now, not hours later.

    ``share`` of the pictures of ``data`` are held out, unless ``eval_data`` has pairs to be measured with. Raises as
    :func:`~got_runtime.training.finetune.dataset.read_pairs` does.
    """
    read = read_pairs(data, skip_bad=skip_bad, check=lambda pair: check_pair(checkpoint, pair))
    if eval_data is None:
        return Lesson(*split(read.good, share, seed), read.bad)
    held_out = read_pairs(eval_data, skip_bad=skip_bad, check=lambda pair: check_pair(checkpoint, pair))
    return Lesson(read.good, held_out.good, read.bad + held_out.bad)


class Run:
    """What a run leaves in its folder.

    ``report.json``, ``log.jsonl`` (a line a step), ``state.pt`` (to go on from), ``adapter`` (LoRA, peft's files) and
    ``checkpoint`` (a transformers folder).

    Args:
        source: folder that ``checkpoint`` was loaded from.
        resume: go on with the run in ``folder`` instead of beginning one.
        max_new_tokens: budget of a held-out answer.
    """

    def __init__(
        self,
        checkpoint: "LoadedModel",
        source: Path,
        lesson: Lesson,
        recipe: Recipe,
        folder: Path,
        *,
        resume: bool = False,
        max_new_tokens: int = MAX_NEW_TOKENS,
    ) -> None:
        if not resume and (folder / "state.pt").exists():
            raise GotError(f"{folder} holds a run: go on with it (--resume), or give another folder")
        self.folder, self.recipe, self.lesson = folder, recipe, lesson
        self._checkpoint, self._source = checkpoint, source
        self._resume, self._max_new_tokens = resume, max_new_tokens
        self._file = folder / "report.json"

    def start(self) -> Tuner:
        """Read the held-out pairs with the network as it came, and make it ready to learn (or go on).

        Raises GotError when the folder cannot be written, or holds no run that could go on with these pairs.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GotError(f"{self.folder} cannot be written ({error.strerror}): give another folder") from error
        weight = self._checkpoint.model.lm_head.weight
        begun_with = identity(self._source, self.lesson.pairs, self.lesson.held_out) | {"dtype": str(weight.dtype)}
        state = None
        if self._resume:  # looked at now, since the reading is long
            state = kept_state(self.folder, self.recipe, begun_with, weight.device)
        before = self._before()
        tuner = Tuner(self._checkpoint, self.lesson.pairs, self.folder, self.recipe, begun_with)
        if state is not None:
            tuner.resume(state)
        self.report = FineTuning(
            model=self._checkpoint.name,
            recipe=self.recipe,
            pairs=len(self.lesson.pairs),
            held_out=len(self.lesson.held_out),
            skipped=self.lesson.skipped,
            trained_weights=tuner.trained,
            before=before,
        )
        self.report.save(self._file)
        return tuner

    def finish(self, tuner: Tuner, *, merge: bool = True) -> FineTuning:
        """Write the weights and read the held-out pairs with them; without ``merge`` only the adapter is written."""
        if tuner.adapted is not None:
            adapter.save(tuner.adapted, self.folder / "adapter")
        model = tuner.merged()
        if merge or tuner.adapted is None:
            write_checkpoint(model, self._source, self.folder / "checkpoint")
        told = {"steps": tuner.step, "seconds": round(tuner.seconds, 1), "after": self._read()}
        self.report = self.report.model_copy(update=told)
        self.report.save(self._file)
        return self.report

    def _before(self) -> "Report | None":
        """What the run that is resumed has read; else the pairs are read now."""
        if not (self._resume and self._file.exists()):
            return self._read()
        try:
            return FineTuning.model_validate_json(self._file.read_text(encoding="utf-8")).before
        except (OSError, ValueError) as error:
            raise GotError(f"{self._file} is damaged: delete it, and its pages are read again") from error

    def _read(self) -> "Report | None":
        if not self.lesson.held_out:
            return None
        return read_held_out(self._checkpoint, self.lesson.held_out, self._max_new_tokens)
