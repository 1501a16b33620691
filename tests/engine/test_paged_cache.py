"""The paged KV cache: what is written is found, pages are neither lost nor shared, and how attention is chosen."""

import logging
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from helpers.engine_requests import TOKEN_BYTES, AsyncEngine, generate, mixed_requests, tokens_of
from helpers.random_networks import NARROW_TEXT, NARROW_VISION, network
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from got_runtime.bench.model_under_test import full_size
from got_runtime.engine.torch_engine import device_attention
from got_runtime.engine.torch_engine.cuda_graphs import GraphedSteps
from got_runtime.engine.torch_engine.device_attention import choose_flash, probe, why_not_flash
from got_runtime.engine.torch_engine.paged_cache import PAGE_TOKENS, PagedCache
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder
from got_runtime.model.checkpoint import LoadedModel

MOST_KERNELS_A_LAYER = {True: 20, False: 24}
"""With flash attention, and with masked attention."""


@pytest.fixture(scope="module")
def small() -> LoadedModel:
    return network(256, NARROW_VISION, NARROW_TEXT, scale=0.25)


def flash_on_a_cpu(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor,
    max_q: int,
    max_k: int,
    *,
    seqused_k: Tensor,
    block_table: Tensor,
) -> Tensor:
    """What torch's ``varlen_attn`` computes on a GPU, and what it demands of its arguments."""
    assert max_q == 1
    assert cu_seq_q.dtype == cu_seq_k.dtype == seqused_k.dtype == block_table.dtype == torch.int32
    assert block_table.stride(-1) == 1
    assert key.shape[1] % 256 == 0
    out = torch.empty_like(query)
    for row, used in enumerate(seqused_k.tolist()):
        pages = block_table[row].long()
        assert used <= max_k
        keys, values = (x[pages].flatten(0, 1)[:used].float() for x in (key, value))
        scores = torch.einsum("hd,khd->hk", query[row].float(), keys) * query.shape[-1] ** -0.5
        out[row] = torch.einsum("hk,khd->hd", scores.softmax(-1), values).to(out.dtype)
    return out


def empty_cache(slots: int = 4, layers: int = 2, dtype: torch.dtype = torch.float32) -> PagedCache:
    return PagedCache(layers, 2, 8, torch.zeros(1, dtype=dtype), slots)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_written_is_found_whatever_was_moved_and_freed(seed: int) -> None:
    rng = random.Random(seed)
    cache = empty_cache()
    cache.allocate(12, 6)
    written: list[Tensor] = []
    """For each slot what was written, ``(tokens, heads, width)``."""
    for _ in range(60):
        if len(written) < 4 and rng.random() < 0.5:
            tokens, slot = rng.randint(1, 3 * PAGE_TOKENS), len(written)
            if cache.reserve(slot, tokens):
                written.append(torch.randn(tokens, 2, 8))
                for layer in range(2):
                    cache.write(layer, cache.prompt(slot, tokens), written[slot] + layer, written[slot] - layer)
        elif written and rng.random() < 0.3:
            slot, last = rng.randrange(len(written)), len(written) - 1
            if slot < last:
                cache.move(last, slot)
                written[slot] = written[last]
            cache.release(last)
            written.pop()
        elif written and all(cache.reserve(slot, len(each) + 1) for slot, each in enumerate(written)):
            lengths = torch.tensor([len(each) for each in written])
            new = torch.randn(len(written), 2, 8)
            for layer in range(2):
                where = cache.step_tokens(torch.arange(len(written)), lengths)
                cache.write(layer, where, new + layer, new - layer)
            written = [torch.cat([each, token[None]]) for each, token in zip(written, new, strict=True)]
        table = cache.table[: len(written)].long()
        for layer in range(2 if written else 0):
            keys, values = cache.gather(layer, table)
            for slot, each in enumerate(written):
                assert torch.equal(keys[slot, :, : len(each)].transpose(0, 1), each + layer)
                assert torch.equal(values[slot, :, : len(each)].transpose(0, 1), each - layer)
        used = [page for row in cache._pages for page in row]
        assert sorted([*used, *cache._free]) == list(range(1, 13))
        assert not cache.keys[0][0].any()


