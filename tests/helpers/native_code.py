"""Marks for tests in bfloat16 on a CPU."""

from pathlib import Path

import pytest
import torch

from got_runtime.engine.torch_engine.native.library import load_products
from got_runtime.model.native import build
from got_runtime.model.native.build import has_bf16_products

__all__ = ["INSTRUCTION_SETS", "SLOW_IN_BFLOAT16", "needs_compiled_steps"]

needs_compiled_steps = pytest.mark.skipif(
    load_products() is None, reason="needs Linux, a CPU with AVX2 and a C compiler; torch is used on others"
)

SLOW_IN_BFLOAT16 = () if has_bf16_products() else (pytest.mark.slow,)
"""Marks of tests that decode in bfloat16 for minutes on a CPU without 16-bit instructions."""

_TILES, _BF16 = torch.cpu._is_amx_tile_supported(), torch.cpu._is_avx512_bf16_supported()
if _BF16 and not _TILES:
    _header = Path(__file__).with_name("emulated_tiles.h")
    build._LESSER["emulated tiles"] = ["-march=native", "-include", str(_header)]

INSTRUCTION_SETS = [
    name
    for name, available in {
        "native": True,
        "emulated tiles": "emulated tiles" in build._LESSER,
        "avx512_bf16": _BF16 and _TILES,
        "avx512": _BF16 and torch.cpu._is_avx512_supported(),
        "avx2": True,
    }.items()
    if available
]
"""Values of the environment variable ``GOT_OCR_NATIVE``: all that the CPU has, and those of lesser ones."""
