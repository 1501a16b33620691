"""Error of the network in training on held-out pages, decoded by the engine that users have."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch

from got_runtime.engine.protocol import Completion, Request, completions
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.errors import EngineError
from got_runtime.evaluation.metrics import edit_count, normalised_edit_distance
from got_runtime.model.prompt import END_OF_TEXT, END_OF_TURN, build_prompt
from got_runtime.synth.faces import HELD_OUT_FACES, TRAINING_FACES
from got_runtime.synth.kinds import page_of
from got_runtime.synth.pages.plain import HELD_OUT, plain_page, strip
from got_runtime.synth.sample import PageSample
from got_runtime.synth.streams import VALIDATION_STREAM
from got_runtime.tasks import PageFrame
from got_runtime.training.pretrain.batches import PATCH, SIDE, TOKEN, sample_views
from got_runtime.training.pretrain.losses import normalise

__all__ = ["generate_answers", "mixture_edit_distances", "plain_error_rates"]

EXTRA_TOKENS = 40
"""An answer may be this many tokens longer than its reference."""


def plain_error_rates(model: Any, tokenizer: Any, rows: int, pages: int = 8) -> dict[str, float]:
    """Character error rate on ``pages`` plain pages in training faces and as many in held-out faces.

    Args:
        rows: rows of patches of a page.
    """
    edits, length = [0, 0], [0, 0]
    for group, faces in enumerate((TRAINING_FACES, HELD_OUT_FACES)):
        style = strip(replace(HELD_OUT, faces=faces), rows, SIDE // PATCH)
        samples = [plain_page((VALIDATION_STREAM, group * pages + number), style) for number in range(pages)]
        answers = generate_answers(model, tokenizer, samples, rows)
        for sample, answer in zip(samples, answers, strict=True):
            edits[group] += edit_count(answer, sample.text)
            length[group] += len(sample.text)
    return {"cer_seen": edits[0] / length[0], "cer_held_out": edits[1] / length[1]}


def mixture_edit_distances(model: Any, tokenizer: Any, kinds: Iterable[str], pages: int = 4) -> dict[str, float]:
    """Mean edit distance (edits / longer length) on ``pages`` pages of each kind in training faces."""
    distances = {}
    for kind in kinds:
        samples = [page_of(kind, (VALIDATION_STREAM, number)) for number in range(pages)]
        answers = generate_answers(model, tokenizer, samples, SIDE // PATCH)
        each = [normalised_edit_distance(a, s.text) for s, a in zip(samples, answers, strict=True)]
        distances[f"distance_{kind}"] = round(sum(each) / pages, 4)
    return distances


def generate_answers(model: Any, tokenizer: Any, samples: Sequence[PageSample], rows: int) -> list[str]:
    """The network's answer to each sample's own task; pictures have ``rows`` rows of patches.

    Raises:
        EngineError: a sample could not be read.
    """
    ends = frozenset(tokenizer.convert_tokens_to_ids([END_OF_TURN, END_OF_TEXT]))
    engine = TorchEngine(model, ends, batch_size=8, tile_batch=4)
    height = rows * PATCH
    requests = []
    for sample in samples:
        pictures = sample_views(sample, height).pictures
        query = sample.task.query(PageFrame(*sample.image.size)).text
        image_tokens = len(pictures) * (SIDE // TOKEN) * (height // TOKEN)
        pixels = torch.stack([torch.from_numpy(picture.copy()).permute(2, 0, 1) for picture in pictures])
        prompt = tuple(tokenizer.encode(build_prompt(query, image_tokens)))
        requests.append(Request(prompt, normalise(pixels, torch.float32), len(sample.text.encode()) + EXTRA_TOKENS, 0))
    answers = []
    for number, completion in enumerate(completions(engine, requests)):
        if not isinstance(completion, Completion):
            raise EngineError(f"held-out page {number} could not be read") from completion
        answers.append(tokenizer.decode(list(completion.tokens)))
    return answers
