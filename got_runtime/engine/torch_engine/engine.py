"""The default engine: continuous batching on the weights of transformers' network.

Each step prefills at most one request, if there is room for it, and decodes a token for the whole batch. The tokens
equal ``generate()``'s: only the order of execution differs.
"""

import logging
from typing import Any

import torch

from got_runtime.engine.memory import KV_CACHE_FRACTION, free_memory
from got_runtime.engine.protocol import Session, engine_closed
from got_runtime.engine.shared import SharedBatch
from got_runtime.engine.threads import release_helper_threads, use_threads
from got_runtime.engine.torch_engine.allocator import keep_freed_memory, return_freed_memory
from got_runtime.engine.torch_engine.decoder import Decoder
from got_runtime.engine.torch_engine.native.decoder import NativeDecoder, PackedNetwork, check_int8_support
from got_runtime.engine.torch_engine.prefill import Prefill
from got_runtime.engine.torch_engine.scheduler import Scheduler
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder

__all__ = ["TorchEngine"]

_ENCODE_BATCH = 4
"""Pages that a GPU encodes together: a single one does not fill it. A CPU is filled by one."""

logger = logging.getLogger(__name__)


class TorchEngine:
    """Decodes up to ``batch_size`` requests of all sessions together, whatever their threads.

    A session without any request in the batch may have one more, so that its first page begins at once.

    Args:
        model: transformers' ``GotOcr2ForConditionalGeneration``, in evaluation mode, on its device.
        end_tokens: token ids that end a completion.
        batch_size: requests that are decoded together, at most.
        tile_batch: tiles that are encoded together; memory grows with it.
        weight_dtype: ``"int8"`` rounds the decoder's weights to 8 bits (CPU, bfloat16): faster, not exact.
        kv_cache_dtype: ``"int8"`` keeps keys and values in 8 bits (CPU, bfloat16): half the memory, faster, not exact.
        kv_cache_bytes: size of the KV cache; None takes
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
        self._batch_size = batch_size
        packed = PackedNetwork.pack(model, int8=weight_dtype == "int8") if native else None
        check_int8_support(packed, weight_dtype, kv_cache_dtype)
        self._network: tuple[Any, PackedNetwork | None] | None = model, packed
        self._int8_cache = kv_cache_dtype == "int8"
        self._kv_cache_bytes = kv_cache_bytes
        prefill = self._prefill(model, tile_batch, packed)
        encode_batch = _ENCODE_BATCH if self._device.type == "cuda" else 1
        self.rows = Scheduler(self._decoder, prefill, end_tokens, batch_size, encode_batch)
        self._batch = SharedBatch(self.rows)
        self._log_code_path(model.lm_head.weight.dtype, native, packed, weight_dtype, kv_cache_dtype)
        if self._device.type == "cpu":
            release_helper_threads()  # the thread that loads the weights need not be one that reads

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

    def session(self, tokens: bool = True) -> Session:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        return self._batch.session(tokens)

    def close(self) -> None:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        self._batch.close()
        self._network = None
        return_freed_memory(self._device)

    def _decoder(self) -> Decoder:
        """A decoder with an empty KV cache."""
        if self._network is None:
            raise engine_closed()
        model, packed = self._network
        budget = self._kv_cache_bytes
        if budget is None:
            budget = int(free_memory(self._device) * KV_CACHE_FRACTION)
        if packed is not None:
            return NativeDecoder(packed, budget, self._int8_cache)
        return TorchDecoder(model, self._batch_size + 1, budget)

    def _prefill(self, model: Any, tile_batch: int, packed: PackedNetwork | None) -> Prefill:
        return Prefill(model, tile_batch, packed.encoder if packed is not None else None)
