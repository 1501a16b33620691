"""A report as tables of text."""

from helpers.evaluation_pages import make_sample, perfect_predictor, render_tables, tiny_report

from got_runtime.evaluation.report import PageScore, Report
from got_runtime.evaluation.run import evaluate


def test_the_table_has_one_row_per_group_and_one_for_all() -> None:
    tiny = tiny_report()
    assert "20.0 [0.0–50.0]" in render_tables(tiny)
    assert "0.200 [0.000–0.500]" in render_tables(tiny)
    assert "[0.000–0.500]" in render_tables(tiny, width=80)
    assert "\n  g " not in render_tables(tiny)  # one group: its row would equal that of all
    two = Report.of([PageScore.of("a", "[red]", "t", "t"), PageScore.of("b", "y", "t", "")], model="m", dataset="d")
    assert [row.name for row in two.rows()] == ["[red]", "y", "all"]
    assert "[red]" in render_tables(two)  # a folder's name is not markup


def test_the_papers_metrics_are_a_table_of_their_own() -> None:
    tiny = tiny_report()
    assert "pages" in render_tables(
        tiny, metrics="paper"
    )  # the report has none: the table shows the number of pages only
    samples = [make_sample("1", "the cat sat on the mat"), make_sample("2", "dogs bark all the night")]
    report = evaluate(samples, perfect_predictor(samples), model="m", dataset="d")
    assert report.overall.paper["text"].bleu.value == report.overall.paper["text"].recall.value == 1
    for heading in ("F1", "precision", "recall", "BLEU", "METEOR", "without WordNet"):
        assert heading in render_tables(report, metrics="paper")
        assert heading not in render_tables(report)
    assert "CER" in render_tables(report, metrics="all")
    assert "METEOR" in render_tables(report, metrics="all")
