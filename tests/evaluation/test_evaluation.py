"""Evaluation of a reader, the report and its HTML page, without a network."""

import base64
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from helpers.evaluation_pages import echo, picture, put, put_pdf, sample, shade_of
from PIL import Image
from rich.console import Console

from got_runtime.errors import EngineError, SourceNotFound
from got_runtime.evaluation.checks import BaselineCheck, PresentCheck
from got_runtime.evaluation.datasets import load_samples
from got_runtime.evaluation.html_report import WorstPages, diff_html, render_html_report
from got_runtime.evaluation.report import Estimate, PageScore, Report
from got_runtime.evaluation.run import evaluate, score_predictions
from got_runtime.evaluation.samples import EvalPrompt, EvalSample
from got_runtime.evaluation.tables_out import Metrics, report_tables
from got_runtime.tasks import Box, MultiPage, Plain, Tiles

# --- evaluating a reader


def test_a_perfect_reader_scores_zero_in_every_group() -> None:
    samples = [sample("1", "one", "a"), sample("2", "two", "b"), sample("3", "", "b")]
    report = evaluate(samples, echo(samples), model="m", dataset="d", batch_size=2)
    assert [(g.name, g.pages, g.characters, g.perfect) for g in report.groups] == [("a", 1, 3, 1), ("b", 2, 3, 1)]
    overall = report.overall
    assert overall.character_error_rate == overall.edit_distance == Estimate(value=0, low=0, high=0, pages=3)
    assert set(report.seconds_per_page) == {"a", "b", "all"}


def test_pages_are_read_in_batches_in_order() -> None:
    samples = [sample(str(i), str(i), shade=i) for i in range(5)]
    sizes: list[int] = []

    def read(prompts: Sequence[EvalPrompt]) -> Iterator[str]:
        sizes.append(len(prompts))
        return (str(shade_of(prompt)) for prompt in prompts)

    assert evaluate(iter(samples), read, model="m", dataset="d", batch_size=2).overall.perfect == 1
    assert sizes == [2, 2, 1]


def test_a_page_that_fails_counts_as_empty_and_costs_no_other(tmp_path: Path) -> None:
    put(tmp_path / "1.png", "broken file")
    (tmp_path / "1.png").write_bytes(b"not an image")
    for number, shade in ((2, 0), (3, 1), (4, 2)):
        put(tmp_path / f"{number}.png", f"shade {shade}", shade)

    def read(prompts: Sequence[EvalPrompt]) -> Iterator[str]:
        for prompt in prompts:
            shade = shade_of(prompt)
            if shade == 1:
                raise EngineError("too long")
            yield f"shade {shade}"

    report = evaluate(load_samples(tmp_path), read, model="m", dataset="d")
    failed = {page.name: (page.prediction, page.edit_distance) for page in report.pages if page.error}
    assert failed == {"1.png": ("", 1.0), "3.png": ("", 1.0)}
    assert {page.error for page in report.pages} >= {"too long", None}
    assert (report.overall.failed, report.overall.perfect) == (2, 0.5)


def test_errors_that_are_not_ours_are_raised() -> None:
    def bug(prompts: Sequence[EvalPrompt]) -> list[str]:
        raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        evaluate([sample("1", "x")], bug, model="m", dataset="d")
    with pytest.raises(ValueError, match="the predictor got 1 prompts and gave 0 texts"):
        evaluate([sample("1", "x")], lambda prompts: [], model="m", dataset="d")


def test_texts_of_other_tools_are_scored_by_stem(tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.png", "first")
    put(tmp_path / "in" / "sub" / "b.png", "second")
    put(tmp_path / "in" / "c.png", "third")
    put_pdf(tmp_path / "in" / "d.pdf", 2)
    (tmp_path / "in" / "d.txt").write_text("p1\fp2")
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    (out / "a.txt").write_text("first\n")
    (out / "sub" / "b.md").write_text("sec0nd")
    (out / "d.txt").write_text("p1")

    report = score_predictions(load_samples(tmp_path / "in"), out, model="tool", dataset="in")
    pages = {page.name: page for page in report.pages}
    assert [pages[n].edits for n in ("a.png", "sub/b.png", "c.png", "d.pdf p. 1", "d.pdf p. 2")] == [0, 1, 5, 0, 2]
    assert "no text for c.png" in (pages["c.png"].error or "")
    assert "no page 2" in (pages["d.pdf p. 2"].error or "")
    assert report.seconds_per_page == {}


def test_predictions_with_no_stem_in_common_are_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="holds no text for any page"):
        score_predictions([sample("a.png", "x")], tmp_path, model="tool", dataset="d")


