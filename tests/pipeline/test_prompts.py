"""Prompts are the official ones: to the letter, and with Qwen's own vocabulary to the token."""

import base64
import importlib.util
import unicodedata
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import regex
from PIL import Image

from got_runtime import Box, Color, Formatted, MultiPage, Plain, Tiles
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.model.image_processor import ImageProcessor
from got_runtime.model.original.vocabulary import SPECIAL_TOKENS, build_tokenizer, read_ranks
from got_runtime.model.prompt import build_prompt
from got_runtime.pipeline.preprocess import build_request
from got_runtime.tasks import PageFrame, Task

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAGE = PageFrame(1654, 2339)

QUERIES: list[tuple[Task, str]] = [
    (Plain(), "OCR: "),
    (Formatted(), "OCR with format: "),
    (Box(827, 0, 1654, 1169.5), "[500, 0, 1000, 500] OCR: "),
    (Box(827, 0, 1654, 1169.5, formatted=True), "[500, 0, 1000, 500] OCR with format: "),
    (Box(827, 2000), "[500, 855] OCR: "),
    (Box(827, 2000, formatted=True), "[500, 855] OCR with format: "),
    (Color(color="red"), "[red] OCR: "),
    (Color(color="green"), "[green] OCR: "),
    (Color(color="blue"), "[blue] OCR: "),
    (Color(color="red", formatted=True), "[red] OCR with format: "),
    (Color(color="green", formatted=True), "[green] OCR with format: "),
    (Color(color="blue", formatted=True), "[blue] OCR with format: "),
    (Tiles(), "OCR upon the patch reference: "),
    (Tiles(formatted=True), "OCR with format upon the patch reference: "),
    (MultiPage(), "OCR with format across multi pages: "),
    (MultiPage(formatted=False), "OCR across multi pages: "),
]

SPECIAL_IDS = {
    "<|endoftext|>": 151643,
    "<|im_start|>": 151644,
    "<|im_end|>": 151645,
    "<|extra_0|>": 151646,
    "<|extra_204|>": 151850,
    "<ref>": 151851,
    "</ref>": 151852,
    "<box>": 151853,
    "</box>": 151854,
    "<quad>": 151855,
    "</quad>": 151856,
    "<img>": 151857,
    "</img>": 151858,
    "<imgpad>": 151859,
}

# "system\n", "You should follow …", "user\n", "\n", "OCR: ", "assistant\n"
SYSTEM = [8948, 198, 2610, 1265, 1795, 279, 11221, 15516, 323, 10339, 697, 11253, 304, 7716, 13]
BEFORE_IMAGE = [151644, *SYSTEM, 151645, 151644, 872, 198, 151857]
AFTER_QUERY = [151645, 151644, 77091, 198]


def official_prompt(query: str, tiles: int) -> str:
    """``run_ocr_2.0.py``, with ``conv_templates["mpt"]`` written out."""
    image = "<img>" + "<imgpad>" * 256 * tiles + "</img>" + "\n"
    return (
        "<|im_start|>system\n"
        "You should follow the instructions carefully and explain your answers in detail.<|im_end|>"
        "<|im_start|>user\n" + image + query + "<|im_end|>"
        "<|im_start|>assistant\n"
    )


@cache
def qwen_folder() -> Path:
    """The folder of Qwen's vocabulary in ``dashscope``, Alibaba's client; the package itself is not imported."""
    spec = importlib.util.find_spec("dashscope")
    assert spec is not None, "pip install 'got-ocr[dev]'"
    assert spec.origin is not None
    return Path(spec.origin).parent / "resources"


class Official:
    """Qwen's tokenizer by its definition: split into words, join the neighbours whose union has the lowest rank."""

    cuts = regex.compile(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )

    def __init__(self, ranks: Mapping[bytes, int], special: Mapping[str, int]) -> None:
        self.ranks, self.special = ranks, special
        self.marks = regex.compile("(" + "|".join(map(regex.escape, special)) + ")")

    def encode(self, text: str) -> list[int]:
        ids = []
        for piece in self.marks.split(text):
            if piece in self.special:
                ids.append(self.special[piece])
            else:
                ids += [i for word in self.cuts.findall(piece) for i in self.merge(word.encode())]
        return ids

    def merge(self, word: bytes) -> list[int]:
        parts = [word] if word in self.ranks else [bytes([byte]) for byte in word]
        while True:
            unions = [(self.ranks[a + b], i) for i, (a, b) in enumerate(pairwise(parts)) if a + b in self.ranks]
            if not unions:
                return [self.ranks[part] for part in parts]
            _, i = min(unions)
            parts[i : i + 2] = [parts[i] + parts[i + 1]]


