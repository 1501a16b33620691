"""Collections of pages on disk: folders, GOT's JSON, Fox, OmniDocBench and olmOCR-bench, in their own layouts."""

import json
from pathlib import Path

import pytest
from helpers.evaluation_pages import picture, put, put_pdf

from got_runtime.errors import SourceCorrupt, SourceNotFound, SourceUnsupported
from got_runtime.evaluation.conversations import parse_task
from got_runtime.evaluation.datasets import load_samples
from got_runtime.evaluation.predictions import load_prediction
from got_runtime.evaluation.run import score_predictions
from got_runtime.evaluation.samples import EvalSample
from got_runtime.tasks import Box, Color, Formatted, PageFrame, Plain, Task

# --- collections on disk


def test_a_folder_gives_images_with_the_text_beside_them_in_natural_order(tmp_path: Path) -> None:
    put(tmp_path / "page10.png", "ten")
    put(tmp_path / "page2.jpg", "\ufefftwo\r\nlines")
    put(tmp_path / "faces" / "new" / "a.png", "")
    (tmp_path / "notes.md").write_text("not a page")
    found = [(c.name, c.reference, c.group, c.page) for c in load_samples(tmp_path)]
    assert found == [
        ("faces/new/a.png", "", "faces/new", None),
        ("page2.jpg", "two\nlines", tmp_path.name, None),
        ("page10.png", "ten", tmp_path.name, None),
    ]


def test_a_pdf_has_one_part_of_text_a_page(tmp_path: Path) -> None:
    put_pdf(tmp_path / "paper.pdf", 2)
    (tmp_path / "paper.txt").write_text("page 1\f\npage 2\n\f")  # pdftotext ends the last page too
    samples = load_samples(tmp_path)
    assert [(c.label, (c.reference or "").strip()) for c in samples] == [
        ("paper.pdf p. 1", "page 1"),
        ("paper.pdf p. 2", "page 2"),
    ]
    first, second = (c.open() for c in samples)
    assert first.size == second.size
    assert first.tobytes() != second.tobytes()


def test_a_tiff_of_many_frames_is_taken_page_by_page(tmp_path: Path) -> None:
    picture(10).save(tmp_path / "fax.tif", save_all=True, append_images=[picture(20)])
    (tmp_path / "fax.txt").write_text("one\ftwo")
    assert [(c.label, c.reference) for c in load_samples(tmp_path)] == [
        ("fax.tif p. 1", "one"),
        ("fax.tif p. 2", "two"),
    ]
    assert load_samples(tmp_path)[1].open().getpixel((0, 0)) == (20, 20, 20)


def test_a_pdf_may_end_with_a_blank_page(tmp_path: Path) -> None:
    put_pdf(tmp_path / "paper.pdf", 2)
    (tmp_path / "paper.txt").write_text("page 1\f")
    samples = load_samples(tmp_path)
    assert [sample.reference for sample in samples] == ["page 1", ""]
    assert [load_prediction(tmp_path, sample) for sample in samples] == ["page 1", ""]


def test_a_pdf_with_another_number_of_texts_is_a_clear_error(tmp_path: Path) -> None:
    put_pdf(tmp_path / "paper.pdf", 3)
    (tmp_path / "paper.txt").write_text("one\ftwo")
    with pytest.raises(SourceCorrupt, match=r"paper\.txt has 2 parts and paper\.pdf 3 pages: put a form feed"):
        load_samples(tmp_path)


def test_the_official_json_gives_the_second_turn_as_reference(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "<image>\nOCR: "}, {"from": "gpt", "value": "the text"}]
    (tmp_path / "ocr.json").write_text(json.dumps([{"image": "img/1.png", "conversations": turns}]))
    assert load_samples(tmp_path / "ocr.json") == [EvalSample("img/1.png", tmp_path / "img/1.png", "the text", "ocr")]


@pytest.mark.parametrize(
    "content", ["{", '[{"image": 1, "conversations": [1]}]', '[{"image": "a.png", "conversations": []}]']
)
def test_broken_json_is_a_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "ocr.json").write_text(content)
    with pytest.raises(SourceCorrupt, match=r"ocr\.json"):
        load_samples(tmp_path / "ocr.json")