# --- the report


@pytest.fixture
def tiny() -> Report:
    """Three pages of ten characters with 0, 1 and 5 errors."""
    predictions = {"none": "0123456789", "one": "012345678x", "five": "01234<b>  "}
    pages = [PageScore.of(name, "g", "0123456789", prediction) for name, prediction in predictions.items()]
    return Report.of(pages, model="m", dataset="d", seconds={"g": [0.5, 1.0, 9.0]})


def test_the_report_of_a_tiny_corpus(tiny: Report) -> None:
    # 6 errors in 30 characters. One draw of pages in 27 holds the best page three times, one the worst: both are more
    # than the 2.5 % that a tail may hold, so the interval reaches from page to page.
    cer = {"value": 0.2, "low": 0.0, "high": 0.5, "pages": 3}
    row = {
        "pages": 3,
        "characters": 30,
        "character_error_rate": cer,
        "word_error_rate": {"value": pytest.approx(2 / 3), "low": 0.0, "high": 1.0, "pages": 3},
        "edit_distance": {k: pytest.approx(v) for k, v in cer.items()},
        "perfect": pytest.approx(1 / 3),
        "failed": 0,
        "scores": {},
        "paper": {},
        "against_one_view": None,
        "checks": None,
    }
    page = {"group": "g", "reference": "0123456789", "characters": 10, "words": 1, "error": None}
    page |= {"scores": {}, "paper": {}, "checks": 0, "failed_checks": ()}
    assert tiny.model_dump() == {
        "model": "m",
        "dataset": "d",
        "groups": [{"name": "g", **row}],
        "overall": {"name": "all", **row},
        "pages": [
            {"name": "five", "prediction": "01234<b>", "edits": 5, "word_edits": 1, "edit_distance": 0.5, **page},
            {"name": "one", "prediction": "012345678x", "edits": 1, "word_edits": 1, "edit_distance": 0.1, **page},
            {"name": "none", "prediction": "0123456789", "edits": 0, "word_edits": 0, "edit_distance": 0.0, **page},
        ],
        "seconds_per_page": {"g": 1.0, "all": 1.0},
    }


def test_the_report_survives_json(tiny: Report) -> None:
    assert Report.model_validate_json(tiny.model_dump_json()) == tiny


def rendered(report: Report, width: int = 160, metrics: Metrics = "errors") -> str:
    target = io.StringIO()
    for sheet in report_tables(report, metrics):
        Console(file=target, width=width).print(sheet.to_rich(width))
    return target.getvalue()


def test_the_table_has_one_row_a_group_and_their_sum(tiny: Report) -> None:
    assert "20.0 [0.0–50.0]" in rendered(tiny)
    assert "0.200 [0.000–0.500]" in rendered(tiny)
    assert "[0.000–0.500]" in rendered(tiny, width=80)
    assert "\n  g " not in rendered(tiny)  # one group is its own sum
    two = Report.of([PageScore.of("a", "[red]", "t", "t"), PageScore.of("b", "y", "t", "")], model="m", dataset="d")
    assert [row.name for row in two.rows()] == ["[red]", "y", "all"]
    assert "[red]" in rendered(two)  # a folder's name is not markup


FORMATTED = r"Let \(x^2\) be \[a+b=c\] and \begin{tabular}{ll} a & b \end{tabular} as it is."


