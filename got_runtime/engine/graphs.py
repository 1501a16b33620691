"""Decoding steps as CUDA graphs: one launch instead of a thousand, for a few numbers of rows.

At batch 1 a step of the full-size network is 0.2 ms of arithmetic and several milliseconds of launching kernels one by
one. A graph is recorded for each bucket of rows and capacity and replayed with new numbers in the same tensors. Not yet
measured: written where no GPU was at hand. On a CPU the same step runs without a graph, which is how it is tested.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from got_runtime.engine.cache import SlotCache
from got_runtime.model.decoder import forward, masked

__all__ = ["BUCKETS", "GraphedStep", "bucket_of"]

BUCKETS = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256)
"""Numbers of rows for which graphs are made; the next larger one serves, its surplus rows idle."""
_WARM_UP = 3
_RECORDING = threading.Lock()
"""CUDA records one graph at a time in a process."""


def bucket_of(rows: int, slots: int) -> int:
    """The smallest bucket for so many rows, at most ``slots``."""
    return min(next((bucket for bucket in BUCKETS if bucket >= rows), slots), slots)


class GraphedStep:
    """One decoding step of ``rows`` rows in the first slots of a cache, with tensors that stay where they are.

    Rows beyond those given are run along with a length of 0; what they write lands in free slots.

    Args:
        language: the port's ``Qwen2Model``.
        cache: keys and values; must not grow while this step is in use.
        rows: the bucket.
    """

    def __init__(self, language: Any, cache: SlotCache, rows: int) -> None:
        self._language = language
        self._cache = cache
        device = self._device = language.embed_tokens.weight.device
        self._rows = torch.arange(rows, device=device)
        self._places = torch.arange(cache.capacity, device=device)
        self._tokens = torch.zeros(rows, dtype=torch.long, device=device)
        self._lengths = torch.zeros(rows, dtype=torch.long, device=device)
        self._hidden: Tensor | None = None
        self._graph: Any = None
        if device.type == "cuda":
            # Streams are made, and graphs recorded, on the thread's current device, whichever the tensors lie on.
            with _RECORDING, torch.cuda.device(device):
                self._record()

    def __call__(self, tokens: Sequence[int], lengths: Sequence[int]) -> Tensor:
        """Hidden states of the given rows, ``(rows, width)``."""
        count = len(tokens)
        self._tokens[:count] = torch.tensor(tokens, device=self._tokens.device)
        self._lengths.zero_()
        self._lengths[:count] = torch.tensor(lengths, device=self._lengths.device)
        if self._graph is None:
            return self._step()[:count]
        with torch.cuda.device(self._device):
            self._graph.replay()
        assert self._hidden is not None
        return self._hidden[:count]

    def _step(self) -> Tensor:
        mask = (self._places <= self._lengths[:, None])[:, None, None]

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            self._cache.write_step(layer, self._rows, self._lengths, key, value)
            keys, values = self._cache.view(layer, len(self._rows), self._cache.capacity)
            return _attention(query, keys, values, mask, self._lengths)

        embedded = self._language.embed_tokens(self._tokens[:, None])
        return forward(self._language, embedded, self._lengths[:, None], attend)[:, -1]

    def _record(self) -> None:
        """Run the step a few times on a side stream, as CUDA asks, then record it."""
        stream: Any = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                self._step()
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        # Other threads go on decoding meanwhile, and may ask for memory.
        with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):
            self._hidden = self._step()


def _attention(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
    """One query a row over ``(rows, key heads, capacity, width)``: on a GPU only as far as each row is long."""
    flash = _variable_length() if query.device.type == "cuda" and query.dtype != torch.float32 else None
    if flash is None:
        return masked(query, keys, values, mask)
    rows, capacity = keys.shape[0], keys.shape[2]
    starts = torch.arange(rows + 1, dtype=torch.int32, device=query.device)
    flat_keys, flat_values = (x.transpose(1, 2).flatten(0, 1) for x in (keys, values))  # views: so the cache lies
    out: Tensor = flash(
        query[:, :, 0], flat_keys, flat_values, starts, starts * capacity, 1, capacity, seqused_k=(lengths + 1).int()
    )
    return out[:, :, None]


def _variable_length() -> Callable[..., Any] | None:
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:  # torch before 2.10
        return None
    return varlen_attn
