"""Scores the prediction for a sample; which metrics are computed depends on the kind of page."""

from collections.abc import Callable
from functools import partial

from got_runtime.evaluation import metrics, omnidocbench
from got_runtime.evaluation.exact import EXACT_MATCHERS
from got_runtime.evaluation.line_matching import match_lines
from got_runtime.evaluation.metrics import OfficialScores
from got_runtime.evaluation.printed_text import joined_text, plain_characters, text_lines
from got_runtime.evaluation.samples import TEXT_LAYER, EvalSample
from got_runtime.evaluation.scores import ONE_VIEW, PageScore
from got_runtime.evaluation.teds import teds_scores

__all__ = ["SCORERS", "score"]

Scores = dict[str, float]


def _score_formatted(prediction: str, reference: str) -> Scores:
    """Edit distances of text, formulas and tables, split as the official script does, and TEDS of the tables.

    Unlike in the paper's metrics, a part that only one side has counts as entirely wrong; the paper leaves it out.
    """
    predicted, expected = metrics.split_formatted(prediction), metrics.split_formatted(reference)
    pairs = {
        "text": (predicted.text, expected.text),
        "formulas": (predicted.formulas, expected.formulas),
        "tables": (predicted.tables, expected.tables),
    }
    distances = {name: metrics.normalised_edit_distance(*pair) for name, pair in pairs.items() if any(pair)}
    return distances | teds_scores(prediction, reference)


def _score_omnidocbench(prediction: str, reference: str) -> Scores:
    predicted, expected = omnidocbench.text_and_formulas(prediction), omnidocbench.text_and_formulas(reference)
    pairs = {name: (predicted[name], expected[name]) for name in expected}
    distances = {name: metrics.normalised_edit_distance(*pair) for name, pair in pairs.items() if any(pair)}
    return distances | teds_scores(prediction, reference)


def _score_exact(matches: Callable[[str, str], bool], prediction: str, reference: str) -> Scores:
    return {"exact": float(matches(prediction, reference))}


SCORERS: dict[str, Callable[[str, str], Scores]] = {
    "formatted": _score_formatted,
    "omnidocbench": _score_omnidocbench,
    "table": teds_scores,
    **{kind: partial(_score_exact, matches) for kind, matches in EXACT_MATCHERS.items()},
}
"""Functions of prediction and reference by kind of page; the keys of their result are columns of the report."""


def score(sample: EvalSample, prediction: str, error: str | None = None, *, one_view: str | None = None) -> PageScore:
    """The score of a prediction.

    Prediction and reference of a page of kind :data:`TEXT_LAYER` are compared in their normal form
    (:mod:`got_runtime.evaluation.printed_text`), which also stands in the result.

    Args:
        error: why the page could not be read; ``prediction`` is then empty.
        one_view: prediction for the same page without tiles.

    Raises:
        MissingExtra: the package of a metric is not installed.
    """
    if sample.kind == TEXT_LAYER:
        return _score_text_layer(sample, prediction, error)
    scores: Scores = {}
    paper: dict[str, OfficialScores] = {}
    if sample.reference is not None:
        predicted, expected = prediction.strip(), sample.reference.strip()
        if sample.kind in SCORERS:
            scores = SCORERS[sample.kind](predicted, expected)
        if one_view is not None:
            scores[ONE_VIEW] = metrics.normalised_edit_distance(one_view.strip(), expected)
        paper = _official_scores(sample.kind, predicted, expected)
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


def _score_text_layer(sample: EvalSample, prediction: str, error: str | None) -> PageScore:
    expected = plain_characters(sample.reference or "", ascii_forms=sample.ascii_forms)
    predicted = joined_text(plain_characters(prediction, ascii_forms=sample.ascii_forms))
    reference = joined_text(expected)
    return PageScore.of(
        sample.label,
        sample.group,
        reference,
        predicted,
        error,
        paper=_official_scores(sample.kind, predicted, reference),
        lines=match_lines(text_lines(expected), predicted),
    )


def _official_scores(kind: str, prediction: str, reference: str) -> dict[str, OfficialScores]:
    if kind == "formatted":
        parts = metrics.official_formatted_scores(prediction, reference)
    else:
        text = metrics.official_scores(prediction, reference, unit="character" if kind == "scene" else "word")
        parts = {"text": text}
    return {name: scores for name, scores in parts.items() if scores is not None}
