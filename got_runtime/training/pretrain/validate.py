"""Reads held-out pages with the network in training: the only number that matters."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch

from got_runtime.engine.protocol import Completion, Request
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.errors import EngineError
from got_runtime.model.prompt import END_OF_TEXT, END_OF_TURN, build_prompt
from got_runtime.synth.faces import HELD_OUT_FACES, TRAINING_FACES
from got_runtime.synth.kinds import page_of
from got_runtime.synth.pages.plain import HELD_OUT, plain_page, strip
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import PageFrame
from got_runtime.training.pretrain.batches import PATCH, SIDE, TOKEN, views
from got_runtime.training.pretrain.losses import normalise

HELD_OUT_STREAM = 999_999
"""A stream of pages that no training run draws from."""


def held_out_cer(model: Any, tokenizer: Any, rows: int, pages: int = 8) -> dict[str, float]:
    """Character error rate, free-running, on ``pages`` pages in seen faces and as many in held-out faces."""
    edits, length = [0, 0], [0, 0]
    for group, faces in enumerate((TRAINING_FACES, HELD_OUT_FACES)):
        style = strip(replace(HELD_OUT, faces=faces), rows, SIDE // PATCH)
        samples = [plain_page((HELD_OUT_STREAM, group * pages + number), style) for number in range(pages)]
        for sample, text in zip(samples, read(model, tokenizer, samples, rows), strict=True):
            edits[group] += _edits(sample.text, text)
            length[group] += len(sample.text)
    return {"cer_seen": edits[0] / length[0], "cer_held_out": edits[1] / length[1]}


def held_out_distances(model: Any, tokenizer: Any, kinds: Iterable[str], pages: int = 4) -> dict[str, float]:
    """Mean edit distance (edits / longer length), free-running, on ``pages`` pages of each kind in seen faces."""
    distances = {}
    for kind in kinds:
        samples = [page_of(kind, (HELD_OUT_STREAM, number)) for number in range(pages)]
        texts = read(model, tokenizer, samples, SIDE // PATCH)
        shares = [_edits(s.text, t) / max(len(s.text), len(t), 1) for s, t in zip(samples, texts, strict=True)]
        distances[f"distance_{kind}"] = round(sum(shares) / pages, 4)
    return distances


def read(model: Any, tokenizer: Any, samples: Sequence[PageSample], rows: int) -> list[str]:
    """What the network writes for samples of ``rows`` patch rows, each with its own task."""
    ends = frozenset(tokenizer.convert_tokens_to_ids([END_OF_TURN, END_OF_TEXT]))
    engine = TorchEngine(model, ends, batch_size=8, tile_batch=4)
    height = rows * PATCH
    requests = []
    for sample in samples:
        pictures = views(sample, height).pictures
        query = sample.task.query(PageFrame(*sample.image.size)).text
        image_tokens = len(pictures) * (SIDE // TOKEN) * (height // TOKEN)
        pixels = torch.stack([torch.from_numpy(picture.copy()).permute(2, 0, 1) for picture in pictures])
        prompt = tuple(tokenizer.encode(build_prompt(query, image_tokens)))
        requests.append(Request(prompt, normalise(pixels, torch.float32), len(sample.text) + 40, 0))
    texts = []
    for number, answer in enumerate(engine.generate(requests)):
        if not isinstance(answer, Completion):
            raise EngineError(f"held-out page {number} could not be read") from answer
        texts.append(tokenizer.decode(list(answer.tokens)))
    return texts


def _edits(truth: str, text: str) -> int:
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.distance(truth, text)
