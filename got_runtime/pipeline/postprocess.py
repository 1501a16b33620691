"""Builds the result of a page from its completions, once none of them is missing."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from got_runtime.boxes import TokenPosition, TokenPositions
from got_runtime.engine.protocol import Completion
from got_runtime.pipeline.preprocess import PageHeader
from got_runtime.results import (
    Attempt,
    Confidence,
    ElementBox,
    FinishReason,
    PageError,
    PageLine,
    PageResult,
    PageViews,
    Timings,
)
from got_runtime.views.matching import AnswerLine

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel

__all__ = [
    "MAX_CHARACTER_TOKENS",
    "TIME_IS_UP",
    "DecodedPage",
    "answer_lines",
    "build_result",
    "decode_page",
    "token_positions",
]

MAX_CHARACTER_TOKENS = 4
"""Bytes of a character in UTF-8, and so the most tokens that it can be cut into."""


TIME_IS_UP = "decoding stopped at the time limit (--max-seconds, Limits.max_seconds_per_page)"


@dataclass(frozen=True)
class DecodedPage:
    """The fields of a page's result that come from its completion, or from those of its parts."""

    finish_reason: FinishReason
    text: str = ""
    tokens: int = 0
    confidence: Confidence | None = None
    timings: Timings = field(default_factory=Timings)
    warnings: tuple[str, ...] = ()
    line_spans: tuple[tuple[int, int] | None, ...] | None = None
    """Where each line of print stands in a text that has other lines; None for one that is left out."""


def decode_page(checkpoint: "LoadedModel", completions: Sequence[Completion]) -> DecodedPage:
    """Text, tokens, finish reason, confidence, timings and warnings of a page.

    Args:
        checkpoint: its tokenizer decodes the tokens.
        completions: one, or one for each part of the page from top to bottom.
    """
    probabilities = [probability for completion in completions for probability in completion.probabilities]
    warnings = [warning for completion in completions for warning in completion.warnings]
    if any(completion.finish == "time" for completion in completions):
        warnings.append(TIME_IS_UP)
    return DecodedPage(
        finish_reason=_finish_reason(completions),
        text="\n".join(checkpoint.decode(completion.tokens).strip() for completion in completions),
        tokens=sum(len(completion.tokens) for completion in completions),
        confidence=(
            Confidence(mean=sum(probabilities) / len(probabilities), minimum=min(probabilities))
            if probabilities
            else None
        ),
        timings=Timings(
            encode=sum(completion.encode_seconds for completion in completions),
            decode=sum(completion.decode_seconds for completion in completions),
        ),
        warnings=tuple(warnings),
    )


def build_result(
    header: PageHeader,
    decoded: DecodedPage,
    *,
    timings: Timings | None = None,
    warnings: tuple[str, ...] = (),
    attempts: tuple[Attempt, ...] = (),
    boxes: tuple[ElementBox, ...] = (),
    lines: tuple[PageLine, ...] = (),
    views: PageViews | None = None,
    error: PageError | None = None,
) -> PageResult:
    """The page's result.

    Args:
        header: the fields that are known before decoding.
        decoded: the text that was chosen.
        timings: those of all attempts, where there were several; else those of ``decoded``.
        warnings: appended to those of the header.
        attempts: the retries.
        boxes: where the elements were located.
        lines: the lines of print.
        views: how the page was shown to the network.
        error: why the page has no text.
    """
    return PageResult(
        source=header.source,
        sha256=header.sha256,
        number=header.number,
        label=header.label,
        total=header.total,
        width=header.width,
        height=header.height,
        size_pt=header.size_pt,
        renderer=header.renderer,
        task=header.task,
        text=decoded.text,
        tokens=decoded.tokens,
        finish_reason=decoded.finish_reason,
        confidence=decoded.confidence,
        timings=timings or decoded.timings,
        warnings=header.warnings + warnings,
        attempts=attempts,
        boxes=boxes,
        lines=lines,
        views=views,
        error=error,
    )


def token_positions(checkpoint: "LoadedModel", completion: Completion) -> TokenPositions:
    """For each token of a page in one view: where it starts in the text, and the image token it attended to.

    Without entries where the engine recorded no attention.
    """
    side = math.isqrt(checkpoint.tokens_per_tile)
    text, positions = "", list[TokenPosition]()
    for tokens, piece in _decoded_pieces(checkpoint, completion):
        for index in tokens:
            if index < len(completion.token_positions):
                image_token, weight = completion.token_positions[index]
                positions.append(TokenPosition(len(text), *divmod(image_token, side), weight))
        text += piece
    leading = len(text) - len(text.lstrip())  # the result's text is stripped
    return TokenPositions(
        side, tuple(position._replace(start=max(0, position.start - leading)) for position in positions)
    )


def answer_lines(checkpoint: "LoadedModel", completion: Completion) -> list[AnswerLine]:
    """The lines of a completion that hold anything, each with the mean and the least probability of its tokens.

    Where attention was recorded, with the height at which the view was read.
    """
    lines, text, probabilities = list[AnswerLine](), "", list[float]()
    attended: list[tuple[float, float]] = []
    """Height and weight for each token of the line."""
    side = math.isqrt(checkpoint.tokens_per_tile)

    def end_line() -> None:
        if text.strip():
            mean = sum(probabilities) / len(probabilities) if probabilities else None
            weight = sum(weight for _, weight in attended)
            height = sum(height * weight for height, weight in attended) / weight if weight else None
            lines.append(AnswerLine(text.strip(), mean, height, min(probabilities, default=None)))
        probabilities.clear()
        attended.clear()

    for tokens, piece in _decoded_pieces(checkpoint, completion):
        first, *following = piece.split("\n")
        text += first
        probabilities += [completion.probabilities[index] for index in tokens]
        if first:
            positions = completion.token_positions[tokens.start : tokens.stop]
            attended += [((token // side + 0.5) / side, weight) for token, weight in positions]
        for part in following:
            end_line()
            text = part
    end_line()
    return lines


def _decoded_pieces(checkpoint: "LoadedModel", completion: Completion) -> Iterator[tuple[range, str]]:
    """The text in pieces of complete characters, each with the indices of its tokens."""
    begin = 0
    for index in range(len(completion.tokens)):
        piece = checkpoint.decode(completion.tokens[begin : index + 1])
        # The bytes of one character may be several tokens.
        if not piece.endswith("\N{REPLACEMENT CHARACTER}") or index - begin >= MAX_CHARACTER_TOKENS - 1:
            yield range(begin, index + 1), piece
            begin = index + 1
    if begin < len(completion.tokens):
        yield range(begin, len(completion.tokens)), checkpoint.decode(completion.tokens[begin:])


def _finish_reason(completions: Sequence[Completion]) -> FinishReason:
    """The worst finish reason of the parts. ``"time"`` becomes ``"length"``, and a warning names the time limit."""
    reasons = {completion.finish for completion in completions}
    if "repetition" in reasons:
        return "repetition"
    return "length" if reasons & {"length", "time"} else "stop"
