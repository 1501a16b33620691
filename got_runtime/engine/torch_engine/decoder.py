"""What the engine's loop asks of the part that does the arithmetic."""

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor

from got_runtime.engine.torch_engine.attention_trace import AttentionTrace

__all__ = ["AsyncSteps", "Decoder", "OutOfRoom"]


class OutOfRoom(MemoryError):
    """The rows have grown beyond the ``room`` (in tokens) set aside for them."""

    def __init__(self, room: int) -> None:
        super().__init__(f"{room} tokens of keys and values are all the memory there is")


class AsyncSteps(Protocol):
    """Steps whose tokens need not come to the host before the next one begins."""

    def follow(self, slot: int, tokens: Sequence[int], ban: int) -> None:
        """The row in ``slot`` has said ``tokens``, its prompt among them; n-grams of ``ban`` (0: none) are banned."""
        ...

    def launch(self, rows: int) -> Callable[[], tuple[list[int], list[float]]]:
        """Begin a step of the first ``rows`` slots; what comes back waits for it: tokens and their probabilities."""
        ...


class Decoder(Protocol):
    """Rows in slots 0, 1, 2…, without gaps. ``room`` is how many tokens may be held by all rows together.

    With ``ahead``, :meth:`step` and :meth:`choose` serve the prompt and steps whose attention is recorded.
    """

    room: int

    @property
    def ahead(self) -> AsyncSteps | None:
        """The other way to take steps, where there is one."""
        ...

    def fits(self, tokens: int) -> bool:
        """Whether a row of so many tokens can be taken in beside those that are there."""
        ...

    def prefill(self, slot: int, embedded: Tensor, room: int, alignment: AttentionTrace | None) -> Tensor:
        """Run a prompt ``(tokens, width)`` in a free slot, which is to hold ``room`` tokens; its last hidden state.

        Raises OutOfRoom, or what the device raises when memory runs out.
        """
        ...

    def step(
        self, tokens: Sequence[int], lengths: Sequence[int], alignments: Sequence[AttentionTrace | None]
    ) -> Tensor:
        """Append each row's newest token to its ``lengths`` earlier ones; hidden states ``(rows, width)``.

        May be repeated when it raised, once the alignments are rewound: nothing else is counted before it is whole.
        """
        ...

    def choose(self, hidden: Tensor, banned: Sequence[Sequence[int]]) -> tuple[list[int], list[float]]:
        """The likeliest token of each row that is not banned there, and the probability the network gave it.

        Where a row's logits are not finite, neither is its probability.
        """
        ...

    def wipe(self, slot: int) -> None:
        """What this row holds is not finite, and hidden is not enough: 0 times such a number is no 0."""
        ...

    def move(self, source: int, target: int, length: int) -> None:
        """The row in the last slot, ``source``, takes the place of the one in ``target``."""
        ...

    def release(self, slot: int) -> None:
        """The row in the last slot is gone."""
        ...
