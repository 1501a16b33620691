"""Pages that lie on their side or upside down are turned before their lines are found."""

import numpy as np
import pytest
from helpers.printed_pages import printed_page, words_of
from PIL import Image

from got_runtime.views.lines import QUARTER_TURNS, find_lines
from got_runtime.views.zoom import ZoomedPage


def text_page(rows: int = 12) -> Image.Image:
    return printed_page([((60, 80 + 40 * row), words_of(12, 5 * row), 20) for row in range(rows)], (900, 640))


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("tilt", [0.0, 2.0])
def test_a_turned_page_is_read_upright(turns: int, tilt: float) -> None:
    level = text_page()
    lying = level.rotate(tilt, Image.Resampling.BICUBIC, fillcolor=(250, 250, 250)).transpose(QUARTER_TURNS[turns])
    found = find_lines(lying)
    assert found.quarter_turns == (4 - turns) % 4
    assert found.angle == pytest.approx(-tilt, abs=0.11)
    assert len(found.lines) == 12
    expected = [line.box for line in find_lines(level).lines]
    assert np.abs(np.array([line.box for line in found.lines]) - expected).max() < (3 if tilt == 0 else 40)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_boxes_are_those_of_the_page_as_it_was_given(turns: int) -> None:
    lying = text_page().transpose(QUARTER_TURNS[turns])
    ink = np.asarray(lying.convert("L")) < 120
    zoomed = ZoomedPage.of(lying)
    assert zoomed.turned == 360 - 90 * turns
    for pieces in zoomed.pending():
        zoomed.record(zoomed.view(pieces), None)
    lines = zoomed.lines()
    assert len(lines) == 12
    covered = np.zeros_like(ink)
    for left, top, right, bottom in (line.box for line in lines):
        covered[top:bottom, left:right] = True
        assert (right - left > bottom - top) == (turns == 2)
    assert (ink & covered).sum() > 0.99 * ink.sum()


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([words_of(12, 5 * row) for row in range(12)], id="text"),
        pytest.param([words_of(12, 5 * row).upper() for row in range(12)], id="capitals"),
        pytest.param([" ".join(f"{row}{n}{7 * n},{row}" for n in range(9)) for row in range(12)], id="digits"),
        pytest.param(["gypsy puppy, jogging", "page 9"], id="few letters"),
    ],
)
def test_upright_pages_stay_as_they_are(lines: list[str]) -> None:
    page = printed_page([((60, 80 + 40 * row), text, 20) for row, text in enumerate(lines)], (1000, 640))
    assert find_lines(page).quarter_turns == 0
