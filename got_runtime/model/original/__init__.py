"""Loads and converts checkpoints in GOT's original format (``GOTQwenForCausalLM`` with ``qwen.tiktoken``).

The folder's own code is not run, and pickled weights are not read: the names and shapes of the weights suffice.
"""

from got_runtime.model.original.convert import convert
from got_runtime.model.original.folder import OriginalCheckpoint, is_original

__all__ = ["OriginalCheckpoint", "convert", "is_original"]
