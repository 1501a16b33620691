"""Samples → training batches: pixels, token ids, dense labels and the image token of every character."""

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
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import PageFrame, Tiles
from got_runtime.views.tiles import split, tile_grid

PATCH, TOKEN, SIDE = 16, 64, 1024
CHARACTERS = 95
"""Blank (space and paper) and the 94 visible ASCII characters."""
CLASSES = 192
"""And classes for other signs, shared by their names' checksum."""
IGNORED = -100
LENGTH_STEP = 32
"""Texts are padded to a multiple of this: a new shape costs oneDNN a compilation of every kernel of the step."""


@dataclass(frozen=True)
class Batch:
    """``n`` samples of ``m`` pictures of one height; ``t`` is the longest query and answer plus the end token.

    pixels: uint8 ``(n·m, 3, height, 1024)``. tokens: ``(n, t)`` ids of what follows the pictures: the rest of the
    prompt, the answer and its end, padded with 0. targets: the same for the answer alone, -100 elsewhere.
    places: ``(n, t)`` image token, of all the sample's pictures, that holds each character; -100 where none does.
    dense: uint8 ``(n·m, rows, 128)`` class of the sign in every 8×16-pixel cell.
    """

    pixels: Tensor
    tokens: Tensor
    targets: Tensor
    places: Tensor
    dense: Tensor

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)))

    def misread(self, share: float, noise: torch.Generator) -> "Batch":
        """The same answers, shown to the decoder with wrong characters: up to twice ``share`` of a sample's.

        Where it goes on must not hang on every letter that it has written: it will write wrong ones (as Nougat is
        taught, arXiv:2308.13418). What it is to write next stays.
        """
        said = (self.targets != IGNORED).cpu()
        wrong = said & (torch.rand(said.shape, generator=noise) < 2 * share * torch.rand(len(said), 1, generator=noise))
        letters = self.tokens[said.to(self.tokens.device)]
        others = torch.randint(len(letters), (int(wrong.sum()),), generator=noise)
        tokens = self.tokens.clone()
        tokens[wrong.to(tokens.device)] = letters[others.to(letters.device)]
        return replace(self, tokens=tokens)

    @property
    def characters(self) -> int:
        return int((self.targets != IGNORED).sum())


Signs = Iterable[tuple[str, Sequence[float]]]
"""Names of drawn signs and their boxes."""


def squeeze(image: Image.Image, height: int) -> tuple[np.ndarray, np.ndarray]:
    """The picture at the model's size (aspect not kept, as GOT does), and what boxes on it are multiplied with."""
    resized = image.resize((SIDE, height), Image.Resampling.BICUBIC)
    scale = np.array([SIDE / image.width, height / image.height] * 2, dtype=np.float32)
    return np.asarray(resized), scale


def sign_class(name: str) -> int:
    """1 to 94 for a visible ASCII character, a class above for any other sign, 0 for a space."""
    if len(name) == 1 and name.isascii():
        return max(0, ord(name) - 32)
    return CHARACTERS + zlib.crc32(name.encode()) % (CLASSES - CHARACTERS)


