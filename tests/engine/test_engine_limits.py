"""What bounds a page: memory, time, the numbers of its network, and what the machine has."""

import copy
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.deadlines import in_time
from helpers.random_networks import NARROW_TEXT, NARROW_VISION, generated, network, request_for

from got_runtime import Plain
from got_runtime.engine import memory as budget
from got_runtime.engine.protocol import Completion, Engine
from got_runtime.engine.registry import EngineConfig
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder
from got_runtime.engine.transformers_engine import TransformersEngine
from got_runtime.errors import EngineError
from got_runtime.model.checkpoint import LoadedModel

TOKEN = 2 * 2 * 2 * 16 * 4
"""Bytes of one token in the small network: keys and values, layers, heads, width, float32."""
WIDE_TOKEN = 2 * 2 * 2 * 64 * 2
"""In the network that is compiled for: heads of 64, bfloat16."""


@pytest.fixture(scope="module")
def small() -> LoadedModel:
    return network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)


@pytest.fixture(scope="module")
def compiled() -> LoadedModel:
    """Small, but of GOT's head width in bfloat16, for which a step is compiled."""
    there = network(256, NARROW_VISION, NARROW_TEXT | {"hidden_size": 128, "num_attention_heads": 2}, scale=0.25)
    return replace(there, model=there.model.to(torch.bfloat16))


def answered(engine: Engine, requests: list[Any]) -> list[Any]:
    found: list[Any] = in_time(lambda: list(engine.generate(requests)))
    return found


