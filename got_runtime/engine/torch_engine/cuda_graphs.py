"""Decoding steps that stay on the device: tokens are fed back without the host, as CUDA graphs where there is CUDA.

At batch size 1 a step of the full-size network is 0.2 ms of arithmetic and several milliseconds of kernel launches. One
graph is captured for each of several batch sizes and lengths; it reads the newest tokens and chooses the next ones. The
host reads a step's tokens while the next step runs. This has not been measured: no GPU was available. On a CPU the same
step runs without a graph, which is how it is tested.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from got_runtime.engine.memory import is_out_of_memory
from got_runtime.engine.torch_engine.attention_trace import AttentionTrace, record_attention
from got_runtime.engine.torch_engine.decoder import StepResult
from got_runtime.engine.torch_engine.device_attention import Rows, choose_flash
from got_runtime.engine.torch_engine.paged_cache import PAGE_TOKENS, PagedCache, pages_for
from got_runtime.engine.torch_engine.step_layers import StepLayers
from got_runtime.engine.torch_engine.token_buffer import TokenBuffer
from got_runtime.model.decoder import forward

__all__ = ["GRAPH_BATCH_SIZES", "GRAPH_PAGES", "GraphedSteps", "graph_batch_size"]

GRAPH_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256)
"""Batch sizes for which graphs are captured. A batch uses the next larger one, whose other slots are idle."""
GRAPH_PAGES = (4, 16)
"""Pages of the longest sequence for which graphs are captured, besides all pages that a sequence can have. Masked
attention and the n-gram ban look at so many; a page of print has fewer than four."""
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
        reserve: called before a step with the tokens of each sequence after it; may resize the cache.
    """

    def __init__(self, language: Any, head: Any, cache: PagedCache, reserve: Callable[[Sequence[int]], None]) -> None:
        self._language = language
        self._head = head
        self._cache = cache
        self._reserve = reserve
        self._layers = StepLayers(language) if StepLayers.is_supported(language) else None
        self._buffer = TokenBuffer(0, 0, 0, language.embed_tokens.weight.device)
        weight, heads = language.embed_tokens.weight, language.config.num_attention_heads
        shape = cache.slots, len(language.layers), heads, language.layers[0].self_attn.head_dim
        self._queries = weight.new_empty(shape)
        """Of the newest token of each slot, for the attention that is recorded."""
        self._steps: dict[tuple[int, int], _Step] = {}
        self.flash = choose_flash(cache, language.config.num_attention_heads)
        """Whether steps use flash attention."""
        self._warned = False
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

    def launch(
        self, batch_size: int, attention_traces: Sequence[AttentionTrace | None] = ()
    ) -> Callable[[], StepResult]:
        """See :class:`~.decoder.AsyncSteps`.

        Raises:
            KvCacheFull: the cache cannot grow; nothing was launched.
            RuntimeError: what the device raises, for example when its memory runs out; nothing was launched.
        """
        total = [length + 1 for length in self.lengths[:batch_size]]
        self._reserve(total)
        longest, capacity = pages_for(max(total)), self._cache.capacity // PAGE_TOKENS
        pages = min(next((pages for pages in GRAPH_PAGES if pages >= longest), capacity), capacity)
        size = graph_batch_size(batch_size, self._cache.slots), pages
        if size not in self._steps:
            self._steps[size] = self._make_step(*size)
        chosen, probability = self._steps[size]()
        self.lengths[:batch_size] = total
        if any(attention_traces):
            record_attention(attention_traces, self._queries[:batch_size].clone())
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

    @property
    def captures_graphs(self) -> bool:
        """Whether steps are captured as graphs."""
        return self._capture is not None

    def _make_step(self, graph_size: int, pages: int) -> "_Step":
        """A step, as a graph where one can be captured.

        Where capturing fails, attention is masked from then on; where it fails again, there are no graphs. There is one
        warning.
        """
        while True:
            step = _Step(
                self._language,
                self._layers,
                self._head,
                self._cache,
                self._buffer,
                self._queries,
                graph_size,
                pages,
                self.flash,
            )
            if self._capture is None:
                return step
            try:
                self._capture(step)
                return step
            except Exception as error:
                if is_out_of_memory(error):
                    raise
                what = "use masked attention" if self.flash else "are not captured as CUDA graphs"
                level = logging.INFO if self._warned else logging.WARNING
                logger.log(level, "decoding steps %s and may be slower: %s", what, error)
                self._warned = True
                if self.flash:
                    self.flash = False
                else:
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
    """One step of ``batch_size`` slots with at most ``pages`` pages each.

    Free slots are computed too; what they write stays in the page of no sequence.
    """

    def __init__(
        self,
        language: Any,
        layers: StepLayers | None,
        head: Any,
        cache: PagedCache,
        buffer: TokenBuffer,
        queries: Tensor,
        batch_size: int,
        pages: int,
        flash: bool,
    ) -> None:
        self._language = language
        self._layers = layers
        self._head = head
        self._cache = cache
        self._buffer = buffer
        self._queries = queries
        self._flash = flash
        device = self._device = buffer.newest.device
        self._slots = torch.arange(batch_size, device=device)
        self._pages = pages
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
        where = self._cache.step_tokens(self._slots, lengths)
        rows = Rows(self._cache, lengths + 1, self._pages, self._flash)

        queries: list[Tensor] = []

        def attend_step(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            queries.append(query)
            self._cache.write(layer, where, key[:, :, 0], value[:, :, 0])
            return rows.attend(layer, query)

        embedded = self._language.embed_tokens(buffer.newest[:batch_size, None])
        if self._layers is not None:
            hidden = self._layers(embedded, lengths[:, None], attend_step)
        else:
            hidden = forward(self._language, embedded, lengths[:, None], attend_step)[:, -1]
        torch.stack(queries, dim=1, out=self._queries[:batch_size, :, :, None])
        logits = self._head(hidden).float()  # in float32, as generate() does
        chosen, probability = buffer.choose(logits, self._pages * PAGE_TOKENS)
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
                # A copy of the token buffer, which the steps change. They write keys and values at the last position
                # that they look at, which the sequence's own step overwrites.
                buffer = self._buffer.resized(len(self._buffer.newest), self._cache.capacity, self._buffer.max_ngram)
                buffer.lengths.fill_(self._pages * PAGE_TOKENS - 1)
                self._step(buffer)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Thread-local, because other threads go on decoding and may allocate memory.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            self._out = self._step(self._buffer)
        self._graph = graph
