"""The compiled grid attention equals the definition with every instruction set that the CPU has, and does not disturb
oneDNN, which uses the same tiles."""

from collections.abc import Iterator

import pytest
import torch
from helpers.native_code import INSTRUCTION_SETS
from torch import Tensor

from got_runtime.model.attention import Bias, attend
from got_runtime.model.native import grid_attention as grid_kernel
from got_runtime.model.native.build import SWITCH


@pytest.fixture(autouse=True, params=INSTRUCTION_SETS)
def _instructions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(SWITCH, request.param)
    grid_kernel.load.cache_clear()
    assert grid_kernel.load() is not None, "these tests need Linux on x86-64 with AVX2 and a C compiler"
    yield
    grid_kernel.load.cache_clear()


def grid(tiles: int, heads: int, rows: int, columns: int) -> tuple[Tensor, Tensor, Tensor, Bias]:
    """Queries, keys and values with the strides of one product, and large relative positions."""
    torch.manual_seed(rows)
    tokens = rows * columns
    query, key, value = torch.randn(tiles, tokens, 3, heads, 64).bfloat16().permute(2, 0, 3, 1, 4)
    by_row, by_column = (3 * torch.randn(tiles, heads, tokens, side).bfloat16() for side in (rows, columns))
    return query, key, value, (by_row, by_column)


def by_definition(query: Tensor, key: Tensor, value: Tensor, bias: Bias) -> Tensor:
    query, key, value, by_row, by_column = (each.float() for each in (query, key, value, *bias))
    logits = query @ key.transpose(-1, -2) / 8
    rows, columns = by_row.shape[-1], by_column.shape[-1]
    logits += by_row.repeat_interleave(columns, dim=-1) + by_column.repeat(1, 1, 1, rows)
    return torch.softmax(logits, dim=-1) @ value


@torch.inference_mode()
@pytest.mark.parametrize(
    "shape",
    [(1, 1, 64, 64), (2, 3, 16, 64), (25, 2, 14, 14), (3, 2, 1, 1), (1, 2, 7, 5), (1, 2, 7, 16), (1, 2, 64, 48)],
)
def test_the_compiled_attention_equals_the_definition_rounded_to_bfloat16(shape: tuple[int, int, int, int]) -> None:
    query, key, value, bias = grid(*shape)
    expected = by_definition(query, key, value, bias)
    found = grid_kernel.attend_natively(query, key, value, bias, 1 / 8)
    assert found is not None
    assert float((found - expected).norm() / expected.norm()) < 3e-3


@torch.inference_mode()
def test_products_of_torch_in_between_are_not_disturbed() -> None:
    """oneDNN keeps tiles of its own configured from one product to the next."""
    one, two = (torch.randn(512, 512).bfloat16() for _ in range(2))
    before = one @ two
    query, key, value, bias = grid(1, 4, 16, 64)
    for _ in range(3):
        attend(query, key, value, bias, 1 / 8)
        assert torch.equal(one @ two, before)


@torch.inference_mode()
def test_unsupported_inputs_use_the_folded_implementation(monkeypatch: pytest.MonkeyPatch) -> None:
    query, key, value, bias = grid(1, 2, 14, 14)
    expected = by_definition(query, key, value, bias)
    for narrow in (query[..., :48], query.float()):  # heads of another width, and another precision
        assert grid_kernel.attend_natively(narrow, key, value, bias, 1 / 8) is None
    monkeypatch.setenv(SWITCH, "0")
    grid_kernel.load.cache_clear()
    assert grid_kernel.attend_natively(query, key, value, bias, 1 / 8) is None
    torch.testing.assert_close(attend(query, key, value, bias, 1 / 8).float(), expected, rtol=0.05, atol=0.05)


def test_gradients_use_another_implementation() -> None:
    query, key, value, bias = grid(1, 2, 16, 64)
    query = query.detach().requires_grad_()
    attend(query, key, value, bias, 1 / 8).float().sum().backward()
    assert query.grad is not None


@torch.inference_mode()
def test_nan_affects_only_its_own_head() -> None:
    query, key, value, bias = grid(1, 2, 2, 16)
    value = value.clone()
    value[0, 0, 5, 7] = float("nan")
    value = value.permute(0, 2, 1, 3).contiguous().permute(0, 2, 1, 3)
    query, key = (each.permute(0, 2, 1, 3).contiguous().permute(0, 2, 1, 3) for each in (query, key))
    found = grid_kernel.attend_natively(query, key, value, bias, 1 / 8)
    assert found is not None
    assert found[0, 0, :, 7].isnan().all()
    assert not found[0, 1].isnan().any()
