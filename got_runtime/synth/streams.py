"""Streams of synthetic pages: those of training, validation and evaluation have no page in common.

A page's seed is ``(stream, index)``. Training streams lie below :data:`TRAINING_LIMIT`.
"""

__all__ = ["HELD_OUT_STREAM", "TRAINING_LIMIT", "VALIDATION_STREAM"]

TRAINING_LIMIT = 100_000
VALIDATION_STREAM = 999_999
"""Pages that are read during training."""
HELD_OUT_STREAM = 1_000_000
"""First stream of ``got-ocr eval``: seed ``s`` there is stream ``HELD_OUT_STREAM + s``."""
