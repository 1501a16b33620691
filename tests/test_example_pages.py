"""got-nano really reads: the example pages, whose texts no training page has held."""

from pathlib import Path

import pytest

from got_runtime import GotRuntime
from got_runtime.evaluation.metrics import character_error_rate

WORST = 0.1
"""Character error rate of a page: .03 over all of them, and .07 on the letter, whose last line is left out."""


@pytest.mark.parametrize(
    "name",
    [
        "letter.png",
        "notice.jpg",
        "recipe.png",
        "held-out-faces/timetable.png",
        "held-out-faces/poem.webp",
        "minutes.pdf",
    ],
)
def test_an_example_page_is_read(runtime: GotRuntime, pages: Path, name: str) -> None:
    truth = (pages / name).with_suffix(".txt").read_text(encoding="utf-8").strip().split("\f")
    document = runtime.read(pages / name)
    assert len(document.pages) == len(truth)
    for page, text in zip(document.pages, truth, strict=True):
        assert page.finish_reason == "stop"
        assert character_error_rate(page.text, text.strip()) <= WORST, page.text
        assert page.confidence is not None
        assert page.confidence.mean > 0.7
