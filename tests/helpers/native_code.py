"""Marks for tests in bfloat16 on a CPU."""

import pytest

from got_runtime.model.native.build import has_bf16_products

__all__ = ["SLOW_IN_BFLOAT16", "needs_bf16_products"]

needs_bf16_products = pytest.mark.skipif(
    not has_bf16_products(), reason="needs a CPU with 16-bit instructions (AVX-512); torch is used on others"
)

SLOW_IN_BFLOAT16 = () if has_bf16_products() else (pytest.mark.slow,)
"""Marks of tests that decode in bfloat16 for minutes on a CPU without 16-bit instructions."""
