"""The documented import path of vLLM's logits processor, which is in
:mod:`got_runtime.engine.vllm_engine.ngram_ban`."""

from got_runtime.engine.vllm_engine.ngram_ban import NgramBanProcessor

__all__ = ["NgramBanProcessor"]
