"""Held-out pairs, read free-running and scored before and after: what fine-tuning changed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from got_runtime.engine.protocol import Completion, Request
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.evaluation.report import Report
from got_runtime.evaluation.samples import EvalSample
from got_runtime.evaluation.scoring import score
from got_runtime.evaluation.tables_out import ReportTable, format_estimate
from got_runtime.pipeline.preprocess import build_request
from got_runtime.training.finetune.config import Recipe
from got_runtime.training.finetune.dataset import Pair

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["FineTuning", "read_held_out"]


class FineTuning(BaseModel):
    """The report of a run. ``before`` and ``after`` are of the same held-out pairs; ``None`` where none were held out.

    ``seconds`` is the time spent in training steps, evaluation not included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    recipe: Recipe
    pairs: int
    held_out: int
    skipped: tuple[str, ...] = ()
    trained_weights: int = 0
    steps: int = 0
    seconds: float = 0.0
    before: Report | None = None
    after: Report | None = None

    def sheet(self) -> ReportTable:
        """Before and after, a row each."""
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


def read_held_out(checkpoint: "LoadedModel", pairs: Sequence[Pair], max_new_tokens: int) -> Report:
    """Read ``pairs`` with the engine that users read with, and score the answers."""
    engine = TorchEngine(checkpoint.model, checkpoint.end_tokens)

    def requests() -> Iterator[Request]:
        for pair in pairs:
            yield build_request(checkpoint, pair.open(), pair.task, pair.query, max_new_tokens)

    scores = []
    for number, (pair, answer) in enumerate(zip(pairs, engine.generate(requests()), strict=True), start=1):
        prediction = checkpoint.decode(answer.tokens) if isinstance(answer, Completion) else ""
        error = None if isinstance(answer, Completion) else str(answer)
        kind = "formatted" if pair.task.formatted else "plain"
        sample = EvalSample(f"{number} {pair.images[0].name}", pair.images[0], pair.answer, "held out", kind=kind)
        scores.append(score(sample, prediction, error))
    return Report.of(scores, model=checkpoint.name, dataset="held-out pairs")
