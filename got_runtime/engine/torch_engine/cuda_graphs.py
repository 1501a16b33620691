"""Decoding steps that stay on the device: tokens are fed back without the host, as CUDA graphs where there is CUDA.

At batch size 1 a step of the full-size network is 0.2 ms of arithmetic and several milliseconds of kernel launches. One
graph is captured for each of several batch sizes; it reads the newest tokens and chooses the next ones. The host reads
a step's tokens while the next step runs. This has not been measured: no GPU was available. On a CPU the same step runs
without a graph, which is how it is tested.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from got_runtime.engine.memory import is_out_of_memory
from got_runtime.engine.torch_engine.decoder import StepResult
from got_runtime.engine.torch_engine.kv_cache import SlotCache
from got_runtime.engine.torch_engine.token_buffer import TokenBuffer
from got_runtime.model.decoder import forward, masked

__all__ = ["GRAPH_BATCH_SIZES", "GraphedSteps", "graph_batch_size"]

GRAPH_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256)
"""Batch sizes for which graphs are captured. A batch uses the next larger one, whose other slots are idle."""
_WARM_UP_STEPS = 3
_CAPTURING = threading.Lock()
"""CUDA captures one graph at a time in a process."""


logger = logging.getLogger(__name__)


def graph_batch_size(sequences: int, slots: int) -> int:
    """The smallest batch size of a graph for so many sequences, at most ``slots``."""
    return min(next((size for size in GRAPH_BATCH_SIZES if size >= sequences), slots), slots)


class GraphedSteps:
    """Steps of the sequences in the first slots of ``cache``. See :class:`~.decoder.AsyncSteps`.

    Args:
        language: transformers' ``Qwen2Model``.
        head: the ``lm_head``.
        cache: keys and values. :meth:`resize` must be called after it is resized.
        reserve: called before a step with the tokens of the longest sequence and the number of sequences; may resize
            the cache.
    """

    def __init__(self, language: Any, head: Any, cache: SlotCache, reserve: Callable[[int, int], None]) -> None:
        self._language = language
        self._head = head
        self._cache = cache
        self._reserve = reserve
        self._buffer = TokenBuffer(0, 0, 0, language.embed_tokens.weight.device)
        self._steps: dict[int, _Step] = {}
        self._flash = True
        self._capture: Callable[[_Step], None] | None = None
        if language.embed_tokens.weight.device.type == "cuda":
            self._capture = _Step.capture
        self.lengths: list[int] = []
        """For each sequence, the tokens in the cache once all launched steps are finished."""

    def set_tokens(self, slot: int, tokens: Sequence[int], ngram_ban: int) -> None:
        if ngram_ban > self._buffer.max_ngram:
            self.resize(ngram_ban)
        self._buffer.set_tokens(slot, tokens, ngram_ban)
        self.lengths[slot : slot + 1] = [len(tokens) - 1]

    def launch(self, batch_size: int) -> Callable[[], StepResult]:
        """See :class:`~.decoder.AsyncSteps`.

        Raises:
            KvCacheFull: the cache cannot grow; nothing was launched.
            RuntimeError: what the device raises, for example when its memory runs out; nothing was launched.
        """
        self._reserve(max(self.lengths[:batch_size]) + 1, batch_size)
        graph_size = graph_batch_size(batch_size, self._cache.slots)
        if graph_size not in self._steps:
            self._steps[graph_size] = self._make_step(graph_size)
        chosen, probability = self._steps[graph_size]()
        self.lengths[:batch_size] = [length + 1 for length in self.lengths[:batch_size]]
        # Copied in stream order, before the next step overwrites them.
        tokens, probabilities = (x[:batch_size].to("cpu", non_blocking=True, copy=True) for x in (chosen, probability))
        copied: Any = torch.cuda.Event() if chosen.device.type == "cuda" else None
        if copied is not None:
            copied.record(torch.cuda.current_stream(chosen.device))

        def read() -> StepResult:
            if copied is not None:
                copied.synchronize()
            return tokens.tolist(), probabilities.tolist()

        return read

    def _make_step(self, graph_size: int) -> "_Step":
        """A step, as a graph where one can be captured.

        Where capturing fails, attention is masked from then on; where it fails again, there are no graphs.
        """
        while True:
            step = _Step(self._language, self._head, self._cache, self._buffer, graph_size, self._flash)
            if self._capture is None:
                return step
            try:
                self._capture(step)
                return step
            except Exception as error:
                if is_out_of_memory(error):
                    raise
                if self._flash:
                    logger.warning("decoding steps use masked attention and may be slower: %s", error)
                    self._flash = False
                else:
                    logger.info("decoding steps are not captured as CUDA graphs: %s", error)
                    self._capture = None

    def move(self, source: int, target: int) -> None:
        """Move the sequence in the last slot to another slot."""
        if source < len(self.lengths):
            self._buffer.move(source, target)
            self.lengths[target] = self.lengths[source]

    def release(self, slot: int) -> None:
        """Free the last slot."""
        if slot < len(self.lengths):
            self._buffer.clear(slot)
            del self.lengths[slot:]

    def resize(self, max_ngram: int | None = None) -> None:
        """Adapt to a resized cache or a longer n-gram ban, and discard the captured graphs: addresses have changed."""
        max_ngram = self._buffer.max_ngram if max_ngram is None else max_ngram
        self._buffer = self._buffer.resized(self._cache.slots, self._cache.capacity, max_ngram)
        self._steps.clear()


class _Step:
    """One step of ``batch_size`` slots. Free slots are computed too; what they write stays in free slots."""

    def __init__(
        self, language: Any, head: Any, cache: SlotCache, buffer: TokenBuffer, batch_size: int, flash: bool
    ) -> None:
        self._language = language
        self._head = head
        self._cache = cache
        self._buffer = buffer
        self._flash = flash
        device = self._device = buffer.newest.device
        self._slots = torch.arange(batch_size, device=device)
        self._positions = torch.arange(cache.capacity, device=device)
        self._out: tuple[Tensor, Tensor] | None = None
        self._graph: Any = None

    def __call__(self) -> tuple[Tensor, Tensor]:
        """Tokens and probabilities, ``(batch_size,)`` each; the next call may overwrite them."""
        if self._graph is None:
            return self._step(self._buffer)
        with torch.cuda.device(self._device):
            self._graph.replay()
        assert self._out is not None
        return self._out

    def _step(self, buffer: TokenBuffer) -> tuple[Tensor, Tensor]:
        batch_size = len(self._slots)
        lengths = buffer.lengths[:batch_size]
        mask = (self._positions <= lengths[:, None])[:, None, None]

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            self._cache.write_step(layer, self._slots, lengths, key, value)
            keys, values = self._cache.view(layer, batch_size, self._cache.capacity)
            return _attention(query, keys, values, mask, lengths, self._flash)

        embedded = self._language.embed_tokens(buffer.newest[:batch_size, None])
        hidden = forward(self._language, embedded, lengths[:, None], attend)[:, -1]
        chosen, probability = buffer.choose(self._head(hidden).float())  # in float32, as generate() does
        buffer.append(chosen)
        return chosen, probability

    def capture(self) -> None:
        """Let further calls replay a graph."""
        # Streams and graphs belong to the thread's current device, wherever the tensors are.
        with _CAPTURING, torch.cuda.device(self._device):
            self._capture()

    def _capture(self) -> None:
        """Run the step a few times on a side stream, as CUDA requires, then capture it, which does not run it."""
        stream: Any = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP_STEPS):
                # A copy of the token buffer, which the steps change. They write keys and values at the last position of
                # each slot, which the sequence's own step overwrites.
                buffer = self._buffer.resized(len(self._buffer.newest), self._cache.capacity, self._buffer.max_ngram)
                buffer.lengths.fill_(self._cache.capacity - 1)
                self._step(buffer)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Thread-local, because other threads go on decoding and may allocate memory.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            self._out = self._step(self._buffer)
        self._graph = graph


def _attention(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor, lengths: Tensor, flash: bool) -> Tensor:
    """Attention of one query for each sequence over keys and values ``(batch, key heads, capacity, width)``.

    On a GPU only the positions that a sequence has are read.
    """
    supported = query.device.type == "cuda" and query.dtype != torch.float32 and query.shape[1] == keys.shape[1]
    varlen = _variable_length_attention() if flash and supported else None
    if varlen is None:
        return masked(query, keys, values, mask)
    batch_size, capacity = keys.shape[0], keys.shape[2]
    starts = torch.arange(batch_size + 1, dtype=torch.int32, device=query.device)
    flat_keys, flat_values = (x.transpose(1, 2).flatten(0, 1) for x in (keys, values))  # views of the cache
    out: Tensor = varlen(
        query[:, :, 0], flat_keys, flat_values, starts, starts * capacity, 1, capacity, seqused_k=(lengths + 1).int()
    )
    return out[:, :, None]


def _variable_length_attention() -> Callable[..., Any] | None:
    """torch's attention over sequences of different length, or None where this torch has none."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:  # torch before 2.10
        return None
    return varlen_attn
