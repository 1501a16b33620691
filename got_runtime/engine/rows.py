"""What the shared batch drives: the sequences that one engine decodes together."""

from collections.abc import Collection
from typing import Protocol

from got_runtime.engine.sequence import Sequence

__all__ = ["Rows"]


class Rows(Protocol):
    """The sequences that an engine decodes together. One thread at a time calls it, with no lock held.

    Attributes:
        batch_size: sequences at most, besides an extra one.
        encode_batch: requests that are encoded together, at most.
    """

    batch_size: int
    encode_batch: int

    def has_room(self, extra: bool) -> bool:
        """Whether another sequence can begin.

        Args:
            extra: one more than the batch size is allowed.
        """
        ...

    def begin(self, sequence: Sequence, upcoming: Collection[Sequence] = ()) -> None:
        """Encode and prefill a request. If that fails, its error is the sequence's ``failure``.

        Args:
            sequence: the request.
            upcoming: requests that begin soon, some of which may be encoded with it already.
        """
        ...

    def step(self) -> None:
        """Append a token to each sequence, and set ``finish`` or ``failure`` of those that end: they leave."""
        ...

    def remove(self, sequence: Sequence) -> None:
        """Drop a sequence."""
        ...

    def recover(self, sequences: Collection[Sequence]) -> None:
        """Go on after a method was left by an exception, at any point, with those of ``sequences`` that have not ended.

        Tokens that they have are kept, and decoding goes on behind them. Some may not have begun.
        """
        ...

    def close(self) -> None:
        """Release all memory. No other method is called afterwards."""
        ...
