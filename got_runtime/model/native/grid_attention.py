"""Calls ``grid_attention.c``: attention over a grid, or windows of it, in bfloat16 on a CPU."""

import ctypes
import functools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from got_runtime.model.native.build import FLOAT, INT, POINTER, compiled_for_vectors

__all__ = ["attend_natively", "is_supported"]

WIDTH = 64
"""Of a head."""

_FUNCTIONS: dict[str, list[Any]] = {"attend_grid": [POINTER] * 5 + [INT] * 6 + [FLOAT, ctypes.c_int]}


@functools.cache
def load() -> ctypes.CDLL | None:
    """The compiled functions, or None without a compiler, or on a CPU without AVX2."""
    return compiled_for_vectors(Path(__file__).with_name("grid_attention.c"), _FUNCTIONS)


def is_supported(hidden: Tensor, head_width: int) -> bool:
    """Whether :func:`attend_natively` takes queries of these hidden states."""
    suitable = hidden.device.type == "cpu" and hidden.dtype == torch.bfloat16 and head_width == WIDTH
    return suitable and not torch.is_grad_enabled() and load() is not None


def attend_natively(
    qkv: Tensor, outside: Tensor, tables: tuple[Tensor, Tensor], window: tuple[int, int], scale: float
) -> Tensor:
    """Self-attention in windows, where :func:`is_supported`.

    Every logit is ``q·k·scale + q·(vector of the rows' distance) + q·(vector of the columns' distance)``; a distance is
    the query's row less the key's.

    Args:
        qkv: queries, keys and values of the grid's patches, ``(tiles, rows, columns, 3, heads, 64)``.
        outside: those of patches beyond the grid's edge, which complete the last windows, ``(3, heads, 64)``.
        tables: vectors of the distances, ``(2 · window height - 1, 64)`` and ``(2 · window width - 1, 64)``.
        window: height and width.
        scale: factor of the products.

    Returns:
        ``(tiles, rows, columns, heads, 64)``.
    """
    library = load()
    assert library is not None
    tiles, rows, columns, _, heads, _ = qkv.shape
    inputs = [each.contiguous() for each in (qkv, outside, *tables)]
    out = qkv.new_empty(tiles, rows, columns, heads, WIDTH)
    pointers = [each.data_ptr() for each in (*inputs, out)]
    if not library.attend_grid(*pointers, tiles, rows, columns, heads, *window, scale, torch.get_num_threads()):
        raise MemoryError(f"no memory for attention over {rows} × {columns} patches")
    return out
