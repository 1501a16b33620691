"""Samples → training batches: pixels, token ids, cell labels and the image token that shows each character."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from got_runtime.model.prompt import IMAGE_PAD, build_prompt
from got_runtime.synth.pages.plain import PlainStyle, plain_page, strip
from got_runtime.synth.sample import VIEW_SIDE, PageSample
from got_runtime.tasks import PageFrame, Tiles
from got_runtime.training.padding import IGNORED, padded_length
from got_runtime.views.tiles import split, tile_grid

PATCH, TOKEN, SIDE = 16, 64, VIEW_SIDE
"""Pixels: side of an encoder patch, of the square of an image token, and of the model's view."""
CELL_WIDTH = 8
"""Pixels: cells that are labelled for the encoder are half a patch wide and one patch high."""
ASCII_CLASSES = 95
"""Labels of blank (space and paper) and of the 94 visible ASCII characters."""
CLASSES = 192
"""All labels; those from ASCII_CLASSES on are for other symbols, by a checksum of their names."""


@dataclass(frozen=True)
class Batch:
    """``n`` samples of ``m`` pictures of one height.

    ``t`` is the padded length of the longest query and answer with its end token.
    """

    pixels: Tensor
    """uint8 ``(n·m, 3, height, 1024)``."""
    tokens: Tensor
    """``(n, t)`` ids of what follows the pictures: the rest of the prompt, the answer and its end; padded with 0."""
    targets: Tensor
    """``(n, t)``: the same for the answer and its end, -100 elsewhere."""
    image_targets: Tensor
    """``(n, t)``: the image token, of all the sample's pictures, that shows each character of the answer; or -100."""
    cells: Tensor
    """uint8 ``(n·m, rows, 128)``: label of the symbol in every cell of 8×16 pixels."""

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)))

    def with_token_noise(self, fraction: float, generator: torch.Generator) -> "Batch":
        """The same targets, with tokens of the decoder's input replaced by others of the batch's answers.

        A model's own answer holds wrong characters; trained on noisy input it keeps its position nevertheless
        (Nougat, arXiv:2308.13418).

        Args:
            fraction: expected fraction of replaced tokens; a sample's own is uniform from 0 to twice that.
        """
        answer = (self.targets != IGNORED).cpu()
        draws = torch.rand(answer.shape, generator=generator)
        replaced = answer & (draws < 2 * fraction * torch.rand(len(answer), 1, generator=generator))
        letters = self.tokens[answer.to(self.tokens.device)]
        others = torch.randint(len(letters), (int(replaced.sum()),), generator=generator)
        tokens = self.tokens.clone()
        tokens[replaced.to(tokens.device)] = letters[others.to(letters.device)]
        return replace(self, tokens=tokens)

    @property
    def characters(self) -> int:
        """Tokens of the answers, their ends included."""
        return int((self.targets != IGNORED).sum())


Symbols = Iterable[tuple[str, Sequence[float]]]
"""Names of drawn symbols and their boxes ``x1, y1, x2, y2`` in pixels."""


def resize_to_view(image: Image.Image, height: int) -> tuple[np.ndarray, np.ndarray]:
    """The picture at the model's size (aspect not kept, as GOT does), and the factors of boxes on it, ``(4,)``."""
    resized = image.resize((SIDE, height), Image.Resampling.BICUBIC)
    scale = np.array([SIDE / image.width, height / image.height] * 2, dtype=np.float32)
    return np.asarray(resized), scale


def symbol_label(name: str) -> int:
    """1 to 94 for a visible ASCII character, a label above for any other symbol, 0 for a space."""
    if len(name) == 1 and name.isascii():
        return max(0, ord(name) - 32)
    return ASCII_CLASSES + zlib.crc32(name.encode()) % (CLASSES - ASCII_CLASSES)


