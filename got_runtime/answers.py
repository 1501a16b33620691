"""What an engine answered → the fields of a page's result that come from it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from got_runtime.engine.protocol import Answer
from got_runtime.results import Confidence, FinishReason, Timings

if TYPE_CHECKING:
    from got_runtime.checkpoint import Checkpoint

__all__ = ["TIME_IS_UP", "answered_fields"]

TIME_IS_UP = "decoding stopped at the time limit (Limits.max_seconds_per_page)"


def answered_fields(checkpoint: "Checkpoint", answers: Sequence[Answer]) -> dict[str, Any]:
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


def _finish_reason(answers: Sequence[Answer]) -> FinishReason:
    """The worst of the parts. An answer cut by the clock counts as cut by its budget; a warning tells them apart."""
    ends = {answer.finish for answer in answers}
    if "repetition" in ends:
        return "repetition"
    return "length" if ends & {"length", "time"} else "stop"
