"""olmOCR-bench in its own layout."""

import json
from pathlib import Path

import pytest
from helpers.evaluation_pages import write_pdf

from got_runtime.errors import SourceCorrupt, SourceNotFound, SourceUnsupported
from got_runtime.evaluation.datasets import load_samples
from got_runtime.evaluation.run import score_predictions


def write_olmocr_bench(root: Path) -> None:
    """Two PDFs, one file of checks for both and one for the second."""
    for name in ("tables/a", "tables/b"):
        write_pdf(root / "pdfs" / f"{name}.pdf", 1)
    rows = [
        {"pdf": "tables/a.pdf", "page": 1, "id": "a1", "type": "present", "text": "page 1", "max_diffs": 0},
        {"pdf": "tables/a.pdf", "page": 1, "id": "a2", "type": "table", "cell": "x", "right": "y", "url": "u"},
        {"pdf": "tables/b.pdf", "page": 1, "id": "b1", "type": "absent", "text": "footer", "last_n": 20},
        {"pdf": "tables/b.pdf", "page": 1, "id": "b2", "type": "math", "math": "x^2", "checked": "rejected"},
    ]
    (root / "tables.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (root / "math.jsonl").write_text(
        json.dumps({"pdf": "tables/b.pdf", "page": 1, "id": "m", "type": "math", "math": "x^2"})
    )


def test_olmocr_bench_gives_a_page_with_its_checks_and_a_baseline(tmp_path: Path) -> None:
    write_olmocr_bench(tmp_path)
    found = {(sample.label, sample.group): [check.name for check in sample.checks] for sample in load_samples(tmp_path)}
    assert found == {
        ("tables/a.pdf p. 1", "tables"): ["a1", "a2", "a_1_baseline"],
        ("tables/b.pdf p. 1", "tables"): ["b1", "b_1_baseline"],
        ("tables/b.pdf p. 1", "math"): ["m", "b_1_baseline"],
    }
    assert all(sample.reference is None and min(sample.open().size) > 500 for sample in load_samples(tmp_path))


def test_olmocr_bench_counts_checks_by_file_and_takes_the_mean_of_the_files(tmp_path: Path) -> None:
    write_olmocr_bench(tmp_path / "bench")
    (tmp_path / "out" / "tables").mkdir(parents=True)
    (tmp_path / "out" / "tables" / "a_pg1_repeat1.md").write_text("page 1\n\n| x | z |\n|---|---|\n")
    (tmp_path / "out" / "tables" / "b.md").write_text("some text $x^2$")
    report = score_predictions(load_samples(tmp_path / "bench"), tmp_path / "out", model="tool", dataset="bench")
    rates = {group.name: group.checks.value for group in report.groups if group.checks is not None}
    assert rates == {"math": 1, "tables": 4 / 5}
    assert report.mean_check_rate == 0.9
    assert report.pages[0].failed_checks == ("a2",)
    assert report.overall.edit_distance is report.overall.character_error_rate is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"type": "absent", "text": "a", "page": "iv"}, "line 1: 'page' is 'iv'"),
        ({"type": "smell"}, "no check 'smell'; known are absent, baseline, math"),
        ({"type": "order", "before": "a"}, "'order' check needs 'before' and 'after'|'order' check needs 'after'"),
    ],
)
def test_an_incomplete_or_unknown_check_is_a_clear_error(tmp_path: Path, row: dict[str, str], message: str) -> None:
    (tmp_path / "b.jsonl").write_text(json.dumps({"pdf": "a.pdf", "page": 1, **row}))
    with pytest.raises((SourceCorrupt, SourceUnsupported), match=message):
        load_samples(tmp_path / "b.jsonl")


def test_a_benchmark_of_rejected_checks_is_a_clear_error(tmp_path: Path) -> None:
    row = {"pdf": "a.pdf", "page": 1, "type": "absent", "text": "a", "checked": "rejected"}
    (tmp_path / "b.jsonl").write_text(json.dumps(row))
    with pytest.raises(SourceNotFound, match="no page to score: all its checks are marked as rejected"):
        load_samples(tmp_path)
