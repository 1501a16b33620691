"""Calls ``grid_attention.c``: attention over a grid in bfloat16 on a CPU."""

import ctypes
import functools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from got_runtime.model.native.build import FLOAT, INT, POINTER, compiled_for_vectors

__all__ = ["attend_natively"]

WIDTH = 64
"""Of a head."""

_FUNCTIONS: dict[str, list[Any]] = {"attend_grid": [POINTER] * 6 + [INT] * 7 + [FLOAT, ctypes.c_int]}


@functools.cache
def load() -> ctypes.CDLL | None:
    """The compiled functions, or None without a compiler, or on a CPU without AVX2."""
    return compiled_for_vectors(Path(__file__).with_name("grid_attention.c"), _FUNCTIONS)


def attend_natively(
    query: Tensor, key: Tensor, value: Tensor, bias: tuple[Tensor, Tensor], scale: float
) -> Tensor | None:
    """:func:`got_runtime.model.attention.attend` without gradients; None where it is not supported."""
    if query.device.type != "cpu" or query.dtype != torch.bfloat16 or torch.is_grad_enabled():
        return None
    n, heads, tokens, width = query.shape
    rows, columns = (terms.shape[-1] for terms in bias)
    same_layout = query.stride() == key.stride() == value.stride() and query.stride(-1) == 1
    library = load() if width == WIDTH and same_layout else None
    if library is None:
        return None
    by_row, by_column = (terms.contiguous() for terms in bias)
    out = query.new_empty(n, tokens, heads, width)
    pointers = [each.data_ptr() for each in (query, key, value, by_row, by_column, out)]
    sizes = n, *query.stride()[:3], heads, rows, columns
    done = library.attend_grid(*pointers, *sizes, scale, torch.get_num_threads())
    return out.transpose(1, 2) if done else None
