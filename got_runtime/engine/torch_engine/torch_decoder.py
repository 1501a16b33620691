"""The decoder on any device and in any precision: the port's modules, SDPA over slots."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from got_runtime.engine.torch_engine.attention_trace import AttentionTrace
from got_runtime.engine.torch_engine.cuda_graphs import GraphedSteps
from got_runtime.engine.torch_engine.decoder import OutOfRoom
from got_runtime.engine.torch_engine.kv_cache import SlotCache, length_mask
from got_runtime.model.decoder import causal, forward, masked

__all__ = ["TorchDecoder"]

_FIRST = 512
"""Tokens of slots at first, doubled as they fill: a 500-token page does not pay for the 8,000-token limit."""


class TorchDecoder:
    """See :class:`got_runtime.engine.torch_engine.decoder.Decoder`.

    Args:
        model: the port's ``GotOcr2ForConditionalGeneration``.
        slots: rows at most.
        budget: bytes that keys and values of rows together may take. One row alone gets what it needs.
        ahead: let tokens go round on the device, as CUDA graphs where there is CUDA; there by default.
    """

    def __init__(self, model: Any, slots: int, budget: int, ahead: bool | None = None) -> None:
        self._language = model.model.language_model
        self._head = model.lm_head
        config, weight = self._language.config, self._language.embed_tokens.weight
        heads, width = config.num_key_value_heads, self._language.layers[0].self_attn.head_dim
        self._device = weight.device
        self._cache = SlotCache(config.num_hidden_layers, heads, width, weight)
        self.room: int = budget // (2 * config.num_hidden_layers * heads * width * weight.element_size())
        self._slots = slots
        runs_ahead = self._device.type == "cuda" if ahead is None else ahead
        self.ahead = GraphedSteps(self._language, self._head, self._cache, self._reserve) if runs_ahead else None

    def fits(self, tokens: int) -> bool:
        # Slots are equally long: a longer row makes all of them longer.
        return max(tokens, self._cache.capacity) * self._slots <= self.room

    def prefill(self, slot: int, embedded: Tensor, room: int, alignment: AttentionTrace | None) -> Tensor:
        self._reserve(max(room, len(embedded)), slot + 1)

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            self._cache.write_prompt(layer, slot, key, value)
            if alignment is not None:
                alignment.show(key[0])
                alignment.record(layer, query[0, :, -1])
            return causal(query, key, value)

        positions = torch.arange(len(embedded), device=self._device)[None]
        return forward(self._language, embedded[None], positions, attend)[0, -1:]

    def step(
        self, tokens: Sequence[int], lengths: Sequence[int], alignments: Sequence[AttentionTrace | None]
    ) -> Tensor:
        count, longest = len(tokens), max(lengths) + 1
        self._reserve(longest, count)
        written = torch.tensor(lengths, device=self._device)
        rows = torch.arange(count, device=self._device)
        even = min(lengths) + 1 == longest
        mask = None if even or self._device.type == "cpu" else length_mask(written + 1, longest)

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            self._cache.write_step(layer, rows, written, key, value)
            keys, values = self._cache.view(layer, count, longest)
            for index, alignment in enumerate(alignments):
                if alignment is not None:
                    alignment.record(layer, query[index, :, 0])
            if even or mask is not None:
                return masked(query, keys, values, mask)
            # On a CPU a call costs less than reading what a mask would hide.
            each = [
                masked(query[i : i + 1], keys[i : i + 1, :, : n + 1], values[i : i + 1, :, : n + 1], None)
                for i, n in enumerate(lengths)
            ]
            return torch.cat(each)

        newest = torch.tensor(tokens, device=self._device)[:, None]
        return forward(self._language, self._language.embed_tokens(newest), written[:, None], attend)[:, -1]

    def choose(self, hidden: Tensor, banned: Sequence[Sequence[int]]) -> tuple[list[int], list[float]]:
        logits = self._head(hidden).float()  # as generate() does
        probabilities = torch.softmax(logits, dim=-1)
        for index, bans in enumerate(banned):
            if bans:
                logits[index, list(bans)] = float("-inf")
        chosen = logits.argmax(dim=-1, keepdim=True)
        given = probabilities.gather(1, chosen)
        return chosen[:, 0].tolist(), given[:, 0].tolist()

    def move(self, source: int, target: int, length: int) -> None:
        if self.ahead is not None:
            self.ahead.move(source, target)
        self._cache.move(source, target, length + 1)  # a step that has begun may have made it longer

    def wipe(self, slot: int) -> None:
        self._cache.wipe(slot)

    def release(self, slot: int) -> None:
        """The next prefill overwrites the slot; only what a row alone had beyond the budget is given back."""
        if self.ahead is not None:
            self.ahead.leave(slot)
        if slot == 0 and self._cache.capacity > self.room // self._slots:
            self._resize(0, 0)

    def _reserve(self, length: int, rows: int) -> None:
        """Slots for all rows within the budget; beyond it one slot, for a row that is alone."""
        capacity, slots, share = self._cache.capacity, self._slots, self.room // self._slots
        if rows > 1 and max(length, capacity) > share:
            raise OutOfRoom(self.room)
        if length <= capacity:
            return
        capacity = max(capacity, _FIRST)
        while capacity < length:
            capacity *= 2
        if length > share:
            slots = 1
        else:
            capacity = min(capacity, share)
        self._resize(slots, capacity)

    def _resize(self, slots: int, capacity: int) -> None:
        self._cache.resize(slots, capacity)
        if self.ahead is not None:
            self.ahead.resize()
