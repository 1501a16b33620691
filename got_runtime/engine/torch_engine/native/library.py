"""Compiles and loads ``step.c`` and ``products.c``."""

import ctypes
import functools
from pathlib import Path
from typing import Any

from got_runtime.model.native.build import FLOAT, INT, POINTER, compiled, compiled_for_vectors

__all__ = ["load", "load_products"]

_FUNCTIONS: dict[str, list[Any]] = {
    "add_rms_norm": [POINTER] * 4 + [INT, INT, FLOAT],
    "silu_mul": [POINTER] * 2 + [INT] * 2,
    "quantize_rows": [POINTER] * 3 + [INT] * 2,
    "choose": [POINTER] * 3 + [INT] * 2,
    "choose_int8": [POINTER] * 5 + [INT] * 3,
    "attend_step": [POINTER] * 5 + [INT] * 4,
}
_PRODUCTS: dict[str, list[Any]] = {"multiply": [POINTER] * 8 + [INT] * 5, "multiplies_unsigned": []}


@functools.cache
def load() -> ctypes.CDLL | None:
    """The functions of ``step.c``, or None where they cannot be compiled (:mod:`got_runtime.model.native.build`)."""
    return compiled(Path(__file__).with_name("step.c"), _FUNCTIONS)


@functools.cache
def load_products() -> ctypes.CDLL | None:
    """The functions of ``products.c``, or None without a compiler, or on a CPU without AVX2."""
    return compiled_for_vectors(Path(__file__).with_name("products.c"), _PRODUCTS)
