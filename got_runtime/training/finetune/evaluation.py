"""Evaluation on held-out pairs before and after fine-tuning, and the report of a run."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from got_runtime.engine.protocol import Completion, Request, completions
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.evaluation.report import Report
from got_runtime.evaluation.samples import EvalSample
from got_runtime.evaluation.scoring import score
from got_runtime.evaluation.tables_out import ReportTable, format_estimate
from got_runtime.pipeline.preprocess import build_request
from got_runtime.training.finetune.config import FinetuneConfig
from got_runtime.training.finetune.dataset import Pair

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["FinetuneReport", "evaluate_held_out"]


class FinetuneReport(BaseModel):
    """The report of a run, ``report.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    config: FinetuneConfig
    pairs: int
    """Number of pairs to train on."""
    held_out: int
    """Number of held-out pairs."""
    skipped: tuple[str, ...] = ()
    """One line for each entry that was left out."""
    trained_weights: int = 0
    steps: int = 0
    seconds: float = 0.0
    """Time spent in training steps, without evaluation."""
    before: Report | None = None
    """Scores of the held-out pairs before training; None where no pair is held out, as in ``after``."""
    after: Report | None = None

    def table(self) -> ReportTable:
        """A table with a row for before and one for after."""
        rows = [
            (
                name,
                str(report.overall.pages),
                format_estimate(report.overall.character_error_rate, 100, 1),
                format_estimate(report.overall.edit_distance),
                f"{report.overall.perfect:.1%}",
            )
            for name, report in (("before", self.before), ("after", self.after))
            if report is not None
        ]
        note = "lower is better; brackets: 95 % bootstrap intervals over pages"
        headings = ("held-out pages", "pages", "CER %", "edit distance", "perfect")
        return ReportTable(f"{self.model}, {self.steps} steps", headings, tuple(rows), note)

    def save(self, file: Path) -> None:
        file.write_text(self.model_dump_json(indent=2), encoding="utf-8")


def evaluate_held_out(checkpoint: "LoadedModel", pairs: Sequence[Pair], max_new_tokens: int) -> Report:
    """Read ``pairs`` with the engine that ``got-ocr read`` uses, and score the answers."""
    engine = TorchEngine(checkpoint.model, checkpoint.end_tokens)

    def requests() -> Iterator[Request]:
        for pair in pairs:
            yield build_request(checkpoint, pair.open(), pair.task, pair.query, max_new_tokens)

    scores = []
    for number, (pair, answer) in enumerate(zip(pairs, completions(engine, requests()), strict=True), start=1):
        prediction = checkpoint.decode(answer.tokens) if isinstance(answer, Completion) else ""
        error = None if isinstance(answer, Completion) else str(answer)
        kind = "formatted" if pair.task.formatted else "plain"
        sample = EvalSample(f"{number} {pair.images[0].name}", pair.images[0], pair.answer, "held out", kind=kind)
        scores.append(score(sample, prediction, error))
    return Report.of(scores, model=checkpoint.name, dataset="held-out pairs")
