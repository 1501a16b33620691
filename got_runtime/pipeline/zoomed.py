"""Reads one page in zoomed views: their requests, their completions, and the page's text and lines."""

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from got_runtime.engine.protocol import Completion, Request
from got_runtime.pipeline.formatted_text import formatted_text
from got_runtime.pipeline.postprocess import TIME_IS_UP, DecodedPage, answer_lines
from got_runtime.pipeline.preprocess import PageHeader, build_request
from got_runtime.results import Confidence, FinishReason, PageLine, PageViews, Timings
from got_runtime.tasks import Formatted, Plain
from got_runtime.views.formatted import FormattedPage
from got_runtime.views.readings import ReadLine, ZoomedView
from got_runtime.views.zoom import ZoomedPage

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel
    from got_runtime.options import ReadOptions

__all__ = ["ZoomReading", "page_lines"]

logger = logging.getLogger(__name__)

Span = tuple[int, int]

TOKENS_OF_A_CHARACTER = 3
"""Bound on the tokens of a view for each character that it seems to hold; a loop would go on to the page's limit."""
MORE_TOKENS = 64
MIN_SECONDS = 0.01
"""Decoding time of a view that is requested when the page's time is up."""
KEPT_BYTES = 7
"""Bytes kept for a pixel of the page: the page, the page levelled, and where its ink is."""


