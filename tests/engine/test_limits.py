"""Limits of a page: memory, time, and values that are not finite."""

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.deadlines import in_time
from helpers.engine_requests import generate
from helpers.native_code import needs_compiled_steps
from helpers.random_networks import NARROW_TEXT, NARROW_VISION, generated, network, request_for

from got_runtime import Plain
from got_runtime.engine import memory
from got_runtime.engine.protocol import Completion, Engine
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder
from got_runtime.engine.transformers_engine import TransformersEngine
from got_runtime.errors import EngineError
from got_runtime.model.checkpoint import LoadedModel

TOKEN = 2 * 2 * 2 * 16 * 4
"""Bytes of KV cache for one token of the small network: keys and values, layers, heads, width, float32."""
WIDE_TOKEN = 2 * 2 * 2 * 64 * 2
"""The same for the network that native code supports: heads of 64, bfloat16."""


@pytest.fixture(scope="module")
def small() -> LoadedModel:
    return network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)


@pytest.fixture(scope="module")
def compiled() -> LoadedModel:
    """A small network with GOT's head width in bfloat16, which native code supports."""
    float32 = network(256, NARROW_VISION, NARROW_TEXT | {"hidden_size": 128, "num_attention_heads": 2}, scale=0.25)
    return replace(float32, model=float32.model.to(torch.bfloat16))


def completed(engine: Engine, requests: list[Any]) -> list[Any]:
    results: list[Any] = in_time(lambda: list(generate(engine, requests)))
    return results