def test_a_missing_reference_is_a_clear_error(tmp_path: Path) -> None:
    picture().save(tmp_path / "page.png")
    with pytest.raises(SourceNotFound, match=r"page\.txt is missing: write the text of page\.png there"):
        load_samples(tmp_path)


def test_an_empty_missing_or_wrong_collection_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="holds no pages"):
        load_samples(tmp_path)
    with pytest.raises(SourceNotFound, match="does not exist"):
        load_samples(tmp_path / "nowhere")
    (tmp_path / "list.csv").touch()
    with pytest.raises(SourceUnsupported, match="is not a dataset"):
        load_samples(tmp_path / "list.csv")


def test_a_reference_that_is_not_utf8_is_a_clear_error(tmp_path: Path) -> None:
    put(tmp_path / "page.png", "")
    (tmp_path / "page.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(SourceCorrupt, match=r"page\.txt is not UTF-8"):
        load_samples(tmp_path)


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


def test_lines_of_a_collection_are_those_of_the_file(tmp_path: Path) -> None:
    """U+2028 and U+0085 end a line in Python and none in JSON; an error names the line an editor shows."""
    row = {"image": "a.png", "conversations": [{"value": ""}, {"value": "one\u2028two\u0085three"}]}
    (tmp_path / "ocr.jsonl").write_text(f"{json.dumps(row, ensure_ascii=False)}\n", encoding="utf-8")
    assert [sample.reference for sample in load_samples(tmp_path / "ocr.jsonl")] == ["one\u2028two\u0085three"]
    (tmp_path / "ocr.jsonl").write_text(f"{json.dumps(row)}\n\n{{\n")
    with pytest.raises(SourceCorrupt, match=r"not JSON \(line 3\)"):
        load_samples(tmp_path / "ocr.jsonl")


@pytest.mark.parametrize("content", ["{}", "[]", '[{"image": "a.png"}]', '[{"picture": 1}]', "[1]"])
@pytest.mark.parametrize("name", ["ocr.json", "ocr.jsonl"])
def test_a_file_of_no_known_layout_is_one_clear_error(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SourceUnsupported, match=r"ocr\.jsonl? (has no known layout|holds no list).*give a folder"):
        load_samples(tmp_path / name)


@pytest.mark.parametrize(
    ("prompt", "task"),
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
def test_the_task_is_what_the_question_asks(prompt: str, task: Task) -> None:
    assert parse_task(prompt) == task


@pytest.mark.parametrize("query", ["[137, 29, 571, 1000] OCR: ", "[7, 999] OCR with format: "])
def test_a_box_of_an_official_query_is_asked_again_to_the_letter(query: str) -> None:
    assert parse_task(query).query(PageFrame(1237, 1754)).text == query


# --- Fox


def put_fox(root: Path) -> None:
    """The layout of focus_benchmark_test: JSON files beside folders of images."""
    for folder, names in (("en_pdf_png", "en_1 en_2"), ("cn_pdf_png", "cn_1"), ("en_pdf_png_onbox", "en_1")):
        (root / folder).mkdir(parents=True)
        for name in names.split():
            picture().save(root / folder / f"{name}.png")

    def rows(*entries: tuple[str, str, str]) -> str:
        return json.dumps(
            [
                {"image": image, "conversations": [{"from": "human", "value": ask}, {"from": "gpt", "value": answer}]}
                for image, ask, answer in entries
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
    put_fox(tmp_path)
    samples = load_samples(tmp_path)
    assert {(c.name, c.reference, c.group, c.task.kind) for c in samples} == {
        ("en_page_ocr/en_1.png", "page one", "en_page_ocr", "plain"),
        ("en_page_ocr/en_2.png", "two", "en_page_ocr", "plain"),
        ("en_box_ocr/en_1.png", "a region", "en_box_ocr", "box"),
        ("en_box_ocr/en_1-2.png", "again", "en_box_ocr", "box"),
        ("en_onbox_ocr/en_1.png", "in red", "en_onbox_ocr", "color"),
        ("en_line_ocr/cn_1.png", "a line", "en_line_ocr", "box"),
    }
    assert all(sample.open().size == (64, 48) for sample in samples)


def test_predictions_for_fox_are_scored(tmp_path: Path) -> None:
    put_fox(tmp_path / "fox")
    (tmp_path / "out" / "en_box_ocr").mkdir(parents=True)
    (tmp_path / "out" / "en_box_ocr" / "en_1.txt").write_text("a region")
    (tmp_path / "out" / "en_box_ocr" / "en_1-2.txt").write_text("agian")
    report = score_predictions(load_samples(tmp_path / "fox"), tmp_path / "out", model="tool", dataset="fox")
    boxes = next(group for group in report.groups if group.name == "en_box_ocr")
    assert boxes.edit_distance is not None
    assert (boxes.pages, boxes.failed, boxes.edit_distance.value) == (2, 0, (0 + 2 / 5) / 2)
    assert report.overall.failed == 4


def test_one_file_of_fox_finds_its_images_too(tmp_path: Path) -> None:
    put_fox(tmp_path)
    samples = load_samples(tmp_path / "en_onbox_ocr.json")
    assert [(c.name, c.image) for c in samples] == [("en_1.png", tmp_path / "en_pdf_png_onbox" / "en_1.png")]


# --- OmniDocBench


def put_omnidocbench(root: Path) -> None:
    """One page whose blocks are listed out of order."""
    (root / "images").mkdir(parents=True)
    picture().save(root / "images" / "page.jpg")
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


def test_omnidocbench_gives_the_blocks_in_prediction_order(tmp_path: Path) -> None:
    put_omnidocbench(tmp_path)
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
def test_omnidocbench_scores_what_is_said_not_how_it_is_written(tmp_path: Path, prediction: str) -> None:
    put_omnidocbench(tmp_path)
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


# --- olmOCR-bench


def put_olmocr_bench(root: Path) -> None:
    for name in ("tables/a", "tables/b"):
        put_pdf(root / "pdfs" / f"{name}.pdf", 1)
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
    put_olmocr_bench(tmp_path)
    found = {(c.label, c.group): [check.name for check in c.checks] for c in load_samples(tmp_path)}
    assert found == {
        ("tables/a.pdf p. 1", "tables"): ["a1", "a2", "a_1_baseline"],
        ("tables/b.pdf p. 1", "tables"): ["b1", "b_1_baseline"],
        ("tables/b.pdf p. 1", "math"): ["m", "b_1_baseline"],
    }
    assert all(sample.reference is None and min(sample.open().size) > 500 for sample in load_samples(tmp_path))


def test_olmocr_bench_counts_checks_by_file_and_takes_the_mean_of_the_files(tmp_path: Path) -> None:
    put_olmocr_bench(tmp_path / "bench")
    (tmp_path / "out" / "tables").mkdir(parents=True)
    (tmp_path / "out" / "tables" / "a_pg1_repeat1.md").write_text("page 1\n\n| x | z |\n|---|---|\n")
    (tmp_path / "out" / "tables" / "b.md").write_text("some text $x^2$")
    report = score_predictions(load_samples(tmp_path / "bench"), tmp_path / "out", model="tool", dataset="bench")
    shares = {group.name: group.checks.value for group in report.groups if group.checks is not None}
    assert shares == {"math": 1, "tables": 4 / 5}
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
def test_a_check_that_cannot_be_made_is_a_clear_error(tmp_path: Path, row: dict[str, str], message: str) -> None:
    (tmp_path / "b.jsonl").write_text(json.dumps({"pdf": "a.pdf", "page": 1, **row}))
    with pytest.raises((SourceCorrupt, SourceUnsupported), match=message):
        load_samples(tmp_path / "b.jsonl")


def test_a_bench_of_rejected_checks_is_a_clear_error(tmp_path: Path) -> None:
    row = {"pdf": "a.pdf", "page": 1, "type": "absent", "text": "a", "checked": "rejected"}
    (tmp_path / "b.jsonl").write_text(json.dumps(row))
    with pytest.raises(SourceNotFound, match="no page to score: all its checks are marked as rejected"):
        load_samples(tmp_path)
