"""Page image and task → what the engine decodes: tiles, pixels, prompt and decoding rules."""

from typing import TYPE_CHECKING

import numpy as np

from got_runtime.engine.protocol import Request
from got_runtime.errors import TaskError
from got_runtime.model.prompt import build_prompt
from got_runtime.tasks import Task, Tiles
from got_runtime.views.tiles import split, tile_grid

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["build_request", "is_blank"]

BLANK_CONTRAST = 24
BLANK_SHARE = 2e-5
"""A page is blank when fewer than this share of its pixels differ from its median tone by the contrast (of 255)."""


def build_request(
    checkpoint: "LoadedModel",
    images: "list[Image.Image]",
    task: Task,
    query: str,
    max_new_tokens: int,
    max_seconds: float | None = None,
    record_attention: bool = False,
) -> Request:
    """The request for one page, or for all pages of one context (``images`` in their order).

    Raises TaskError when their prompt alone fills the network's context.
    """
    size = checkpoint.image_processor.size
    if isinstance(task, Tiles):
        images = [tile for image in images for tile in split(image, tile_grid(*image.size, task.max_tiles, size), size)]
    prompt = checkpoint.encode(build_prompt(query, checkpoint.tokens_per_tile * len(images)))
    room = checkpoint.context - len(prompt)
    if room < 1:
        raise TaskError(
            f"{len(images)} pictures make {len(prompt):,} tokens, and the network holds {checkpoint.context:,}: "
            "select fewer pages (--pages), or read them one by one"
        )
    ban = checkpoint.ngram_ban if task.ngram_ban else 0
    return Request(
        prompt, checkpoint.image_processor.pixels(images), min(max_new_tokens, room), ban, max_seconds, record_attention
    )


def is_blank(image: "Image.Image") -> bool:
    """Whether a page shows nothing: every pixel, but for a speck, has the paper's tone."""
    grey = np.asarray(image.convert("L"), dtype=np.int16)
    marked = np.abs(grey - np.int16(np.median(grey))) > BLANK_CONTRAST
    return bool(marked.mean() <= BLANK_SHARE)
