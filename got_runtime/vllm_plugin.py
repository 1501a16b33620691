"""The documented import path of the vLLM plug-in, which lives in :mod:`got_runtime.engine.vllm_engine.plugin`."""

from got_runtime.engine.vllm_engine.plugin import ARCHITECTURE, CHAT_TEMPLATE, register

__all__ = ["ARCHITECTURE", "CHAT_TEMPLATE", "register"]
