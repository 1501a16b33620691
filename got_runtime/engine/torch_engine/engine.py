"""The default engine: requests of different length decoded together in slots, on the port's weights.

Take a request into a free slot, make one step for all live slots, hand on what is finished, again. The tokens are
``generate()``'s: the arithmetic is the port's, only its order of execution is ours.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Any

from got_runtime.engine.memory import SHARE, free_memory
from got_runtime.engine.prefetch import Prefetcher
from got_runtime.engine.protocol import Completion, OnToken, Request
from got_runtime.engine.reorder_buffer import ReorderBuffer
from got_runtime.engine.torch_engine.allocator import keep_freed_memory
from got_runtime.engine.torch_engine.decoder import Decoder
from got_runtime.engine.torch_engine.native.decoder import NativeDecoder, PackedNetwork, check_int8_support
from got_runtime.engine.torch_engine.prefill import Prefill
from got_runtime.engine.torch_engine.scheduler import Scheduler
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder

__all__ = ["TorchEngine"]


class TorchEngine:
    """Decodes up to ``batch_size`` requests together. Its state lives in each :meth:`answer`: any thread may call.

    Args:
        model: the port's ``GotOcr2ForConditionalGeneration``, in evaluation mode, on its device.
        end_tokens: ids that end an answer.
        batch_size: rows decoded together, at most.
        tile_batch: tiles encoded together (memory grows with it).
        weight_dtype: ``int8`` rounds the decoder's products to 8 bits (CPU, bfloat16): faster, not exact.
        kv_cache_dtype: ``int8`` keeps keys and values in 8 bits (CPU, bfloat16): half the memory, faster, not exact.
        kv_cache_bytes: bytes for keys and values; a share of what is free when left out.
        native: use compiled C between the products where it is to be had (CPU, bfloat16); its sums are rounded later
            than torch's, so tokens may differ from ``generate()``'s where the network is undecided.

    Raises:
        EngineError: 8 bits are asked for where they are not to be had.
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
    ) -> None:
        self._model = model
        self._device = model.lm_head.weight.device
        if self._device.type == "cpu":
            keep_freed_memory()
        self._end_tokens = end_tokens
        self._batch_size = batch_size
        self._prefill = Prefill(model, tile_batch)
        self._packed = PackedNetwork.pack(model, int8=weight_dtype == "int8") if native else None
        check_int8_support(self._packed, weight_dtype, kv_cache_dtype)
        self._int8_cache = kv_cache_dtype == "int8"
        self._kv_cache_bytes = kv_cache_bytes

    def answer(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        order = ReorderBuffer()
        batch = Scheduler(self._decoder(), self._prefill, self._end_tokens, on_token, order.done)
        began, prefilling = time.perf_counter(), 0.0
        ahead = Prefetcher(requests)
        try:
            while True:
                batch.resume()
                while not batch.parked and order.room(len(batch.live), min(self._batch_size, batch.limit)):
                    # The first page is not held up by those behind it: they get no more time than it does.
                    hurry = order.first and prefilling > (time.perf_counter() - began) / 2
                    if batch.live and (hurry or not batch.fits_another()):
                        break
                    taken = ahead.take(wait=not batch.live)
                    if taken is None:
                        break
                    entered = time.perf_counter()
                    batch.admit(order.number(taken[0]), taken[0])
                    prefilling += time.perf_counter() - entered
                for answer in order.ready():
                    left = time.perf_counter()
                    yield answer
                    batch.forgive(time.perf_counter() - left)
                if batch.live:
                    batch.step()
                elif not batch.parked and order.handed_on and ahead.exhausted:
                    return
        finally:
            ahead.close()

    def _decoder(self) -> Decoder:
        budget = self._kv_cache_bytes if self._kv_cache_bytes is not None else int(free_memory(self._device) * SHARE)
        if self._packed is not None:
            return NativeDecoder(self._packed, budget, self._int8_cache)
        return TorchDecoder(self._model, self._batch_size, budget)
