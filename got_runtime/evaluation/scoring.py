"""A sample and its prediction → the page's score: what is compared depends on the kind of page."""

from collections.abc import Callable
from functools import partial

from got_runtime.evaluation import exact, metrics, omnidocbench
from got_runtime.evaluation.metrics import OfficialScores
from got_runtime.evaluation.samples import EvalSample
from got_runtime.evaluation.scores import ONE_VIEW, PageScore
from got_runtime.evaluation.teds import teds_of_tables

__all__ = ["SCORERS", "score"]

Scores = dict[str, float]


def _formatted(prediction: str, reference: str) -> Scores:
    """Edit distances of text, formulas and tables, cut as the official script does, and the tables' TEDS.

    Other than in the paper's numbers, a part that only one side has counts as wholly wrong, not as absent.
    """
    read, true = metrics.split_formatted(prediction), metrics.split_formatted(reference)
    pairs = {
        "text": (read.text, true.text),
        "formulas": (read.formulas, true.formulas),
        "tables": (read.tables, true.tables),
    }
    distances = {name: metrics.edit_distance(*pair) for name, pair in pairs.items() if any(pair)}
    return distances | teds_of_tables(prediction, reference)


def _omnidocbench(prediction: str, reference: str) -> Scores:
    read, true = omnidocbench.parts(prediction), omnidocbench.parts(reference)
    distances = {name: metrics.edit_distance(read[name], true[name]) for name in true if read[name] or true[name]}
    return distances | teds_of_tables(prediction, reference)


def _exact(same: Callable[[str, str], bool], prediction: str, reference: str) -> Scores:
    return {"exact": float(same(prediction, reference))}


SCORERS: dict[str, Callable[[str, str], Scores]] = {
    "formatted": _formatted,
    "omnidocbench": _omnidocbench,
    "table": teds_of_tables,
    **{kind: partial(_exact, same) for kind, same in exact.KINDS.items()},
}
"""What is scored beyond characters, by kind of page; the keys of the result are the report's columns."""


def score(sample: EvalSample, prediction: str, error: str | None = None, *, one_view: str | None = None) -> PageScore:
    """The score of a prediction; ``one_view`` is what the same page read as without tiles.

    Raises ``MissingExtra`` where a metric's package is not installed.
    """
    scores: Scores = {}
    paper: dict[str, OfficialScores] = {}
    if sample.reference is not None:
        read, true = prediction.strip(), sample.reference.strip()
        if sample.kind in SCORERS:
            scores = SCORERS[sample.kind](read, true)
        if one_view is not None:
            scores[ONE_VIEW] = metrics.edit_distance(one_view.strip(), true)
        paper = _paper(sample.kind, read, true)
    failed = [check.name for check in sample.checks if not check.passes(prediction)]
    return PageScore.of(
        sample.label,
        sample.group,
        sample.reference,
        prediction,
        error,
        scores=scores,
        paper=paper,
        checks=len(sample.checks),
        failed_checks=failed,
    )


def _paper(kind: str, prediction: str, reference: str) -> dict[str, OfficialScores]:
    if kind == "formatted":
        parts = metrics.official_formatted_scores(prediction, reference)
    else:
        parts = {
            "text": metrics.official_scores(prediction, reference, unit="character" if kind == "scene" else "word")
        }
    return {name: scores for name, scores in parts.items() if scores is not None}
