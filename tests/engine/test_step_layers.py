"""Layers whose products are made together compute what transformers' modules compute, on the same memory."""

import copy
from typing import Any

import pytest
import torch
from helpers.random_networks import NARROW_TEXT, NARROW_VISION, network
from torch import Tensor, nn

from got_runtime.engine.torch_engine.step_layers import StepLayers
from got_runtime.model.decoder import forward, masked


@pytest.fixture
def language() -> Any:
    return copy.deepcopy(network(256, NARROW_VISION, NARROW_TEXT, scale=0.25).model.model.language_model)


def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """To the sequence's own token and one of zeros."""
    key, value = (torch.cat([each, torch.zeros_like(each)], dim=2) for each in (key, value))
    return masked(query, key, value, None)


@torch.inference_mode()
def test_hidden_states_are_those_of_the_separate_products(language: Any) -> None:
    embedded, positions = torch.randn(3, 1, 64), torch.tensor([[5], [900], [31]])
    expected = forward(language, embedded, positions, attend)[:, -1]
    layers = StepLayers(language)
    assert torch.allclose(layers(embedded, positions, attend), expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(forward(language, embedded, positions, attend)[:, -1], expected)


def test_packed_weights_take_no_memory_and_are_packed_once(language: Any) -> None:
    before = {name: parameter.clone() for name, parameter in language.named_parameters()}
    first, second = StepLayers(language), StepLayers(language)
    for layer, packed, again in zip(language.layers, first._layers, second._layers, strict=True):
        attention, mlp = layer.self_attn, layer.mlp
        for (weight, bias), (same, _), modules in (
            (packed.qkv, again.qkv, (attention.q_proj, attention.k_proj, attention.v_proj)),
            (packed.gate_up, again.gate_up, (mlp.gate_proj, mlp.up_proj)),
        ):
            assert weight.data_ptr() == same.data_ptr() == modules[0].weight.data_ptr()
            assert torch.equal(weight, torch.cat([module.weight for module in modules]))
            assert bias is None or torch.equal(bias, torch.cat([module.bias for module in modules]))
    assert all(torch.equal(parameter, before[name]) for name, parameter in language.named_parameters())


def test_a_network_with_an_adapter_is_not_packed(language: Any) -> None:
    assert StepLayers.is_supported(language)

    class Adapter(nn.Linear):
        pass

    language.layers[1].self_attn.v_proj = Adapter(64, 32)
    assert not StepLayers.is_supported(language)
