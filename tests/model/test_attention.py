"""The compiled grid attention equals the definition with every instruction set that the CPU has, and does not disturb
oneDNN, which uses the same tiles."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from helpers.native_code import INSTRUCTION_SETS
from helpers.random_networks import GOT_VISION, NARROW_TEXT, network
from torch import Tensor

from got_runtime.model.attention import attend
from got_runtime.model.encoder import encode
from got_runtime.model.native import grid_attention as grid_kernel
from got_runtime.model.native.build import SWITCH


@pytest.fixture(autouse=True, params=INSTRUCTION_SETS)
def _instructions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(SWITCH, request.param)
    grid_kernel.load.cache_clear()
    assert grid_kernel.load() is not None, "these tests need Linux on x86-64 with AVX2 and a C compiler"
    yield
    grid_kernel.load.cache_clear()


Inputs = tuple[Tensor, Tensor, tuple[Tensor, Tensor]]
"""Queries, keys and values of the patches, those of patches beyond the edge, and vectors of the distances."""


def grid(tiles: int, heads: int, rows: int, columns: int, window: tuple[int, int]) -> Inputs:
    """Large relative positions."""
    torch.manual_seed(rows)
    qkv = torch.randn(tiles, rows, columns, 3, heads, 64).bfloat16()
    outside = torch.randn(3, heads, 64).bfloat16()
    by_row, by_column = (torch.randn(2 * side - 1, 64).bfloat16() / 2 for side in window)
    return qkv, outside, (by_row, by_column)


def by_definition(inputs: Inputs, window: tuple[int, int]) -> Tensor:
    qkv, outside, (by_row, by_column) = inputs[0].float(), inputs[1].float(), [each.float() for each in inputs[2]]
    tiles, rows, columns, _, heads, width = qkv.shape
    (height, across), out = window, torch.empty(tiles, rows, columns, heads, width)
    for top in range(0, rows, height):
        for left in range(0, columns, across):
            cut = outside.repeat(tiles, height, across, 1, 1, 1)
            part = qkv[:, top : top + height, left : left + across]
            cut[:, : part.shape[1], : part.shape[2]] = part
            query, key, value = cut.flatten(1, 2).permute(2, 0, 3, 1, 4)
            row, column = torch.arange(height).repeat_interleave(across), torch.arange(across).repeat(height)
            down = (row[:, None] - row) + height - 1
            sideways = (column[:, None] - column) + across - 1
            logits = query @ key.transpose(-1, -2) / 8
            logits += (query @ by_row.T).gather(-1, down.expand_as(logits))
            logits += (query @ by_column.T).gather(-1, sideways.expand_as(logits))
            answer = (torch.softmax(logits, dim=-1) @ value).transpose(1, 2).unflatten(1, window)
            out[:, top : top + height, left : left + across] = answer[:, : part.shape[1], : part.shape[2]]
    return out


@torch.inference_mode()
@pytest.mark.parametrize(
    ("shape", "window"),
    [
        ((1, 1, 64, 64), (64, 64)),
        ((2, 3, 16, 64), (16, 64)),
        ((2, 2, 33, 30), (14, 14)),
        ((1, 3, 20, 24), (8, 8)),
        ((1, 2, 6, 8), (6, 8)),
        ((1, 2, 3, 8), (3, 8)),
        ((1, 2, 6, 4), (6, 4)),
        ((3, 2, 1, 1), (1, 1)),
        ((1, 2, 7, 5), (7, 5)),
        ((1, 2, 7, 16), (14, 14)),
    ],
    ids=str,
)
def test_the_compiled_attention_equals_the_definition_rounded_to_bfloat16(
    shape: tuple[int, int, int, int], window: tuple[int, int]
) -> None:
    inputs = grid(*shape, window)
    expected = by_definition(inputs, window)
    found = grid_kernel.attend_natively(*inputs, window, 1 / 8)
    assert float((found - expected).norm() / expected.norm()) < 3e-3


@torch.inference_mode()
def test_products_of_torch_in_between_are_not_disturbed() -> None:
    """oneDNN keeps tiles of its own configured from one product to the next."""
    one, two = (torch.randn(512, 512).bfloat16() for _ in range(2))
    before = one @ two
    inputs = grid(1, 4, 16, 64, (16, 64))
    for _ in range(3):
        grid_kernel.attend_natively(*inputs, (16, 64), 1 / 8)
        assert torch.equal(one @ two, before)


@torch.inference_mode()
def test_the_encoder_uses_compiled_attention_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that the grid does not fill, then the whole grid; the results agree with those of torch's attention."""
    model = network(256, GOT_VISION, NARROW_TEXT, scale=0.05).model.to(torch.bfloat16).model
    pixels = torch.randn(1, 3, 256, 256).bfloat16()
    calls: list[tuple[int, int]] = []

    def attend_natively(qkv: Tensor, outside: Tensor, tables: Any, window: tuple[int, int], scale: float) -> Tensor:
        calls.append(window)
        return grid_kernel.attend_natively(qkv, outside, tables, window, scale)

    monkeypatch.setattr("got_runtime.model.encoder.attend_natively", attend_natively)
    found, _ = encode(model.vision_tower, model.multi_modal_projector, pixels)
    assert calls == [(14, 14), (16, 16)]
    monkeypatch.setenv(SWITCH, "0")
    grid_kernel.load.cache_clear()
    folded, _ = encode(model.vision_tower, model.multi_modal_projector, pixels)
    assert len(calls) == 2
    assert float((found - folded).norm() / folded.norm()) < 0.02


def test_other_inputs_are_not_supported() -> None:
    hidden = torch.zeros(1, 2, 2, 128).bfloat16()
    assert not grid_kernel.is_supported(hidden, 64)  # gradients
    with torch.inference_mode():
        assert grid_kernel.is_supported(hidden, 64)
        assert not grid_kernel.is_supported(hidden, 48)
        assert not grid_kernel.is_supported(hidden.float(), 64)


def test_gradients_use_another_implementation() -> None:
    query, key, value = (torch.randn(1, 2, 64, 64).bfloat16() for _ in range(3))
    bias = torch.randn(1, 2, 64, 4).bfloat16(), torch.randn(1, 2, 64, 16).bfloat16()
    query.requires_grad_()
    attend(query, key, value, bias, 1 / 8).float().sum().backward()
    assert query.grad is not None


@torch.inference_mode()
def test_nan_affects_only_its_own_head() -> None:
    qkv, outside, tables = grid(1, 2, 2, 16, (2, 16))
    qkv[0, 0, 5, 2, 0, 7] = float("nan")
    found = grid_kernel.attend_natively(qkv, outside, tables, (2, 16), 1 / 8)
    assert found[0, :, :, 0, 7].isnan().all()
    assert not found[..., 1, :].isnan().any()
