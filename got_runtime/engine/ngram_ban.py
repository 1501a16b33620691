"""The n-gram ban: no sequence of n tokens may occur twice in prompt and completion."""

from collections import defaultdict
from collections.abc import Iterable


class NgramBan:
    """Equal to transformers' ``NoRepeatNGramLogitsProcessor`` on one sequence, in constant time a token.

    Args:
        n: length of the banned sequences, in tokens.
        tokens: the prompt.
    """

    def __init__(self, n: int, tokens: Iterable[int]) -> None:
        self._n = n
        self._tokens: list[int] = []
        self._followers: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        self.repeats: list[int] = []
        """Lengths of the sequence at which its last n - 1 tokens had occurred before: the ban was hit there."""
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        """Append a token of the prompt or of the completion."""
        if len(self._tokens) >= self._n - 1:
            followers = self._followers[self._stem()]
            if followers:
                self.repeats.append(len(self._tokens))
            followers.append(token)
        self._tokens.append(token)

    def banned(self) -> list[int]:
        """Tokens that would complete an n-gram that has occurred before."""
        if len(self._tokens) + 1 < self._n:
            return []
        return self._followers.get(self._stem(), [])

    def _stem(self) -> tuple[int, ...]:
        """The last n - 1 tokens."""
        return tuple(self._tokens[len(self._tokens) - self._n + 1 :])
