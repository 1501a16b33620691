"""A sheet of synthetic pages, and the speed of the data engine."""

import time
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

from PIL import Image

from got_runtime.synth.kinds import page_of

THUMB = 400


def _thumb(page: tuple[str, tuple[int, int]]) -> Image.Image:
    image = page_of(*page, training=True).image
    image.thumbnail((THUMB, THUMB))
    return image


def preview(kinds: Sequence[str], count: int, seed: int, workers: int, target: Path) -> float:
    """Write ``count`` pages, the kinds in turn, as one PNG; returns pages per second, without the processes' start."""
    pages = [(kinds[index % len(kinds)], (seed, index)) for index in range(count)]
    with get_context("spawn").Pool(workers) as pool:
        pool.map(_thumb, pages[:workers], chunksize=1)
        began = time.perf_counter()
        thumbs = list(pool.imap(_thumb, pages))
        seconds = time.perf_counter() - began
    columns = min(count, 4)
    rows = -(-count // columns)
    sheet = Image.new("RGB", (columns * (THUMB + 10), rows * (THUMB + 10)), (128, 128, 128))
    for index, thumb in enumerate(thumbs):
        sheet.paste(thumb, (index % columns * (THUMB + 10) + 5, index // columns * (THUMB + 10) + 5))
    sheet.save(target)
    return count / seconds
