"""What the rows have said, on the device: the next step takes its tokens from here, and the n-gram ban looks here."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["TokenBuffer"]

_NOTHING = -1


class TokenBuffer:
    """Prompts and answers of the rows, in the slots of the cache. All sizes are fixed: see :meth:`resized`.

    Args:
        slots: rows there is room for.
        capacity: tokens a row may have keys and values of; it has said one more.
        longest: length of the longest n-gram to be banned, 0 for none.
        device: where the cache is.
    """

    def __init__(self, slots: int, capacity: int, longest: int, device: torch.device) -> None:
        self.longest = longest
        self._before = max(1, longest - 1)
        self.newest, self.held, self._live, self._bans = (
            torch.zeros(slots, dtype=torch.long, device=device) for _ in range(4)
        )
        # What stands before the first token is no token, so that every token has as many before it.
        self._text = torch.full((slots, self._before + capacity + 1), _NOTHING, dtype=torch.int32, device=device)

    def resized(self, slots: int, capacity: int, longest: int) -> "TokenBuffer":
        """The same rows in other sizes, as far as there is room for them."""
        other = TokenBuffer(slots, capacity, longest, self.newest.device)
        rows = min(slots, len(self.newest))
        for name in ("newest", "held", "_live", "_bans"):
            getattr(other, name)[:rows] = getattr(self, name)[:rows]
        text = self._text[:rows, self._before :]
        length = min(capacity + 1, text.shape[1])
        other._text[:rows, other._before : other._before + length] = text[:, :length]
        return other

    def tell(self, slot: int, tokens: Sequence[int], ban: int) -> None:
        """The slot's row has said ``tokens``, its prompt among them, and may not repeat ``ban`` of them (0: it may)."""
        text = torch.tensor(tokens, dtype=torch.int32, device=self._text.device)
        self._text[slot] = _NOTHING
        self._text[slot, self._before : self._before + len(text)] = text
        self.newest[slot], self.held[slot], self._live[slot], self._bans[slot] = tokens[-1], len(tokens) - 1, 1, ban

    def move(self, source: int, target: int) -> None:
        """Sequence ``source`` takes slot ``target``."""
        for store in (self.newest, self.held, self._live, self._bans, self._text):
            store[target] = store[source]

    def leave(self, slot: int) -> None:
        """Nobody is in the slot any more; steps that run it along do not make it longer."""
        self._live[slot] = 0
        self.held[slot] = 0

    def choose(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The likeliest token of each of the first rows that is not banned, and the probability the network gave it."""
        probabilities = torch.softmax(logits, dim=-1)
        if self.longest:
            logits = logits.masked_fill(self._banned(*logits.shape), float("-inf"))
        chosen = logits.argmax(dim=-1, keepdim=True)
        return chosen[:, 0], probabilities.gather(1, chosen)[:, 0]

    def _banned(self, rows: int, vocabulary: int) -> Tensor:
        """``(rows, vocabulary)``: tokens that would complete an n-gram said before.

        A token is, if those before it are the newest ones, as far back as the row's ban reaches.
        """
        text, bans, before = self._text[:rows], self._bans[:rows, None], self._before
        said = self.held[:rows, None] + 1
        back = torch.arange(before, device=text.device)
        windows = text.unfold(1, before, 1)[:, :-1]
        newest = text.gather(1, said + back)
        beyond = back < before - (bans - 1)
        alike = ((windows == newest[:, None]) | beyond[:, None]).all(dim=-1)
        followers = text[:, before:].long()
        repeated = alike & (followers != _NOTHING) & (bans > 0)
        banned = torch.zeros(rows, vocabulary + 1, dtype=torch.bool, device=text.device)
        return banned.scatter_(1, torch.where(repeated, followers, vocabulary), True)[:, :vocabulary]

    def add(self, chosen: Tensor) -> None:
        """One more token of each of the first rows."""
        rows = len(chosen)
        self.held[:rows] += self._live[:rows]
        self.newest[:rows] = chosen
        self._text[:rows].scatter_(1, self._before + self.held[:rows, None], chosen[:, None].int())
