"""Decoding in bfloat16 on a CPU: the compiled step does what torch does, in 16 bits and in 8."""

import ctypes
import math

import pytest
import torch
import torch.nn.functional as F
from helpers.random_networks import GOT_TEXT, GOT_VISION, network
from torch import Tensor

from got_runtime.engine.torch_engine.native import linear
from got_runtime.engine.torch_engine.native.decoder import NativeDecoder, PackedNetwork
from got_runtime.engine.torch_engine.native.head import BfloatHead, Int8Head
from got_runtime.engine.torch_engine.native.library import load, load_products
from got_runtime.engine.torch_engine.native.linear import BfloatLinear, Int8Linear, TileLinear
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder
from got_runtime.model.native.build import SWITCH


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    compiled = load()
    assert compiled is not None, "these tests need Linux on x86-64 and a C compiler"
    return compiled


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    text = GOT_TEXT | {"num_key_value_heads": 4, "num_hidden_layers": 3}
    model: torch.nn.Module = network(256, GOT_VISION | {"num_hidden_layers": 1}, text, scale=0.05).model.to(
        torch.bfloat16
    )
    return model


@pytest.fixture(params=["tiles", "oneDNN"])
def products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to multiply, whichever this machine would take."""
    if request.param == "oneDNN":
        monkeypatch.setattr(linear, "load_products", lambda: None)
    elif load_products() is None:
        pytest.skip("needs a CPU with AMX")
    return str(request.param)


def likeness(ours: Tensor, theirs: Tensor) -> float:
    return float(F.cosine_similarity(ours.float().flatten(), theirs.float().flatten(), dim=0))


@torch.inference_mode()
@pytest.mark.usefixtures("products")
@pytest.mark.parametrize(
    ("weights", "cache", "least"), [(False, False, 0.9995), (False, True, 0.999), (True, True, 0.99)]
)
def test_steps_are_torchs(model: torch.nn.Module, weights: bool, cache: bool, least: float) -> None:
    """Three rows of unlike length grow past their first room, one leaves; heads share keys four to one."""
    packed = PackedNetwork.pack(model, int8=weights)
    assert packed is not None
    ours, theirs = NativeDecoder(packed, 1 << 30, int8=cache), TorchDecoder(model, 3, 1 << 30)
    torch.manual_seed(0)
    prompts = [torch.randn(length, 1024).to(torch.bfloat16) for length in (5, 33, 90)]
    for slot, prompt in enumerate(prompts):
        first = [decoder.prefill(slot, prompt, len(prompt) + 1, None) for decoder in (ours, theirs)]
        assert likeness(*first) > least
    lengths = [len(prompt) for prompt in prompts]
    for number in range(40):
        tokens = [(7 * number + row) % 400 for row in range(len(lengths))]
        found = [decoder.step(tokens, lengths, [None] * len(lengths)) for decoder in (ours, theirs)]
        assert likeness(*found) > least
        lengths = [length + 1 for length in lengths]
        if number == 20:
            for decoder in (ours, theirs):
                decoder.move(2, 0, lengths[2])
                decoder.release(2)
            lengths = [lengths[2], lengths[1]]


@torch.inference_mode()
@pytest.mark.parametrize("int8", [False, True])
def test_the_choice_is_torchs_and_keeps_to_the_ban(model: torch.nn.Module, int8: bool) -> None:
    packed = PackedNetwork.pack(model, int8)
    assert packed is not None
    ours, theirs = NativeDecoder(packed, 1 << 30, int8=False), TorchDecoder(model, 4, 1 << 30)
    hidden = torch.randn(4, 1024).to(torch.bfloat16)
    best, _ = theirs.choose(hidden, [()] * 4)
    banned: list[list[int]] = [[], [best[1]], [best[2], 3], [5, 6]]
    (tokens, given), (expected, probabilities) = (decoder.choose(hidden, banned) for decoder in (ours, theirs))
    assert tokens == expected
    assert given == pytest.approx(probabilities, rel=1e-2)


@torch.inference_mode()
@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("head", [BfloatHead, Int8Head])
def test_the_choice_among_many_is_exact_and_owns_up_to_broken_numbers(
    library: ctypes.CDLL, head: type[BfloatHead | Int8Head]
) -> None:
    torch.manual_seed(0)
    weight, hidden = torch.randn(5003, 256).to(torch.bfloat16), torch.randn(33, 256).to(torch.bfloat16)
    logits = (hidden @ weight.T).float()
    choice = head(library, weight)(hidden)
    assert choice.tokens == logits.argmax(dim=1).tolist()
    assert choice.probabilities == pytest.approx(logits.softmax(dim=1).amax(dim=1).tolist(), rel=0.1)
    assert likeness(choice.logits(7), logits[7]) > 0.9999
    hidden[5, 3] = float("nan")
    broken = head(library, weight)(hidden).probabilities
    assert [index for index, probability in enumerate(broken) if not math.isfinite(probability)] == [5]
    weight[300, 7] = float("inf")
    assert not any(map(math.isfinite, head(library, weight)(hidden).probabilities))


@torch.inference_mode()
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("rows", [1, 7, 16, 17, 32, 40, 100])
def test_products(library: ctypes.CDLL, rows: int, biased: bool) -> None:
    """Outputs and rows that fill no tile; what is rounded alike gives the same sums."""
    torch.manual_seed(rows)
    weight, bias = torch.randn(90, 192).to(torch.bfloat16), torch.randn(90).to(torch.bfloat16) if biased else None
    x = torch.randn(rows, 192).to(torch.bfloat16)
    exact = F.linear(x.float(), weight.float(), bias.float() if bias is not None else None)
    plain, rounded = BfloatLinear(weight, bias), Int8Linear(library, weight, bias)
    torch.testing.assert_close(plain(x).float(), exact, rtol=8e-3, atol=1e-2)
    assert likeness(rounded(x), exact) > 0.999
    products = load_products()
    if products is None:
        pytest.skip("the rest needs a CPU with AMX")
    in_tiles = TileLinear(library, products, weight, bias, int8=False)
    torch.testing.assert_close(in_tiles(x, torch.float32), exact, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(in_tiles(x), exact.to(torch.bfloat16), rtol=8e-3, atol=1e-4)
    in_tiles = TileLinear(library, products, weight, bias, int8=True)
    torch.testing.assert_close(in_tiles(x, torch.float32), rounded(x, torch.float32), rtol=1e-5, atol=1e-4)


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("int8", [False, True])
def test_what_is_laid_out_does_not_remember_how(model: torch.nn.Module, int8: bool) -> None:
    """Parameters want gradients; what would be kept for them is twice the weights in float32."""
    packed = PackedNetwork.pack(model, int8)
    assert packed is not None
    kept = [value for layer in packed.layers for value in vars(layer.qkv).values() if isinstance(value, Tensor)]
    assert kept
    assert not any(tensor.requires_grad for tensor in kept)


def test_other_networks_keep_to_torch(model: torch.nn.Module) -> None:
    import copy

    assert PackedNetwork.pack(copy.deepcopy(model).float(), int8=False) is None


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "0")
    assert load.__wrapped__() is None
