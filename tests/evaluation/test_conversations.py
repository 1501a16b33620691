"""GOT's conversations layout, the tasks of its queries, and Fox."""

import json
from pathlib import Path

import pytest
from helpers.evaluation_pages import page_image

from got_runtime.evaluation.conversations import parse_task
from got_runtime.evaluation.datasets import load_samples
from got_runtime.evaluation.run import score_predictions
from got_runtime.evaluation.samples import EvalSample
from got_runtime.tasks import Box, Color, Formatted, PageFrame, Plain, Task


def test_the_official_json_gives_the_second_turn_as_reference(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "<image>\nOCR: "}, {"from": "gpt", "value": "the text"}]
    (tmp_path / "ocr.json").write_text(json.dumps([{"image": "img/1.png", "conversations": turns}]))
    assert load_samples(tmp_path / "ocr.json") == [EvalSample("img/1.png", tmp_path / "img/1.png", "the text", "ocr")]


@pytest.mark.parametrize(
    ("query", "task"),
    [
        ("<image>\nOCR: ", Plain()),
        ("OCR with format: ", Formatted()),
        ("[red] OCR: ", Color(color="red")),
        ("Read the text in the green box.", Color(color="green")),
        ("请给出图中红框里的文字", Color(color="red")),
        ("[blue] OCR with format: ", Color(color="blue", formatted=True)),
        ("[10, 20, 1500, 400] OCR: ", Box(10, 20, 1500, 400)),
    ],
)
def test_the_task_is_that_of_the_query(query: str, task: Task) -> None:
    assert parse_task(query) == task


@pytest.mark.parametrize("query", ["[137, 29, 571, 1000] OCR: ", "[7, 999] OCR with format: "])
def test_the_box_of_an_official_query_gives_the_same_query(query: str) -> None:
    assert parse_task(query).query(PageFrame(1237, 1754)).text == query


def write_fox(root: Path) -> None:
    """The layout of focus_benchmark_test: JSON files beside folders of images."""
    for folder, names in (("en_pdf_png", "en_1 en_2"), ("cn_pdf_png", "cn_1"), ("en_pdf_png_onbox", "en_1")):
        (root / folder).mkdir(parents=True)
        for name in names.split():
            page_image().save(root / folder / f"{name}.png")

    def rows(*entries: tuple[str, str, str]) -> str:
        return json.dumps(
            [
                {
                    "image": image,
                    "conversations": [{"from": "human", "value": query}, {"from": "gpt", "value": reference}],
                }
                for image, query, reference in entries
            ]
        )

    (root / "en_page_ocr.json").write_text(rows(("en_1.png", "<image>\nOCR:", "page one"), ("en_2.png", "OCR:", "two")))
    (root / "en_box_ocr.json").write_text(
        rows(("en_1.png", "OCR the box: [100, 200, 300, 400]", "a region"), ("en_1.png", "[1, 2, 3, 4] OCR:", "again"))
    )
    (root / "en_onbox_ocr.json").write_text(rows(("en_1.png", "the red box", "in red")))
    (root / "en_line_ocr.json").write_text(rows(("cn_1.png", "OCR the line at [500, 40]", "a line")))
    (root / "en_box_translation.json").write_text(rows(("en_1.png", "translate", "译文")))


def test_fox_is_read_as_downloaded_each_file_a_group_with_its_own_tasks(tmp_path: Path) -> None:
    write_fox(tmp_path)
    samples = load_samples(tmp_path)
    assert {(sample.name, sample.reference, sample.group, sample.task.kind) for sample in samples} == {
        ("en_page_ocr/en_1.png", "page one", "en_page_ocr", "plain"),
        ("en_page_ocr/en_2.png", "two", "en_page_ocr", "plain"),
        ("en_box_ocr/en_1.png", "a region", "en_box_ocr", "box"),
        ("en_box_ocr/en_1-2.png", "again", "en_box_ocr", "box"),
        ("en_onbox_ocr/en_1.png", "in red", "en_onbox_ocr", "color"),
        ("en_line_ocr/cn_1.png", "a line", "en_line_ocr", "box"),
    }
    assert all(sample.open().size == (64, 48) for sample in samples)


def test_predictions_for_fox_are_scored(tmp_path: Path) -> None:
    write_fox(tmp_path / "fox")
    (tmp_path / "out" / "en_box_ocr").mkdir(parents=True)
    (tmp_path / "out" / "en_box_ocr" / "en_1.txt").write_text("a region")
    (tmp_path / "out" / "en_box_ocr" / "en_1-2.txt").write_text("agian")
    report = score_predictions(load_samples(tmp_path / "fox"), tmp_path / "out", model="tool", dataset="fox")
    boxes = next(group for group in report.groups if group.name == "en_box_ocr")
    assert boxes.edit_distance is not None
    assert (boxes.pages, boxes.failed, boxes.edit_distance.value) == (2, 0, (0 + 2 / 5) / 2)
    assert report.overall.failed == 4


def test_one_file_of_fox_finds_its_images_too(tmp_path: Path) -> None:
    write_fox(tmp_path)
    samples = load_samples(tmp_path / "en_onbox_ocr.json")
    assert [(sample.name, sample.image) for sample in samples] == [
        ("en_1.png", tmp_path / "en_pdf_png_onbox" / "en_1.png")
    ]