def sign_cells(signs: Signs, height: int) -> np.ndarray:
    """``(height/16, 128)``: the class of the sign over the centre of each 8×16 cell; 0 is blank.

    A sign too small to cover a centre takes the cell that its own centre is in.
    """
    rows, columns = height // PATCH, SIDE // 8
    cells = np.zeros((rows, columns), dtype=np.uint8)
    for name, box in signs:
        label = sign_class(name)
        if label <= 0 or not np.isfinite(box).all():
            continue
        x1, y1, x2, y2 = box
        left, right = int(np.ceil(x1 / 8 - 0.5)), int(np.ceil(x2 / 8 - 0.5))
        top, bottom = int(np.ceil(y1 / PATCH - 0.5)), int(np.ceil(y2 / PATCH - 0.5))
        if right <= left:
            left = int((x1 + x2) / 16)
            right = left + 1
        if bottom <= top:
            top = int((y1 + y2) / (2 * PATCH))
            bottom = top + 1
        cells[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = label
    return cells


def token_places(boxes: np.ndarray, height: int) -> np.ndarray:
    """The image token (row-major, 16 a row) that holds each box's centre; -100 for a row of NaN."""
    known = np.isfinite(boxes).all(axis=1)
    x1, y1, x2, y2 = np.where(known[:, None], boxes, 0.0).T
    column = ((x1 + x2) / (2 * TOKEN)).astype(int).clip(0, SIDE // TOKEN - 1)
    row = ((y1 + y2) / (2 * TOKEN)).astype(int).clip(0, height // TOKEN - 1)
    return np.where(known, row * (SIDE // TOKEN) + column, IGNORED)


@dataclass(frozen=True)
class Views:
    """A sample as the network sees it: its pictures, where its characters are in them, and the signs on each."""

    pictures: tuple[np.ndarray, ...]
    places: np.ndarray
    cells: tuple[np.ndarray, ...]


def views(sample: PageSample, height: int) -> Views:
    """Tiles and thumbnail, the pages of one context, or the one picture of any other task."""
    if isinstance(sample.task, Tiles):
        return _tiles(sample, sample.task)
    pictures, places, cells = [], np.full(len(sample.text), IGNORED), []
    of = np.zeros(len(sample.text)) if sample.pages is None else sample.pages
    for number, image in enumerate((sample.image, *sample.following)):
        picture, scale = squeeze(image, height)
        here = np.flatnonzero(of == number)
        boxes = sample.boxes[here] * scale
        local = token_places(boxes, height)
        places[here] = np.where(local == IGNORED, IGNORED, local + number * (height // TOKEN) * (SIDE // TOKEN))
        signs: Signs = zip((sample.text[i] for i in here), boxes, strict=True)
        if sample.marks is not None:
            signs = [(name, np.array(box) * scale) for name, box in sample.marks]
        pictures.append(picture)
        cells.append(sign_cells(signs, height))
    return Views(tuple(pictures), places, tuple(cells))


def _tiles(sample: PageSample, task: Tiles) -> Views:
    """A character is looked for in its tile, not in the thumbnail, which shows it too small."""
    columns, rows = tile_grid(*sample.image.size, task.max_tiles, (SIDE, SIDE))
    pictures = [np.asarray(tile) for tile in split(sample.image, (columns, rows), (SIDE, SIDE))]
    sides = np.array([columns * SIDE / sample.image.width, rows * SIDE / sample.image.height] * 2)
    boxes = sample.boxes * sides
    column = ((boxes[:, 0] + boxes[:, 2]) / (2 * SIDE)).astype(int).clip(0, columns - 1)
    row = ((boxes[:, 1] + boxes[:, 3]) / (2 * SIDE)).astype(int).clip(0, rows - 1)
    local = token_places(boxes - np.stack([column, row, column, row], axis=1) * SIDE, SIDE)
    blank = np.zeros((SIDE // PATCH, SIDE // 8), dtype=np.uint8)
    return Views(tuple(pictures), local + (row * columns + column) * (SIDE // TOKEN) ** 2, (blank,) * len(pictures))


def collate(samples: Sequence[PageSample], height: int, end_token: int) -> Batch:
    """Samples with the same number of pictures → a batch."""
    seen = [views(sample, height) for sample in samples]
    queries = [
        query_ids(sample.task.query(PageFrame(sample.image.width, sample.image.height)).text) for sample in samples
    ]
    answers = [[*(_byte_ids()[ord(c)] for c in sample.text), end_token] for sample in samples]
    longest = max(len(query) + len(answer) for query, answer in zip(queries, answers, strict=True))
    shape = (len(samples), -(-longest // LENGTH_STEP) * LENGTH_STEP)
    tokens = np.zeros(shape, dtype=np.int64)
    targets, places = (np.full(shape, IGNORED, dtype=np.int64) for _ in range(2))
    for i, (query, answer, view) in enumerate(zip(queries, answers, seen, strict=True)):
        begin, stop = len(query), len(query) + len(answer)
        tokens[i, :stop] = [*query, *answer]
        targets[i, begin:stop] = answer
        places[i, begin : stop - 1] = view.places
    pixels = np.stack([picture for view in seen for picture in view.pictures]).transpose(0, 3, 1, 2)
    dense = np.stack([cells for view in seen for cells in view.cells])
    return Batch(*(torch.from_numpy(np.ascontiguousarray(a)) for a in (pixels, tokens, targets, places, dense)))


@cache
def query_ids(query: str) -> tuple[int, ...]:
    """Ids of the prompt from the end of the image to the answer."""
    from got_runtime.training.pretrain.nano import build_tokenizer

    tail: list[int] = build_tokenizer().encode(build_prompt(query, 1).partition(IMAGE_PAD)[2])
    return tuple(tail)


@dataclass(frozen=True)
class PageStream(Dataset[Batch]):
    """Pages or strips of plain text. Item ``i`` is batch ``i``: the same for any number of workers."""

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
    """Code point → token id for ASCII, as :func:`~got_runtime.training.pretrain.nano.build_tokenizer` numbers them."""
    from tokenizers import pre_tokenizers

    order = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    split_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return {i: order[split_bytes.pre_tokenize_str(chr(i))[0][0]] for i in range(128)}


def batches(stream: Dataset[Batch], first: int, workers: int) -> Iterator[Batch]:
    """Endless batches from number ``first`` on, made ahead by ``workers`` processes."""
    order = iter(range(first, 2**31))
    loader = DataLoader(
        stream, batch_size=None, sampler=order, num_workers=workers, prefetch_factor=4 if workers else None
    )
    yield from loader
