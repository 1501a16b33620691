"""A request that is being decoded: its tokens so far, and the conditions that end it."""

import math
import time
from dataclasses import dataclass, field
from typing import Self

from torch import Tensor

from got_runtime.engine.loop_detector import CHECK_INTERVAL_TOKENS, loop_period, ngram_blocked_loop, trim_loop
from got_runtime.engine.ngram_ban import NgramBan
from got_runtime.engine.protocol import Completion, DecodeFinish, Request
from got_runtime.engine.torch_engine.attention_trace import AttentionTrace
from got_runtime.errors import EngineError

__all__ = ["NOT_FINITE", "Sequence"]

NOT_FINITE = "the network's numbers overflow or its weights are broken: try dtype float32"


@dataclass(eq=False)
class Sequence:
    """One request of the batch.

    Attributes:
        number: in the order in which the requests of all sessions were added.
        request: without its pixels, once they are encoded.
        ban: the request's n-gram ban, or None.
        embedded: the prompt's embeddings with the image tokens in it, ``(tokens, width)``; None before they are made.
        encode_seconds: time that the vision encoder took.
        started: when decoding began (:func:`time.perf_counter`), moved forward by :meth:`exclude_from_time_limit`.
        attention_trace: recorder of attention, or None.
        tokens: generated so far, without the end token.
        probabilities: of ``tokens``.
        finish: why decoding ended, or None.
        failure: why there is no completion, or None.
        warnings: for :attr:`Completion.warnings`.
        preempted_at: when the sequence lost its slot (:func:`time.perf_counter`); None while it has one.
        reported: number of ``tokens`` that the session has events of.
    """

    number: int
    request: Request
    ban: NgramBan | None = None
    embedded: Tensor | None = None
    encode_seconds: float = 0.0
    started: float = 0.0
    attention_trace: AttentionTrace | None = None
    tokens: list[int] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    finish: DecodeFinish | None = None
    failure: Exception | None = None
    warnings: tuple[str, ...] = ()
    preempted_at: float | None = None
    reported: int = 0

    @classmethod
    def of(cls, number: int, request: Request) -> Self:
        """The sequence of a request that has not been decoded yet."""
        return cls(number, request, NgramBan(request.ngram_ban, request.prompt) if request.ngram_ban else None)

    @property
    def ended(self) -> bool:
        """Whether decoding has ended, with a completion or a failure."""
        return self.finish is not None or self.failure is not None

    @property
    def all_tokens(self) -> list[int]:
        """Prompt and generated tokens."""
        return [*self.request.prompt, *self.tokens]

    @property
    def length(self) -> int:
        """Tokens whose keys and values are in the cache: all but the newest."""
        return len(self.request.prompt) + len(self.tokens) - 1

    def append_token(self, token: int, probability: float) -> None:
        """Append a token with the probability that the network gave it."""
        self.tokens.append(token)
        self.probabilities.append(probability)
        if self.ban is not None:
            self.ban.add(token)

    def exclude_from_time_limit(self, seconds: float) -> None:
        """Do not count ``seconds`` in which this sequence was not decoded towards ``max_seconds``."""
        self.started += seconds

    def discard_interrupted_step(self) -> None:
        """Undo what a step that was interrupted has left half done."""
        kept = min(len(self.tokens), len(self.probabilities))
        del self.tokens[kept:], self.probabilities[kept:]
        if self.ban is not None:
            self.ban = NgramBan(self.request.ngram_ban, self.all_tokens)
        if self.attention_trace is not None:
            self.attention_trace.truncate(kept)

    def check_finished(self, end_tokens: frozenset[int]) -> None:
        """Set ``finish`` or ``failure`` if the newest token ends the completion."""
        token = self.tokens[-1]
        if not math.isfinite(self.probabilities[-1]):
            self.failure = EngineError(NOT_FINITE)
            return
        if token in end_tokens:
            self.tokens.pop()
            self.finish = "stop"
            return
        if len(self.tokens) >= self.request.max_new_tokens:
            self.finish = "length"
        elif self.request.max_seconds is not None and time.perf_counter() - self.started > self.request.max_seconds:
            self.finish = "time"
        elif len(self.tokens) % CHECK_INTERVAL_TOKENS == 0 and (trimmed := self._without_loop()) is not None:
            self.tokens = trimmed
            self.finish = "repetition"

    def _without_loop(self) -> list[int] | None:
        """The tokens with a loop cut back to its first occurrence, or None where there is no loop."""
        if period := loop_period(self.tokens):
            return trim_loop(self.tokens, period)
        if self.ban is None:
            return None
        begin = ngram_blocked_loop(self.ban.repeats, len(self.request.prompt), self.request.ngram_ban)
        return None if begin is None else self.tokens[:begin]

    def result(self) -> Completion | Exception:
        """The completion, or the error that ended it."""
        if self.failure is not None:
            return self.failure
        trace = self.attention_trace
        return Completion(
            tokens=tuple(self.tokens),
            probabilities=tuple(self.probabilities[: len(self.tokens)]),
            finish=self.finish or "stop",
            encode_seconds=self.encode_seconds,
            decode_seconds=time.perf_counter() - self.started,
            token_positions=trace.token_positions(len(self.tokens)) if trace is not None else (),
            warnings=self.warnings,
        )
