"""What a page is turned into is pinned: who changes it raises READER_VERSION, so that kept answers are not used."""

import hashlib
from pathlib import Path

import torch

from got_runtime import Box, Color, Formatted, MultiPage, Plain, ReadOptions, Tiles
from got_runtime.cache import READER_VERSION
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.pipeline.planner import PagePlanner
from got_runtime.sources import open_pages
from got_runtime.tasks import Task

PINNED = (11, "c09dbdf25c35b3da")
"""If this fails, raise READER_VERSION in got_runtime/cache/key.py by one and put what the test found here."""

TASKS: list[Task] = [
    Plain(),
    Formatted(),
    Box(100, 100, 900, 900),
    Box(100, 100, 900, 900, crop=True),
    Color(color="red"),
    Tiles(max_tiles=2),
    Box(100, 100, 900, 900, formatted=True),
    MultiPage(),
]


def test_prompts_pixels_and_views_are_those_of_this_version(got_nano: LoadedModel, pages: Path) -> None:
    digest = hashlib.sha256()
    for task in TASKS:
        planner = PagePlanner(got_nano, ReadOptions(task=task, zoom="auto", max_new_tokens=50))
        for source in ("letter.png", "held-out-faces/timetable.png"):
            page = next(open_pages(pages / source))
            requests = [work.request for work in planner.work([iter([page])]) if work.request is not None]
            assert requests
            for request in requests[:1]:
                digest.update(repr((request.prompt, request.max_new_tokens, request.ngram_ban)).encode())
                # In steps finer than those of 8-bit pixels, and coarser than the last bit of a float.
                digest.update(
                    (request.network_pixels(torch.device("cpu"), torch.float32) * 100)
                    .round()
                    .to(torch.int16)
                    .numpy()
                    .tobytes()
                )
    assert (READER_VERSION, digest.hexdigest()[:16]) == PINNED
