"""The default engine: continuous batching on the weights of transformers' network.

Each iteration prefills the requests that there is room for, makes one decoding step for the whole batch, and returns
what is finished. The tokens equal ``generate()``'s: only the order of execution differs.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from got_runtime.engine.memory import KV_CACHE_FRACTION, free_memory
from got_runtime.engine.prefetch import Prefetcher
from got_runtime.engine.protocol import Completion, OnToken, Request, engine_closed
from got_runtime.engine.reorder_buffer import ReorderBuffer
from got_runtime.engine.threads import use_threads
from got_runtime.engine.torch_engine.allocator import keep_freed_memory, return_freed_memory
from got_runtime.engine.torch_engine.decoder import Decoder
from got_runtime.engine.torch_engine.native.decoder import NativeDecoder, PackedNetwork, check_int8_support
from got_runtime.engine.torch_engine.prefill import Prefill
from got_runtime.engine.torch_engine.scheduler import Scheduler
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder

__all__ = ["TorchEngine"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Network:
    """The references that :meth:`TorchEngine.close` drops."""

    model: Any
    prefill: Prefill
    packed: PackedNetwork | None


class TorchEngine:
    """Decodes up to ``batch_size`` requests together. Every :meth:`generate` has its own batch: any thread may call it.

    Args:
        model: transformers' ``GotOcr2ForConditionalGeneration``, in evaluation mode, on its device.
        end_tokens: token ids that end a completion.
        batch_size: requests that are decoded together, at most.
        tile_batch: tiles that are encoded together; memory grows with it.
        weight_dtype: ``"int8"`` rounds the decoder's weights to 8 bits (CPU, bfloat16): faster, not exact.
        kv_cache_dtype: ``"int8"`` keeps keys and values in 8 bits (CPU, bfloat16): half the memory, faster, not exact.
        kv_cache_bytes: size of the KV cache of one call; None takes
            :data:`~got_runtime.engine.memory.KV_CACHE_FRACTION` of the free memory.
        native: use the compiled C code where it is available (CPU, bfloat16). It rounds sums later than torch does, so
            tokens may differ from ``generate()``'s where two tokens are about equally probable.
        threads: CPU threads; None takes what the process may use, and fewer while other processes use the cores.

    Raises:
        EngineError: int8 is not supported here.
    """

    def __init__(
        self,
        model: Any,
        end_tokens: frozenset[int],
        batch_size: int = 8,
        tile_batch: int = 2,
        weight_dtype: str = "auto",
        kv_cache_dtype: str = "auto",
        kv_cache_bytes: int | None = None,
        native: bool = True,
        threads: int | None = None,
    ) -> None:
        self._device: torch.device = model.lm_head.weight.device
        if self._device.type == "cpu":
            keep_freed_memory()
            use_threads(threads)
        self._end_tokens = end_tokens
        self._batch_size = batch_size
        packed = PackedNetwork.pack(model, int8=weight_dtype == "int8") if native else None
        check_int8_support(packed, weight_dtype, kv_cache_dtype)
        self._network: _Network | None = _Network(
            model, Prefill(model, tile_batch, packed.encoder if packed is not None else None), packed
        )
        self._int8_cache = kv_cache_dtype == "int8"
        self._kv_cache_bytes = kv_cache_bytes
        self._log_code_path(model.lm_head.weight.dtype, native, packed, weight_dtype, kv_cache_dtype)

    def _log_code_path(
        self, dtype: torch.dtype, native: bool, packed: PackedNetwork | None, weight_dtype: str, kv_cache_dtype: str
    ) -> None:
        code = f"native code (weights {weight_dtype}, KV cache {kv_cache_dtype})" if packed is not None else "torch"
        logger.info(
            "decoding on %s in %s with %s, batch size %d",
            self._device,
            str(dtype).removeprefix("torch."),
            code,
            self._batch_size,
        )
        if native and packed is None and self._device.type == "cpu" and dtype == torch.bfloat16:
            logger.info("native code is not available (it needs AVX2, Linux and a C compiler): torch is used")

    def close(self) -> None:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        self._network = None
        return_freed_memory(self._device)

    def generate(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        network = self._open_network()
        buffer = ReorderBuffer()
        scheduler = Scheduler(self._decoder(network), network.prefill, self._end_tokens, on_token, buffer.finished)
        del network
        started, prefill_seconds = time.perf_counter(), 0.0
        prefetcher = Prefetcher(requests)
        try:
            while True:
                self._open_network()
                scheduler.resume()
                while not scheduler.waiting and buffer.has_room(
                    len(scheduler.running), min(self._batch_size, scheduler.max_running)
                ):
                    # Until the first page is finished, prefilling the pages behind it takes at most half of the time.
                    first_page_waits = buffer.first_pending and prefill_seconds > (time.perf_counter() - started) / 2
                    if scheduler.running and (first_page_waits or not scheduler.has_memory()):
                        break
                    taken = prefetcher.take(wait=not scheduler.running)
                    if taken is None:
                        break
                    prefill_started = time.perf_counter()
                    scheduler.add(buffer.add(taken[0]), taken[0])
                    prefill_seconds += time.perf_counter() - prefill_started
                for completion in buffer.pop_ready():
                    yielded = time.perf_counter()
                    yield completion
                    scheduler.exclude_from_time_limit(time.perf_counter() - yielded)
                    self._open_network()
                if scheduler.running:
                    scheduler.step()
                elif not scheduler.waiting and buffer.all_returned and prefetcher.exhausted:
                    return
        finally:
            prefetcher.close()

    def _open_network(self) -> _Network:
        """The network, or EngineError where the engine is closed."""
        if self._network is None:
            raise engine_closed()
        return self._network

    def _decoder(self, network: _Network) -> Decoder:
        """A decoder with an empty KV cache."""
        budget = self._kv_cache_bytes
        if budget is None:
            budget = int(free_memory(self._device) * KV_CACHE_FRACTION)
        if network.packed is not None:
            return NativeDecoder(network.packed, budget, self._int8_cache)
        return TorchDecoder(network.model, self._batch_size, budget)
