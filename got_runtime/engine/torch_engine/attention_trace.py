"""Records which image token the decoder attended to most when it generated each token."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["MIN_DISTINCT_POSITIONS", "TOKENS_TOGETHER", "AttentionTrace", "record_attention"]

MIN_DISTINCT_POSITIONS = 8
"""Distinct image tokens that a head must attend to; a head with fewer is an attention sink.

In a completion of fewer than 32 tokens, a quarter of its tokens suffices.
"""
TOKENS_TOGETHER = 64
"""Tokens whose attention is computed at once: one by one, it would take longer than the steps themselves."""


class AttentionTrace:
    """Records the attention of one sequence to its image tokens, for every head; the sharpest head is used.

    In GOT a few heads attend to the position that is read next, and the others do not. On got-nano the head with the
    highest mean peak attends to the right one of 256 image tokens for 87 % of the characters of held-out pages
    (teacher-forced).

    Args:
        image_positions: positions of the image tokens in the prompt, ``(image tokens,)``.
    """

    def __init__(self, image_positions: Tensor) -> None:
        self._image_positions = image_positions
        self._keys: list[Tensor] = []
        self._queries: list[Tensor] = []
        """Of the newest tokens, whose attention is not computed yet: ``(layers, heads, head width)`` each."""
        self._computed: list[tuple[Tensor, Tensor]] = []
        """For each token and head, ``(layers · heads,)``: the most attention, and the image token that had it."""

    def add_prompt_keys(self, key: Tensor) -> None:
        """Keep the keys of the image tokens of the next layer.

        Args:
            key: the prompt's keys, ``(key heads, tokens, head width)``.
        """
        self._keys.append(key[:, self._image_positions])

    def record(self, queries: Tensor) -> None:
        """Record one token.

        Args:
            queries: of the newest token, ``(layers, heads, head width)``; kept until there are :data:`TOKENS_TOGETHER`.
        """
        self._queries.append(queries)
        if len(self._queries) == TOKENS_TOGETHER:
            self._compute()

    def _compute(self) -> None:
        """Compute the attention of the tokens that wait for it."""
        if not self._queries:
            return
        queries = torch.stack(self._queries)
        tokens, layers, heads, width = queries.shape
        peaks = torch.empty(tokens, layers, heads, device=queries.device)
        positions = torch.empty(tokens, layers, heads, dtype=torch.int64, device=queries.device)
        for layer, keys in enumerate(self._keys):
            # Query heads that share a key head, and all tokens, are the rows of one product.
            grouped = queries[:, layer].unflatten(1, (len(keys), -1)).transpose(0, 1).flatten(1, 2)
            logits = (grouped.float() * width**-0.5) @ keys.float().transpose(-1, -2)
            best, position = logits.max(dim=-1)
            peak = 1 / (logits - best[..., None]).exp_().sum(dim=-1)
            for computed, of_layer in ((peaks, peak), (positions, position)):
                computed[:, layer] = of_layer.unflatten(1, (tokens, -1)).transpose(0, 1).flatten(1)
        self._computed += list(zip(peaks.flatten(1), positions.flatten(1), strict=True))
        self._queries.clear()

    def truncate(self, tokens: int) -> None:
        """Keep the records of the first ``tokens`` tokens, because a step that failed will be repeated."""
        del self._queries[max(0, tokens - len(self._computed)) :], self._computed[tokens:]
        if not tokens:
            self._keys.clear()

    def token_positions(self, tokens: int) -> tuple[tuple[int, float], ...]:
        """For each of the first ``tokens`` tokens: the index of the image token with most attention, and its weight."""
        if not tokens:
            return ()
        self._compute()
        peaks, positions = (torch.stack(of_tokens).cpu() for of_tokens in zip(*self._computed[:tokens], strict=True))
        distinct = torch.tensor([len(set(head.tolist())) for head in positions.T])
        score = peaks.mean(dim=0).masked_fill(distinct < min(MIN_DISTINCT_POSITIONS, tokens / 4), -1.0)
        head = int(score.argmax())
        return tuple(zip(positions[:, head].tolist(), peaks[:, head].tolist(), strict=True))


def record_attention(traces: Sequence[AttentionTrace | None], queries: Tensor) -> None:
    """Record one token of each sequence that has a trace.

    Args:
        traces: of each sequence.
        queries: of their newest tokens, ``(sequences, layers, heads, head width)``.
    """
    for trace, own in zip(traces, queries, strict=True):
        if trace is not None:
            trace.record(own)
