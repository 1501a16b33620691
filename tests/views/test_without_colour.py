"""A page without colours is prepared in one channel instead of three equal ones: faster, with the same pixels."""

from collections.abc import Callable

import numpy as np
import pytest
from helpers.printed_pages import Placed, printed_page, words_of
from PIL import Image, ImageDraw, ImageFont

from got_runtime.model.image_processor import ImageProcessor
from got_runtime.pipeline.preprocess import MAX_BLANK_FRACTION, MIN_CONTRAST, is_blank
from got_runtime.sources.rgb import without_equal_channels
from got_runtime.views.ink import ink_map
from got_runtime.views.tilt import turned
from got_runtime.views.zoom import ZoomedPage

PROCESSOR = ImageProcessor((256, 256), (0.5,) * 3, (0.5,) * 3)


def plain() -> Image.Image:
    lines: list[Placed] = [((60, 60 + 32 * row), words_of(11, row), 20) for row in range(9)]
    return printed_page(lines, (901, 433))


def with_bar() -> Image.Image:
    page = plain()
    draw = ImageDraw.Draw(page)
    draw.rectangle((50, 370, 700, 420), fill=(60, 60, 60))
    draw.text((70, 380), "light on dark, and a line below", fill=(240, 240, 240), font=ImageFont.load_default(20))
    return page


def tilted() -> Image.Image:
    return turned(plain(), 1.7)


def on_its_side() -> Image.Image:
    return plain().transpose(Image.Transpose.ROTATE_90)


def views(page: Image.Image) -> list[tuple[Image.Image, object]]:
    zoomed = ZoomedPage.of(page)
    return [(view.image, (view.pieces, view.heights)) for view in map(zoomed.view, zoomed.pending())]


@pytest.mark.parametrize("page", [plain, with_bar, tilted, on_its_side])
def test_views_have_the_same_pixels(page: Callable[[], Image.Image]) -> None:
    rgb = page()
    grey = without_equal_channels(rgb)
    assert (rgb.mode, grey.mode) == ("RGB", "L")
    assert views(rgb)
    for (one, placed), (other, same) in zip(views(rgb), views(grey), strict=True):
        assert placed == same
        assert (one.mode, other.mode) == ("RGB", "L")
        assert PROCESSOR.resized_pixels([one]).equal(PROCESSOR.resized_pixels([other]))


def test_a_single_coloured_pixel_is_kept() -> None:
    page = plain()
    page.putpixel((450, 200), (255, 254, 255))
    assert without_equal_channels(page) is page


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 33)])
def test_ink_of_odd_sizes(size: tuple[int, int]) -> None:
    """Levels are counted in pairs of pixels."""
    page = Image.new("L", size, 250)
    page.putpixel((0, 0), 10)
    assert ink_map(page).contrast[0, 0] == int(ink_map(page).paper[0, 0]) - 10


def test_blank_pages_are_those_with_hardly_any_ink() -> None:
    """Whatever the tones of paper and print, and however much of both there is: most pages are told by a sample."""
    rng = np.random.default_rng(0)
    found = set()
    for _ in range(300):
        width, height = rng.integers(1, 400, 2)
        tones = rng.integers(0, 256, 3)
        page = np.full(height * width, tones[0], np.uint8)
        share = rng.choice([0, 1e-5, 2e-5, 5e-5, 1e-3, 0.3, 0.5, 0.7])
        page[: int(share * len(page))] = tones[1]
        page[len(page) - int(rng.choice([0, share]) * len(page)) :] = tones[2]
        rng.shuffle(page)
        ink = np.abs(page - np.floor(np.median(page))) > MIN_CONTRAST
        expected = ink.mean() <= MAX_BLANK_FRACTION
        found.add(bool(expected))
        assert is_blank(Image.fromarray(page.reshape(height, width))) == expected
    assert found == {True, False}
