"""Collections of pages, evaluation of a reader, the report and the command, without a network."""

import argparse
import io
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pymupdf
import pytest
from PIL import Image
from rich.console import Console

from got_runtime.cli import eval as command
from got_runtime.errors import EngineError, GotError, SourceCorrupt, SourceNotFound, SourceUnsupported
from got_runtime.evaluation.datasets import Case, open_cases, prediction
from got_runtime.evaluation.report import PageScore, Report
from got_runtime.evaluation.run import Read, evaluate, score_predictions
from got_runtime.evaluation.side_by_side import WorstPages, differences, to_html
from got_runtime.evaluation.synthetic import GROUPS, HELD_OUT_STREAM, KINDS, held_out
from got_runtime.results import ModelInfo, PageError, PageResult


def picture(shade: int = 255) -> Image.Image:
    """A small page; its shade tells a scripted reader which one it is."""
    return Image.new("RGB", (64, 48), (shade, shade, shade))


def put(path: Path, text: str, shade: int = 255) -> None:
    """A picture at ``path`` and its text beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(shade).save(path)
    path.with_suffix(".txt").write_text(text, encoding="utf-8")


def put_pdf(path: Path, pages: int) -> None:
    with pymupdf.open() as document:
        for number in range(1, pages + 1):
            document.new_page().insert_text((72, 72), f"page {number}")
        document.save(path)


def echo(cases: Iterable[Case]) -> Read:
    """A reader that knows the answers, in order."""
    truths = iter([case.truth for case in cases])
    return lambda images: [next(truths) for _ in images]


def case(name: str, truth: str, group: str = "g", shade: int = 255) -> Case:
    return Case(name, picture(shade), truth, group)


# --- collections on disk


def test_a_folder_gives_images_with_the_text_beside_them_in_natural_order(tmp_path: Path) -> None:
    put(tmp_path / "page10.png", "ten")
    put(tmp_path / "page2.jpg", "\ufefftwo\r\nlines")
    put(tmp_path / "faces" / "new" / "a.png", "")
    (tmp_path / "notes.md").write_text("not a page")
    found = [(c.name, c.truth, c.group, c.page) for c in open_cases(tmp_path)]
    assert found == [
        ("faces/new/a.png", "", "faces/new", None),
        ("page2.jpg", "two\nlines", tmp_path.name, None),
        ("page10.png", "ten", tmp_path.name, None),
    ]


def test_a_pdf_has_one_part_of_text_a_page(tmp_path: Path) -> None:
    put_pdf(tmp_path / "paper.pdf", 2)
    (tmp_path / "paper.txt").write_text("page 1\f\npage 2\n\f")  # pdftotext ends the last page too
    cases = open_cases(tmp_path)
    assert [(c.label, c.truth.strip()) for c in cases] == [("paper.pdf p. 1", "page 1"), ("paper.pdf p. 2", "page 2")]
    first, second = (c.open() for c in cases)
    assert first.size == second.size
    assert first.tobytes() != second.tobytes()


def test_a_tiff_of_many_frames_is_taken_page_by_page(tmp_path: Path) -> None:
    picture(10).save(tmp_path / "fax.tif", save_all=True, append_images=[picture(20)])
    (tmp_path / "fax.txt").write_text("one\ftwo")
    assert [(c.label, c.truth) for c in open_cases(tmp_path)] == [("fax.tif p. 1", "one"), ("fax.tif p. 2", "two")]
    assert open_cases(tmp_path)[1].open().getpixel((0, 0)) == (20, 20, 20)


def test_a_pdf_with_another_number_of_texts_is_a_clear_error(tmp_path: Path) -> None:
    put_pdf(tmp_path / "paper.pdf", 3)
    (tmp_path / "paper.txt").write_text("one\ftwo")
    with pytest.raises(SourceCorrupt, match=r"paper\.txt has 2 parts and paper\.pdf 3 pages: put a form feed"):
        open_cases(tmp_path)


def test_the_official_json_gives_the_second_turn_as_truth(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "<image>\nOCR: "}, {"from": "gpt", "value": "the text"}]
    (tmp_path / "ocr.json").write_text(json.dumps([{"image": "img/1.png", "conversations": turns}]))
    assert open_cases(tmp_path / "ocr.json") == [Case("img/1.png", tmp_path / "img/1.png", "the text", "ocr")]


@pytest.mark.parametrize("content", ["{", "{}", "[]", '[{"image": "a.png"}]', '[{"image": 1, "conversations": [1]}]'])
def test_other_json_is_a_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "ocr.json").write_text(content)
    with pytest.raises(SourceCorrupt, match=r"ocr\.json"):
        open_cases(tmp_path / "ocr.json")


def test_a_missing_truth_is_a_clear_error(tmp_path: Path) -> None:
    picture().save(tmp_path / "page.png")
    with pytest.raises(SourceNotFound, match=r"page\.txt is missing: write the text of page\.png there"):
        open_cases(tmp_path)


def test_an_empty_missing_or_wrong_collection_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="holds no pages"):
        open_cases(tmp_path)
    with pytest.raises(SourceNotFound, match="does not exist"):
        open_cases(tmp_path / "nowhere")
    (tmp_path / "list.csv").touch()
    with pytest.raises(SourceUnsupported, match="is no collection"):
        open_cases(tmp_path / "list.csv")


def test_a_truth_that_is_not_utf8_is_a_clear_error(tmp_path: Path) -> None:
    put(tmp_path / "page.png", "")
    (tmp_path / "page.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(SourceCorrupt, match=r"page\.txt is not UTF-8"):
        open_cases(tmp_path)


# --- held-out synthetic pages


def test_held_out_pages_are_the_same_for_the_same_seed_and_alternate_the_groups() -> None:
    first, again = list(held_out(2, seed=3)), list(held_out(2, seed=3))
    assert [c.group for c in first] == [*GROUPS, *GROUPS]
    assert [(c.name, c.truth) for c in first] == [(c.name, c.truth) for c in again]
    assert all(a.open().tobytes() == b.open().tobytes() for a, b in zip(first, again, strict=True))
    assert len({c.name for c in first}) == 4
    assert next(held_out(1, seed=4)).truth != first[0].truth


def test_held_out_pages_use_faces_of_their_group() -> None:
    from got_runtime.training.faces import FACES

    held = {face.name: face.held_out for face in FACES}
    for page in held_out(3):
        face = page.name.split(" ", 2)[2]
        assert held[face] == (page.group == "held-out faces")


def test_held_out_streams_are_apart_from_training_streams() -> None:
    assert HELD_OUT_STREAM > 100_000
    with pytest.raises(ValueError, match="seed"):
        next(held_out(1, seed=-HELD_OUT_STREAM))


# --- evaluating a reader


def test_a_perfect_reader_scores_zero_in_every_group() -> None:
    cases = [case("1", "one", "a"), case("2", "two", "b"), case("3", "", "b")]
    report = evaluate(cases, echo(cases), model="m", dataset="d", batch=2)
    assert [(g.name, g.pages, g.characters, g.perfect) for g in report.groups] == [("a", 1, 3, 1), ("b", 2, 3, 1)]
    assert report.overall.character_error_rate.value == report.overall.edit_distance.value == 0
    assert set(report.seconds_per_page) == {"a", "b", "all"}


def test_pages_are_read_in_batches_in_order() -> None:
    cases = [case(str(i), str(i), shade=i) for i in range(5)]
    sizes: list[int] = []

    def read(images: Sequence[Image.Image]) -> Iterator[str]:
        sizes.append(len(images))
        return (str(image.getpixel((0, 0))[0]) for image in images)

    assert evaluate(iter(cases), read, model="m", dataset="d", batch=2).overall.perfect == 1
    assert sizes == [2, 2, 1]


def test_a_page_that_fails_counts_as_empty_and_costs_no_other(tmp_path: Path) -> None:
    put(tmp_path / "1.png", "broken file")
    (tmp_path / "1.png").write_bytes(b"not an image")
    for number, shade in ((2, 0), (3, 1), (4, 2)):
        put(tmp_path / f"{number}.png", f"shade {shade}", shade)

    def read(images: Sequence[Image.Image]) -> Iterator[str]:
        for image in images:
            shade = image.getpixel((0, 0))[0]
            if shade == 1:
                raise EngineError("too long")
            yield f"shade {shade}"

    report = evaluate(open_cases(tmp_path), read, model="m", dataset="d")
    failed = {page.name: (page.reading, page.edit_distance) for page in report.pages if page.error}
    assert failed == {"1.png": ("", 1.0), "3.png": ("", 1.0)}
    assert {page.error for page in report.pages} >= {"too long", None}
    assert (report.overall.failed, report.overall.perfect) == (2, 0.5)


def test_errors_that_are_not_ours_are_raised() -> None:
    def bug(images: Sequence[Image.Image]) -> list[str]:
        raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        evaluate([case("1", "x")], bug, model="m", dataset="d")
    with pytest.raises(ValueError, match="1 pages were given to read and 0 texts came back"):
        evaluate([case("1", "x")], lambda images: [], model="m", dataset="d")


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

    report = score_predictions(open_cases(tmp_path / "in"), out, model="tool", dataset="in")
    pages = {page.name: page for page in report.pages}
    assert [pages[n].edits for n in ("a.png", "sub/b.png", "c.png", "d.pdf p. 1", "d.pdf p. 2")] == [0, 1, 5, 0, 2]
    assert "no text for c.png" in (pages["c.png"].error or "")
    assert "no page 2" in (pages["d.pdf p. 2"].error or "")
    assert report.seconds_per_page == {}


def test_predictions_with_no_stem_in_common_are_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="holds no text for any page"):
        score_predictions([case("a.png", "x")], tmp_path, model="tool", dataset="d")


def test_absolute_images_of_the_official_json_are_looked_up_inside_the_predictions(tmp_path: Path) -> None:
    row = {"image": str(tmp_path / "far" / "a.png"), "conversations": [{"value": ""}, {"value": "x"}]}
    (tmp_path / "ocr.json").write_text(json.dumps([row]))
    (tmp_path / "a.txt").write_text("read")
    (only,) = open_cases(tmp_path / "ocr.json")
    assert only.image == tmp_path / "far" / "a.png"
    assert prediction(tmp_path, only) == "read"


# --- the report


@pytest.fixture
def tiny() -> Report:
    """Three pages of ten characters with 0, 1 and 5 errors."""
    readings = {"none": "0123456789", "one": "012345678x", "five": "01234<b>  "}
    pages = [PageScore.of(name, "g", "0123456789", reading) for name, reading in readings.items()]
    return Report.of(pages, model="m", dataset="d", seconds={"g": [0.5, 1.0, 9.0]})


def test_the_report_of_a_tiny_corpus(tiny: Report) -> None:
    # 6 errors in 30 characters. One draw of pages in 27 holds the best page three times, one the worst: both are more
    # than the 2.5 % that a tail may hold, so the interval reaches from page to page.
    cer = {"value": 0.2, "low": 0.0, "high": 0.5}
    row = {
        "pages": 3,
        "characters": 30,
        "character_error_rate": cer,
        "word_error_rate": {"value": pytest.approx(2 / 3), "low": 0.0, "high": 1.0},
        "edit_distance": {k: pytest.approx(v) for k, v in cer.items()},
        "perfect": pytest.approx(1 / 3),
        "failed": 0,
    }
    page = {"group": "g", "truth": "0123456789", "characters": 10, "words": 1, "error": None}
    assert tiny.model_dump() == {
        "model": "m",
        "dataset": "d",
        "groups": [{"name": "g", **row}],
        "overall": {"name": "all", **row},
        "pages": [
            {"name": "five", "reading": "01234<b>", "edits": 5, "word_edits": 1, "edit_distance": 0.5, **page},
            {"name": "one", "reading": "012345678x", "edits": 1, "word_edits": 1, "edit_distance": 0.1, **page},
            {"name": "none", "reading": "0123456789", "edits": 0, "word_edits": 0, "edit_distance": 0.0, **page},
        ],
        "seconds_per_page": {"g": 1.0, "all": 1.0},
    }


def test_the_report_survives_json(tiny: Report) -> None:
    assert Report.model_validate_json(tiny.model_dump_json()) == tiny


def test_the_table_has_one_row_a_group_and_their_sum(tiny: Report) -> None:
    def printed(report: Report, width: int = 160) -> str:
        target = io.StringIO()
        Console(file=target, width=width).print(report.table(width))
        return target.getvalue()

    assert "20.0 [0.0–50.0]" in printed(tiny)
    assert "0.200 [0.000–0.500]" in printed(tiny)
    assert "[0.000–0.500]" in printed(tiny, width=80)
    assert "\n  g " not in printed(tiny)  # one group is its own sum
    two = Report.of([PageScore.of("a", "[red]", "t", "t"), PageScore.of("b", "y", "t", "")], model="m", dataset="d")
    assert [row.name for row in two.rows()] == ["[red]", "y", "all"]
    assert "[red]" in printed(two)  # a folder's name is not markup


def test_white_space_around_a_text_does_not_count_and_inside_it_does() -> None:
    assert PageScore.of("p", "g", "a b\n", "\n a b").edits == 0
    assert PageScore.of("p", "g", "a b", "a\nb").edits == 1


def test_a_failed_blank_page_is_not_perfect() -> None:
    assert PageScore.of("p", "g", "", "").perfect
    assert not PageScore.of("p", "g", "", "", "could not be opened").perfect


# --- side by side


def test_differences_are_marked_where_they_are() -> None:
    assert differences("kitten", "sitting") == (
        "<del>k</del>itt<del>e</del>n",
        "<ins>s</ins>itt<ins>i</ins>n<ins>g</ins>",
    )
    assert differences("a\nb", "ab") == ("a<del>↵\n</del>b", "ab")


def test_html_escapes_every_text() -> None:
    evil = "<script>alert('x')</script> & \""
    cases = [Case(evil, picture(), evil + " truth", evil)]
    worst = WorstPages()
    report = evaluate(cases, lambda images: [evil + " reading"], model=evil, dataset=evil, on_page=worst.add)
    page = to_html(report, worst.pictures)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5
    assert "data:image/jpeg;base64,/9j/" in page
    assert "http" not in page  # self-contained


def test_only_the_worst_pages_are_shown_worst_first() -> None:
    readings = {"good": "abcd", "bad": "wxyz", "fair": "abcz", "poor": "abyz"}
    worst = WorstPages(2)
    cases = [case(name, "abcd") for name in readings]
    answers = iter(readings.values())
    report = evaluate(cases, lambda images: [next(answers) for _ in images], model="m", dataset="d", on_page=worst.add)
    assert set(worst.pictures) == {"bad", "poor"}
    page = to_html(report, worst.pictures)
    assert page.index("<h3>bad") < page.index("<h3>poor")


def test_a_page_that_cannot_be_opened_is_shown_without_a_picture(tmp_path: Path) -> None:
    worst = WorstPages()
    cases = [Case("gone.png", tmp_path / "gone.png", "text", "g")]
    page = to_html(evaluate(cases, echo([]), model="m", dataset="d", on_page=worst.add), worst.pictures)
    assert "no picture" in page
    assert "gone.png" in page


# --- the command


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["eval", *words])


def test_the_command_scores_predictions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "in" / "a.png", "first")
    put(tmp_path / "in" / "b.png", "second")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("f1rst")
    outputs = ["--json", str(tmp_path / "r.json"), "--html", str(tmp_path / "r.html")]
    args = parsed(str(tmp_path / "in"), "--predictions", str(tmp_path / "out"), *outputs)
    assert command.run(args) == 0
    out, err = capsys.readouterr()
    assert "out on in" in out
    assert "63.6 [" in out
    assert "b.png: no text for b.png" in err
    assert Report.model_validate_json((tmp_path / "r.json").read_text()).overall.failed == 1
    assert "f<ins>1</ins>rst" in (tmp_path / "r.html").read_text(encoding="utf-8")


class ScriptedRuntime:
    """Answers from a list, page by page; ``None`` is a page that fails."""

    model_info = ModelInfo(name="scripted", revision=None, device="cpu", dtype="float32")

    def __init__(self, truths: list[str | None]) -> None:
        self._truths = truths

    def read_images(self, images: Sequence[Image.Image]) -> list[PageResult]:
        answers = [self._truths.pop(0) for _ in images]
        place = {"source": "<image>", "number": 1, "label": "1", "width": 1, "height": 1}
        return [
            PageResult(**place, finish_reason="error", error=PageError(type="EngineError", message="out of memory"))
            if answer is None
            else PageResult(**place, finish_reason="stop", text=answer)
            for answer in answers
        ]


def test_the_command_reads_held_out_pages_with_the_runtime(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answers: list[str | None] = [page.truth for page in held_out(2, seed=1)]
    answers[3] = None
    monkeypatch.setattr(command, "load_runtime", lambda args: ScriptedRuntime(answers))
    args = parsed("--held-out", "2", "--seed", "1", "--batch", "1", "--json", str(tmp_path / "r.json"))
    assert command.run(args) == 0
    out, err = capsys.readouterr()
    assert "scripted on plain held-out pages, seed 1" in out
    assert "out of memory" in err
    report = Report.model_validate_json((tmp_path / "r.json").read_text())
    assert [(g.name, g.pages, g.perfect, g.failed) for g in report.groups] == [
        (GROUPS[0], 2, 1, 0),
        (GROUPS[1], 2, 0.5, 1),
    ]
    assert "s/page" in out


def test_limit_takes_the_first_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        put(tmp_path / f"{number}.png", "same")
    args = parsed(str(tmp_path), "--predictions", str(tmp_path), "--limit", "2", "--json", str(tmp_path / "r.json"))
    assert command.run(args) == 0
    assert json.loads((tmp_path / "r.json").read_text())["overall"]["pages"] == 2


@pytest.mark.parametrize(
    "words", [[], ["folder", "--held-out", "3"], ["--held-out", "0"], ["--held-out", "1", "--seed", "-1"]]
)
def test_impossible_arguments_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parsed(*words)
    assert stop.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_what_cannot_be_written_or_scored_is_refused_before_reading(tmp_path: Path) -> None:
    put(tmp_path / "a.png", "x")
    with pytest.raises(GotError, match="--json"):
        command.run(parsed(str(tmp_path), "--json", str(tmp_path / "no" / "r.json")))
    with pytest.raises(GotError, match="--predictions needs a FOLDER"):
        command.run(parsed("--held-out", "1", "--predictions", str(tmp_path)))
    with pytest.raises(SourceNotFound, match="is not a folder"):
        command.run(parsed(str(tmp_path), "--predictions", str(tmp_path / "no")))


def test_kinds_of_the_command_are_those_of_the_data_engine() -> None:
    assert set(command.KINDS) == set(KINDS)


def test_importing_the_command_imports_nothing_heavy() -> None:
    code = "import sys, got_runtime.cli.eval; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "PIL", "torch", "pydantic", "rich", "rapidfuzz", "nltk"} & set(done.stdout.split())
