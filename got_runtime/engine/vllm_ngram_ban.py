"""The documented import path of :mod:`got_runtime.engine.vllm_engine.ngram_ban`."""

from got_runtime.engine.vllm_engine.ngram_ban import NgramBanProcessor

__all__ = ["NgramBanProcessor"]
