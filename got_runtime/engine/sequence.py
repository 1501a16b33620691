"""A request on its way through a slot, and what ends it."""

import math
import time
from dataclasses import dataclass, field

from torch import Tensor

from got_runtime.engine.loop_detector import CHECK_EVERY, loop_period, ngram_blocked_loop, trim_loop
from got_runtime.engine.ngram_ban import NgramBan
from got_runtime.engine.protocol import Completion, FinishReason, OnToken, Request
from got_runtime.engine.torch_engine.attention_trace import AttentionTrace
from got_runtime.errors import EngineError

__all__ = ["NOT_FINITE", "Sequence"]

NOT_FINITE = "the network's numbers overflow or its weights are broken: try dtype float32"


@dataclass(eq=False)
class Sequence:
    """``request`` without its pixels; ``embedded`` is its prompt, image tokens in their places: ``(tokens, width)``."""

    order: int
    request: Request
    embedded: Tensor
    ban: NgramBan | None
    encode_seconds: float
    started: float
    alignment: AttentionTrace | None = None
    tokens: list[int] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    finish: FinishReason | None = None
    failure: EngineError | None = None
    warnings: tuple[str, ...] = ()
    left: float = 0.0
    """When the row lost its slot."""

    @property
    def ended(self) -> bool:
        """Whether there is an answer."""
        return self.finish is not None or self.failure is not None

    @property
    def said(self) -> list[int]:
        """Prompt and answer so far."""
        return [*self.request.prompt, *self.tokens]

    @property
    def length(self) -> int:
        """Tokens whose keys and values are in the cache: all but the newest."""
        return len(self.request.prompt) + len(self.tokens) - 1

    def take(self, token: int, probability: float) -> None:
        """The newest token."""
        self.tokens.append(token)
        self.probabilities.append(probability)
        if self.ban is not None:
            self.ban.add(token)

    def forgive(self, seconds: float) -> None:
        """Seconds in which nothing was decoded are not the row's: its time limit does not count them."""
        self.started += seconds

    def settle(self, end_tokens: frozenset[int], on_token: OnToken | None) -> None:
        """Tell the newest token, and decide whether it is the last."""
        token = self.tokens[-1]
        if not math.isfinite(self.probabilities[-1]):
            self.failure = EngineError(NOT_FINITE)
            return
        if token in end_tokens:
            self.tokens.pop()
            self.finish = "stop"
            return
        if on_token is not None:
            on_token(self.order, token)
        if len(self.tokens) >= self.request.max_new_tokens:
            self.finish = "length"
        elif self.request.max_seconds is not None and time.perf_counter() - self.started > self.request.max_seconds:
            self.finish = "time"
        elif len(self.tokens) % CHECK_EVERY == 0 and (whole := self._before_loop()) is not None:
            self.tokens = whole
            self.finish = "repetition"

    def _before_loop(self) -> list[int] | None:
        """The tokens with a loop cut back to its first occurrence, or None where there is no loop."""
        if period := loop_period(self.tokens):
            return trim_loop(self.tokens, period)
        if self.ban is None:
            return None
        begin = ngram_blocked_loop(self.ban.repeats, len(self.request.prompt), self.request.ngram_ban)
        return None if begin is None else self.tokens[:begin]

    def answer(self) -> Completion | EngineError:
        """What has been decoded, or why it cannot be used."""
        if self.failure is not None:
            return self.failure
        return Completion(
            tokens=tuple(self.tokens),
            probabilities=tuple(self.probabilities[: len(self.tokens)]),
            finish=self.finish or "stop",
            encode_seconds=self.encode_seconds,
            decode_seconds=time.perf_counter() - self.started,
            token_positions=self.alignment.token_positions(len(self.tokens)) if self.alignment is not None else (),
            warnings=self.warnings,
        )
