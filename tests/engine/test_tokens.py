"""The engine's tokens equal those of ``generate()``, and each of its parts agrees with transformers' part."""

import copy
import random
from dataclasses import replace
from typing import Any

import pytest
import torch
from helpers.engine_requests import generate
from helpers.native_code import SLOW_IN_BFLOAT16
from helpers.random_networks import (
    GOT_TEXT,
    GOT_VISION,
    NARROW_TEXT,
    NARROW_VISION,
    TASKS,
    generated,
    generated_with_logits,
    network,
    request_for,
)
from torch import Tensor
from transformers.generation.logits_process import NoRepeatNGramLogitsProcessor

from got_runtime import Plain
from got_runtime.engine.ngram_ban import NgramBan
from got_runtime.engine.protocol import Completion, Request
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.engine.torch_engine.prefill import Prefill
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.model.encoder import encode
from got_runtime.tasks import Task


def usual_tasks(*marks: pytest.MarkDecorator) -> list[Any]:
    """Every task: one with a single image and one with several in the usual run, the others in the slow one."""
    usual = [next(task for task in TASKS if task.kind == kind) for kind in ("plain", "pages")]
    return [pytest.param(task, marks=marks if task in usual else (pytest.mark.slow,)) for task in TASKS]


@pytest.fixture(scope="module")
def small() -> LoadedModel:
    """Narrow layers; windows of 14 on a grid of 16, and two heads for each key head."""
    return network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)


@pytest.fixture(scope="module")
def wide() -> LoadedModel:
    """GOT's widths in two layers each; a grid of 32, which is no multiple of the windows of 14."""
    return network(512, GOT_VISION, GOT_TEXT, scale=0.05)


class TransformersFeatures(Prefill):
    """Embeds prompts with the image tokens of transformers' encoder."""

    def __init__(self, model: Any) -> None:
        super().__init__(model, tile_batch=1)
        self._model = model

    def encode(self, pixels: Tensor) -> Tensor:
        tokens: Tensor = self._model.get_image_features(pixels, return_dict=True).pooler_output
        return tokens.flatten(0, 1)


class OnTransformersFeatures(TorchEngine):
    """Decodes the image tokens of transformers' encoder, with torch's kernels."""

    def __init__(self, model: Any, end_tokens: frozenset[int], batch_size: int) -> None:
        super().__init__(model, end_tokens, batch_size, native=False)

    def _prefill(self, model: Any, tile_batch: int, packed: Any) -> Prefill:
        return TransformersFeatures(model)


def decoded(
    checkpoint: LoadedModel, requests: list[Request], batch_size: int = 1, engine: type[TorchEngine] = TorchEngine
) -> list[list[int]]:
    completions = list(generate(engine(checkpoint.model, checkpoint.end_tokens, batch_size=batch_size), requests))
    for completion in completions:
        assert isinstance(completion, Completion), completion
    return [list(completion.tokens) for completion in completions if isinstance(completion, Completion)]


@torch.no_grad()
def test_a_random_network_depends_on_the_page_and_does_not_repeat_one_token(
    small: LoadedModel, wide: LoadedModel
) -> None:
    """Otherwise equal tokens would be no evidence."""
    for checkpoint in (small, wide):
        one, other = decoded(checkpoint, [request_for(checkpoint, Plain(), number=n) for n in (0, 3)])
        assert one != other
        assert len(set(one)) > 5


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_small_network_in_float32(small: LoadedModel, task: Task) -> None:
    request = request_for(small, task)
    assert decoded(small, [request]) == [generated(small, request)]


@pytest.mark.parametrize("task", usual_tasks(), ids=lambda task: task.kind)
def test_full_width_network_in_float32(wide: LoadedModel, task: Task) -> None:
    request = request_for(wide, task)
    assert decoded(wide, [request]) == [generated(wide, request)]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_got_nano_in_float32(checkpoint: LoadedModel, task: Task) -> None:
    request = request_for(checkpoint, task)
    assert decoded(checkpoint, [request]) == [generated(checkpoint, request)]


def assert_equal_in_bfloat16(exact: LoadedModel, rounded: LoadedModel, task: Task) -> None:
    """Tokens are equal from transformers' image tokens; from the engine's own, equal until rounding decides.

    The engine's encoder adds in another order than transformers', so its bfloat16 image tokens are as close to the
    float32 ones, but not the same. Where the two completions differ, transformers must have been undecided: the logits
    of the two tokens were closer to each other than transformers' bfloat16 logits were to its float32 logits.
    """
    request = request_for(rounded, task)
    expected, logits = generated_with_logits(rounded, request)
    assert decoded(rounded, [request], engine=OnTransformersFeatures) == [expected]

    [ours] = decoded(rounded, [request])
    if ours == expected:
        return
    first_difference = next((i for i, (a, b) in enumerate(zip(ours, expected, strict=False)) if a != b), len(ours))
    assert first_difference < min(len(ours), len(expected)), "one completion ends where the other continues"
    prefix = torch.tensor([[*request.prompt, *expected[:first_difference]]])
    with torch.no_grad():
        exact_logits = exact.model(
            input_ids=prefix,
            pixel_values=request.network_pixels(exact.model.device, exact.model.dtype),
            logits_to_keep=1,
        ).logits[0, -1]
    gap = (
        logits[first_difference, expected[first_difference]] - logits[first_difference, ours[first_difference]]
    ).abs()
    assert gap <= 2 * (logits[first_difference] - exact_logits).abs().max()


def in_bfloat16(checkpoint: LoadedModel) -> LoadedModel:
    return replace(checkpoint, model=copy.deepcopy(checkpoint.model).to(torch.bfloat16))


