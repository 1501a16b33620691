"""The compiled step in bfloat16 on a CPU agrees with torch, in 16 bits and in 8."""

import ctypes
import math
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from helpers.native_code import INSTRUCTION_SETS
from helpers.random_networks import GOT_TEXT, GOT_VISION, NARROW_TEXT, network
from torch import Tensor

from got_runtime.engine.torch_engine.native.decoder import NativeDecoder, PackedNetwork
from got_runtime.engine.torch_engine.native.head import BfloatHead, Int8Head
from got_runtime.engine.torch_engine.native.library import load, load_products
from got_runtime.engine.torch_engine.native.linear import PackedLinear, pack_encoder, quantize
from got_runtime.engine.torch_engine.prefill import Prefill
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder
from got_runtime.model.native.build import SWITCH


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    text = GOT_TEXT | {"num_key_value_heads": 4, "num_hidden_layers": 3}
    model: torch.nn.Module = network(256, GOT_VISION | {"num_hidden_layers": 1}, text, scale=0.05).model.to(
        torch.bfloat16
    )
    return model


@pytest.fixture(params=INSTRUCTION_SETS)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ctypes.CDLL]:
    """``step.c`` for every instruction set that the CPU has, and ``products.c`` too."""
    monkeypatch.setenv(SWITCH, request.param)
    load.cache_clear()
    load_products.cache_clear()
    compiled = load()
    assert compiled is not None, "these tests need Linux on x86-64 with AVX2 and a C compiler"
    yield compiled
    load.cache_clear()
    load_products.cache_clear()


def similarity(native: Tensor, reference: Tensor) -> float:
    return float(F.cosine_similarity(native.float().flatten(), reference.float().flatten(), dim=0))


@torch.inference_mode()
@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("weights", "cache", "least"), [(False, False, 0.9995), (False, True, 0.999), (True, True, 0.99)]
)
def test_steps_agree_with_torch(model: torch.nn.Module, weights: bool, cache: bool, least: float) -> None:
    """Three sequences of different length outgrow their first capacity, one is removed; four heads share a key head."""
    packed = PackedNetwork.pack(model, int8=weights)
    assert packed is not None
    native, reference = NativeDecoder(packed, 1 << 30, int8=cache), TorchDecoder(model, 3, 1 << 30)
    torch.manual_seed(0)
    prompts = [torch.randn(length, 1024).to(torch.bfloat16) for length in (5, 33, 90)]
    for slot, prompt in enumerate(prompts):
        first = [decoder.prefill(slot, prompt, len(prompt) + 1, None) for decoder in (native, reference)]
        assert similarity(*first) > least
    lengths = [len(prompt) for prompt in prompts]
    for number in range(40):
        tokens = [(7 * number + index) % 400 for index in range(len(lengths))]
        found = [decoder.step(tokens, lengths, [None] * len(lengths)) for decoder in (native, reference)]
        assert similarity(*found) > least
        lengths = [length + 1 for length in lengths]
        if number == 20:
            for decoder in (native, reference):
                decoder.move(2, 0, lengths[2])
                decoder.release(2)
            lengths = [lengths[2], lengths[1]]


@torch.inference_mode()
@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("int8", [False, True])
def test_the_choice_agrees_with_torch_and_respects_the_ban(model: torch.nn.Module, int8: bool) -> None:
    packed = PackedNetwork.pack(model, int8)
    assert packed is not None
    native, reference = NativeDecoder(packed, 1 << 30, int8=False), TorchDecoder(model, 4, 1 << 30)
    hidden = torch.randn(4, 1024).to(torch.bfloat16)
    best, _ = reference.choose(hidden, [()] * 4)
    banned: list[list[int]] = [[], [best[1]], [best[2], 3], [5, 6]]
    (tokens, given), (expected, probabilities) = (decoder.choose(hidden, banned) for decoder in (native, reference))
    assert tokens == expected
    assert given == pytest.approx(probabilities, rel=1e-2)


@torch.inference_mode()
@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("head", [BfloatHead, Int8Head])
def test_the_choice_among_many_tokens_is_exact_and_marks_values_that_are_not_finite(
    library: ctypes.CDLL, head: type[BfloatHead | Int8Head]
) -> None:
    torch.manual_seed(0)
    weight, hidden = torch.randn(5003, 256).to(torch.bfloat16), torch.randn(33, 256).to(torch.bfloat16)
    logits = (hidden @ weight.T).float()
    choice = head(library, weight)(hidden)
    assert choice.tokens == logits.argmax(dim=1).tolist()
    assert choice.probabilities == pytest.approx(logits.softmax(dim=1).amax(dim=1).tolist(), rel=0.1)
    assert similarity(choice.logits(7), logits[7]) > 0.9999
    hidden[5, 3] = float("nan")
    broken = head(library, weight)(hidden).probabilities
    assert [index for index, probability in enumerate(broken) if not math.isfinite(probability)] == [5]
    weight[300, 7] = float("inf")
    assert not any(map(math.isfinite, head(library, weight)(hidden).probabilities))


