"""The decoder for every device and precision: transformers' modules, with SDPA over a KV cache."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from got_runtime.engine.threads import adapt_threads
from got_runtime.engine.torch_engine.attention_trace import AttentionTrace, record_attention
from got_runtime.engine.torch_engine.cuda_graphs import GraphedSteps
from got_runtime.engine.torch_engine.decoder import KvCacheFull, StepResult
from got_runtime.engine.torch_engine.kv_cache import RowCache
from got_runtime.engine.torch_engine.paged_cache import PAGE_TOKENS, PagedCache, pages_for
from got_runtime.model.decoder import causal, forward

__all__ = ["TorchDecoder"]

_SEQUENCE_TOKENS = 8192
"""Tokens of a sequence at most, unless it is alone: GOT was trained with 8,000."""


class TorchDecoder:
    """See :class:`got_runtime.engine.torch_engine.decoder.Decoder`.

    On a CPU each sequence has memory of its own. Elsewhere, and with asynchronous steps, the memory is taken once, in
    pages, of which each sequence has as many as it needs. A single sequence that needs more than there are gets them.

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
        shape = config.num_hidden_layers, heads, width, weight
        on_host = self._device.type == "cpu" and not run_async
        self._cache: RowCache | PagedCache = RowCache(*shape) if on_host else PagedCache(*shape, slots)
        self.async_steps: GraphedSteps | None = None
        if run_async and isinstance(self._cache, PagedCache):
            self.async_steps = GraphedSteps(self._language, self._head, self._cache, self._reserve_pages)

    @property
    def _pages(self) -> tuple[int, int]:
        """Pages of the pool, and of a sequence that is not alone."""
        pages = max(1, min(self.max_tokens, self._slots * _SEQUENCE_TOKENS) // PAGE_TOKENS)
        return pages, min(pages, _SEQUENCE_TOKENS // PAGE_TOKENS)

    def has_room(self, tokens: int) -> bool:
        cache = self._cache
        if isinstance(cache, RowCache):
            return cache.tokens + tokens <= self.max_tokens
        if cache.pages > self._pages[0]:  # one sequence has all of them
            return False
        return pages_for(tokens) <= (cache.free_pages if cache.pages else self._pages[0])

    def prefill(self, slot: int, embedded: Tensor, capacity: int, attention_trace: AttentionTrace | None) -> Tensor:
        tokens, cache = max(capacity, len(embedded)), self._cache
        if isinstance(cache, PagedCache):
            cache.release(slot)
            self._reserve_pages([*[0] * slot, tokens])
            where = cache.prompt(slot, len(embedded))
        else:
            if slot and not self.has_room(tokens):
                raise KvCacheFull(self.max_tokens)
            cache.release(slot)
            cache.reserve(slot, tokens)

        newest: list[Tensor] = []

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            if isinstance(cache, PagedCache):
                cache.write(layer, where, key[0].transpose(0, 1), value[0].transpose(0, 1))
            else:
                cache.write_prompt(layer, slot, key, value)
            if attention_trace is not None:
                attention_trace.add_prompt_keys(key[0])
                newest.append(query[0, :, -1])
            return causal(query, key, value)

        positions = torch.arange(len(embedded), device=self._device)[None]
        hidden = forward(self._language, embedded[None], positions, attend)[0, -1:]
        if attention_trace is not None:
            attention_trace.record(torch.stack(newest))
        return hidden

    def step(
        self, tokens: Sequence[int], lengths: Sequence[int], attention_traces: Sequence[AttentionTrace | None]
    ) -> Tensor:
        if self._device.type == "cpu":
            adapt_threads()
        if isinstance(self._cache, PagedCache):
            self._reserve_pages([length + 1 for length in lengths])
        else:
            self._reserve_rows(self._cache, lengths)
        attend_step = self._cache.step(lengths)
        queries: list[Tensor] = []

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            queries.append(query[:, :, 0])
            return attend_step(layer, query, key, value)

        newest = torch.tensor(tokens, device=self._device)[:, None]
        positions = torch.tensor(lengths, device=self._device)[:, None]
        hidden = forward(self._language, self._language.embed_tokens(newest), positions, attend)[:, -1]
        if any(attention_traces):
            record_attention(attention_traces, torch.stack(queries, dim=1))
        return hidden

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
        self._cache.move(source, target)

    def zero(self, slot: int) -> None:
        if isinstance(self._cache, PagedCache):
            self._cache.zero(slot)

    def release(self, slot: int) -> None:
        """Memory beyond the budget, which a single sequence had, is freed with it."""
        cache = self._cache
        if self.async_steps is not None:
            self.async_steps.release(slot)
        cache.release(slot)
        if isinstance(cache, PagedCache) and slot == 0:
            pages, most = self._pages
            if cache.pages > pages:
                self._allocate(cache, 0, 0)
            elif cache.capacity > most * PAGE_TOKENS:
                self._allocate(cache, pages, most)

    def _reserve_rows(self, cache: RowCache, lengths: Sequence[int]) -> None:
        """Make room for another token of each sequence."""
        for slot, length in enumerate(lengths):
            if length >= cache.capacity(slot):
                if len(lengths) > 1 and not self.has_room(cache.growth(slot)):
                    raise KvCacheFull(self.max_tokens)
                cache.reserve(slot, length + 1)

    def _reserve_pages(self, lengths: Sequence[int]) -> None:
        """Make room for ``lengths`` tokens in the first slots; for a single sequence also beyond the budget."""
        cache = self._cache
        assert isinstance(cache, PagedCache)
        if not cache.pages:
            self._allocate(cache, *self._pages)
        for slot, length in enumerate(lengths):
            if cache.reserve(slot, length):
                continue
            if len(lengths) > 1:
                raise KvCacheFull(self.max_tokens)
            pages = pages_for(length * 5 // 4)
            self._allocate(cache, max(cache.pages, pages), max(cache.capacity // PAGE_TOKENS, pages))
            cache.reserve(slot, length)

    def _allocate(self, cache: PagedCache, pages: int, pages_of_a_sequence: int) -> None:
        cache.allocate(pages, pages_of_a_sequence)
        if self.async_steps is not None:
            self.async_steps.resize()