@pytest.fixture(scope="module")
def small_bfloat16(small: LoadedModel) -> LoadedModel:
    return in_bfloat16(small)


@pytest.fixture(scope="module")
def wide_bfloat16(wide: LoadedModel) -> LoadedModel:
    return in_bfloat16(wide)


@pytest.fixture(scope="module")
def nano_bfloat16(checkpoint: LoadedModel) -> LoadedModel:
    return in_bfloat16(checkpoint)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_small_network_in_bfloat16(small: LoadedModel, small_bfloat16: LoadedModel, task: Task) -> None:
    assert_equal_in_bfloat16(small, small_bfloat16, task)


@pytest.mark.parametrize("task", usual_tasks(*SLOW_IN_BFLOAT16), ids=lambda task: task.kind)
def test_full_width_network_in_bfloat16(wide: LoadedModel, wide_bfloat16: LoadedModel, task: Task) -> None:
    assert_equal_in_bfloat16(wide, wide_bfloat16, task)


@pytest.mark.parametrize("task", usual_tasks(*SLOW_IN_BFLOAT16), ids=lambda task: task.kind)
def test_got_nano_in_bfloat16(checkpoint: LoadedModel, nano_bfloat16: LoadedModel, task: Task) -> None:
    assert_equal_in_bfloat16(checkpoint, nano_bfloat16, task)


def test_different_requests_in_one_batch_get_the_same_tokens_as_alone(small: LoadedModel) -> None:
    """Prompts of 34 to 200 tokens and ``max_new_tokens`` of 1 to 40, with batch size 3."""
    requests = [
        replace(request_for(small, task, budget=budget, number=number), ngram_ban=ban)
        for number, (task, budget, ban) in enumerate(
            [(task, budget, ban) for task in TASKS for budget, ban in ((40, 20), (1, 0), (17, 2))]
        )
    ]
    assert len({len(request.prompt) for request in requests}) > 4
    expected = [generated(small, request) for request in requests]
    assert decoded(small, requests, batch_size=3) == expected
    assert decoded(small, list(reversed(requests)), batch_size=len(requests)) == list(reversed(expected))


def test_different_pages_in_one_batch_get_the_same_tokens_as_alone_on_got_nano(checkpoint: LoadedModel) -> None:
    requests = [request_for(checkpoint, task, budget=8 + 5 * n, number=n) for n, task in enumerate([Plain()] * 3)]
    assert decoded(checkpoint, requests, batch_size=2) == [generated(checkpoint, request) for request in requests]


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_the_ngram_ban_equals_that_of_generate(length: int) -> None:
    """A network of small weights repeats one token, unless the ban prevents it."""
    tame = network(256, NARROW_VISION, NARROW_TEXT, scale=0.02)
    free = replace(request_for(tame, Plain(), budget=40), ngram_ban=0)
    banned = replace(free, ngram_ban=length)
    expected = [generated(tame, free), generated(tame, banned)]
    assert decoded(tame, [free, banned], batch_size=2) == expected
    assert expected[0] != expected[1]


def test_the_end_token_ends_the_completion_and_is_not_part_of_it(small: LoadedModel) -> None:
    request = request_for(small, Plain())
    tokens = generated(small, request)
    end = tokens[10]
    stopping = replace(small, end_tokens=frozenset({end}))
    assert tokens.index(end) > 0
    assert generated(stopping, request) == tokens[: tokens.index(end)]
    [completion] = generate(TorchEngine(small.model, stopping.end_tokens), [request])
    assert isinstance(completion, Completion)
    assert list(completion.tokens) == tokens[: tokens.index(end)]
    assert completion.finish == "stop"
    assert len(completion.probabilities) == len(completion.tokens)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 20])
def test_the_ngram_ban_equals_transformers_on_random_sequences(length: int) -> None:
    rng = random.Random(length)
    official = NoRepeatNGramLogitsProcessor(length)
    for _ in range(60):
        vocabulary = rng.choice([2, 3, 10])
        sequence = [rng.randrange(vocabulary) for _ in range(rng.choice([1, length - 1, length, 3 * length, 90]))] or [
            0
        ]
        ours = NgramBan(length, sequence[:5])
        for token in sequence[5:]:
            ours.add(token)
        scores = official(torch.tensor([sequence]), torch.zeros(1, vocabulary))
        assert sorted(set(ours.banned())) == torch.nonzero(scores[0].isinf()).flatten().tolist()


@torch.no_grad()
@pytest.mark.parametrize(
    ("image_size", "tiles", "vision"),
    [
        (256, 5, NARROW_VISION),  # several tiles; windows of 14 on a grid of 16
        (1024, 2, NARROW_VISION),  # GOT's grid of 64: the last windows are padded by 6
        (448, 1, NARROW_VISION),  # two windows exactly
        (1024, 1, GOT_VISION),  # GOT's grid and widths
    ],
    ids=str,
)
def test_the_encoder_agrees_with_transformers(image_size: int, tiles: int, vision: dict[str, Any]) -> None:
    model = network(image_size, vision, NARROW_TEXT, scale=0.25).model
    pixels = torch.randn(tiles, 3, image_size, image_size, generator=torch.Generator().manual_seed(1))
    expected = model.get_image_features(pixels, return_dict=True)
    tokens, neck = encode(model.model.vision_tower, model.model.multi_modal_projector, pixels)
    assert tokens.shape == (tiles, (image_size // 64) ** 2, 64)
    assert expected.pooler_output.std() > 0.5
    for ours, theirs in ((tokens, expected.pooler_output), (neck.permute(0, 3, 1, 2), expected.last_hidden_state)):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5 * theirs.abs().max().item())