def test_a_growing_pool_keeps_what_it_holds_and_copies_a_layer_at_a_time() -> None:
    cache = empty_cache(slots=1, layers=6)
    cache.allocate(2, 2)
    cache.reserve(0, 500)
    content = torch.randn(500, 2, 8)
    for layer in range(6):
        cache.write(layer, cache.prompt(0, 500), content, -content)
    assert not cache.reserve(0, 600)
    cache.allocate(3, 3)
    assert cache.reserve(0, 600)
    keys, values = cache.gather(5, cache.table.long())
    assert torch.equal(keys[0, :, :500].transpose(0, 1), content)
    assert torch.equal(values[0, :, :500].transpose(0, 1), -content)
    cache.allocate(0, 0)
    assert sum(tensor.numel() for tensor in (*cache.keys, *cache.values)) == 0


def test_a_pool_that_cannot_grow_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = empty_cache()
    cache.allocate(2, 2)
    cache.reserve(0, 300)
    cache._empty = TooLarge(cache._empty)  # type: ignore[assignment]
    with pytest.raises(torch.OutOfMemoryError):
        cache.allocate(9, 9)
    assert cache.pages == cache.free_pages == cache.capacity == 0


class TooLarge:
    """An empty tensor of which none larger can be made."""

    def __init__(self, tensor: Tensor) -> None:
        self.shape = tensor.shape

    def __len__(self) -> int:
        return 0

    def new_zeros(self, shape: Any) -> Tensor:
        raise torch.OutOfMemoryError("out of memory")


@torch.inference_mode()
def test_a_sequence_longer_than_others_may_be_is_read_alone_and_gives_its_memory_back(small: LoadedModel) -> None:
    decoder = TorchDecoder(small.model, 2, 20_000 * TOKEN_BYTES, run_async=True)
    cache = decoder._cache
    decoder.prefill(0, torch.randn(30, 64), 40, None)
    assert isinstance(cache, PagedCache)
    pages = cache.pages
    assert cache.capacity == 8192
    decoder.release(0)
    decoder.prefill(0, torch.randn(8200, 64), 8201, None)
    assert cache.capacity > 8192
    assert cache.pages == pages
    decoder.release(0)
    assert (cache.capacity, cache.pages) == (8192, pages)


def test_tokens_are_the_same_with_flash_attention(small: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls that a GPU gets, answered on a CPU; all heads have keys of their own, as in GOT."""
    whole = network(256, NARROW_VISION, NARROW_TEXT | {"num_key_value_heads": 4}, scale=0.25)
    requests = mixed_requests(whole, 6, 40)
    calls: list[int] = []

    def flash(query: Tensor, *arguments: Any, **named: Any) -> Tensor:
        calls.append(len(query))
        return flash_on_a_cpu(query, *arguments, **named)

    monkeypatch.setattr(device_attention, "_variable_length_attention", lambda: flash)
    engines = [AsyncEngine(whole.model, whole.end_tokens, batch_size=3) for _ in range(2)]
    steps = engines[0].rows._decoder.async_steps
    steps.flash = True  # type: ignore[union-attr]
    tokens = [tokens_of(list(generate(engine, requests))) for engine in engines]
    assert tokens[0] == tokens[1]
    assert calls


class Probe:
    """A GPU, as far as the choice of attention sees it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, flash: Callable[..., Any] | None = flash_on_a_cpu) -> None:
        monkeypatch.setattr(device_attention, "_variable_length_attention", lambda: flash)
        monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: (9, 0))

    def reason(self, dtype: torch.dtype = torch.bfloat16, heads: int = 2) -> str | None:
        with FakeTensorMode():
            return why_not_flash(torch.empty(0, PAGE_TOKENS, 2, 8, device="cuda", dtype=dtype), heads)


