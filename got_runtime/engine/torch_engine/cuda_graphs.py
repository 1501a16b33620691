"""Decoding steps that stay on the device: tokens go round without the host, as CUDA graphs where there is CUDA.

At batch 1 a step of the full-size network is 0.2 ms of arithmetic and several milliseconds of launching kernels one by
one. A graph is recorded for each bucket of rows, from the newest tokens to the choice of the next ones, and replayed;
the host reads a step's tokens when the next one runs already. Not yet measured: written where no GPU was at hand. On a
CPU the same step runs without a graph, which is how it is tested.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from got_runtime.engine.torch_engine.kv_cache import SlotCache
from got_runtime.engine.torch_engine.token_buffer import TokenBuffer
from got_runtime.model.decoder import forward, masked

__all__ = ["BUCKETS", "GraphedSteps", "bucket_of"]

BUCKETS = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256)
"""Numbers of rows for which graphs are made; the next larger one serves, its surplus rows idle."""
_WARM_UP = 3
_RECORDING = threading.Lock()
"""CUDA records one graph at a time in a process."""


def bucket_of(rows: int, slots: int) -> int:
    """The smallest bucket for so many rows, at most ``slots``."""
    return min(next((bucket for bucket in BUCKETS if bucket >= rows), slots), slots)


class GraphedSteps:
    """Steps of the rows in the first slots of ``cache``, with tensors that stay where they are.

    Args:
        language: the port's ``Qwen2Model``.
        head: its last product.
        cache: keys and values. When it is resized, :meth:`resize` must be told.
        reserve: called with the tokens of the longest row and the number of rows before they grow; may resize.
    """

    def __init__(self, language: Any, head: Any, cache: SlotCache, reserve: Callable[[int, int], None]) -> None:
        self._language = language
        self._head = head
        self._cache = cache
        self._reserve = reserve
        self._said = TokenBuffer(0, 0, 0, language.embed_tokens.weight.device)
        self._steps: dict[int, _Step] = {}
        self.lengths: list[int] = []
        """Tokens of each row whose keys and values are there once all steps begun are done."""

    def follow(self, slot: int, tokens: Sequence[int], ban: int) -> None:
        """The row in ``slot``, which has said ``tokens``, takes part from now on; no n-gram of ``ban`` is repeated."""
        if ban > self._said.longest:
            self.resize(ban)
        self._said.tell(slot, tokens, ban)
        self.lengths[slot : slot + 1] = [len(tokens) - 1]

    def launch(self, rows: int) -> Callable[[], tuple[list[int], list[float]]]:
        """Begin a step of the first ``rows`` slots. What comes back waits for it: their tokens and probabilities.

        Raises OutOfRoom, or what the device raises when memory runs out; nothing is begun then.
        """
        self._reserve(max(self.lengths[:rows]) + 1, rows)
        bucket = bucket_of(rows, self._cache.slots)
        if bucket not in self._steps:
            self._steps[bucket] = _Step(self._language, self._head, self._cache, self._said, bucket)
        chosen, given = self._steps[bucket]()
        self.lengths[:rows] = [length + 1 for length in self.lengths[:rows]]
        # Copied before the next step overwrites them, in the order of the stream.
        tokens, probabilities = (x[:rows].to("cpu", non_blocking=True, copy=True) for x in (chosen, given))
        copied: Any = torch.cuda.Event() if chosen.device.type == "cuda" else None
        if copied is not None:
            copied.record(torch.cuda.current_stream(chosen.device))

        def read() -> tuple[list[int], list[float]]:
            if copied is not None:
                copied.synchronize()
            return tokens.tolist(), probabilities.tolist()

        return read

    def move(self, source: int, target: int) -> None:
        """The row in the last slot takes another one."""
        if source < len(self.lengths):
            self._said.move(source, target)
            self.lengths[target] = self.lengths[source]

    def leave(self, slot: int) -> None:
        """The row in the last slot is gone."""
        if slot < len(self.lengths):
            self._said.leave(slot)
            del self.lengths[slot:]

    def resize(self, longest: int | None = None) -> None:
        """The cache has other sizes, or longer n-grams are to be banned: steps recorded before point elsewhere."""
        longest = self._said.longest if longest is None else longest
        self._said = self._said.resized(self._cache.slots, self._cache.capacity, longest)
        self._steps.clear()


class _Step:
    """One step of ``rows`` rows. Those in which nobody is are run along; what they write lands in free slots."""

    def __init__(self, language: Any, head: Any, cache: SlotCache, said: TokenBuffer, rows: int) -> None:
        self._language = language
        self._head = head
        self._cache = cache
        self._said = said
        device = self._device = said.newest.device
        self._rows = torch.arange(rows, device=device)
        self._places = torch.arange(cache.capacity, device=device)
        self._out: tuple[Tensor, Tensor] | None = None
        self._graph: Any = None
        if device.type == "cuda":
            # Streams are made, and graphs recorded, on the thread's current device, whichever the tensors lie on.
            with _RECORDING, torch.cuda.device(device):
                self._record()

    def __call__(self) -> tuple[Tensor, Tensor]:
        """Tokens and probabilities, ``(rows,)`` each; the next call may write over them."""
        if self._graph is None:
            return self._step(self._said)
        with torch.cuda.device(self._device):
            self._graph.replay()
        assert self._out is not None
        return self._out

    def _step(self, said: TokenBuffer) -> tuple[Tensor, Tensor]:
        rows = len(self._rows)
        lengths = said.held[:rows]
        mask = (self._places <= lengths[:, None])[:, None, None]

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            self._cache.write_step(layer, self._rows, lengths, key, value)
            keys, values = self._cache.view(layer, rows, self._cache.capacity)
            return _attention(query, keys, values, mask, lengths)

        embedded = self._language.embed_tokens(said.newest[:rows, None])
        hidden = forward(self._language, embedded, lengths[:, None], attend)[:, -1]
        chosen, given = said.choose(self._head(hidden).float())  # in float32, as generate() does
        said.add(chosen)
        return chosen, given

    def _record(self) -> None:
        """Run the step a few times on a side stream, as CUDA asks, then record it: that runs nothing."""
        stream: Any = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                # A stand-in for what the rows have said, which the steps change. They write keys and values where a
                # row's own next step writes them, or its last would.
                said = self._said.resized(len(self._said.newest), self._cache.capacity, self._said.longest)
                said.held.fill_(self._cache.capacity - 1)
                self._step(said)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        # Other threads go on decoding meanwhile, and may ask for memory.
        with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):
            self._out = self._step(self._said)


def _attention(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
    """One query a row over ``(rows, key heads, capacity, width)``: on a GPU only as far as each row is long."""
    fits = query.device.type == "cuda" and query.dtype != torch.float32 and query.shape[1] == keys.shape[1]
    flash = _variable_length() if fits else None
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
