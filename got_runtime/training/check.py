"""Reads held-out pages with the network in training: the only number that matters."""

from dataclasses import replace
from typing import Any

import torch

from got_runtime.engine.protocol import Answer, Request
from got_runtime.engine.torch_engine import TorchEngine
from got_runtime.errors import EngineError
from got_runtime.model.prompt import END_OF_TEXT, END_OF_TURN, build_prompt
from got_runtime.training.batches import PATCH, SIDE, TOKEN, squeeze
from got_runtime.training.faces import HELD_OUT_FACES, TRAINING_FACES
from got_runtime.training.losses import normalise
from got_runtime.training.pages.plain import HELD_OUT, plain_page, strip

HELD_OUT_STREAM = 999_999
"""A stream of pages that no training run draws from."""


def held_out_cer(model: Any, tokenizer: Any, rows: int, pages: int = 8) -> dict[str, float]:
    """Character error rate, free-running, on ``pages`` pages in seen faces and as many in held-out faces."""
    from rapidfuzz.distance import Levenshtein

    ends = frozenset(tokenizer.convert_tokens_to_ids([END_OF_TURN, END_OF_TEXT]))
    engine = TorchEngine(model, ends, slots=2 * pages, tile_batch=4)
    height = rows * PATCH
    prompt = tuple(tokenizer.encode(build_prompt("OCR: ", (SIDE // TOKEN) * (height // TOKEN))))
    samples, requests = [], []
    for number in range(2 * pages):
        faces = TRAINING_FACES if number < pages else HELD_OUT_FACES
        style = strip(replace(HELD_OUT, faces=faces), rows, SIDE // PATCH)
        sample = plain_page((HELD_OUT_STREAM, number), style)
        pixels = torch.from_numpy(squeeze(sample, height)[0].copy()).permute(2, 0, 1)[None]
        samples.append(sample)
        requests.append(Request(prompt, normalise(pixels, torch.float32), len(sample.text) + 40, 0))
    edits = [0, 0]
    length = [0, 0]
    for number, (sample, answer) in enumerate(zip(samples, engine.answer(requests), strict=True)):
        if not isinstance(answer, Answer):
            raise EngineError(f"held-out page {number} could not be read") from answer
        edits[number >= pages] += Levenshtein.distance(sample.text, tokenizer.decode(list(answer.tokens)))
        length[number >= pages] += len(sample.text)
    return {"cer_seen": edits[0] / length[0], "cer_held_out": edits[1] / length[1]}
