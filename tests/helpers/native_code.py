"""A mark for tests that need the compiled code for bfloat16 on a CPU."""

import pytest

from got_runtime.model.native.build import has_bf16_products

__all__ = ["needs_bf16_products"]

needs_bf16_products = pytest.mark.skipif(
    not has_bf16_products(), reason="needs a CPU with 16-bit instructions (AVX-512); torch is used on others"
)
