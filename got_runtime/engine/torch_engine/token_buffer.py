"""The tokens of all sequences on the device, for the next step and for the n-gram ban."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["NO_TOKEN", "TokenBuffer", "banned"]

NO_TOKEN = -1
"""Stands before and behind the tokens of a sequence."""


class TokenBuffer:
    """Prompts and completions, in the slots of the KV cache. Shapes are fixed; :meth:`resized` makes another buffer.

    Args:
        slots: sequences there is room for.
        capacity: tokens of a sequence that the KV cache can hold. The buffer holds one more, the newest.
        max_ngram: length of the longest n-gram to ban; 0 for none.
        device: of the KV cache.

    Attributes:
        newest: the newest token of each slot, ``(slots,)``.
        lengths: for each slot, the tokens whose keys and values are in the cache (all but the newest), ``(slots,)``.
    """

    def __init__(self, slots: int, capacity: int, max_ngram: int, device: torch.device) -> None:
        self.max_ngram = max_ngram
        self._context = max(1, max_ngram - 1)
        """Tokens before a token that the ban compares."""
        self.newest, self.lengths, self._active, self._bans = (
            torch.zeros(slots, dtype=torch.long, device=device) for _ in range(4)
        )
        # Padded at the front, so that the first tokens have a full context too.
        self._tokens = torch.full((slots, self._context + capacity + 1), NO_TOKEN, dtype=torch.int32, device=device)

    def resized(self, slots: int, capacity: int, max_ngram: int) -> "TokenBuffer":
        """A buffer of another size with the same sequences, as far as they fit."""
        other = TokenBuffer(slots, capacity, max_ngram, self.newest.device)
        kept = min(slots, len(self.newest))
        for target, source in zip(other._per_slot(), self._per_slot(), strict=True):
            target[:kept] = source[:kept]
        tokens = self._tokens[:kept, self._context :]
        length = min(capacity + 1, tokens.shape[1])
        other._tokens[:kept, other._context : other._context + length] = tokens[:, :length]
        return other

    def _per_slot(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.newest, self.lengths, self._active, self._bans

    def set_tokens(self, slot: int, tokens: Sequence[int], ngram_ban: int) -> None:
        """Put a sequence into a slot.

        Args:
            slot: an index of the cache.
            tokens: prompt and generated tokens.
            ngram_ban: length of the n-gram ban; 0 for none.
        """
        copied = torch.tensor(tokens, dtype=torch.int32, device=self._tokens.device)
        self._tokens[slot] = NO_TOKEN
        self._tokens[slot, self._context : self._context + len(copied)] = copied
        self.newest[slot], self.lengths[slot] = tokens[-1], len(tokens) - 1
        self._active[slot], self._bans[slot] = 1, ngram_ban

    def move(self, source: int, target: int) -> None:
        """Copy the sequence in slot ``source`` to slot ``target``."""
        for tensor in (*self._per_slot(), self._tokens):
            tensor[target] = tensor[source]

    def clear(self, slot: int) -> None:
        """Free a slot. Steps still compute it, but it does not grow."""
        self._active[slot] = 0
        self.lengths[slot] = 0

    def choose(self, logits: Tensor, most: int | None = None) -> tuple[Tensor, Tensor]:
        """The most probable token of each slot that is not banned.

        Args:
            logits: of the first slots, ``(batch, vocabulary)``.
            most: tokens that any of the slots has in the cache, at most; the ban looks at so many and the newest.

        Returns:
            Tokens, and the probabilities that the network gave them, ``(batch,)`` each.
        """
        probabilities = torch.softmax(logits, dim=-1)
        if self.max_ngram:
            batch_size, vocabulary = logits.shape
            end = None if most is None else self._context + most + 1
            tokens, bans, total = (
                self._tokens[:batch_size, :end],
                self._bans[:batch_size],
                self.lengths[:batch_size] + 1,
            )
            logits = logits.masked_fill(banned(tokens, total, bans, self._context, vocabulary), float("-inf"))
        chosen = logits.argmax(dim=-1, keepdim=True)
        return chosen[:, 0], probabilities.gather(1, chosen)[:, 0]

    def append(self, chosen: Tensor) -> None:
        """Append one token to each of the first slots; ``chosen`` is ``(batch,)``."""
        batch_size = len(chosen)
        self.lengths[:batch_size] += self._active[:batch_size]
        self.newest[:batch_size] = chosen
        self._tokens[:batch_size].scatter_(1, self._context + self.lengths[:batch_size, None], chosen[:, None].int())


def banned(tokens: Tensor, total: Tensor, bans: Tensor, context: int, vocabulary: int) -> Tensor:
    """Which tokens would complete an n-gram that has occurred before.

    A token is banned if the tokens before one of its occurrences equal the newest ones, as many as the ban compares.

    Args:
        tokens: of each sequence, ``(batch, context + capacity)``; the first ``context`` and those behind the sequence
            are :data:`NO_TOKEN`.
        total: tokens of each sequence, ``(batch,)``.
        bans: lengths of the bans, ``(batch,)``; 0 for none.
        context: tokens before a token that the longest ban compares, at least 1.
        vocabulary: number of tokens.

    Returns:
        ``(batch, vocabulary)``.
    """
    total, bans = total[:, None], bans[:, None]
    offsets = torch.arange(context, device=tokens.device)
    windows = tokens.unfold(1, context, 1)[:, :-1]
    newest = tokens.gather(1, total + offsets)
    not_compared = offsets < context - (bans - 1)
    equal = ((windows == newest[:, None]) | not_compared[:, None]).all(dim=-1)
    followers = tokens[:, context:].long()
    repeated = equal & (followers != NO_TOKEN) & (bans > 0)
    found = torch.zeros(len(tokens), vocabulary + 1, dtype=torch.bool, device=tokens.device)
    return found.scatter_(1, torch.where(repeated, followers, vocabulary), True)[:, :vocabulary]
