"""Lines are grouped to paragraphs, headings and columns."""

import pytest

from got_runtime.views.blocks import PlacedLine, block_numbers


def line(top: float, left: float = 100, right: float = 900, x_height: float = 10) -> PlacedLine:
    return PlacedLine(left, top, right, top + 2 * x_height, x_height)


@pytest.mark.parametrize(
    ("lines", "blocks"),
    [
        ([], []),
        ([line(0)], [0]),
        pytest.param([line(0), line(30), line(60), line(110), line(140)], [0, 0, 0, 1, 1], id="white space"),
        pytest.param([line(0, x_height=16), line(36), line(66), line(96)], [0, 1, 1, 1], id="heading"),
        pytest.param(
            [line(0, 100, 400), line(30, 100, 400), line(0, 500, 800), line(30, 500, 800)], [0, 0, 1, 1], id="columns"
        ),
        pytest.param([line(0), line(30), line(60, left=130), line(90), line(120)], [0, 0, 1, 1, 1], id="indented"),
        pytest.param([line(0), line(30, 300, 700), line(60, 350, 650)], [0, 0, 0], id="centred"),
        pytest.param([line(0), line(200, 0, 50)], [0, 1], id="elsewhere"),
    ],
)
def test_blocks(lines: list[PlacedLine], blocks: list[int]) -> None:
    assert block_numbers(lines) == blocks
