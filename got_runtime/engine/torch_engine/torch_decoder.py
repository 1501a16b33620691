"""The decoder for every device and precision: transformers' modules, with SDPA over a KV cache."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from got_runtime.engine.threads import adapt_threads
from got_runtime.engine.torch_engine.attention_trace import AttentionTrace
from got_runtime.engine.torch_engine.cuda_graphs import GraphedSteps
from got_runtime.engine.torch_engine.decoder import KvCacheFull, StepResult
from got_runtime.engine.torch_engine.kv_cache import RowCache, SlotCache
from got_runtime.model.decoder import causal, forward

__all__ = ["TorchDecoder"]

_SLOT_TOKENS = 8192
"""Tokens of a slot at most, besides a longer sequence that is alone: GOT was trained with 8,000."""


class TorchDecoder:
    """See :class:`got_runtime.engine.torch_engine.decoder.Decoder`.

    On a CPU each sequence has memory of its own. Elsewhere, and with asynchronous steps, the memory is taken once, in
    slots of equal length; a single sequence that is longer gets all of it.

    Args:
        model: transformers' ``GotOcr2ForConditionalGeneration``.
        slots: sequences that are decoded together, at most.
        budget: bytes of KV cache for all sequences together. A single sequence may exceed it.
        run_async: use asynchronous steps, as CUDA graphs where there is CUDA; by default only there.
    """

    def __init__(self, model: Any, slots: int, budget: int, run_async: bool | None = None) -> None:
        self._language = model.model.language_model
        self._head = model.lm_head
        config, weight = self._language.config, self._language.embed_tokens.weight
        heads, width = config.num_key_value_heads, self._language.layers[0].self_attn.head_dim
        self._device = weight.device
        self.max_tokens: int = budget // (2 * config.num_hidden_layers * heads * width * weight.element_size())
        self._slots = slots
        if run_async is None:
            run_async = self._device.type == "cuda"
        kind = RowCache if self._device.type == "cpu" and not run_async else SlotCache
        self._cache: RowCache | SlotCache = kind(config.num_hidden_layers, heads, width, weight)
        self.async_steps: GraphedSteps | None = None
        if run_async and isinstance(self._cache, SlotCache):
            self.async_steps = GraphedSteps(self._language, self._head, self._cache, self._reserve_slots)

    @property
    def _slot_tokens(self) -> int:
        return min(_SLOT_TOKENS, self.max_tokens // self._slots)

    def has_room(self, tokens: int) -> bool:
        if isinstance(self._cache, RowCache):
            return self._cache.tokens + tokens <= self.max_tokens
        return tokens <= self._slot_tokens and self._cache.slots in (0, self._slots)

    def prefill(self, slot: int, embedded: Tensor, capacity: int, attention_trace: AttentionTrace | None) -> Tensor:
        tokens = max(capacity, len(embedded))
        if isinstance(self._cache, SlotCache):
            self._reserve_slots(tokens, slot + 1)
        else:
            if slot and not self.has_room(tokens):
                raise KvCacheFull(self.max_tokens)
            self._cache.release(slot)
            self._cache.reserve(slot, tokens)

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            self._cache.write_prompt(layer, slot, key, value)
            if attention_trace is not None:
                attention_trace.add_prompt_keys(key[0])
                attention_trace.record(layer, query[0, :, -1])
            return causal(query, key, value)

        positions = torch.arange(len(embedded), device=self._device)[None]
        return forward(self._language, embedded[None], positions, attend)[0, -1:]

    def step(
        self, tokens: Sequence[int], lengths: Sequence[int], attention_traces: Sequence[AttentionTrace | None]
    ) -> Tensor:
        if self._device.type == "cpu":
            adapt_threads()
        if isinstance(self._cache, SlotCache):
            self._reserve_slots(max(lengths) + 1, len(tokens))
        else:
            self._reserve_rows(self._cache, lengths)
        attend_step = self._cache.step(lengths)

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            for index, trace in enumerate(attention_traces):
                if trace is not None:
                    trace.record(layer, query[index, :, 0])
            return attend_step(layer, query, key, value)

        newest = torch.tensor(tokens, device=self._device)[:, None]
        positions = torch.tensor(lengths, device=self._device)[:, None]
        return forward(self._language, self._language.embed_tokens(newest), positions, attend)[:, -1]

    def choose(self, hidden: Tensor, banned: Sequence[Sequence[int]]) -> StepResult:
        logits = self._head(hidden).float()  # as generate() does
        probabilities = torch.softmax(logits, dim=-1)
        for index, tokens in enumerate(banned):
            if tokens:
                logits[index, list(tokens)] = float("-inf")
        chosen = logits.argmax(dim=-1, keepdim=True)
        return chosen[:, 0].tolist(), probabilities.gather(1, chosen)[:, 0].tolist()

    def move(self, source: int, target: int, length: int) -> None:
        if isinstance(self._cache, RowCache):
            self._cache.move(source, target)
            return
        if self.async_steps is not None:
            self.async_steps.move(source, target)
        self._cache.move(source, target, length + 1)  # a launched step may have added a token

    def zero(self, slot: int) -> None:
        if isinstance(self._cache, SlotCache):
            self._cache.zero(slot)

    def release(self, slot: int) -> None:
        """In slots the next prefill overwrites the sequence; one that was too long for them is freed."""
        if isinstance(self._cache, RowCache):
            self._cache.release(slot)
            return
        if self.async_steps is not None:
            self.async_steps.release(slot)
        if slot == 0 and self._cache.slots != self._slots:
            self._resize(self._cache, 0, 0, 0)

    def _reserve_rows(self, cache: RowCache, lengths: Sequence[int]) -> None:
        """Make room for another token of each sequence."""
        for slot, length in enumerate(lengths):
            if length >= cache.capacity(slot):
                if len(lengths) > 1 and not self.has_room(cache.growth(slot)):
                    raise KvCacheFull(self.max_tokens)
                cache.reserve(slot, length + 1)

    def _reserve_slots(self, length: int, sequences: int) -> None:
        """Make room for ``length`` tokens in each slot, or beyond the budget in a single slot."""
        cache = self._cache
        assert isinstance(cache, SlotCache)
        fits = length <= self._slot_tokens and cache.slots in (0, self._slots)
        if fits and not cache.slots:
            self._resize(cache, self._slots, self._slot_tokens, 0)
        elif not fits and sequences > 1:
            raise KvCacheFull(self.max_tokens)
        elif length > cache.capacity:
            self._resize(cache, 1, length * 5 // 4, cache.capacity)

    def _resize(self, cache: SlotCache, slots: int, capacity: int, kept: int) -> None:
        cache.resize(slots, capacity, kept)
        if self.async_steps is not None:
            self.async_steps.resize()
