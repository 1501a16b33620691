"""Samples → training batches: pixels, token ids, dense character labels and the image token of every character."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from got_runtime.training.pages.plain import PlainStyle, plain_page, strip
from got_runtime.training.sample import PageSample

PATCH, TOKEN, SIDE = 16, 64, 1024
CLASSES = 95
"""Blank (space and paper) and the 94 visible ASCII characters."""
IGNORED = -100
LENGTH_STEP = 32
"""Texts are padded to a multiple of this: a new shape costs oneDNN a compilation of every kernel of the step."""


@dataclass(frozen=True)
class Batch:
    """``n`` pages of one height; ``t`` is the longest text plus its end token.

    pixels: uint8 ``(n, 3, height, 1024)``. tokens: ``(n, t)`` byte ids, padded with -100.
    places: ``(n, t)`` image token that holds each character, padded with -100.
    dense: uint8 ``(n, rows, 128)`` character class of every 8×16-pixel cell.
    """

    pixels: Tensor
    tokens: Tensor
    places: Tensor
    dense: Tensor

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)))

    @property
    def characters(self) -> int:
        return int((self.tokens != IGNORED).sum())


def squeeze(sample: PageSample, height: int) -> tuple[np.ndarray, np.ndarray]:
    """The page at the model's size (aspect not kept, as GOT does) and its boxes there."""
    image = sample.image.resize((SIDE, height), Image.Resampling.BICUBIC)
    scale = np.array([SIDE / sample.image.width, height / sample.image.height] * 2, dtype=np.float32)
    return np.asarray(image), sample.boxes * scale


def character_cells(text: str, boxes: np.ndarray, height: int) -> np.ndarray:
    """``(height/16, 128)``: the class of the character over the centre of each 8×16 cell; 0 is blank.

    A character too small to cover a centre takes the cell that its own centre is in.
    """
    cells = np.zeros((height // PATCH, SIDE // 8), dtype=np.uint8)
    x1, y1, x2, y2 = boxes.T
    left, right = np.ceil(x1 / 8 - 0.5).astype(int), np.ceil(x2 / 8 - 0.5).astype(int)
    top, bottom = np.ceil(y1 / PATCH - 0.5).astype(int), np.ceil(y2 / PATCH - 0.5).astype(int)
    column, row = ((x1 + x2) / 16).astype(int), ((y1 + y2) / (2 * PATCH)).astype(int)
    for i, character in enumerate(text):
        label = ord(character) - 32
        if 0 < label < CLASSES:
            across = slice(left[i], right[i]) if right[i] > left[i] else slice(column[i], column[i] + 1)
            down = slice(max(0, top[i]), bottom[i]) if bottom[i] > top[i] else slice(row[i], row[i] + 1)
            cells[down, across] = label
    return cells


def character_places(boxes: np.ndarray, height: int) -> np.ndarray:
    """The image token (row-major, 16 a row) that holds each character's centre."""
    column = ((boxes[:, 0] + boxes[:, 2]) / (2 * TOKEN)).astype(int).clip(0, SIDE // TOKEN - 1)
    row = ((boxes[:, 1] + boxes[:, 3]) / (2 * TOKEN)).astype(int).clip(0, height // TOKEN - 1)
    places: np.ndarray = row * (SIDE // TOKEN) + column
    return places


@dataclass(frozen=True)
class PageStream(Dataset[Batch]):
    """Item ``i`` is batch ``i`` of a stream: the same for any number of workers, and a run resumes at any batch."""

    style: PlainStyle
    seed: int
    rows: int
    batch: int
    end_token: int

    def __getitem__(self, index: int) -> Batch:
        height = self.rows * PATCH
        style = strip(self.style, self.rows, SIDE // PATCH)
        samples = [plain_page((self.seed, index * self.batch + i), style) for i in range(self.batch)]
        pages = [squeeze(sample, height) for sample in samples]
        longest = -(-(max(len(sample.text) for sample in samples) + 1) // LENGTH_STEP) * LENGTH_STEP
        tokens = np.full((self.batch, longest), IGNORED, dtype=np.int64)
        places = np.full((self.batch, longest), IGNORED, dtype=np.int64)
        for i, (sample, (_, boxes)) in enumerate(zip(samples, pages, strict=True)):
            n = len(sample.text)
            tokens[i, : n + 1] = [*(_byte_ids()[ord(c)] for c in sample.text), self.end_token]
            places[i, :n] = character_places(boxes, height)
        pixels = np.stack([picture for picture, _ in pages]).transpose(0, 3, 1, 2)
        dense = np.stack([character_cells(s.text, b, height) for s, (_, b) in zip(samples, pages, strict=True)])
        return Batch(*(torch.from_numpy(np.ascontiguousarray(a)) for a in (pixels, tokens, places, dense)))


def _byte_ids() -> dict[int, int]:
    """Code point → token id for ASCII, as :func:`got_runtime.training.nano.build_tokenizer` numbers its bytes."""
    if not _BYTE_IDS:
        from tokenizers import pre_tokenizers

        order = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
        split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        _BYTE_IDS.update({i: order[split.pre_tokenize_str(chr(i))[0][0]] for i in range(128)})
    return _BYTE_IDS


_BYTE_IDS: dict[int, int] = {}


def batches(stream: PageStream, first: int, workers: int) -> Iterator[Batch]:
    """Endless batches from number ``first`` on, made ahead by ``workers`` processes."""
    order = iter(range(first, 2**31))
    loader = DataLoader(
        stream, batch_size=None, sampler=order, num_workers=workers, prefetch_factor=4 if workers else None
    )
    yield from loader
