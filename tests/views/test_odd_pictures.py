"""Whatever a picture shows, the line finder neither raises nor warns, and views of what it found can be made."""

import warnings

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from got_runtime.views.zoom import ZoomedPage

Pixels = npt.NDArray[np.uint8]

PATTERNS = ("constant", "bits", "levels", "rows", "columns", "squares", "gradient", "specks", "bars", "rings")


def drawn(pattern: str, width: int, height: int, period: int, seed: int) -> Pixels:
    rng = np.random.default_rng(seed)
    down, across = np.indices((height, width))
    match pattern:
        case "constant":
            levels = np.full((height, width), seed % 256)
        case "bits":
            levels = 255 * rng.integers(0, 2, (height, width))
        case "levels":
            levels = rng.integers(0, 256, (height, width))
        case "rows":
            levels = 255 * (down // period % 2)
        case "columns":
            levels = 255 * (across // period % 2)
        case "squares":
            levels = 255 * ((down // period + across // period) % 2)
        case "gradient":
            levels = (down * (seed % 7) + across * (seed % 5)) // period % 256
        case "specks":
            levels = 255 * (rng.random((height, width)) > 1 / (2 * period))
        case "bars":
            levels = np.repeat(255 * rng.integers(0, 2, -(-width // period)), period)[:width] * np.ones((height, 1))
        case _:
            levels = 127 * (1 + np.sin(np.hypot(down - height / 2, across - width / 3) / period))
    return np.asarray(levels, np.uint8)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(PATTERNS),
    st.integers(1, 320),
    st.integers(1, 320),
    st.integers(1, 40),
    st.integers(0, 999),
    st.sampled_from(["1", "L", "RGB"]),
)
def test_small_pictures(pattern: str, width: int, height: int, period: int, seed: int, mode: str) -> None:
    look_at(Image.fromarray(drawn(pattern, width, height, period, seed)).convert(mode))


def test_pages_of_noise() -> None:
    for seed, density in enumerate((0.05, 0.5)):
        ink = np.random.default_rng(seed).random((900, 700)) < density
        look_at(Image.fromarray(np.where(ink, 0, 255).astype(np.uint8)))


def test_a_large_coloured_pattern() -> None:
    pixels = np.stack([drawn("squares", 2400, 1600, period, 0) for period in (7, 40, 90)], axis=2)
    look_at(Image.fromarray(pixels))


def look_at(image: Image.Image) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zoomed = ZoomedPage.where_needed(image, 42, 1024)
        for pieces in zoomed.pending()[:2]:
            assert zoomed.view(pieces).image.width > 0
    for left, top, right, bottom in (line.box for line in zoomed.page.lines):
        assert 0 <= left < right <= zoomed.page.image.width
        assert 0 <= top < bottom <= zoomed.page.image.height
