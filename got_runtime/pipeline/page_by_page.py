"""Several pages with one result, each read as a page of its own: with zoom, instead of all in one context."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from got_runtime.errors import GotError
from got_runtime.options import ReadOptions
from got_runtime.pipeline.postprocess import DecodedPage, build_result
from got_runtime.pipeline.preprocess import PageHeader
from got_runtime.results import Confidence, FinishReason, PageResult, PageViews, Timings
from got_runtime.tasks import Formatted, Plain

__all__ = ["PAGE_BREAK", "PagesOfResult", "joined_result", "options_of_page"]

PAGE_BREAK = "\n\n"
"""Between the texts of two pages, as in the answer of several pages in one context."""
_WORST_FIRST: tuple[FinishReason, ...] = ("repetition", "length", "stop", "error", "blank")
"""An error is the result's where no page has text: it costs its own page only."""


@dataclass(eq=False)
class PagesOfResult:
    """The pages of one result, while they are read."""

    results: list[PageResult | None]
    failures: list[GotError] = field(default_factory=list)
    _streamed: int = 0
    _begun: bool = False

    @property
    def done(self) -> list[PageResult] | None:
        """The results of all pages; None while one is missing."""
        known = [result for result in self.results if result is not None]
        return known if len(known) == len(self.results) else None

    def new_text(self) -> str:
        """Text of the pages that are done, up to the first one that is not, since the last call."""
        text = ""
        while self._streamed < len(self.results) and (result := self.results[self._streamed]) is not None:
            if result.text:
                text += PAGE_BREAK + result.text if self._begun else result.text
                self._begun = True
            self._streamed += 1
        return text


def options_of_page(options: ReadOptions, pages: int) -> ReadOptions:
    """The options for one of several pages; text layers are not used, as not all of the pages have one."""
    # The result of several pages says nothing about places: they would be those of one page.
    boxes = options.boxes and pages == 1
    task = Formatted() if options.task.formatted else Plain()
    return options.model_copy(update={"task": task, "ocr": "always", "boxes": boxes})


def joined_result(header: PageHeader, pages: Sequence[PageResult]) -> PageResult:
    """The result of all pages. Only that of a single page has lines and boxes."""
    decoded = DecodedPage(
        next(reason for reason in _WORST_FIRST if any(page.finish_reason == reason for page in pages)),
        PAGE_BREAK.join(page.text for page in pages if page.text),
        tokens=sum(page.tokens for page in pages),
        confidence=_confidence(pages),
        timings=Timings(
            encode=sum(page.timings.encode for page in pages), decode=sum(page.timings.decode for page in pages)
        ),
    )
    warnings = [f"page {page.number}: {warning}" for page in pages for warning in page.warnings]
    failed = [page for page in pages if page.error is not None]
    warnings += [f"page {page.number}: not read: {page.error.message}" for page in failed if page.error]
    return build_result(
        header,
        decoded,
        warnings=tuple(warnings),
        attempts=tuple(attempt for page in pages for attempt in page.attempts),
        boxes=pages[0].boxes if len(pages) == 1 else (),
        lines=pages[0].lines if len(pages) == 1 else (),
        views=_views([page.views for page in pages if page.views is not None]),
        error=failed[0].error if decoded.finish_reason == "error" else None,
    )


def _confidence(pages: Sequence[PageResult]) -> Confidence | None:
    known = [(page.confidence, page.tokens) for page in pages if page.confidence is not None]
    tokens = sum(count for _, count in known)
    if not tokens:
        return None
    mean = sum(confidence.mean * count for confidence, count in known) / tokens
    return Confidence(mean=mean, minimum=min(confidence.minimum for confidence, _ in known))


def _views(views: Sequence[PageViews]) -> PageViews | None:
    """How the pages were shown: zoomed if any was, with the narrowest type; turned if all were in the same way."""
    if not views:
        return None
    turned = {each.turned for each in views}
    return PageViews(
        kind="zoomed" if any(each.kind == "zoomed" for each in views) else "whole",
        count=sum(each.count for each in views),
        read_again=sum(each.read_again for each in views),
        type_width=min((each.type_width for each in views if each.type_width is not None), default=None),
        turned=turned.pop() if len(turned) == 1 else 0,
    )