class TestMemory:
    def test_a_page_that_waits_for_memory_goes_on_looking(self, compiled: LoadedModel) -> None:
        """Boxes need every look, those before and after the wait."""
        requests = [
            replace(request_for(compiled, Plain(), 450, n), record_attention=True, ngram_ban=0) for n in range(2)
        ]
        ample, scarce = (
            answered(
                TorchEngine(compiled.model, frozenset(), batch_size=2, kv_cache_bytes=tokens * WIDE_TOKEN), requests
            )
            for tokens in (4000, 850)
        )
        assert scarce[0] == replace(
            ample[0], encode_seconds=scarce[0].encode_seconds, decode_seconds=scarce[0].decode_seconds
        )
        assert "memory ran out" in scarce[1].warnings[0]
        assert len(scarce[1].token_positions) == len(scarce[1].tokens)
        assert scarce[1].tokens[:300] == ample[1].tokens[:300]

    @pytest.mark.parametrize("where", ["prefill", "step"])
    def test_looks_of_a_step_that_is_repeated_count_once(self, small: LoadedModel, where: str) -> None:
        requests = [replace(request_for(small, Plain(), 150, n), record_attention=True) for n in range(2)]
        engine = TorchEngine(small.model, small.end_tokens, batch_size=2)
        expected = answered(engine, requests)
        prompts: list[int] = []

        def run_out(_: Any, inputs: tuple[torch.Tensor]) -> None:
            rows, tokens = inputs[0].shape[:2]
            prompts.extend([tokens] if tokens > 1 else [])
            if (len(prompts) == 2 and tokens > 1) if where == "prefill" else rows == 2:
                hook.remove()
                raise torch.OutOfMemoryError("CUDA out of memory")

        hook = small.model.model.language_model.layers[1].mlp.register_forward_pre_hook(run_out)
        answers = answered(engine, requests)
        assert "memory ran out" in answers[1].warnings[0]
        for answer, whole in zip(answers, expected, strict=True):
            assert answer.tokens == whole.tokens
            assert [place for place, _ in answer.token_positions] == [place for place, _ in whole.token_positions]
            assert [share for _, share in answer.token_positions] == pytest.approx(
                [share for _, share in whole.token_positions], abs=1e-3
            )

    @pytest.mark.parametrize(
        ("said", "waits"),
        [
            ("CUDA out of memory. Tried to allocate 2 GiB", True),
            ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 80 bytes", True),
            ("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate", True),
            ("CUDA error: an illegal memory access was encountered", False),
        ],
    )
    def test_only_a_lack_of_memory_makes_pages_wait(self, small: LoadedModel, said: str, waits: bool) -> None:
        requests = [request_for(small, Plain(), 150, n) for n in range(2)]
        expected = [generated(small, request) for request in requests]
        prompts: list[int] = []

        def fail(_: Any, inputs: tuple[torch.Tensor]) -> None:
            prompts.extend([1] if inputs[0].shape[1] > 1 else [])
            if len(prompts) == 2:
                hook.remove()
                raise RuntimeError(said)

        hook = small.model.model.language_model.layers[1].mlp.register_forward_pre_hook(fail)
        first, second = answered(TorchEngine(small.model, small.end_tokens, batch_size=2), requests)
        assert list(first.tokens) == expected[0]
        if waits:
            assert list(second.tokens) == expected[1]
        else:
            assert isinstance(second, RuntimeError)

    def test_after_a_huge_page_pages_are_read_together_again(self, small: LoadedModel) -> None:
        # Of pages so large that those behind the huge ones wait for them.
        requests = [
            replace(request_for(small, Plain(), 490 if n < 2 else 30, n), kept_bytes=1 << 30) for n in range(16)
        ]
        order_of_tokens: list[int] = []
        engine = TorchEngine(small.model, small.end_tokens, batch_size=4, kv_cache_bytes=4 * 512 * TOKEN)
        answers = in_time(lambda: list(engine.generate(requests, lambda order, _: order_of_tokens.append(order))))
        assert any("memory ran out" in warning for answer in answers for warning in answer.warnings)
        assert [list(answer.tokens) for answer in answers] == [generated(small, request) for request in requests]
        late = order_of_tokens[-30 * 6 :]
        together = [len(set(late[start : start + 4])) for start in range(30 * 4)]
        assert max(together) == 4, "pages go one by one for good"

    @torch.inference_mode()
    def test_a_page_that_needs_all_memory_gives_it_back(self, small: LoadedModel) -> None:
        decoder = TorchDecoder(small.model, 8, 8 * 512 * TOKEN)
        assert decoder.fits(512)
        decoder.prefill(0, torch.randn(900, 64), 1100, None)
        assert not decoder.fits(512)
        decoder.release(0)
        assert decoder.fits(512)

    def test_files_in_the_page_cache_do_not_count_as_taken(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gigabyte = 1 << 30
        (tmp_path / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable: {64 * gigabyte >> 10} kB\n")
        (tmp_path / "memory.max").write_text(f"{8 * gigabyte}\n")
        (tmp_path / "memory.current").write_text(f"{8 * gigabyte - 4096}\n")
        (tmp_path / "memory.stat").write_text(f"anon {gigabyte}\ninactive_file {5 * gigabyte}\nactive_file 7\n")
        monkeypatch.setattr(budget, "_CGROUP", tmp_path)
        monkeypatch.setattr(budget, "_MEMINFO", tmp_path / "meminfo")
        assert budget.free_memory(torch.device("cpu")) == 5 * gigabyte + 4096


class TestTime:
    LIMIT = 2.0

    def test_a_reader_that_takes_its_time_costs_no_page_its_own(self, small: LoadedModel) -> None:
        """Pages wait, half read, while the reader is busy with the first (or tries it again another way)."""
        requests = [replace(request_for(small, Plain(), 150 + 150 * n, n), max_seconds=self.LIMIT) for n in range(3)]

        def read_slowly() -> Iterator[Any]:
            for answer in TorchEngine(small.model, small.end_tokens, batch_size=3).generate(requests):
                yield answer
                if isinstance(answer, Completion) and len(answer.tokens) == 150:
                    time.sleep(self.LIMIT + 0.5)

        answers = in_time(lambda: list(read_slowly()))
        assert "time" not in [answer.finish for answer in answers]
        assert max(answer.decode_seconds for answer in answers) < self.LIMIT

    def test_waiting_for_memory_is_not_counted(self, compiled: LoadedModel) -> None:
        requests = [request_for(compiled, Plain(), 360, n) for n in range(2)]
        requests[1] = replace(requests[1], max_seconds=self.LIMIT)
        engine = TorchEngine(compiled.model, frozenset(), batch_size=2, kv_cache_bytes=850 * WIDE_TOKEN)
        told = [0, 0]

        def tell(order: int, _: int) -> None:
            told[order] += 1
            if (order, told[0]) == (0, 350):
                time.sleep(self.LIMIT + 0.5)

        answers = in_time(lambda: list(engine.generate(requests, tell)))
        assert "memory ran out" in answers[1].warnings[0]
        assert answers[1].finish != "time"


class TestNumbers:
    """A page whose numbers overflow is answered with an error; its neighbours are read."""

    @pytest.mark.parametrize("way", ["torch", "transformers", "compiled", "compiled, 8 bits"])
    def test_a_page_of_no_numbers(self, small: LoadedModel, compiled: LoadedModel, way: str) -> None:
        there = compiled if "compiled" in way else small
        rounding = "int8" if "8 bits" in way else "auto"
        engine: Engine = TorchEngine(
            there.model, there.end_tokens, batch_size=3, weight_dtype=rounding, kv_cache_dtype=rounding
        )
        if way == "transformers":
            engine = TransformersEngine(there.model, there.end_tokens)
        good = [request_for(there, Plain(), 20, n) for n in range(2)]
        alone = [answered(engine, [request])[0] for request in good]
        broken = replace(good[0], pixels=torch.full_like(good[0].pixels, float("nan")))
        first, failed, last = answered(engine, [good[0], broken, good[1]])
        assert isinstance(failed, EngineError)
        assert "dtype float32" in str(failed)
        assert [first.tokens, last.tokens] == [answer.tokens for answer in alone]

    def test_a_network_whose_weights_are_broken(self, compiled: LoadedModel) -> None:
        """One row of the head is beyond all numbers."""
        model = copy.deepcopy(compiled.model)
        model.lm_head.weight.data[300] = float("inf")
        [answer] = answered(TorchEngine(model, compiled.end_tokens), [request_for(compiled, Plain(), 5)])
        assert isinstance(answer, EngineError)

    @torch.inference_mode()
    def test_nothing_of_it_is_left_to_the_next_page(self, small: LoadedModel) -> None:
        """Attention over fixed tensors multiplies what it hides by 0."""
        used, fresh = (TorchDecoder(small.model, 2, 1 << 30, ahead=True) for _ in range(2))
        used.prefill(0, torch.full((90, 64), float("nan")), 100, None)
        used.wipe(0)
        used.release(0)
        prompt = torch.randn(20, 64)
        steps = []
        for decoder in (used, fresh):
            decoder.prefill(0, prompt, 30, None)
            assert decoder.ahead is not None
            decoder.ahead.follow(0, [5] * 21, ban=0)
            steps.append(decoder.ahead.launch(1)())
        assert steps[0] == steps[1]
        assert math.isfinite(steps[0][1][0])


class TestOptions:
    @pytest.mark.parametrize(
        "options",
        [
            {"batch_size": 0},
            {"batch_size": -1},
            {"weight_dtype": "int4"},
            {"kv_cache_dtype": "fp8"},
            {"kv_cache_bytes": 0},
        ],
        ids=str,
    )
    def test_no_engine_runs_with_these(self, options: dict[str, Any]) -> None:
        with pytest.raises(EngineError, match=next(iter(options))):
            EngineConfig(**options)

    @pytest.mark.parametrize("options", [{"weight_dtype": "int8"}, {"kv_cache_dtype": "int8"}], ids=str)
    def test_eight_bits_are_not_left_out_in_silence(self, small: LoadedModel, options: dict[str, Any]) -> None:
        with pytest.raises(EngineError, match="8 bits need bfloat16 on a CPU"):
            TorchEngine(small.model, small.end_tokens, **options)

    def test_a_processor_without_sixteen_bits_keeps_to_torch(self) -> None:
        """oneDNN is told to forget AVX-512, as on most laptops."""
        code = """if True:
            import torch
            from types import SimpleNamespace as Part
            from got_runtime.engine.torch_engine.native.decoder import PackedNetwork
            weight = torch.zeros(8, 64, dtype=torch.bfloat16)
            core = Part(language_model=Part(layers=[Part(self_attn=Part(head_dim=64))]))
            print(PackedNetwork.pack(Part(lm_head=Part(weight=weight), model=core), int8=False))
        """
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"},
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip() == "None", done.stderr
