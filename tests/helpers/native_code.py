"""Marks for tests in bfloat16 on a CPU."""

import pytest
import torch

from got_runtime.engine.torch_engine.native.library import load_products
from got_runtime.model.native.build import has_bf16_products

__all__ = ["INSTRUCTION_SETS", "SLOW_IN_BFLOAT16", "needs_compiled_steps"]

needs_compiled_steps = pytest.mark.skipif(
    load_products() is None, reason="needs Linux, a CPU with AVX2 and a C compiler; torch is used on others"
)

SLOW_IN_BFLOAT16 = () if has_bf16_products() else (pytest.mark.slow,)
"""Marks of tests that decode in bfloat16 for minutes on a CPU without 16-bit instructions."""

INSTRUCTION_SETS = [
    name
    for name, available in {
        "native": True,
        "avx512_bf16": torch.cpu._is_avx512_bf16_supported() and torch.cpu._is_amx_tile_supported(),
        "avx512": torch.cpu._is_avx512_supported() and torch.cpu._is_avx512_bf16_supported(),
        "avx2": True,
    }.items()
    if available
]
"""Values of the environment variable ``GOT_OCR_NATIVE``: all that the CPU has, and those of lesser ones."""