def test_flash_attention_is_tried_where_it_can_work(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Probe(monkeypatch)
    assert gpu.reason() is None
    assert "float32" in str(gpu.reason(torch.float32))
    assert "heads" in str(gpu.reason(heads=4))
    assert "cpu" in str(why_not_flash(torch.empty(0, PAGE_TOKENS, 2, 8), 2))
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: (7, 5))
    assert "older than compute capability" in str(gpu.reason())
    monkeypatch.setattr("torch.version.hip", "6.4")
    assert "ROCm" in str(gpu.reason())


@pytest.mark.parametrize("flash", [None, lambda query, key, value, cu_seq_q, cu_seq_k, max_q, max_k: query])
def test_a_torch_whose_attention_takes_no_pages_is_told_by_its_signature(
    flash: Callable[..., Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch 2.8 has none; 2.10 and 2.11 have one without ``seqused_k``."""
    assert "older than 2.12" in str(Probe(monkeypatch, flash).reason())


def refused(*_: Any, **__: Any) -> Tensor:
    raise RuntimeError("FlashAttention only supports Ampere GPUs or newer")


@pytest.mark.parametrize(
    ("flash", "works"), [(flash_on_a_cpu, True), (refused, False), (lambda query, *_, **__: 2 * query, False)]
)
def test_a_probe_decides(
    flash: Callable[..., Any], works: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Attention that raises, or computes something else, is not used; there is one warning."""
    Probe(monkeypatch, flash)
    monkeypatch.setattr(device_attention, "why_not_flash", lambda keys, heads: None)
    cache = empty_cache(dtype=torch.bfloat16)
    with caplog.at_level(logging.WARNING):
        assert choose_flash(cache, 2) is works
    assert len(caplog.records) == (not works)
    assert cache.pages == 0
    if works:
        assert probe(cache.keys[0], 2) <= device_attention.MAX_DIFFERENCE


@pytest.fixture(scope="module")
def on_meta() -> Any:
    """The full-size network with two layers, without numbers."""
    return full_size(torch.device("meta"), torch.bfloat16, text_layers=2, vision_layers=1).model


class Operations(TorchDispatchMode):
    """The operations that ran. None of them mixes devices; on ``meta`` none can make the host wait for a number."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        devices = {x.device.type for x in args if isinstance(x, Tensor) and x.dim()}
        assert devices <= {"meta"}, f"{function} mixes {devices}"
        self.names.append(str(function))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("flash", [True, False])
@torch.inference_mode()
def test_a_step_of_the_full_size_network_can_be_captured(flash: bool, on_meta: Any) -> None:
    """In bfloat16, with torch's own flash attention: as a graph it must need no number of the host."""
    decoder = TorchDecoder(on_meta, 4, 1 << 30, run_async=True)
    steps = decoder.async_steps
    assert isinstance(steps, GraphedSteps)
    if flash and not device_attention.takes_pages():
        pytest.skip("this torch has no attention over pages")
    steps.flash = flash
    for slot in range(3):
        decoder.prefill(slot, torch.empty(20, 1024, device="meta", dtype=torch.bfloat16), 40, None)
        steps.set_tokens(slot, [1] * 21, 20)
    step = steps._make_step(4, 4)
    with Operations() as operations:
        chosen, probability = step._step(steps._buffer)
    assert chosen.shape == probability.shape == (4,)
    assert any("_varlen_attn" in name for name in operations.names) is flash
    assert step._layers is not None
    step._layers._layers, step._queries = step._layers._layers[:1], step._queries[:, :1]
    with Operations() as short:
        step._step(steps._buffer)
    views = (
        "view",
        "transpose",
        "slice",
        "unsqueeze",
        "select",
        "expand",
        "permute",
        "detach",
        "alias",
        "split",
        "t.d",
    )
    kernels, fewer = (
        [name for name in each.names if not any(f"aten.{view}" in name for view in views)]
        for each in (operations, short)
    )
    assert len(kernels) - len(fewer) <= MOST_KERNELS_A_LAYER[flash]