@pytest.fixture(scope="module")
def official() -> Official:
    lines = (qwen_folder() / "qwen.tiktoken").read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, lines)}
    assert len(ranks) == 151643
    tags = ["<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>"]
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *(f"<|extra_{i}|>" for i in range(205)), *tags]
    return Official(ranks, {token: 151643 + i for i, token in enumerate(special)})


@pytest.fixture(scope="module")
def tokenizer() -> "Tokenizer":
    return build_tokenizer(read_ranks(qwen_folder()))


@pytest.mark.parametrize(("task", "query"), QUERIES, ids=str)
def test_every_query_is_the_official_one(task: Task, query: str) -> None:
    assert task.query(PAGE).text == query


@pytest.mark.parametrize("tiles", [1, 7])
@pytest.mark.parametrize(("task", "query"), QUERIES, ids=str)
def test_every_prompt_is_the_official_one(task: Task, query: str, tiles: int) -> None:
    assert build_prompt(task.query(PAGE).text, 256 * tiles) == official_prompt(query, tiles)


def test_special_tokens_have_their_official_ids(tokenizer: "Tokenizer") -> None:
    assert tokenizer.get_vocab_size() == 151860
    assert {token: tokenizer.token_to_id(token) for token in SPECIAL_IDS} == SPECIAL_IDS
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == list(range(151643, 151860))


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("OCR: ", [93495, 25, 220]),
        ("OCR with format: ", [93495, 448, 3561, 25, 220]),
        ("[red] OCR: ", [58, 1151, 60, 80577, 25, 220]),
        ("[500, 855] OCR: ", [58, 20, 15, 15, 11, 220, 23, 20, 20, 60, 80577, 25, 220]),
    ],
)
def test_prompts_token_by_token(tokenizer: "Tokenizer", query: str, ids: list[int]) -> None:
    expected = [*BEFORE_IMAGE, *[151859] * 256, 151858, 198, *ids, *AFTER_QUERY]
    assert tokenizer.encode(build_prompt(query, 256), add_special_tokens=False).ids == expected


@pytest.mark.parametrize(("task", "query"), QUERIES, ids=str)
def test_requests_carry_the_official_ids(tokenizer: "Tokenizer", official: Official, task: Task, query: str) -> None:
    """Prompt and pixels of a request, with the real vocabulary and 256 pads a tile."""
    checkpoint = LoadedModel(
        name="vocabulary only",
        revision=None,
        model=None,
        tokenizer=tokenizer,
        image_processor=ImageProcessor((32, 32), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        tokens_per_tile=256,
        image_token=151859,
        end_tokens=frozenset({151643, 151645}),
        ngram_ban=20,
    )
    page = Image.fromarray(np.zeros((96, 64, 3), dtype=np.uint8))  # cut into 2×3 tiles and a thumbnail
    images = [page, page, page] if isinstance(task, MultiPage) else [page]
    tiles = {"tiles": 7, "pages": 3}.get(task.kind, 1)
    request = build_request(checkpoint, images, task, task.query(PAGE).text, max_new_tokens=1)
    assert list(request.prompt) == official.encode(official_prompt(query, tiles))
    assert request.prompt.count(151859) == 256 * tiles
    assert len(request.pixels) == tiles


def test_the_ports_leading_space_would_be_another_token(tokenizer: "Tokenizer") -> None:
    assert tokenizer.encode("\nOCR: ").ids != tokenizer.encode("\n OCR: ").ids


@pytest.mark.parametrize(
    "text",
    [
        "don't  stop\t\n\n  at 1234567890 it's fine",
        "\\section*{Théorie générale} \\( x^{2} \\ge 0 \\)",
        "光学字符识别：第１０页，共２０页。",
        "naïve cafe\u0301 🙂 Übergröße ßß ﷺ",
        "    " * 7 + "=" * 33 + "\r\n" * 3,
        "\\begin{tabular}{|c|c|}\n\\hline 1 & 2 \\\\\n\\hline\n\\end{tabular}",
    ],
)
def test_completions_of_all_kinds_have_tiktokens_ids(tokenizer: "Tokenizer", official: Official, text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert ids == official.encode(composed)
    assert tokenizer.decode([*ids, 151645], skip_special_tokens=True) == composed


def test_words_made_of_random_tokens_have_tiktokens_ids(tokenizer: "Tokenizer", official: Official) -> None:
    """Random tokens join across their boundaries, which depends on the sequence of the merges."""
    rng = np.random.default_rng(0)
    tokens = list(official.ranks)
    for _ in range(3000):
        drawn = b"".join(tokens[i] for i in rng.integers(0, len(tokens), rng.integers(2, 7)))
        text = drawn.decode(errors="ignore")
        composed = unicodedata.normalize("NFC", text)
        assert tokenizer.encode(text, add_special_tokens=False).ids == official.encode(composed), repr(text)
