"""A sheet of synthetic pages to look at, and how fast the data engine makes them."""

import time
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from PIL import Image

from got_runtime.training.kinds import page_of

THUMB = 400


def _thumb(seed: tuple[int, int], kind: str) -> Image.Image:
    image = page_of(kind, seed, training=True).image
    image.thumbnail((THUMB, THUMB))
    return image


def preview(kind: str, count: int, seed: int, workers: int, target: Path) -> float:
    """Write ``count`` pages of a kind as one PNG; returns pages a second, start of the processes left out."""
    seeds = [(seed, index) for index in range(count)]
    with get_context("spawn").Pool(workers) as pool:
        pool.map(partial(_thumb, kind=kind), seeds[:workers], chunksize=1)
        began = time.perf_counter()
        thumbs = list(pool.imap(partial(_thumb, kind=kind), seeds))
        seconds = time.perf_counter() - began
    columns = min(count, 4)
    rows = -(-count // columns)
    sheet = Image.new("RGB", (columns * (THUMB + 10), rows * (THUMB + 10)), (128, 128, 128))
    for place, thumb in enumerate(thumbs):
        sheet.paste(thumb, (place % columns * (THUMB + 10) + 5, place // columns * (THUMB + 10) + 5))
    sheet.save(target)
    return count / seconds