def cell_labels(symbols: Symbols, height: int) -> np.ndarray:
    """``(height/16, 128)``: the label of the symbol over the centre of each 8×16 cell; 0 is blank.

    A symbol that covers no cell's centre gives its label to the cell that holds its own centre.
    """
    rows, columns = height // PATCH, SIDE // CELL_WIDTH
    cells = np.zeros((rows, columns), dtype=np.uint8)
    for name, box in symbols:
        label = symbol_label(name)
        if label <= 0 or not np.isfinite(box).all():
            continue
        x1, y1, x2, y2 = box
        left, right = int(np.ceil(x1 / CELL_WIDTH - 0.5)), int(np.ceil(x2 / CELL_WIDTH - 0.5))
        top, bottom = int(np.ceil(y1 / PATCH - 0.5)), int(np.ceil(y2 / PATCH - 0.5))
        if right <= left:
            left = int((x1 + x2) / (2 * CELL_WIDTH))
            right = left + 1
        if bottom <= top:
            top = int((y1 + y2) / (2 * PATCH))
            bottom = top + 1
        cells[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = label
    return cells


def image_tokens_at(boxes: np.ndarray, height: int) -> np.ndarray:
    """The image token (row-major, 16 a row) that holds the centre of each box; -100 for a row of NaN."""
    known = np.isfinite(boxes).all(axis=1)
    x1, y1, x2, y2 = np.where(known[:, None], boxes, 0.0).T
    column = ((x1 + x2) / (2 * TOKEN)).astype(int).clip(0, SIDE // TOKEN - 1)
    row = ((y1 + y2) / (2 * TOKEN)).astype(int).clip(0, height // TOKEN - 1)
    return np.where(known, row * (SIDE // TOKEN) + column, IGNORED)


@dataclass(frozen=True)
class SampleViews:
    """A sample as the network sees it: pictures, image token of each character, and cell labels of each picture."""

    pictures: tuple[np.ndarray, ...]
    image_targets: np.ndarray
    cells: tuple[np.ndarray, ...]


def sample_views(sample: PageSample, height: int) -> SampleViews:
    """Tiles and thumbnail, the pages of one context, or the one picture of any other task."""
    if isinstance(sample.task, Tiles):
        return _tile_views(sample, sample.task)
    pictures, image_targets, cells = [], np.full(len(sample.text), IGNORED), []
    page_of = np.zeros(len(sample.text)) if sample.pages is None else sample.pages
    for number, image in enumerate((sample.image, *sample.following)):
        picture, scale = resize_to_view(image, height)
        here = np.flatnonzero(page_of == number)
        boxes = sample.boxes[here] * scale
        local = image_tokens_at(boxes, height)
        before = number * (height // TOKEN) * (SIDE // TOKEN)
        image_targets[here] = np.where(local == IGNORED, IGNORED, local + before)
        symbols: Symbols = zip((sample.text[i] for i in here), boxes, strict=True)
        if sample.symbols is not None:
            symbols = [(name, np.array(box) * scale) for name, box in sample.symbols]
        pictures.append(picture)
        cells.append(cell_labels(symbols, height))
    return SampleViews(tuple(pictures), image_targets, tuple(cells))


def _tile_views(sample: PageSample, task: Tiles) -> SampleViews:
    """A character's image token is in its tile; the thumbnail shows it too small."""
    columns, rows = tile_grid(*sample.image.size, task.max_tiles, (SIDE, SIDE))
    pictures = [np.asarray(tile) for tile in split(sample.image, (columns, rows), (SIDE, SIDE))]
    scale = np.array([columns * SIDE / sample.image.width, rows * SIDE / sample.image.height] * 2)
    boxes = sample.boxes * scale
    column = ((boxes[:, 0] + boxes[:, 2]) / (2 * SIDE)).astype(int).clip(0, columns - 1)
    row = ((boxes[:, 1] + boxes[:, 3]) / (2 * SIDE)).astype(int).clip(0, rows - 1)
    local = image_tokens_at(boxes - np.stack([column, row, column, row], axis=1) * SIDE, SIDE)
    blank = np.zeros((SIDE // PATCH, SIDE // CELL_WIDTH), dtype=np.uint8)
    image_targets = local + (row * columns + column) * (SIDE // TOKEN) ** 2
    return SampleViews(tuple(pictures), image_targets, (blank,) * len(pictures))


def collate(samples: Sequence[PageSample], height: int, end_token: int) -> Batch:
    """Samples with the same number of pictures → a batch; ``height`` of the pictures in pixels."""
    views = [sample_views(sample, height) for sample in samples]
    queries = [
        query_ids(sample.task.query(PageFrame(sample.image.width, sample.image.height)).text) for sample in samples
    ]
    answers = [[*map(_byte_ids().__getitem__, sample.text.encode()), end_token] for sample in samples]
    longest = max(len(query) + len(answer) for query, answer in zip(queries, answers, strict=True))
    shape = (len(samples), padded_length(longest))
    tokens = np.zeros(shape, dtype=np.int64)
    targets, image_targets = (np.full(shape, IGNORED, dtype=np.int64) for _ in range(2))
    for i, (query, answer, view) in enumerate(zip(queries, answers, views, strict=True)):
        lengths = [len(character.encode()) for character in samples[i].text]
        begin, stop = len(query), len(query) + len(answer)
        tokens[i, :stop] = [*query, *answer]
        targets[i, begin:stop] = answer
        image_targets[i, begin : stop - 1] = np.repeat(view.image_targets, lengths)
    pixels = np.stack([picture for view in views for picture in view.pictures]).transpose(0, 3, 1, 2)
    cells = np.stack([labels for view in views for labels in view.cells])
    return Batch(*(torch.from_numpy(np.ascontiguousarray(a)) for a in (pixels, tokens, targets, image_targets, cells)))


@cache
def query_ids(query: str) -> tuple[int, ...]:
    """Token ids of the prompt from the last image token to the answer."""
    from got_runtime.training.pretrain.nano import build_tokenizer

    tail: list[int] = build_tokenizer().encode(build_prompt(query, 1).partition(IMAGE_PAD)[2])
    return tuple(tail)


@dataclass(frozen=True)
class PageStream(Dataset[Batch]):
    """Batches of plain pages or strips of them. Batch ``i`` is the same for any number of workers."""

    style: PlainStyle
    seed: int
    rows: int
    batch: int
    end_token: int

    def __getitem__(self, index: int) -> Batch:
        style = strip(self.style, self.rows, SIDE // PATCH)
        samples = [plain_page((self.seed, index * self.batch + i), style) for i in range(self.batch)]
        return collate(samples, self.rows * PATCH, self.end_token)


@cache
def _byte_ids() -> dict[int, int]:
    """Byte → token id, as :func:`~got_runtime.training.pretrain.nano.build_tokenizer` numbers them."""
    # GPT-2's alphabet: visible characters of Latin-1 stand for their own byte, those from 256 on for the other bytes.
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = (byte for byte in range(256) if byte not in own)
    symbols = {byte: byte for byte in own} | {byte: 256 + number for number, byte in enumerate(others)}
    ids = {symbol: number for number, symbol in enumerate(sorted(symbols.values()))}
    return {byte: ids[symbol] for byte, symbol in symbols.items()}


def load_batches(stream: Dataset[Batch], first: int, workers: int) -> Iterator[Batch]:
    """Endless batches from number ``first`` on, made ahead by ``workers`` processes (0: made when needed)."""
    numbers = iter(range(first, 2**31))
    loader = DataLoader(
        stream, batch_size=None, sampler=numbers, num_workers=workers, prefetch_factor=4 if workers else None
    )
    yield from loader