def test_formatted_pages_are_scored_in_three_parts_and_by_their_tables() -> None:
    samples = [sample("1", FORMATTED, kind="formatted"), sample("2", FORMATTED, kind="formatted")]
    predictions = iter([FORMATTED.replace("x^2", "x^3"), FORMATTED.replace("& b", "& d")])
    report = evaluate(samples, lambda prompts: [next(predictions) for _ in prompts], model="m", dataset="d")
    pages = {page.name: page.scores for page in report.pages}
    edit = 1 / len(FORMATTED)
    assert pages["1"] == pytest.approx({"text": edit, "formulas": 1 / 8, "tables": 0, "TEDS": 1, "TEDS-S": 1})
    assert pages["2"] == pytest.approx({"text": edit, "formulas": 0, "tables": 1 / 11, "TEDS": 2 / 3, "TEDS-S": 1})
    assert report.overall.scores["formulas"].value == 1 / 16
    assert {"text", "formulas", "tables"} == set(report.overall.paper)
    assert report.overall.paper["formulas"].edit_distance.value == 1 / 16
    for column in ("formulas", "tables", "TEDS-S", "0.062 [0.000–0.125]"):
        assert column in rendered(report)


def test_a_part_that_was_not_read_is_an_error_and_left_out_by_the_paper_only() -> None:
    report = evaluate([sample("1", FORMATTED, kind="formatted")], lambda prompts: ["Let"], model="m", dataset="d")
    scores = report.overall.scores
    assert (scores["formulas"].value, scores["tables"].value, scores["TEDS"].value) == (1, 1, 0)
    assert set(report.overall.paper) == {"text"}


def test_the_papers_metrics_are_a_table_of_their_own(tiny: Report) -> None:
    assert "pages" in rendered(tiny, metrics="paper")  # made without them: nothing to show but the pages
    samples = [sample("1", "the cat sat on the mat"), sample("2", "dogs bark all the night")]
    report = evaluate(samples, echo(samples), model="m", dataset="d")
    assert report.overall.paper["text"].bleu.value == report.overall.paper["text"].recall.value == 1
    for heading in ("F1", "precision", "recall", "BLEU", "METEOR", "without WordNet"):
        assert heading in rendered(report, metrics="paper")
        assert heading not in rendered(report)
    assert "CER" in rendered(report, metrics="all")
    assert "METEOR" in rendered(report, metrics="all")


def test_each_case_is_asked_its_own_task_and_tiles_are_compared_with_one_view() -> None:
    tiles = EvalSample("t", picture(), "0123456789", "g", task=Tiles(), one_view_task=Plain(), kind="tiles")
    pages = EvalSample("p", picture(1), "two", "g", task=MultiPage(), following=(picture(2),))

    def read(prompts: Sequence[EvalPrompt]) -> Iterator[str]:
        for prompt in prompts:
            said = {"tiles": "012345678x", "plain": "01234xxxxx", "pages": "two"}
            assert (prompt.task.kind == "pages") == (len(prompt.images) == 2)
            yield said[prompt.task.kind]

    report = evaluate([tiles, pages], read, model="m", dataset="d")
    page = next(page for page in report.pages if page.name == "t")
    assert (page.edit_distance, page.scores) == (0.1, {"one view": 0.5})
    assert report.overall.against_one_view is not None
    assert report.overall.against_one_view.value == 0.2
    assert "0.20 [0.20–0.20]" in rendered(report)


def test_pages_of_single_facts_are_checked_in_markdown() -> None:
    checks = (PresentCheck("p", text="Title of it"), BaselineCheck("b"), PresentCheck("q", text="elsewhere"))
    facts = EvalSample("f.pdf", picture(), None, "tables", 1, checks=checks)
    report = evaluate([facts], lambda prompts: [r"\title{Title of it}"], model="m", dataset="d")
    assert report.pages[0].prediction == "# Title of it"
    assert report.pages[0].failed_checks == ("q",)
    assert "66.7 [66.7–66.7]" in rendered(report)
    assert "CER" not in rendered(report)
    worst = WorstPages()
    worst.add(report.pages[0], facts)
    assert "1 of 3 checks failed" in render_html_report(report, worst.images)


def test_white_space_around_a_text_does_not_count_and_inside_it_does() -> None:
    assert PageScore.of("p", "g", "a b\n", "\n a b").edits == 0
    assert PageScore.of("p", "g", "a b", "a\nb").edits == 1


