"""A report as one HTML file."""

import base64
import io
from pathlib import Path

from helpers.evaluation_pages import FORMATTED_TEXT, make_sample, page_image, perfect_predictor, text_predictor
from PIL import Image

from got_runtime.evaluation.html_report import WorstPages, diff_html, render_html_report
from got_runtime.evaluation.run import evaluate
from got_runtime.evaluation.samples import EvalSample
from got_runtime.tasks import Box, MultiPage


def test_differences_are_marked_at_their_position() -> None:
    assert diff_html("kitten", "sitting") == (
        "<del>k</del>itt<del>e</del>n",
        "<ins>s</ins>itt<ins>i</ins>n<ins>g</ins>",
    )
    assert diff_html("a\nb", "ab") == ("a<del>↵\n</del>b", "ab")


def test_html_escapes_every_text() -> None:
    evil = "<script>alert('x')</script> & \""
    samples = [EvalSample(evil, page_image(), evil + " reference", evil)]
    worst = WorstPages()
    report = evaluate(samples, text_predictor([evil + " prediction"]), model=evil, dataset=evil, on_page=worst.add)
    page = render_html_report(report, worst.images)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5
    assert "data:image/jpeg;base64,/9j/" in page
    assert "http" not in page  # self-contained


def test_only_the_worst_pages_are_shown_worst_first() -> None:
    predictions = {"good": "abcd", "bad": "wxyz", "fair": "abcz", "poor": "abyz"}
    worst = WorstPages(2)
    samples = [make_sample(name, "abcd") for name in predictions]
    predict = text_predictor(predictions.values())
    report = evaluate(samples, predict, model="m", dataset="d", on_page=worst.add)
    assert set(worst.images) == {"bad", "poor"}
    page = render_html_report(report, worst.images)
    assert page.index("<h4>bad") < page.index("<h4>poor")


def test_a_page_that_cannot_be_opened_is_shown_without_an_image(tmp_path: Path) -> None:
    worst = WorstPages()
    samples = [EvalSample("gone.png", tmp_path / "gone.png", "text", "g")]
    report = evaluate(samples, perfect_predictor([]), model="m", dataset="d", on_page=worst.add)
    page = render_html_report(report, worst.images)
    assert "no image" in page
    assert "gone.png" in page


def test_the_worst_pages_of_each_group_are_under_its_heading() -> None:
    samples = [make_sample(f"{group}{number}", "abcd", group) for group in ("seen", "new") for number in range(3)]
    predict = text_predictor(["abcx", "abxx", "abcd", "xxxx", "xxxx", "xbcd"])
    worst = WorstPages(1, by_group=True)
    report = evaluate(samples, predict, model="m", dataset="d", on_page=worst.add)
    assert set(worst.images) == {"seen1", "new0"}
    page = render_html_report(report, worst.images)
    assert page.index("<h3>seen") < page.index("<h4>seen1") < page.index("<h3>new") < page.index("<h4>new0")


def test_a_formatted_page_shows_its_scores_side_by_side() -> None:
    worst = WorstPages()
    page = make_sample("f", FORMATTED_TEXT, kind="formatted")
    predict = text_predictor([FORMATTED_TEXT[:-3] + "<b>"])
    report = evaluate([page], predict, model="m", dataset="d", on_page=worst.add)
    html = render_html_report(report, worst.images)
    assert "formulas 0.000" in html
    assert "TEDS 1.000" in html
    assert "the paper&#x27;s metrics" in html
    assert r"\begin{tabular}{ll} a &amp; b" in html


def test_the_image_shows_the_box_of_the_task_and_every_page_of_a_context() -> None:
    def shown(**fields: object) -> Image.Image:
        worst = WorstPages()
        page = EvalSample("p", Image.new("RGB", (200, 100), "white"), "text", "g", **fields)  # type: ignore[arg-type]
        evaluate([page], text_predictor([""]), model="m", dataset="d", on_page=worst.add)
        return Image.open(io.BytesIO(base64.b64decode(worst.images["p"].partition(",")[2])))

    assert shown().size == (200, 100)
    assert shown(following=(Image.new("RGB", (50, 120)),), task=MultiPage()).size == (270, 120)
    framed = shown(task=Box(50, 20, 150, 80)).getpixel((50, 50))
    assert isinstance(framed, tuple)
    assert max(framed) - min(framed) > 80  # coloured
    assert shown(task=Box(300, 300, 400, 400)).size == (200, 100)
