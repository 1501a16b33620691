"""The decoder for every device and precision: transformers' modules, with SDPA over the slots of a KV cache."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from got_runtime.engine.threads import adapt_threads
from got_runtime.engine.torch_engine.attention_trace import AttentionTrace
from got_runtime.engine.torch_engine.cuda_graphs import GraphedSteps
from got_runtime.engine.torch_engine.decoder import KvCacheFull, StepResult
from got_runtime.engine.torch_engine.kv_cache import SlotCache, length_mask
from got_runtime.model.decoder import causal, forward, masked

__all__ = ["TorchDecoder"]

_FIRST_CAPACITY = 512
"""Tokens of a slot at first, doubled when they are used up: a page of 500 tokens takes no memory for 8,000."""


class TorchDecoder:
    """See :class:`got_runtime.engine.torch_engine.decoder.Decoder`.

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
        self._cache = SlotCache(config.num_hidden_layers, heads, width, weight)
        self.max_tokens: int = budget // (2 * config.num_hidden_layers * heads * width * weight.element_size())
        self._slots = slots
        if run_async is None:
            run_async = self._device.type == "cuda"
        self.async_steps = GraphedSteps(self._language, self._head, self._cache, self._reserve) if run_async else None

    def has_room(self, tokens: int) -> bool:
        # All slots have the same length: a longer sequence makes all of them longer.
        return max(tokens, self._cache.capacity) * self._slots <= self.max_tokens

    def prefill(self, slot: int, embedded: Tensor, capacity: int, attention_trace: AttentionTrace | None) -> Tensor:
        self._reserve(max(capacity, len(embedded)), slot + 1)

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
        batch_size, longest = len(tokens), max(lengths) + 1
        self._reserve(longest, batch_size)
        cached = torch.tensor(lengths, device=self._device)
        slots = torch.arange(batch_size, device=self._device)
        same_length = min(lengths) + 1 == longest
        mask = None if same_length or self._device.type == "cpu" else length_mask(cached + 1, longest)

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            self._cache.write_step(layer, slots, cached, key, value)
            keys, values = self._cache.view(layer, batch_size, longest)
            for index, trace in enumerate(attention_traces):
                if trace is not None:
                    trace.record(layer, query[index, :, 0])
            if same_length or mask is not None:
                return masked(query, keys, values, mask)
            # On a CPU one call for each sequence is faster than reading what a mask would hide.
            attended = [
                masked(query[i : i + 1], keys[i : i + 1, :, : n + 1], values[i : i + 1, :, : n + 1], None)
                for i, n in enumerate(lengths)
            ]
            return torch.cat(attended)

        newest = torch.tensor(tokens, device=self._device)[:, None]
        return forward(self._language, self._language.embed_tokens(newest), cached[:, None], attend)[:, -1]

    def choose(self, hidden: Tensor, banned: Sequence[Sequence[int]]) -> StepResult:
        logits = self._head(hidden).float()  # as generate() does
        probabilities = torch.softmax(logits, dim=-1)
        for index, tokens in enumerate(banned):
            if tokens:
                logits[index, list(tokens)] = float("-inf")
        chosen = logits.argmax(dim=-1, keepdim=True)
        return chosen[:, 0].tolist(), probabilities.gather(1, chosen)[:, 0].tolist()

    def move(self, source: int, target: int, length: int) -> None:
        if self.async_steps is not None:
            self.async_steps.move(source, target)
        self._cache.move(source, target, length + 1)  # a launched step may have added a token

    def zero(self, slot: int) -> None:
        self._cache.zero(slot)

    def release(self, slot: int) -> None:
        """The next prefill overwrites the slot. Memory is freed only where a single sequence exceeded the budget."""
        if self.async_steps is not None:
            self.async_steps.release(slot)
        if slot == 0 and self._cache.capacity > self.max_tokens // self._slots:
            self._resize(0, 0)

    def _reserve(self, length: int, sequences: int) -> None:
        """Make room for ``length`` tokens in each slot, or beyond the budget in a single slot."""
        capacity, slots, per_slot = self._cache.capacity, self._slots, self.max_tokens // self._slots
        if sequences > 1 and max(length, capacity) > per_slot:
            raise KvCacheFull(self.max_tokens)
        if length <= capacity:
            return
        capacity = max(capacity, _FIRST_CAPACITY)
        while capacity < length:
            capacity *= 2
        if length > per_slot:
            slots = 1
        else:
            capacity = min(capacity, per_slot)
        self._resize(slots, capacity)

    def _resize(self, slots: int, capacity: int) -> None:
        self._cache.resize(slots, capacity)
        if self.async_steps is not None:
            self.async_steps.resize()