def test_a_failed_blank_page_is_not_perfect() -> None:
    assert PageScore.of("p", "g", "", "").perfect
    assert not PageScore.of("p", "g", "", "", "could not be opened").perfect


# --- side by side


def test_differences_are_marked_where_they_are() -> None:
    assert diff_html("kitten", "sitting") == (
        "<del>k</del>itt<del>e</del>n",
        "<ins>s</ins>itt<ins>i</ins>n<ins>g</ins>",
    )
    assert diff_html("a\nb", "ab") == ("a<del>↵\n</del>b", "ab")


def test_html_escapes_every_text() -> None:
    evil = "<script>alert('x')</script> & \""
    samples = [EvalSample(evil, picture(), evil + " reference", evil)]
    worst = WorstPages()
    report = evaluate(samples, lambda prompts: [evil + " prediction"], model=evil, dataset=evil, on_page=worst.add)
    page = render_html_report(report, worst.images)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5
    assert "data:image/jpeg;base64,/9j/" in page
    assert "http" not in page  # self-contained


def test_only_the_worst_pages_are_shown_worst_first() -> None:
    predictions = {"good": "abcd", "bad": "wxyz", "fair": "abcz", "poor": "abyz"}
    worst = WorstPages(2)
    samples = [sample(name, "abcd") for name in predictions]
    answers = iter(predictions.values())
    report = evaluate(
        samples, lambda prompts: [next(answers) for _ in prompts], model="m", dataset="d", on_page=worst.add
    )
    assert set(worst.images) == {"bad", "poor"}
    page = render_html_report(report, worst.images)
    assert page.index("<h4>bad") < page.index("<h4>poor")


def test_a_page_that_cannot_be_opened_is_shown_without_a_picture(tmp_path: Path) -> None:
    worst = WorstPages()
    samples = [EvalSample("gone.png", tmp_path / "gone.png", "text", "g")]
    page = render_html_report(evaluate(samples, echo([]), model="m", dataset="d", on_page=worst.add), worst.images)
    assert "no image" in page
    assert "gone.png" in page


def test_the_worst_pages_of_each_group_stand_under_its_name() -> None:
    samples = [sample(f"{group}{number}", "abcd", group) for group in ("seen", "new") for number in range(3)]
    answers = iter(["abcx", "abxx", "abcd", "xxxx", "xxxx", "xbcd"])
    worst = WorstPages(1, by_group=True)
    report = evaluate(
        samples, lambda prompts: [next(answers) for _ in prompts], model="m", dataset="d", on_page=worst.add
    )
    assert set(worst.images) == {"seen1", "new0"}
    page = render_html_report(report, worst.images)
    assert page.index("<h3>seen") < page.index("<h4>seen1") < page.index("<h3>new") < page.index("<h4>new0")


def test_a_formatted_page_shows_its_scores_side_by_side() -> None:
    worst = WorstPages()
    page = sample("f", FORMATTED, kind="formatted")
    report = evaluate([page], lambda prompts: [FORMATTED[:-3] + "<b>"], model="m", dataset="d", on_page=worst.add)
    html = render_html_report(report, worst.images)
    assert "formulas 0.000" in html
    assert "TEDS 1.000" in html
    assert "the paper&#x27;s metrics" in html
    assert r"\begin{tabular}{ll} a &amp; b" in html


def test_the_picture_shows_what_was_asked_the_box_framed_and_every_page_of_a_context() -> None:
    def shown(**fields: object) -> Image.Image:
        worst = WorstPages()
        page = EvalSample("p", Image.new("RGB", (200, 100), "white"), "text", "g", **fields)  # type: ignore[arg-type]
        evaluate([page], lambda prompts: [""], model="m", dataset="d", on_page=worst.add)
        return Image.open(io.BytesIO(base64.b64decode(worst.images["p"].partition(",")[2])))

    assert shown().size == (200, 100)
    assert shown(following=(Image.new("RGB", (50, 120)),), task=MultiPage()).size == (270, 120)
    framed = shown(task=Box(50, 20, 150, 80)).getpixel((50, 50))
    assert isinstance(framed, tuple)
    assert max(framed) - min(framed) > 80  # coloured
    assert shown(task=Box(300, 300, 400, 400)).size == (200, 100)