class ZoomReading:
    """The reading of one page in zoomed views.

    Args:
        zoomed: the page's pieces.
        header: of the page.
        max_seconds: bound on the decoding time of the page.
    """

    def __init__(self, zoomed: ZoomedPage, header: PageHeader, max_seconds: float | None) -> None:
        self.zoomed = zoomed
        self.failure: Exception | None = None
        """The last error of a view that could not be decoded."""
        self._header = header
        self._max_seconds = max_seconds
        self._open = 0
        self._failed = 0
        self._tokens = 0
        self._probabilities: list[float] = []
        self._encode, self._decode = 0.0, 0.0
        self._decoded_before = 0.0
        """Decoding time of what was read before the views that are decoded now."""
        self.incomplete = False
        """Whether more time might give another text, though the page was not cut off."""
        self._time_is_up = self._cut_off = False
        self._warnings: list[str] = []

    @property
    def done(self) -> bool:
        """Whether every view has been read."""
        return self._open == 0

    @property
    def failed(self) -> bool:
        """Whether no view could be decoded."""
        return self.failure is not None and self._failed == self.zoomed.views_read

    def pending(self) -> list[tuple[int, ...]]:
        """The pieces of each view that is to be read next; afterwards :attr:`done` waits for them."""
        if not self._open:
            self._decoded_before = self._decode
            if self._max_seconds is not None and self._encode + self._decode >= self._max_seconds:
                self.incomplete = True
                self.zoomed.further.stop()
        pending = self.zoomed.pending()
        self._open += len(pending)
        return pending

    def view(self, pieces: tuple[int, ...]) -> ZoomedView:
        """The view of some pieces."""
        return self.zoomed.view(pieces)

    def request(self, checkpoint: "LoadedModel", options: "ReadOptions", view: ZoomedView) -> Request:
        """The request for a view.

        Raises:
            TaskError: the prompt alone fills the network's context.
        """
        task = Formatted() if view.formatted else Plain()
        query = task.query(self._header.frame).text
        most = min(options.max_new_tokens, _token_bound(view))
        views = max(1, -(-len(self.zoomed.pieces) // len(view.pieces)))
        kept = KEPT_BYTES * self._header.width * self._header.height // views
        spent = self._encode + self._decode
        seconds = None if self._max_seconds is None else max(MIN_SECONDS, self._max_seconds - spent)
        return build_request(
            checkpoint, [view.image], task, query, most, seconds, record_attention=True, kept_bytes=kept
        )

    def record(
        self,
        checkpoint: "LoadedModel",
        options: "ReadOptions",
        view: ZoomedView,
        completion: Completion | Exception | None,
    ) -> list[tuple[int, ...]]:
        """Record the completion of a view.

        Returns:
            The pieces of each view that is to be read next because of it.
        """
        self._open -= 1
        if not isinstance(completion, Completion):
            self.failure = completion or self.failure or MemoryError("the view could not be made")
            self._failed += 1
            self.zoomed.record(view, None)
            return self.pending()
        self._encode += completion.encode_seconds
        # Views of a page are decoded together, so that their times are not added up.
        self._decode = max(self._decode, self._decoded_before + completion.decode_seconds)
        self._warnings += completion.warnings
        # Without its further readings a page is complete.
        cut = completion.finish == "length" and len(completion.tokens) >= options.max_new_tokens and not view.again
        self._cut_off = self._cut_off or cut
        self._time_is_up = self._time_is_up or (completion.finish == "time" and not view.again)
        self.incomplete = self.incomplete or completion.finish == "time"
        # The half of a line that a further reading was cut off in may be surer than the whole one, and is none.
        answer = None if view.again and completion.finish != "stop" else answer_lines(checkpoint, completion)
        # The same limit would cut its halves off, too.
        kept = self.zoomed.record(view, answer, final=cut or self._time_is_up)
        if kept:
            self._tokens += len(completion.tokens)
            self._probabilities += completion.probabilities
        return self.pending()

    def decoded(self) -> DecodedPage:
        """The page as far as it has been read."""
        lines = self.zoomed.lines()
        text, spans = self._text(lines)
        warnings = list(dict.fromkeys(self._warnings))
        if self._time_is_up:
            warnings.append(TIME_IS_UP)
        if self._failed:
            warnings.append(f"{self._failed} of {self.zoomed.views_read} views could not be decoded: {self.failure}")
        uncertain = sum(not line.matched for line in lines)
        if uncertain:
            warnings.append(f"{uncertain} of {len(lines)} lines are uncertain: their text does not fit what is printed")
        rubbish = sum(not line.is_text for line in lines)
        if rubbish:
            warnings.append(f"{rubbish} of {len(lines)} lines are left out: what was found there is hardly text")
        reason: FinishReason = "length" if self._time_is_up or self._cut_off else "stop"
        known = self._probabilities
        return DecodedPage(
            finish_reason=reason,
            text=text,
            tokens=self._tokens,
            confidence=Confidence(mean=sum(known) / len(known), minimum=min(known)) if known else None,
            timings=Timings(encode=self._encode, decode=self._decode),
            warnings=tuple(warnings),
            line_spans=spans,
        )

    def new_text(self) -> str:
        """Text that has become known since the last call: up to the first incomplete row; of formatted pages at once.

        The parts of a formatted page are known when all of it is read.
        """
        if not isinstance(self.zoomed, FormattedPage):
            return self.zoomed.new_text()
        return self._text(self.zoomed.lines())[0] if self.done else ""

    def _text(self, lines: Sequence[ReadLine]) -> tuple[str, tuple[Span | None, ...] | None]:
        """The page's text, and of a formatted page the place in it of each line that has text."""
        if not isinstance(self.zoomed, FormattedPage):
            return "\n".join(line.text for line in lines if line.text and line.is_text), None
        try:
            text, spans = formatted_text(self.zoomed, lines)
        except Exception as error:  # an unforeseen page must not lose the text that was read
            logger.exception("the parts of a page could not be found")
            self._warnings.append(
                f"the page has no markup, as its parts could not be found ({type(error).__name__}: {error})"
            )
            return "\n".join(line.text for line in lines if line.text and line.is_text), None
        return text, tuple(span for line, span in zip(lines, spans, strict=True) if line.text)

    def views(self, view_size: int) -> PageViews:
        """How the page was shown."""
        return PageViews(
            kind="zoomed",
            count=self.zoomed.views_read,
            read_again=self.zoomed.read_again,
            type_width=round(self.zoomed.character_width(view_size), 1),
            turned=self.zoomed.turned,
        )


def _token_bound(view: ZoomedView) -> int:
    return TOKENS_OF_A_CHARACTER * view.characters + MORE_TOKENS


def page_lines(header: PageHeader, lines: Iterable[ReadLine]) -> tuple[PageLine, ...]:
    """Lines in the units of the result: points where the page has them, else pixels."""
    across, down = 1.0, 1.0
    if header.size_pt is not None:
        across, down = header.size_pt[0] / header.width, header.size_pt[1] / header.height
    x, y = header.offset
    return tuple(
        PageLine(
            text=line.text,
            bbox=(
                (line.box[0] + x) * across,
                (line.box[1] + y) * down,
                (line.box[2] + x) * across,
                (line.box[3] + y) * down,
            ),
            confidence=line.confidence,
            uncertain=not (line.matched and line.is_text),
            block=line.block,
        )
        for line in lines
        if line.text
    )
