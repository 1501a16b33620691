"""Records which image token the decoder attended to most when it generated each token."""

import torch
from torch import Tensor

__all__ = ["MIN_DISTINCT_POSITIONS", "AttentionTrace"]

MIN_DISTINCT_POSITIONS = 8
"""Distinct image tokens that a head must attend to; a head with fewer is an attention sink.

In a completion of fewer than 32 tokens, a quarter of its tokens suffices.
"""


class AttentionTrace:
    """Records the attention of one sequence to its image tokens, for every head; the sharpest head is used.

    In GOT a few heads attend to the position that is read next, and the others do not. On got-nano the head with the
    highest mean peak attends to the right one of 256 image tokens for 87 % of the characters of held-out pages
    (teacher-forced).

    Args:
        image_positions: positions of the image tokens in the prompt, ``(image tokens,)``.
        layers: number of layers that each step records.
    """

    def __init__(self, image_positions: Tensor, layers: int) -> None:
        self._image_positions = image_positions
        self._layers = layers
        self._keys: list[Tensor] = []
        self._peaks: list[Tensor] = []
        self._positions: list[Tensor] = []

    def add_prompt_keys(self, key: Tensor) -> None:
        """Keep the keys of the image tokens of the next layer.

        Args:
            key: the prompt's keys, ``(key heads, tokens, head width)``.
        """
        self._keys.append(key[:, self._image_positions])

    def record(self, layer: int, query: Tensor) -> None:
        """Record one layer of one step; a step records all layers in order.

        Args:
            layer: index of the layer.
            query: of the newest token, ``(heads, head width)``.
        """
        keys = self._keys[layer]
        grouped = query.unflatten(0, (keys.shape[0], -1))
        logits = grouped.float() @ keys.float().transpose(-1, -2) * query.shape[-1] ** -0.5
        peak, position = torch.softmax(logits, dim=-1).max(dim=-1)
        self._peaks.append(peak.flatten())
        self._positions.append(position.flatten())

    def truncate(self, tokens: int) -> None:
        """Keep the records of the first ``tokens`` tokens, because a step that failed will be repeated."""
        for recorded in (self._peaks, self._positions):
            del recorded[tokens * self._layers :]
        if not tokens:
            self._keys.clear()

    def token_positions(self, tokens: int) -> tuple[tuple[int, float], ...]:
        """For each of the first ``tokens`` tokens: the index of the image token with most attention, and its weight."""
        if not tokens:
            return ()
        peaks, positions = (
            torch.stack(recorded).unflatten(0, (-1, self._layers)).flatten(1)[:tokens].cpu()
            for recorded in (self._peaks, self._positions)
        )
        distinct = torch.tensor([len(set(head.tolist())) for head in positions.T])
        score = peaks.mean(dim=0).masked_fill(distinct < min(MIN_DISTINCT_POSITIONS, tokens / 4), -1.0)
        head = int(score.argmax())
        return tuple(zip(positions[:, head].tolist(), peaks[:, head].tolist(), strict=True))
