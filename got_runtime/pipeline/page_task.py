"""The state of a page from its request to its result, and the parts of it that are decoded besides."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from got_runtime.engine.protocol import Completion, Request
from got_runtime.errors import GotError
from got_runtime.pipeline.page_by_page import PagesOfResult
from got_runtime.pipeline.preprocess import PageHeader
from got_runtime.pipeline.retry import Retry, RetryMethod
from got_runtime.pipeline.zoomed import ZoomReading
from got_runtime.results import ElementBox, PageResult, PageViews
from got_runtime.sources import SourcePage
from got_runtime.tasks import Task, Tiles
from got_runtime.views.readings import ZoomedView
from got_runtime.views.zoom import ZoomedPage

__all__ = ["DocumentTask", "PageTask", "PartTask", "RetryTask", "ViewTask", "Work", "without_image"]


@dataclass(eq=False)
class DocumentTask:
    """The document of some pages."""

    pages: int | None = None
    """Number of pages, once it is known: they are prefetched."""


@dataclass(eq=False)
class PageTask:
    """The state of a page from its request to its result."""

    page: SourcePage
    header: PageHeader
    request: Request | None = None
    """None if the page is not decoded, or in zoomed views."""
    lines: ZoomedPage | None = None
    """The lines of a page in one view, where they were found."""
    zoom: ZoomReading | None = None
    """The reading of a page in zoomed views."""
    text_layer: str | None = None
    boxes: tuple[ElementBox, ...] = ()
    """Boxes of the elements of the text layer, if they are wanted."""
    failure: GotError | None = None
    document: DocumentTask = field(default_factory=DocumentTask)
    index: int = 0
    """In the document."""
    number: int = 0
    """In the order of all pages."""
    pending_tokens: list[int] = field(default_factory=list)
    """Tokens of a character that is not complete yet."""
    first: Completion | None = None
    """The first completion, while the page is retried."""
    preview: PageResult | None = None
    """The result without text, for callbacks during decoding."""
    kept: PageResult | None = None
    """The answer of an earlier run."""
    keep: Callable[[PageResult], None] | None = None
    """Keeps the result for later runs."""
    pages: PagesOfResult | None = None
    """The pages of a task that reads several, each as a page of its own."""
    group: "PageTask | None" = None
    """The task of several pages that this page is one of, with its ``place`` among them."""
    place: int = 0
    incomplete: bool = False
    """Whether something of the page could not be decoded, which another reading may give."""
    result: PageResult | None = None
    """The page's result, once nothing about it can change."""

    def views(self, task: Task, view_size: int) -> PageViews:
        """How a page that is not zoomed was shown: in one view of ``view_size`` pixels, or in tiles."""
        kind: Literal["tiles", "whole"] = "tiles" if isinstance(task, Tiles) else "whole"
        width = self.lines.character_width(view_size) if self.lines is not None and self.lines.pieces else None
        count = len(self.request.pixels) if self.request is not None else 1
        turned = self.lines.turned if self.lines is not None else 0
        width = None if width is None else round(width, 1)
        return PageViews(kind=kind, count=count, type_width=width, turned=turned)

    def finish(self, result: PageResult) -> None:
        """Set the result and release pixels and tokens: the result may wait for those of earlier pages."""
        if self.zoom is not None:
            self.incomplete = self.incomplete or self.zoom.incomplete or self.zoom.failure is not None
        if self.keep is not None:
            self.keep(result)
        self.result, self.page, self.request, self.first = result, without_image(self.page), None, None
        self.lines = self.zoom = self.keep = None


@dataclass(eq=False)
class RetryTask:
    """One attempt to decode a page again, in one part or several."""

    task: PageTask
    retry: Retry
    method: RetryMethod
    parts: int = 1
    completions: dict[int, Completion | Exception | None] = field(default_factory=dict)
    """By the number of the part. They arrive in any order."""


@dataclass(eq=False)
class ViewTask:
    """One zoomed view of a page."""

    task: PageTask
    zoom: ZoomReading
    pieces: tuple[int, ...]
    view: ZoomedView | None = None


PartTask = RetryTask | ViewTask
"""What is decoded of a page besides its own request."""


@dataclass(frozen=True, eq=False)
class Work:
    """What is done next for a page."""

    owner: PageTask | PartTask
    request: Request | None
    """None for a page that is not decoded, and for a part whose request could not be made."""
    part: int = 0
    """Number of the request among those of an attempt to decode the page again."""

    @property
    def size(self) -> int:
        """Bytes that it takes while it waits."""
        return self.request.pixels.nbytes + self.request.kept_bytes if self.request is not None else 0


def without_image(page: SourcePage) -> SourcePage:
    """A copy without pixels: many pages that are not decoded may wait for one that is."""
    return replace(page, image=None)
