"""Frames in red, green and blue, found on pages of the data engine and on pages without any."""

import numpy as np
import pytest
from helpers.printed_pages import printed_page, words_of
from PIL import Image, ImageDraw

from got_runtime.synth.kinds import page_of
from got_runtime.tasks import Color
from got_runtime.views.frames import inside_frame

LINES = [((60, 60 + 40 * row), words_of(8, 5 * row), 20) for row in range(10)]


@pytest.mark.parametrize("index", range(8))
def test_the_frame_of_the_colour_is_found_on_a_degraded_page(index: int) -> None:
    sample = page_of("color", (17, index), training=index % 2 == 0)
    assert isinstance(sample.task, Color)
    found = inside_frame(sample.image, sample.task.color)
    assert found is not None
    left, top, right, bottom = found[1]
    text = [*sample.boxes[:, :2].min(axis=0), *sample.boxes[:, 2:].max(axis=0)]
    assert (left, top) <= (text[0] + 2, text[1] + 2)
    assert (right, bottom) >= (text[2] - 2, text[3] - 2)
    assert right - left < text[2] - text[0] + 0.12 * max(sample.image.size)


def test_the_frame_itself_is_taken_out() -> None:
    page = printed_page(LINES, (800, 500))
    ImageDraw.Draw(page).rectangle((40, 90, 700, 200), outline=(220, 20, 30), width=5)
    found = inside_frame(page, "red")
    assert found is not None
    part = np.asarray(found[0]).astype(int)
    assert (part[..., 0] - part[..., 1]).max() < 60
    assert found[1][0] <= 40 and found[1][3] >= 200  # noqa: PT018
    assert inside_frame(page, "blue") is None


def test_the_larger_of_two_frames_is_taken() -> None:
    page = printed_page(LINES, (800, 500))
    draw = ImageDraw.Draw(page)
    draw.rectangle((40, 50, 300, 90), outline=(20, 30, 220), width=4)
    draw.rectangle((40, 210, 700, 400), outline=(20, 30, 220), width=4)
    found = inside_frame(page, "blue")
    assert found is not None
    assert found[1][1] > 200


@pytest.mark.parametrize("draw", ["filled", "line", "letters", "nothing"])
def test_other_marks_of_the_colour_are_no_frame(draw: str) -> None:
    page = printed_page(LINES, (800, 500), ink=(230, 10, 10) if draw == "letters" else (0, 0, 0))
    pen = ImageDraw.Draw(page)
    if draw == "filled":
        pen.rectangle((40, 420, 700, 480), fill=(220, 20, 30))
    elif draw == "line":
        pen.line((40, 100, 700, 100), fill=(220, 20, 30), width=4)
    assert inside_frame(page, "red") is None


def test_a_picture_of_one_pixel_has_none() -> None:
    assert inside_frame(Image.new("RGB", (1, 1), "red"), "red") is None