class TestMemory:
    @needs_compiled_steps
    def test_a_preempted_page_keeps_its_recorded_attention(self, compiled: LoadedModel) -> None:
        """Boxes need the attention of every token, before and after the preemption."""
        requests = [
            replace(request_for(compiled, Plain(), 450, n), record_attention=True, ngram_ban=0) for n in range(2)
        ]
        engines = [
            TorchEngine(compiled.model, frozenset(), batch_size=2, kv_cache_bytes=tokens * WIDE_TOKEN)
            for tokens in (4000, 850)
        ]
        for engine in engines:  # the second page begins at once: in bfloat16 tokens may depend on the pages beside them
            engine._batch._clock = lambda: 0.0
        ample, scarce = (completed(engine, requests) for engine in engines)
        assert scarce[0] == replace(
            ample[0], encode_seconds=scarce[0].encode_seconds, decode_seconds=scarce[0].decode_seconds
        )
        assert "memory ran out" in scarce[1].warnings[0]
        assert len(scarce[1].token_positions) == len(scarce[1].tokens)
        assert scarce[1].tokens[:300] == ample[1].tokens[:300]

    @pytest.mark.parametrize("where", ["prefill", "step"])
    def test_attention_of_a_repeated_step_is_recorded_once(self, small: LoadedModel, where: str) -> None:
        requests = [replace(request_for(small, Plain(), 150, n), record_attention=True) for n in range(2)]
        engine = TorchEngine(small.model, small.end_tokens, batch_size=2)
        expected = completed(engine, requests)
        prompts: list[int] = []

        def run_out(_: Any, inputs: tuple[torch.Tensor]) -> None:
            batch_size, tokens = inputs[0].shape[:2]
            prompts.extend([tokens] if tokens > 1 else [])
            if (len(prompts) == 2 and tokens > 1) if where == "prefill" else batch_size == 2:
                hook.remove()
                raise torch.OutOfMemoryError("CUDA out of memory")

        hook = small.model.model.language_model.layers[1].mlp.register_forward_pre_hook(run_out)
        completions = completed(engine, requests)
        assert "memory ran out" in completions[1].warnings[0]
        for completion, whole in zip(completions, expected, strict=True):
            assert completion.tokens == whole.tokens
            assert [position for position, _ in completion.token_positions] == [
                position for position, _ in whole.token_positions
            ]
            assert [weight for _, weight in completion.token_positions] == pytest.approx(
                [weight for _, weight in whole.token_positions], abs=1e-3
            )

    @pytest.mark.parametrize(
        ("message", "preempted"),
        [
            ("CUDA out of memory. Tried to allocate 2 GiB", True),
            ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 80 bytes", True),
            ("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate", True),
            ("CUDA error: an illegal memory access was encountered", False),
        ],
    )
    def test_only_a_lack_of_memory_preempts_pages(self, small: LoadedModel, message: str, preempted: bool) -> None:
        # The first page is long: it is still being decoded when the second one is prefilled.
        requests = [request_for(small, Plain(), 490 - 400 * n, n) for n in range(2)]
        expected = [generated(small, request) for request in requests]
        prompts: list[int] = []

        def fail(_: Any, inputs: tuple[torch.Tensor]) -> None:
            prompts.extend([1] if inputs[0].shape[1] > 1 else [])
            if len(prompts) == 2:
                hook.remove()
                raise RuntimeError(message)

        hook = small.model.model.language_model.layers[1].mlp.register_forward_pre_hook(fail)
        first, second = completed(TorchEngine(small.model, small.end_tokens, batch_size=2), requests)
        assert list(first.tokens) == expected[0]
        if preempted:
            assert list(second.tokens) == expected[1]
        else:
            assert isinstance(second, RuntimeError)

    def test_after_a_huge_page_pages_are_decoded_together_again(self, small: LoadedModel) -> None:
        # The first two pages alone need more than there is, whatever runs beside them.
        requests = [request_for(small, Plain(), 490 if n < 2 else 30, n) for n in range(16)]
        indices: list[int] = []
        engine = TorchEngine(small.model, small.end_tokens, batch_size=4, kv_cache_bytes=1000 * TOKEN)
        completions = in_time(lambda: list(generate(engine, requests, lambda index, _: indices.append(index))))
        assert any("memory ran out" in warning for completion in completions for warning in completion.warnings)
        assert [list(completion.tokens) for completion in completions] == [
            generated(small, request) for request in requests
        ]
        late = indices[-30 * 6 :]
        together = [len(set(late[start : start + 4])) for start in range(30 * 4)]
        assert max(together) == 4, "pages are decoded one by one until the end"

    @torch.inference_mode()
    @pytest.mark.parametrize("run_async", [False, True])
    def test_a_page_that_needs_all_memory_frees_it(self, small: LoadedModel, run_async: bool) -> None:
        decoder = TorchDecoder(small.model, 2, 1200 * TOKEN, run_async)
        assert decoder.has_room(512)
        decoder.prefill(0, torch.randn(900, 64), 1100, None)
        assert not decoder.has_room(512)
        decoder.release(0)
        assert decoder.has_room(512)

    def test_the_page_cache_counts_as_free_memory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        gigabyte = 1 << 30
        (tmp_path / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable: {64 * gigabyte >> 10} kB\n")
        (tmp_path / "memory.max").write_text(f"{8 * gigabyte}\n")
        (tmp_path / "memory.current").write_text(f"{8 * gigabyte - 4096}\n")
        (tmp_path / "memory.stat").write_text(f"anon {gigabyte}\ninactive_file {5 * gigabyte}\nactive_file 7\n")
        monkeypatch.setattr(memory, "_CGROUP", tmp_path)
        monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
        assert memory.free_memory(torch.device("cpu")) == 5 * gigabyte + 4096


class TestTime:
    LIMIT = 2.0

    def test_time_that_the_consumer_takes_is_not_counted(self, small: LoadedModel) -> None:
        """Pages wait, half decoded, while the consumer processes the first one (or retries it)."""
        requests = [request_for(small, Plain(), 150 + 150 * n, n) for n in range(3)]
        started = time.perf_counter()
        list(generate(TorchEngine(small.model, small.end_tokens, batch_size=3), requests))
        limit = 3 * (time.perf_counter() - started) + 0.5  # the machine may be busy
        requests = [replace(request, max_seconds=limit) for request in requests]

        def consume_slowly() -> Iterator[Any]:
            for completion in generate(TorchEngine(small.model, small.end_tokens, batch_size=3), requests):
                yield completion
                if isinstance(completion, Completion) and len(completion.tokens) == 150:
                    time.sleep(limit + 0.5)

        completions = in_time(lambda: list(consume_slowly()))
        assert "time" not in [completion.finish for completion in completions]
        assert max(completion.decode_seconds for completion in completions) < limit

    @needs_compiled_steps
    def test_waiting_for_memory_is_not_counted(self, compiled: LoadedModel) -> None:
        requests = [request_for(compiled, Plain(), 360, n) for n in range(2)]
        requests[1] = replace(requests[1], max_seconds=self.LIMIT)
        engine = TorchEngine(compiled.model, frozenset(), batch_size=2, kv_cache_bytes=850 * WIDE_TOKEN)
        engine._batch._clock = lambda: 0.0  # the second page begins at once
        counts = [0, 0]

        def on_token(index: int, _: int) -> None:
            counts[index] += 1
            if (index, counts[0]) == (0, 350):
                time.sleep(self.LIMIT + 0.5)

        completions = in_time(lambda: list(generate(engine, requests, on_token)))
        assert "memory ran out" in completions[1].warnings[0]
        assert completions[1].finish != "time"


class TestValuesThatAreNotFinite:
    """A page whose values overflow gets an error; the others are decoded."""

    @pytest.mark.parametrize(
        "name", ["torch", "transformers", "compiled", pytest.param("compiled, 8 bits", marks=needs_compiled_steps)]
    )
    def test_a_page_whose_values_are_not_finite_fails_alone(
        self, small: LoadedModel, compiled: LoadedModel, name: str
    ) -> None:
        checkpoint = compiled if "compiled" in name else small
        dtype = "int8" if "8 bits" in name else "auto"
        engine: Engine = TorchEngine(
            checkpoint.model, checkpoint.end_tokens, batch_size=3, weight_dtype=dtype, kv_cache_dtype=dtype
        )
        if name == "transformers":
            engine = TransformersEngine(checkpoint.model, checkpoint.end_tokens)
        good = [request_for(checkpoint, Plain(), 20, n) for n in range(2)]
        alone = [completed(engine, [request])[0] for request in good]
        broken = replace(good[0], pixels=torch.full(good[0].pixels.shape, float("nan")), levels=None)
        first, failed, last = completed(engine, [good[0], broken, good[1]])
        assert isinstance(failed, EngineError)
        assert "dtype float32" in str(failed)
        assert [first.tokens, last.tokens] == [completion.tokens for completion in alone]

    def test_infinite_weights_are_an_error(self, compiled: LoadedModel) -> None:
        """The weights of one token in the head are infinite."""
        model = copy.deepcopy(compiled.model)
        model.lm_head.weight.data[300] = float("inf")
        [completion] = completed(TorchEngine(model, compiled.end_tokens), [request_for(compiled, Plain(), 5)])
        assert isinstance(completion, EngineError)

    @torch.inference_mode()
    def test_a_freed_slot_holds_no_values_that_are_not_finite(self, small: LoadedModel) -> None:
        """Attention over tensors of fixed size multiplies masked values by 0."""
        used, fresh = (TorchDecoder(small.model, 2, 1 << 30, run_async=True) for _ in range(2))
        used.prefill(0, torch.full((90, 64), float("nan")), 100, None)
        used.zero(0)
        used.release(0)
        prompt = torch.randn(20, 64)
        steps = []
        for decoder in (used, fresh):
            decoder.prefill(0, prompt, 30, None)
            assert decoder.async_steps is not None
            decoder.async_steps.set_tokens(0, [5] * 21, ngram_ban=0)
            steps.append(decoder.async_steps.launch(1)())
        assert steps[0] == steps[1]
        assert math.isfinite(steps[0][1][0])
