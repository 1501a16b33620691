"""Engines are made by name, and configurations are validated."""

import pickle
from dataclasses import replace
from types import SimpleNamespace as Part
from typing import Any

import pytest
import torch
from helpers.random_networks import (
    NARROW_TEXT,
    NARROW_VISION,
    network,
)

from got_runtime import GotRuntime
from got_runtime.engine.processor import other_devices
from got_runtime.engine.registry import ENGINES, EngineConfig, _vllm_memory, make_engine
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.engine.torch_engine.native import decoder, library
from got_runtime.engine.transformers_engine import TransformersEngine
from got_runtime.engine.worker import share_memory
from got_runtime.errors import EngineError, OptionError
from got_runtime.model.checkpoint import LoadedModel


@pytest.fixture(scope="module")
def small() -> LoadedModel:
    return network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)


def test_engines_are_made_by_name(checkpoint: LoadedModel) -> None:
    assert set(ENGINES) == {"torch", "transformers", "vllm"}
    engine = make_engine("transformers", checkpoint)
    assert isinstance(engine, TransformersEngine)
    assert make_engine(engine, checkpoint) is engine
    with pytest.raises(EngineError, match="choose one of torch"):
        make_engine("abacus", checkpoint)


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"batch_size": -1},
        {"weight_dtype": "int4"},
        {"kv_cache_dtype": "fp8"},
        {"kv_cache_bytes": 0},
        {"threads": 0},
    ],
    ids=str,
)
def test_values_that_no_engine_can_use_are_an_error(options: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match=next(iter(options))):
        EngineConfig(**options)


@pytest.mark.parametrize(
    "options", [{"batch_size": True}, {"batch_size": "8"}, {"batch_size": None}, {"threads": 1.5}], ids=str
)
def test_a_number_that_is_none_is_an_error(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=f"{next(iter(options))}=.*: give a whole number"):
        EngineConfig(**options)


def test_an_unknown_setting_names_the_nearest_one() -> None:
    with pytest.raises(OptionError, match="EngineConfig has no option 'batchsize': did you mean 'batch_size'"):
        EngineConfig(batchsize=3)  # type: ignore[call-arg]
    assert EngineConfig(3) == pickle.loads(pickle.dumps(replace(EngineConfig(), batch_size=3)))


def test_an_object_that_is_no_engine_is_an_error_before_weights_are_loaded() -> None:
    wrong: Any = 3
    with pytest.raises(EngineError, match="engine=3: give one of torch"):
        GotRuntime.from_pretrained("nobody/nothing", engine=wrong)


@pytest.mark.parametrize("options", [{"weight_dtype": "int8"}, {"kv_cache_dtype": "int8"}], ids=str)
def test_int8_is_an_error_where_it_is_not_supported(small: LoadedModel, options: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match="8 bits need bfloat16 on a CPU"):
        TorchEngine(small.model, small.end_tokens, **options)


def test_where_the_c_code_is_switched_off_torch_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOT_OCR_NATIVE", "0")
    for name in ("load", "load_products"):  # without what they remember
        monkeypatch.setattr(decoder, name, getattr(library, name).__wrapped__)
    layer = Part(self_attn=Part(head_dim=64))
    head = Part(weight=torch.zeros(8, 64, dtype=torch.bfloat16))
    model = Part(lm_head=head, model=Part(language_model=Part(layers=[layer])))
    assert decoder.PackedNetwork.pack(model, int8=False) is None


def test_processes_on_one_device_share_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("got_runtime.engine.memory.free_memory", lambda device: 1000)
    device = torch.device("cuda:0")
    assert share_memory(EngineConfig(), device, 1).kv_cache_bytes is None
    assert share_memory(EngineConfig(), device, 2).kv_cache_bytes == 300
    assert share_memory(EngineConfig(kv_cache_bytes=7), device, 2).kv_cache_bytes == 7


def test_accelerators_that_auto_does_not_choose_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert other_devices("cpu") == []
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    assert other_devices("cpu") == ["mps"]
    assert other_devices("mps:0") == []


@pytest.mark.parametrize(("free", "expected"), [(78, 0.9), (20, 0.237)])
def test_vllm_may_take_the_part_of_a_gpu_that_is_free(
    free: int, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not start where more than that is in use, and our copy of the weights is on the CPU."""
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (free << 30, 80 << 30))
    assert _vllm_memory(torch.device("cuda:0")) == {"gpu_memory_utilization": expected}
    assert _vllm_memory(torch.device("cpu")) == {}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"engine": "toch"}, "no engine 'toch'"), ({"engine_config": {"batch_size": 2}}, "give an EngineConfig")],
)
def test_an_engine_that_cannot_be_made_is_an_error_before_weights_are_loaded(
    settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(EngineError, match=reason):
        GotRuntime.from_pretrained("no such checkpoint", **settings)
