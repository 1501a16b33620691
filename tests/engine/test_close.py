"""A closed engine refuses to read and gives its memory back."""

import gc
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from helpers.engine_requests import generate
from helpers.random_networks import NARROW_TEXT, NARROW_VISION, network, request_for

from got_runtime import Plain
from got_runtime.engine.protocol import Engine
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.engine.transformers_engine import TransformersEngine
from got_runtime.errors import EngineError
from got_runtime.model.checkpoint import LoadedModel


@pytest.fixture
def small() -> LoadedModel:
    return network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)


MAKERS: dict[str, Callable[[LoadedModel], Engine]] = {
    "torch": lambda checkpoint: TorchEngine(checkpoint.model, checkpoint.end_tokens, batch_size=1),
    "transformers": lambda checkpoint: TransformersEngine(checkpoint.model, checkpoint.end_tokens),
    "scripted": lambda checkpoint: ScriptedEngine(checkpoint.encode, ["text"]),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_closed_engine_refuses(small: LoadedModel, name: str) -> None:
    engine = MAKERS[name](small)
    requests = [request_for(small, Plain(), budget=2, number=n) for n in range(3)]
    in_use = generate(engine, requests)
    next(in_use)
    engine.close()
    engine.close()
    for iterator in (in_use, generate(engine, requests)):
        with pytest.raises(EngineError, match="closed: make a new runtime"):
            next(iterator)


@pytest.mark.parametrize("name", ["torch", "transformers"])
def test_a_closed_engine_holds_no_weights(small: LoadedModel, name: str) -> None:
    engine = MAKERS[name](small)
    request = request_for(small, Plain(), budget=2)
    assert len(list(generate(engine, [request]))) == 1
    weights = weakref.ref(small.model)
    checkpoint: Any = replace(small, model=None)
    small.__dict__.clear()  # the fixture's reference to the network
    assert checkpoint.model is None
    assert weights() is not None
    engine.close()
    gc.collect()
    assert weights() is None


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_freed_memory_is_returned_to_the_system() -> None:
    code = """
        import torch
        from got_runtime.bench.memory import resident_memory
        from got_runtime.engine.torch_engine.allocator import keep_freed_memory, return_freed_memory
        keep_freed_memory()
        before = resident_memory()
        weights = [torch.ones(1 << 20) for _ in range(64)]  # 256 MiB
        used = resident_memory()
        del weights
        return_freed_memory(torch.device("cpu"))
        print((used - before) >> 20, (resident_memory() - before) >> 20)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    used, left = map(int, done.stdout.split())
    assert used > 200
    assert left < 50
