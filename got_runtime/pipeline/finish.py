"""Sets the result of a page once nothing about it can change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from got_runtime.boxes import element_boxes
from got_runtime.engine.protocol import Completion
from got_runtime.errors import EngineError, GotError
from got_runtime.markup import parse
from got_runtime.markup.block_starts import block_starts
from got_runtime.options import ReadOptions
from got_runtime.pipeline.page_by_page import joined_result
from got_runtime.pipeline.page_task import PageTask
from got_runtime.pipeline.postprocess import DecodedPage, answer_lines, build_result, token_positions
from got_runtime.pipeline.retry import Retry
from got_runtime.pipeline.zoomed import ZoomReading, page_lines
from got_runtime.results import Attempt, ElementBox, PageError, PageLine, PageResult
from got_runtime.sources.names import one_line

if TYPE_CHECKING:
    from got_runtime.model.checkpoint import LoadedModel

__all__ = ["PageFinisher"]


@dataclass(frozen=True)
class PageFinisher:
    """Sets the results of pages."""

    checkpoint: "LoadedModel"
    options: ReadOptions

    def finish(
        self, task: PageTask, decoded: DecodedPage, completion: Completion | None, retry: Retry | None = None
    ) -> None:
        """Set the result.

        Args:
            task: the page.
            decoded: the text that was chosen.
            completion: the first completion, if ``decoded`` comes from it; other completions give no boxes.
            retry: the retries, if there were any.
        """
        lines: tuple[PageLine, ...] = ()
        if task.lines is not None and completion is not None and decoded.finish_reason == "stop":
            spaced = task.lines.record_whole(answer_lines(self.checkpoint, completion))
            text = "\n".join(spaced.get(row.strip(), row) for row in decoded.text.split("\n"))
            if text != decoded.text:  # tokens are at other indices now: boxes come from the lines
                decoded, completion = replace(decoded, text=text), None
            lines = page_lines(task.header, task.lines.lines())
        located = completion is not None or lines
        boxes, warnings = self._locate(task, decoded, completion, lines) if located else ((), ())
        result = build_result(
            task.header,
            decoded,
            timings=retry.timings if retry is not None else None,
            warnings=decoded.warnings + warnings,
            attempts=retry.attempts if retry is not None else (),
            boxes=boxes,
            lines=lines,
            views=task.views(task.header.task, self.checkpoint.image_processor.size[0]),
        )
        self._finish(task, result)

    def finish_zoomed(self, task: PageTask, zoom: ZoomReading, attempts: tuple[Attempt, ...]) -> None:
        """Set the result of a page that was read in zoomed views, at once or after a loop in one view.

        Args:
            task: the page.
            zoom: its reading.
            attempts: retries that were not better.
        """
        decoded = zoom.decoded()
        if task.first is not None:
            zoomed = Attempt(
                method="zoomed", finish_reason=decoded.finish_reason, confidence=decoded.confidence, chosen=True
            )
            attempts = (zoomed,)
        lines = page_lines(task.header, zoom.zoomed.lines())
        boxes, warnings = self._locate(task, decoded, None, lines)
        result = build_result(
            task.header,
            decoded,
            warnings=decoded.warnings + warnings,
            attempts=attempts,
            boxes=boxes,
            lines=lines,
            views=zoom.views(self.checkpoint.image_processor.size[0]),
        )
        self._finish(task, result)

    @staticmethod
    def fail(task: PageTask, error: Exception) -> None:
        """Record that decoding failed; the result is set by :meth:`finish_undecoded`."""
        reason = f"decoding failed ({type(error).__name__}: {one_line(str(error))})"
        task.failure = EngineError(f"{task.header.source} page {task.header.number}: {reason}")
        task.failure.__cause__ = error

    def finish_undecoded(self, task: PageTask) -> None:
        """Set the result of a page that has no completion: kept from an earlier run, failed, of text, or blank."""
        if task.kept is not None:
            result = task.kept
        elif task.failure is not None:
            error = PageError(type=type(task.failure).__name__, message=str(task.failure))
            result = build_result(task.header, DecodedPage("error"), error=error)
        elif task.text_layer is not None:
            result = build_result(task.header, DecodedPage("text_layer", task.text_layer), boxes=task.boxes)
        else:
            result = build_result(task.header, DecodedPage("blank"))
        self._finish(task, result)

    def _finish(self, task: PageTask, result: PageResult) -> None:
        """Set the result of a page; with the last one of several pages also that of all of them."""
        task.finish(result)
        group = task.group
        if group is None or group.pages is None or group.result is not None:
            return
        group.pages.results[task.place] = result
        group.incomplete = group.incomplete or task.incomplete or task.failure is not None
        if task.failure is not None:
            group.pages.failures.append(task.failure)
            if self.options.on_error == "raise":  # without waiting for the other pages
                group.failure = task.failure
                group.finish(result)
                return
        if (pages := group.pages.done) is None:
            return
        joined = joined_result(group.header, pages)
        if joined.error is not None:
            group.failure = group.pages.failures[0]
        group.finish(joined)

    def _locate(
        self, task: PageTask, decoded: DecodedPage, completion: Completion | None, lines: Sequence[PageLine]
    ) -> tuple[tuple[ElementBox, ...], tuple[str, ...]]:
        """Boxes of the elements of a page, if they are wanted; warnings if they cannot be found."""
        several = task.group is not None and task.group.pages is not None and len(task.group.pages.results) > 1
        request, positions = task.request, None
        if request is not None and request.record_attention and len(request.pixels) == 1 and completion is not None:
            positions = token_positions(self.checkpoint, completion)
        if not self.options.boxes or several or (positions is None and not lines):
            return (), ()
        elements = parse(decoded.text, is_latex=task.header.task.formatted, breaks=block_starts(decoded.text, lines))
        try:
            return element_boxes(task.page, elements, positions, lines, decoded.text, decoded.line_spans), ()
        except GotError as error:  # the layout analysis opens the file again
            return (), (f"no boxes: {error}",)
