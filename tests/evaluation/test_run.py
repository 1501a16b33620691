"""Evaluation of a predictor, without a network."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from helpers.evaluation_pages import (
    make_sample,
    page_image,
    perfect_predictor,
    render_tables,
    shade_of,
    text_predictor,
    write_page,
)

from got_runtime.errors import EngineError
from got_runtime.evaluation.checks import BaselineCheck, PresentCheck
from got_runtime.evaluation.datasets import load_samples
from got_runtime.evaluation.html_report import WorstPages, render_html_report
from got_runtime.evaluation.report import Estimate
from got_runtime.evaluation.run import evaluate
from got_runtime.evaluation.samples import EvalPrompt, EvalSample
from got_runtime.tasks import MultiPage, Plain, Tiles


def test_a_perfect_predictor_scores_zero_in_every_group() -> None:
    samples = [make_sample("1", "one", "a"), make_sample("2", "two", "b"), make_sample("3", "", "b")]
    report = evaluate(samples, perfect_predictor(samples), model="m", dataset="d", batch_size=2)
    assert [(g.name, g.pages, g.characters, g.perfect) for g in report.groups] == [("a", 1, 3, 1), ("b", 2, 3, 1)]
    overall = report.overall
    assert overall.character_error_rate == overall.edit_distance == Estimate(value=0, low=0, high=0, pages=3)
    assert set(report.seconds_per_page) == {"a", "b", "all"}


def test_pages_are_read_in_batches_in_order() -> None:
    samples = [make_sample(str(i), str(i), shade=i) for i in range(5)]
    sizes: list[int] = []

    def predict(prompts: Sequence[EvalPrompt]) -> Iterator[str]:
        sizes.append(len(prompts))
        return (str(shade_of(prompt)) for prompt in prompts)

    assert evaluate(iter(samples), predict, model="m", dataset="d", batch_size=2).overall.perfect == 1
    assert sizes == [2, 2, 1]


def test_a_page_that_fails_counts_as_empty_and_affects_no_other(tmp_path: Path) -> None:
    write_page(tmp_path / "1.png", "broken file")
    (tmp_path / "1.png").write_bytes(b"not an image")
    for number, shade in ((2, 0), (3, 1), (4, 2)):
        write_page(tmp_path / f"{number}.png", f"shade {shade}", shade)

    def predict(prompts: Sequence[EvalPrompt]) -> Iterator[str]:
        for prompt in prompts:
            shade = shade_of(prompt)
            if shade == 1:
                raise EngineError("too long")
            yield f"shade {shade}"

    report = evaluate(load_samples(tmp_path), predict, model="m", dataset="d")
    failed = {page.name: (page.prediction, page.edit_distance) for page in report.pages if page.error}
    assert failed == {"1.png": ("", 1.0), "3.png": ("", 1.0)}
    assert {page.error for page in report.pages} >= {"too long", None}
    assert (report.overall.failed, report.overall.perfect) == (2, 0.5)


def test_errors_that_are_not_ours_are_raised() -> None:
    def bug(prompts: Sequence[EvalPrompt]) -> list[str]:
        raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        evaluate([make_sample("1", "x")], bug, model="m", dataset="d")
    with pytest.raises(ValueError, match="the predictor got 1 prompts and gave 0 texts"):
        evaluate([make_sample("1", "x")], lambda prompts: [], model="m", dataset="d")


def test_each_sample_has_its_own_task_and_tiles_are_compared_with_one_view() -> None:
    tiles = EvalSample("t", page_image(), "0123456789", "g", task=Tiles(), one_view_task=Plain(), kind="tiles")
    pages = EvalSample("p", page_image(1), "two", "g", task=MultiPage(), following=(page_image(2),))

    def predict(prompts: Sequence[EvalPrompt]) -> Iterator[str]:
        for prompt in prompts:
            texts = {"tiles": "012345678x", "plain": "01234xxxxx", "pages": "two"}
            assert (prompt.task.kind == "pages") == (len(prompt.images) == 2)
            yield texts[prompt.task.kind]

    report = evaluate([tiles, pages], predict, model="m", dataset="d")
    page = next(page for page in report.pages if page.name == "t")
    assert (page.edit_distance, page.scores) == (0.1, {"one view": 0.5})
    assert report.overall.against_one_view is not None
    assert report.overall.against_one_view.value == 0.2
    assert "0.20 [0.20–0.20]" in render_tables(report)


def test_pages_with_checks_are_checked_in_markdown() -> None:
    checks = (PresentCheck("p", text="Title of it"), BaselineCheck("b"), PresentCheck("q", text="elsewhere"))
    sample_with_checks = EvalSample("f.pdf", page_image(), None, "tables", 1, checks=checks)
    report = evaluate([sample_with_checks], text_predictor([r"\title{Title of it}"]), model="m", dataset="d")
    assert report.pages[0].prediction == "# Title of it"
    assert report.pages[0].failed_checks == ("q",)
    assert "66.7 [66.7–66.7]" in render_tables(report)
    assert "CER" not in render_tables(report)
    worst = WorstPages()
    worst.add(report.pages[0], sample_with_checks)
    assert "1 of 3 checks failed" in render_html_report(report, worst.images)
