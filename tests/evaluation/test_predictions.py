"""Predictions of other tools: which file belongs to a sample, and their scores."""

import json
from pathlib import Path

import pytest
from helpers.evaluation_pages import make_sample, write_page, write_pdf

from got_runtime.errors import SourceNotFound
from got_runtime.evaluation.datasets import load_samples
from got_runtime.evaluation.predictions import load_prediction
from got_runtime.evaluation.run import score_predictions


def test_absolute_images_of_the_official_json_are_looked_up_inside_the_predictions(tmp_path: Path) -> None:
    row = {"image": str(tmp_path / "far" / "a.png"), "conversations": [{"value": ""}, {"value": "x"}]}
    (tmp_path / "ocr.json").write_text(json.dumps([row]))
    (tmp_path / "a.txt").write_text("read")
    (only,) = load_samples(tmp_path / "ocr.json")
    assert only.image == tmp_path / "far" / "a.png"
    assert load_prediction(tmp_path, only) == "read"


def test_images_above_the_file_are_looked_up_inside_the_predictions(tmp_path: Path) -> None:
    row = {"image": "../far/a.png", "conversations": [{"value": ""}, {"value": "x"}]}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ocr.json").write_text(json.dumps([row]))
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a.txt").write_text("the reference")
    (only,) = load_samples(tmp_path / "in" / "ocr.json")
    assert only.image == tmp_path / "in" / "../far/a.png"
    with pytest.raises(SourceNotFound, match=r"no text for far/a\.png"):
        load_prediction(tmp_path / "out", only)


def test_texts_of_other_tools_are_scored_by_stem(tmp_path: Path) -> None:
    write_page(tmp_path / "in" / "a.png", "first")
    write_page(tmp_path / "in" / "sub" / "b.png", "second")
    write_page(tmp_path / "in" / "c.png", "third")
    write_pdf(tmp_path / "in" / "d.pdf", 2)
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
        score_predictions([make_sample("a.png", "x")], tmp_path, model="tool", dataset="d")
