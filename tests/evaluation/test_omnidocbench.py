"""OmniDocBench in its own layout."""

import json
from pathlib import Path

import pytest
from helpers.evaluation_pages import page_image

from got_runtime.errors import SourceCorrupt
from got_runtime.evaluation.datasets import load_samples
from got_runtime.evaluation.run import score_predictions
from got_runtime.tasks import Formatted


def write_omnidocbench(root: Path) -> None:
    """One page whose blocks are listed out of order."""
    (root / "images").mkdir(parents=True)
    page_image().save(root / "images" / "page.jpg")
    blocks = [
        {"category_type": "table", "order": 4, "html": "<table><tr><td>a</td><td>b</td></tr></table>", "latex": "x"},
        {"category_type": "title", "order": 1, "text": "A title", "ignore": False},
        {"category_type": "equation_isolated", "order": 3, "latex": "$$E = mc^2$$"},
        {"category_type": "text_block", "order": 2, "text": "Some $x$ text."},
        {"category_type": "text_block", "order": 5, "text": "masked", "ignore": True},
        {"category_type": "header", "order": None, "text": "running head"},
        {"category_type": "figure", "order": 6},
    ]
    page = {"page_info": {"image_path": "page.jpg", "page_attribute": {"language": "english"}}, "layout_dets": blocks}
    (root / "OmniDocBench.json").write_text(json.dumps([page]))


def test_omnidocbench_gives_the_blocks_in_reading_order(tmp_path: Path) -> None:
    write_omnidocbench(tmp_path)
    (only,) = load_samples(tmp_path)
    html = "<table><tr><td>a</td><td>b</td></tr></table>"
    assert only.reference == f"A title\n\nSome $x$ text.\n\n\\[E = mc^2\\]\n\n{html}"
    assert (only.name, only.group, only.task) == ("page.jpg", "english", Formatted())
    assert only.open().size == (64, 48)
    assert load_samples(tmp_path / "OmniDocBench.json") == [only]


@pytest.mark.parametrize(
    "prediction",
    [
        r"\title{A title}Some \( x \) text. \[ E=mc^2 \] \begin{tabular}{ll} a & b \end{tabular}",
        "# A title\n\nSome $x$ text.\n\n$$E=mc^2$$\n\n| a | b |\n|---|---|\n",
    ],
)
def test_omnidocbench_scores_content_not_syntax(tmp_path: Path, prediction: str) -> None:
    write_omnidocbench(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "page.md").write_text(prediction)
    report = score_predictions(load_samples(tmp_path), tmp_path / "out", model="tool", dataset="o")
    assert report.pages[0].scores == {"text": 0, "formulas": 0, "TEDS": 1, "TEDS-S": 1}


def test_omnidocbench_without_an_image_path_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text(json.dumps([{"page_info": {}, "layout_dets": []}]))
    with pytest.raises(SourceCorrupt, match=r"entry 1: needs 'layout_dets' and 'page_info' with an 'image_path'"):
        load_samples(tmp_path / "o.json")


def test_a_page_of_omnidocbench_without_attributes_counts_under_the_files_name(tmp_path: Path) -> None:
    page = {"page_info": {"image_path": "a.png", "page_attribute": None}, "layout_dets": []}
    (tmp_path / "o.json").write_text(json.dumps([page]))
    assert [sample.group for sample in load_samples(tmp_path / "o.json")] == ["o"]
