"""Tiles and pixels are the official ones, checked against their definition and against transformers' port."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from got_runtime.errors import CheckpointInvalid, TaskError
from got_runtime.model.image_processor import ImageProcessor
from got_runtime.views.tiles import split, tile_grid

MEAN = (0.48145466, 0.4578275, 0.40821073)  # CLIP's, which GOT was trained with
STD = (0.26862954, 0.26130258, 0.27577711)
TRANSFORM = ImageProcessor((96, 64), MEAN, STD)

SETTINGS: dict[str, Any] = {
    "size": {"height": 1024, "width": 1024},
    "image_mean": list(MEAN),
    "image_std": list(STD),
    "resample": 3,
}


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def official_grid(width: int, height: int, fewest: int, most: int, tile: int) -> tuple[int, int]:
    """``find_closest_aspect_ratio`` as ``run_ocr_2.0_crop.py`` defines it (it came from InternVL)."""
    shapes = {(i, j) for n in range(fewest, most + 1) for i in range(1, n + 1) for j in range(1, n + 1)}
    ordered = sorted(((i, j) for i, j in shapes if fewest <= i * j <= most), key=lambda s: (s[0] * s[1], s))
    best, smallest = (1, 1), float("inf")
    for i, j in ordered:
        difference = abs(width / height - i / j)
        if difference < smallest:
            best, smallest = (i, j), difference
        elif difference == smallest and width * height > 0.5 * tile * tile * i * j:
            best = (i, j)
    return best


def random_sizes() -> list[tuple[int, int, int]]:
    """Width, height and most tiles; every third page has a simple shape, where grids are often equally near."""
    rng = random.Random(0)
    sizes = []
    for n in range(10_000):
        if n % 3:
            width, height = rng.randint(1, 6000), rng.randint(1, 6000)
        else:
            unit = rng.randint(1, 900)
            width, height = unit * rng.randint(1, 8), unit * rng.randint(1, 8)
        sizes.append((width, height, rng.choice([1, 2, 3, 4, 6, 9, 12])))
    return sizes


def test_the_grid_is_the_official_one_for_ten_thousand_sizes() -> None:
    for width, height, most in random_sizes():
        assert tile_grid(width, height, most, (1024, 1024)) == official_grid(width, height, 1, most, 1024)


def test_the_grid_is_the_ports_for_ten_thousand_sizes() -> None:
    port = pytest.importorskip("transformers.models.got_ocr2.image_processing_pil_got_ocr2")
    for width, height, most in random_sizes():
        expected = port.get_optimal_tiled_canvas((height, width), (1024, 1024), 1, most)
        assert tile_grid(width, height, most, (1024, 1024)) == expected


@pytest.mark.parametrize(
    ("size", "most", "grid"),
    [
        ((1000, 1000), 6, (1, 1)),
        ((2000, 2000), 6, (2, 2)),  # as near as 1×1, and the page has more than half of its pixels
        ((1400, 1400), 6, (1, 1)),
        ((1654, 2339), 6, (2, 3)),  # A4 upright
        ((2339, 1654), 6, (3, 2)),
        ((9000, 100), 6, (6, 1)),
        ((9000, 100), 12, (12, 1)),
        ((1654, 2339), 1, (1, 1)),
    ],
)
def test_some_grids_one_can_check_by_eye(size: tuple[int, int], most: int, grid: tuple[int, int]) -> None:
    assert tile_grid(*size, most, (1024, 1024)) == grid


def test_a_least_number_of_tiles_is_kept() -> None:
    assert tile_grid(500, 500, 6, (1024, 1024), min_tiles=4) == (2, 2)


@pytest.mark.parametrize(("width", "height", "most", "least"), [(9, 9, 0, 1), (9, 9, 2, 3), (0, 9, 6, 1), (9, 0, 6, 1)])
def test_an_impossible_grid_is_refused(width: int, height: int, most: int, least: int) -> None:
    with pytest.raises(TaskError, match="allow more"):
        tile_grid(width, height, most, (1024, 1024), least)


def test_tiles_run_row_by_row_and_the_whole_page_comes_last() -> None:
    page = noise(300, 170)
    tiles = split(page, (3, 2), (64, 48))
    assert [tile.size for tile in tiles] == [(64, 48)] * 7
    canvas = Image.new("RGB", (192, 96))
    for n, tile in enumerate(tiles[:6]):
        canvas.paste(tile, (n % 3 * 64, n // 3 * 48))
    assert canvas.tobytes() == page.resize((192, 96), Image.Resampling.BICUBIC).tobytes()
    assert tiles[6].tobytes() == page.resize((64, 48), Image.Resampling.BICUBIC).tobytes()


def test_one_tile_needs_no_second_view_of_the_page() -> None:
    page = noise(50, 40)
    (tile,) = split(page, (1, 1), (64, 48))
    assert tile.tobytes() == page.resize((64, 48), Image.Resampling.BICUBIC).tobytes()


def test_pixels_are_the_official_transform() -> None:
    images = [noise(200, 120, 1), noise(33, 250, 2), noise(96, 64, 3)]
    pixels = TRANSFORM.pixels(images)
    assert (pixels.shape, pixels.dtype) == ((3, 3, 64, 96), torch.float32)
    for image, got in zip(images, pixels.numpy(), strict=True):
        resized = np.asarray(image.resize((96, 64), Image.Resampling.BICUBIC), dtype=np.float64)
        expected = ((resized / 255 - np.array(MEAN)) / np.array(STD)).transpose(2, 0, 1)
        assert np.abs(got - expected).max() <= 1e-6


def test_pixels_and_tiles_are_the_ports() -> None:
    port = pytest.importorskip("transformers.models.got_ocr2.image_processing_pil_got_ocr2")
    processor = port.GotOcr2ImageProcessorPil(size={"height": 64, "width": 64}, image_mean=MEAN, image_std=STD)
    page, transform = noise(310, 200), ImageProcessor((64, 64), MEAN, STD)
    whole = processor(page, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(transform.pixels([page]), whole, rtol=0, atol=2e-6)
    tiles = processor(page, crop_to_patches=True, max_patches=6, return_tensors="pt")["pixel_values"]
    ours = transform.pixels(split(page, tile_grid(*page.size, 6, (64, 64)), (64, 64)))
    torch.testing.assert_close(ours, tiles, rtol=0, atol=2e-6)


def test_any_mode_of_image_can_be_transformed() -> None:
    for mode in ("1", "L", "P", "RGBA", "LA", "CMYK", "I;16", "F"):
        assert TRANSFORM.pixels([Image.new(mode, (9, 9))]).isfinite().all()
    transparent = TRANSFORM.pixels([Image.new("RGBA", (9, 9))])
    assert torch.equal(transparent, TRANSFORM.pixels([Image.new("RGB", (9, 9), "white")]))


def test_no_images_give_an_empty_batch() -> None:
    assert TRANSFORM.pixels([]).shape == (0, 3, 64, 96)


def write(folder: Path, **files: Any) -> Path:
    for name, settings in files.items():
        (folder / f"{name}.json").write_text(settings if isinstance(settings, str) else json.dumps(settings))
    return folder


@pytest.mark.parametrize(
    "files",
    [
        {"preprocessor_config": SETTINGS},
        {"processor_config": {"image_processor": SETTINGS}},
        {"processor_config": {"processor_class": "GotOcr2Processor"}, "preprocessor_config": SETTINGS},
        {"processor_config": {"image_processor": SETTINGS}, "preprocessor_config": {"size": {"width": 384}}},
    ],
)
def test_a_checkpoint_says_what_it_was_trained_on(tmp_path: Path, files: dict[str, Any]) -> None:
    assert ImageProcessor.from_checkpoint(write(tmp_path, **files)) == ImageProcessor((1024, 1024), MEAN, STD)


def test_width_and_height_are_not_mixed_up(tmp_path: Path) -> None:
    settings = SETTINGS | {"size": {"height": 512, "width": 1024}}
    assert ImageProcessor.from_checkpoint(write(tmp_path, preprocessor_config=settings)).size == (1024, 512)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"preprocessor_config": "{"},
        {"preprocessor_config": []},
        {"processor_config": {"image_processor": 7}},
        *({"preprocessor_config": {k: v for k, v in SETTINGS.items() if k != key}} for key in list(SETTINGS)[:3]),
        *(
            {"preprocessor_config": SETTINGS | change}
            for change in (
                {"size": 1024},
                {"size": {"shortest_edge": 1024}},
                {"size": {"height": 0, "width": 1024}},
                {"image_mean": [0.5, 0.5]},
                {"image_mean": 0.5},
                {"image_std": [0.2, 0, 0.2]},
                {"image_std": "abc"},
                {"resample": 2},
            )
        ),
    ],
)
def test_a_checkpoint_that_does_not_say_is_refused_instead_of_guessed(tmp_path: Path, files: dict[str, Any]) -> None:
    with pytest.raises(CheckpointInvalid, match=r"original checkpoint|download|add|correct") as caught:
        ImageProcessor.from_checkpoint(write(tmp_path, **files))
    assert "\n" not in str(caught.value)