@torch.inference_mode()
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("rows", [1, 7, 16, 17, 32, 40, 100])
def test_products_agree_with_torch(library: ctypes.CDLL, rows: int, biased: bool) -> None:
    """Outputs and rows that do not fill a tile."""
    torch.manual_seed(rows)
    weight, bias = torch.randn(90, 192).to(torch.bfloat16), torch.randn(90).to(torch.bfloat16) if biased else None
    x = torch.randn(rows, 192).to(torch.bfloat16)
    added = bias.float() if bias is not None else 0
    exact = x.float() @ weight.float().T + added
    product = PackedLinear(library, weight, bias, int8=False)
    torch.testing.assert_close(product(x).float(), exact, rtol=8e-3, atol=1e-2)
    product = PackedLinear(library, weight, bias, int8=True)
    (weight_8, weight_scale), x_8, x_scale = quantize(weight), torch.empty(x.shape, dtype=torch.int8), torch.empty(rows)
    library.quantize_rows(x.data_ptr(), x_8.data_ptr(), x_scale.data_ptr(), *x.shape)
    quantized = (x_8.float() @ weight_8.float().T) * x_scale[:, None] * weight_scale + added
    torch.testing.assert_close(product(x, torch.float32), quantized, rtol=1e-5, atol=1e-4)
    assert similarity(product(x), exact) > 0.999


@torch.inference_mode()
@pytest.mark.parametrize(("rows", "outputs", "inputs"), [(60, 70, 2816), (5, 32, 96)])
def test_compiled_products_add_in_float32(library: ctypes.CDLL, rows: int, outputs: int, inputs: int) -> None:
    """Several blocks of rows, outputs and inputs, and inputs that fill no tile; rounded to bfloat16 once."""
    torch.manual_seed(0)
    weight, x = torch.randn(outputs, inputs).to(torch.bfloat16), torch.randn(rows, inputs).to(torch.bfloat16)
    exact = x.float() @ weight.float().T
    packed = PackedLinear(library, weight)
    torch.testing.assert_close(packed(x, torch.float32), exact, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(packed(x), exact.to(torch.bfloat16), rtol=8e-3, atol=1e-3)


@torch.inference_mode()
def test_gelu_and_a_sum_follow_a_product(library: ctypes.CDLL) -> None:
    """To the precision of bfloat16, also where GELU is close to 0."""
    torch.manual_seed(0)
    weight, bias, x = torch.randn(40, 64), torch.linspace(-6, 6, 40), torch.randn(9, 64) / 100
    weight, bias, x = (each.to(torch.bfloat16) for each in (weight, bias, x))
    added = torch.randn(9, 40).to(torch.bfloat16)
    exact = F.gelu(F.linear(x.double(), weight.double(), bias.double()))
    packed = PackedLinear(library, weight, bias)
    torch.testing.assert_close(packed(x, torch.float32, gelu=True).double(), exact, rtol=1e-3, atol=1e-8)
    torch.testing.assert_close(packed(x, gelu=True, added=added).double(), exact + added, rtol=8e-3, atol=1e-3)


@torch.inference_mode()
def test_the_encoder_on_packed_weights_agrees_with_float32(library: ctypes.CDLL) -> None:
    """A layer with windows that the grid does not fill, and a global one."""
    checkpoint = network(256, GOT_VISION, NARROW_TEXT, scale=0.05)
    tiles = torch.randn(2, 3, 256, 256)
    expected = Prefill(checkpoint.model, 1).encode(tiles)
    model = checkpoint.model.to(torch.bfloat16)
    packed = pack_encoder(model, library)
    assert packed or load_products().instructions() == 4  # type: ignore[union-attr]
    assert similarity(Prefill(model, 2, packed).encode(tiles.to(torch.bfloat16)), expected) > 0.999


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("int8", [False, True])
def test_packed_weights_keep_nothing_for_gradients(model: torch.nn.Module, int8: bool) -> None:
    """Parameters require gradients; keeping what those need would take twice the weights in float32."""
    packed = PackedNetwork.pack(model, int8)
    assert packed is not None
    kept = [value for layer in packed.layers for value in vars(layer.qkv).values() if isinstance(value, Tensor)]
    assert kept
    assert not any(tensor.requires_grad for tensor in kept)


def test_networks_in_float32_are_not_packed(model: torch.nn.Module) -> None:
    import copy

    assert PackedNetwork.pack(copy.deepcopy(model).float(), int8=False) is None


def test_native_code_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "0")
    assert load.__wrapped__() is None
