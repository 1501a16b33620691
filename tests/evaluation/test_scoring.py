"""Metrics by kind of page."""

import pytest
from helpers.evaluation_pages import FORMATTED_TEXT, make_sample, render_tables, text_predictor

from got_runtime.evaluation import exact
from got_runtime.evaluation.run import evaluate
from got_runtime.evaluation.scoring import score
from got_runtime.evaluation.synthetic import held_out_samples
from got_runtime.synth.kinds import KINDS

SCORES_OF_KIND = {"formatted": {"text"}, "table": {"TEDS", "TEDS-S"}} | {
    kind: {"exact"} for kind in exact.EXACT_MATCHERS
}
TASK_OF_KIND = {"plain": "plain", "dense": "plain", "formatted": "format"} | {
    k: k for k in ("box", "color", "tiles", "pages")
}


def test_formatted_pages_are_scored_in_three_parts_and_by_their_tables() -> None:
    samples = [make_sample("1", FORMATTED_TEXT, kind="formatted"), make_sample("2", FORMATTED_TEXT, kind="formatted")]
    predict = text_predictor([FORMATTED_TEXT.replace("x^2", "x^3"), FORMATTED_TEXT.replace("& b", "& d")])
    report = evaluate(samples, predict, model="m", dataset="d")
    pages = {page.name: page.scores for page in report.pages}
    edit = 1 / len(FORMATTED_TEXT)
    assert pages["1"] == pytest.approx({"text": edit, "formulas": 1 / 8, "tables": 0, "TEDS": 1, "TEDS-S": 1})
    assert pages["2"] == pytest.approx({"text": edit, "formulas": 0, "tables": 1 / 11, "TEDS": 2 / 3, "TEDS-S": 1})
    assert report.overall.scores["formulas"].value == 1 / 16
    assert {"text", "formulas", "tables"} == set(report.overall.paper)
    assert report.overall.paper["formulas"].edit_distance.value == 1 / 16
    for column in ("formulas", "tables", "TEDS-S", "0.062 [0.000–0.125]"):
        assert column in render_tables(report)


def test_a_missing_part_is_an_error_and_left_out_of_the_papers_metrics_only() -> None:
    samples = [make_sample("1", FORMATTED_TEXT, kind="formatted")]
    report = evaluate(samples, text_predictor(["Let"]), model="m", dataset="d")
    scores = report.overall.scores
    assert (scores["formulas"].value, scores["tables"].value, scores["TEDS"].value) == (1, 1, 0)
    assert set(report.overall.paper) == {"text"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_prediction_of_every_kind_has_the_best_scores(kind: str) -> None:
    """The data engine writes its references in GOT's markup, which the metrics parse."""
    page = next(held_out_samples(1, kind=kind))
    best = score(page, page.reference or "")
    assert best.perfect
    assert best.scores == {name: float(name in ("TEDS", "TEDS-S", "exact")) for name in best.scores}
    assert set(best.scores) >= SCORES_OF_KIND.get(kind, set())
    assert page.task.kind == TASK_OF_KIND.get(kind, page.task.kind)
    assert (page.one_view_task is not None) == (kind == "tiles")
    assert bool(page.following) == (kind == "pages")
