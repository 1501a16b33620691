"""What an engine answered → the fields of a page's result that come from it."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from got_runtime.boxes import TokenPosition, TokenPositions
from got_runtime.engine.protocol import Completion
from got_runtime.results import Confidence, FinishReason, Timings

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["TIME_IS_UP", "answered_fields", "located_tokens"]

TIME_IS_UP = "decoding stopped at the time limit (--max-seconds, Limits.max_seconds_per_page)"


def answered_fields(checkpoint: "LoadedModel", answers: Sequence[Completion]) -> dict[str, Any]:
    """Text, tokens, finish reason, confidence and timings of a page read in one answer, or in several parts."""
    given = [probability for answer in answers for probability in answer.probabilities]
    return {
        "text": "\n".join(checkpoint.decode(answer.tokens).strip() for answer in answers),
        "tokens": sum(len(answer.tokens) for answer in answers),
        "finish_reason": _finish_reason(answers),
        "confidence": Confidence(mean=sum(given) / len(given), minimum=min(given)) if given else None,
        "timings": Timings(
            encode=sum(answer.encode_seconds for answer in answers),
            decode=sum(answer.decode_seconds for answer in answers),
        ),
    }


def located_tokens(checkpoint: "LoadedModel", answer: Completion) -> TokenPositions:
    """Where each token of a page in one view was read; nothing where the engine did not tell."""
    side = math.isqrt(checkpoint.tokens_per_tile)
    text, pending, looks = "", list[int](), list[TokenPosition]()
    for token, (place, share) in zip(answer.tokens, answer.token_positions, strict=False):
        looks.append(TokenPosition(len(text), *divmod(place, side), share))
        pending.append(token)
        piece = checkpoint.decode(tuple(pending))
        # The bytes of one character may be several tokens.
        if not piece.endswith("\N{REPLACEMENT CHARACTER}"):
            text, pending = text + piece, []
    lead = len(text) - len(text.lstrip())
    return TokenPositions(side, tuple(look._replace(start=max(0, look.start - lead)) for look in looks))


def _finish_reason(answers: Sequence[Completion]) -> FinishReason:
    """The worst of the parts. An answer cut by the clock counts as cut by its budget; a warning tells them apart."""
    ends = {answer.finish for answer in answers}
    if "repetition" in ends:
        return "repetition"
    return "length" if ends & {"length", "time"} else "stop"
