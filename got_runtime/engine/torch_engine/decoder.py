"""The interface between the scheduler and the code that runs the network's decoder."""

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor

from got_runtime.engine.torch_engine.attention_trace import AttentionTrace

__all__ = ["AsyncSteps", "Decoder", "KvCacheFull", "StepResult"]

StepResult = tuple[list[int], list[float]]
"""The chosen token of each sequence, and the probability that the network gave it."""


class KvCacheFull(MemoryError):
    """The sequences need more tokens of KV cache than the decoder may hold.

    Args:
        max_tokens: of all sequences together.
    """

    def __init__(self, max_tokens: int) -> None:
        super().__init__(f"the KV cache holds {max_tokens} tokens, and the sequences need more")


class AsyncSteps(Protocol):
    """Decoding steps that can begin before the host has read the tokens of the last one."""

    def set_tokens(self, slot: int, tokens: Sequence[int], ngram_ban: int) -> None:
        """Copy a sequence's tokens to the device.

        Args:
            slot: of the sequence.
            tokens: prompt and generated tokens.
            ngram_ban: length of the n-gram ban; 0 for none.
        """
        ...

    def launch(
        self, batch_size: int, attention_traces: Sequence[AttentionTrace | None] = ()
    ) -> Callable[[], StepResult]:
        """Begin a step of the first ``batch_size`` slots; calling the returned function waits for its result.

        Args:
            batch_size: number of sequences.
            attention_traces: of each sequence, or empty. They record the step, also where its token is discarded later.
        """
        ...


class Decoder(Protocol):
    """Decodes sequences in slots 0, 1, 2…, without gaps.

    Where there are ``async_steps``, :meth:`choose` chooses the first token of each sequence alone, and :meth:`step`
    is not used.

    Attributes:
        max_tokens: tokens of KV cache that all sequences together may hold. A single sequence may exceed it.
    """

    max_tokens: int

    @property
    def async_steps(self) -> AsyncSteps | None:
        """The asynchronous implementation of steps, or None."""
        ...

    def has_room(self, tokens: int) -> bool:
        """Whether the KV cache has room for another sequence of ``tokens`` tokens."""
        ...

    def prefill(self, slot: int, embedded: Tensor, capacity: int, attention_trace: AttentionTrace | None) -> Tensor:
        """Run a prompt in a free slot.

        Args:
            slot: the first free one.
            embedded: the prompt's embeddings, ``(tokens, width)``.
            capacity: tokens to allocate KV cache for.
            attention_trace: records the prompt's last position, if given.

        Returns:
            The last hidden state, ``(1, width)``.

        Raises:
            KvCacheFull: there is no room for ``capacity`` tokens.
            RuntimeError: what the device raises, for example when its memory runs out.
        """
        ...

    def step(
        self, tokens: Sequence[int], lengths: Sequence[int], attention_traces: Sequence[AttentionTrace | None]
    ) -> Tensor:
        """Append the newest token of each sequence to the ``lengths`` earlier ones.

        A step that raised may be repeated, once the attention traces are truncated: other state changes only when the
        step succeeds.

        Returns:
            Hidden states, ``(sequences, width)``.
        """
        ...

    def choose(self, hidden: Tensor, banned: Sequence[Sequence[int]]) -> StepResult:
        """The most probable token of each sequence that is not banned, and the probability that the network gave it.

        Where the logits of a sequence are not finite, its probability is not either.
        """
        ...

    def zero(self, slot: int) -> None:
        """Overwrite a slot that holds values that are not finite. Masking does not hide them: 0 · NaN is NaN."""
        ...

    def move(self, source: int, target: int, length: int) -> None:
        """Move the sequence in the last slot, ``source``, to slot ``target``; it has ``length`` tokens in the cache."""
        ...

    def release(self, slot: int) -> None:
        """Free the last slot."""
        ...
