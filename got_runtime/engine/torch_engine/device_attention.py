"""Attention of decoding steps over a paged cache: flash attention where a probe says that it works, else masked.

torch's flash attention reads only the pages that a sequence has, and divides long sequences among the processors of the
GPU. It needs torch 2.12, an NVIDIA GPU from compute capability 8.0 (A100, RTX 30), and 16-bit keys.
"""

import inspect
import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from got_runtime.engine.memory import is_out_of_memory
from got_runtime.engine.torch_engine.kv_cache import length_mask
from got_runtime.engine.torch_engine.paged_cache import PAGE_TOKENS, PagedCache
from got_runtime.model.decoder import masked

__all__ = ["MAX_DIFFERENCE", "Rows", "choose_flash", "probe", "takes_pages", "why_not_flash"]

MAX_DIFFERENCE = 2e-2
"""Greatest difference between flash and masked attention over standard normal values that the probe accepts: a few
roundings of bfloat16."""
_ARGUMENTS = {"seqused_k", "block_table"}

logger = logging.getLogger(__name__)


class Rows:
    """What the attention of all layers of a step has in common.

    Args:
        cache: of the sequences in the first slots.
        total: tokens of each sequence, the newest among them, ``(sequences,)``.
        pages: pages of a sequence that are looked at.
        flash: whether to use flash attention.
    """

    def __init__(self, cache: PagedCache, total: Tensor, pages: int, flash: bool) -> None:
        self._cache = cache
        self._flash = flash
        self._table = cache.table[: len(total), :pages]
        self._capacity = pages * PAGE_TOKENS
        if flash:
            self._total = total.int()
            self._starts = torch.arange(len(total) + 1, dtype=torch.int32, device=total.device)
            self._key_starts = self._starts * self._capacity
        else:
            self._table = self._table.long()
            self._mask = length_mask(total, self._capacity)

    def attend(self, layer: int, query: Tensor) -> Tensor:
        """Attention of one query for each sequence, ``(sequences, heads, 1, head width)``."""
        if not self._flash:
            return masked(query, *self._cache.gather(layer, self._table), self._mask)
        varlen, cache = _variable_length_attention(), self._cache
        assert varlen is not None
        tokens = query[:, :, 0], cache.keys[layer], cache.values[layer]
        lengths = self._starts, self._key_starts, 1, self._capacity
        out: Tensor = varlen(*tokens, *lengths, seqused_k=self._total, block_table=self._table)
        return out[:, :, None]


def choose_flash(cache: PagedCache, heads: int) -> bool:
    """Whether steps use flash attention; where that is a surprise, a warning says why they do not.

    Args:
        cache: its device, precision and heads; nothing is written to it.
        heads: query heads.
    """
    reason = why_not_flash(cache.keys[0], heads)
    if reason is not None:
        logger.info("decoding steps use masked attention: %s", reason)
        return False
    try:
        difference = probe(cache.keys[0], heads)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        logger.warning("decoding steps use masked attention and may be slower: %s", error)
        return False
    if not difference <= MAX_DIFFERENCE:
        logger.warning(
            "decoding steps use masked attention and may be slower: flash attention differs by %.3g", difference
        )
        return False
    return True


def why_not_flash(keys: Tensor, heads: int) -> str | None:
    """Why flash attention is not tried for keys like these and so many query heads; None where it is."""
    device = keys.device
    if device.type != "cuda":
        return f"the device is {device.type}"
    if torch.version.hip is not None:
        return "torch's flash attention for ROCm takes no pages"
    if torch.cuda.get_device_capability(device) < (8, 0):
        return "the GPU is older than compute capability 8.0"
    if keys.dtype not in (torch.bfloat16, torch.float16):
        return f"the precision is {str(keys.dtype).removeprefix('torch.')}"
    if heads != keys.shape[2]:
        return "queries and keys have different numbers of heads"
    if not takes_pages():
        return f"torch {torch.__version__} is older than 2.12"
    return None


def takes_pages() -> bool:
    """Whether this torch has attention over pages and lengths of sequences."""
    varlen = _variable_length_attention()
    return varlen is not None and set(inspect.signature(varlen).parameters) >= _ARGUMENTS


@torch.inference_mode()
def probe(keys: Tensor, heads: int) -> float:
    """Greatest difference between flash and masked attention over a small cache, with every case of a page's edge."""
    lengths = [1, PAGE_TOKENS - 1, PAGE_TOKENS, PAGE_TOKENS + 1, 2 * PAGE_TOKENS]
    cache = PagedCache(1, keys.shape[2], keys.shape[3], keys, len(lengths))
    cache.allocate(2 * len(lengths), 2)
    for slot, length in reversed(list(enumerate(lengths))):
        cache.reserve(slot, length)
        shape = length, keys.shape[2], keys.shape[3]
        key, value = (torch.randn(shape, device=keys.device).to(keys.dtype) for _ in range(2))
        cache.write(0, cache.prompt(slot, length), key, value)
    query = torch.randn(len(lengths), heads, 1, keys.shape[3], device=keys.device).to(keys.dtype)
    total = torch.tensor(lengths, device=keys.device)
    flash, reference = (Rows(cache, total, 2, each).attend(0, query) for each in (True, False))
    return float((flash - reference).abs().max())


def _variable_length_attention() -> Callable[..., Any] | None:
    """torch's attention over sequences of different length, or None where this torch has none."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:  # torch before 2.10
        return None
    return varlen_attn
