"""PDF files → pages, rendered one at a time."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

from PIL import Image

from got_runtime.errors import SourceError
from got_runtime.sources.content import Content
from got_runtime.sources.in_order import in_order
from got_runtime.sources.isolation import Call, FileReader, Result, error_of
from got_runtime.sources.limits import Limits
from got_runtime.sources.page import FindKept, Rotation, SourcePage, kept_of, with_next
from got_runtime.sources.regions import Region
from got_runtime.sources.selection import Selection, missing_pages, select_pages
from got_runtime.sources.text_layer import Box, Character, TextLayer, unpacked

__all__ = ["PageOfPdf", "pdf_pages"]

logger = logging.getLogger(__name__)


def pdf_pages(
    content: Content,
    *,
    pages: Selection | None,
    dpi: float | None,
    long_side: int,
    password: str | None,
    rotate: Rotation,
    limits: Limits,
    find_kept: FindKept | None = None,
    threads: int = 1,
) -> Iterator[SourcePage]:
    """The selected pages; a page that cannot be rendered is yielded with its error.

    With several threads, each has the file open in a child process of its own.
    """
    sizes = {"max_pixels": limits.max_pixels, "max_side": limits.max_side}
    arguments = {**sizes, "password": password, "rotate": rotate}
    with closing(FileReader(content, "PDF", arguments, limits)) as file:
        opened = file.call(Call("info", content.name))
        total: int = opened.value["total"]
        warnings = (*opened.value["warnings"], *opened.messages)
        for warning in warnings:
            logger.info("%s", warning)
        numbers = select_pages(pages, total, content.name, limits.max_pages)
        warnings += missing_pages(pages, total)
        if threads > 1 and limits.isolate:
            of_file = PageOfPdf(file, content, 0, total, rotate)
            others = [FileReader(content, "PDF", arguments, limits) for _ in range(min(threads, len(numbers)) - 1)]
            for opened_page in _in_threads(of_file, others, numbers, dpi, long_side, find_kept):
                yield opened_page.with_file_warnings(warnings)
                warnings = ()  # of the whole file: the first page carries them
            return
        for number, next_number in with_next(numbers, find_kept):
            page = PageOfPdf(file, content, number, total, rotate)
            following = None if next_number is None else replace(page, number=next_number)
            kept = kept_of(content, number, find_kept)
            yield page.opened(dpi, long_side, kept, following).with_file_warnings(warnings)
            warnings = ()


def _in_threads(
    of_file: "PageOfPdf",
    others: Sequence[FileReader],
    numbers: Sequence[int],
    dpi: float | None,
    long_side: int,
    find_kept: FindKept | None,
) -> Iterator[SourcePage]:
    """The pages, rendered by the reader of ``of_file`` and by others at the same time."""
    free: SimpleQueue[FileReader] = SimpleQueue()
    for reader in (of_file.file, *others):
        free.put(reader)

    def opened(number: int) -> SourcePage:
        reader = free.get()
        try:
            kept = kept_of(of_file.content, number, find_kept)
            return replace(of_file, file=reader, number=number).opened(dpi, long_side, kept)
        finally:
            free.put(reader)

    with ExitStack() as stack:
        for reader in others:
            stack.enter_context(closing(reader))
        yield from stack.enter_context(closing(in_order(opened, numbers, 1 + len(others))))


@dataclass(frozen=True)
class PageOfPdf:
    """One page of a PDF: rendering, text layer and layout. It may be used when the iterator over the pages has ended.

    All methods raise ``SourceCorrupt`` for a damaged page and ``LimitExceeded`` for one that exceeds a limit.
    """

    file: FileReader
    content: Content
    number: int
    total: int
    rotate: Rotation

    def opened(
        self, dpi: float | None, long_side: int, kept: object | None = None, following: "PageOfPdf | None" = None
    ) -> SourcePage:
        """The page rendered at ``dpi``, or so that its longer side has about ``long_side`` pixels.

        With ``kept`` it is not rendered. Its error, if it has one, is in the result. A child process begins the page
        that is ``following`` at once.
        """
        failure: SourceError | None = None
        answer = Result({})
        arguments = {"dpi": dpi, "long_side": long_side, "draw": kept is None}
        try:
            then = None if following is None else following._of("page", **arguments)
            answer = self.file.call(self._of("page", **arguments), then)
            if "error" in answer.value:
                failure = error_of(*answer.value["error"])
        except SourceError as error:
            failure = error
        value = answer.value
        size = tuple(value["size"]) if value.get("size") else None
        return SourcePage(
            answer.image,
            self.number,
            value.get("label", str(self.number)),
            self.content.source,
            self.total,
            size[::-1] if size is not None and self.rotate in (90, 270) else size,
            value.get("dpi"),
            (*value.get("warnings", ()), *answer.messages),
            failure,
            self,
            self.content,
            kept if failure is None else None,
            renderer=value.get("renderer") if answer.image is not None else None,
        )

    def render(self, dpi: float) -> Image.Image:
        """The page at ``dpi``, or at the highest resolution within the pixel limit."""
        image = self._call("picture", dpi=dpi).image
        assert image is not None
        return image

    def text(self, gap: str = " ") -> TextLayer:
        """The text layer in reading order, its boxes rotated like the image.

        ``gap`` stands between the cells of a row.
        """
        value = self._call("text", gap=gap).value
        lines = [(text, _box(box)) for text, box in value["lines"]]
        if self.rotate:
            lines = [(text, _rotated_box(box, value["size"], self.rotate)) for text, box in lines]
        return TextLayer(value["text"], tuple(lines), tuple(value["warnings"]))

    def needs_ocr(self) -> bool:
        """Whether the text layer is too poor to use."""
        return bool(self._call("needs_ocr").value["result"])

    def is_scan(self) -> bool:
        """Whether one image covers the page or its text layer has no Unicode values."""
        return bool(self._call("is_scan").value["result"])

    def characters(self) -> list[Character]:
        """The characters of the text layer and their boxes in points, unrotated by ``rotate``."""
        return unpacked(self._call("characters").value)

    def regions(self) -> list[Region]:
        """Regions found by the layout analysis, in points; none on a rotated page."""
        if self.rotate:
            return []
        return [Region(_box(box), kind, text) for box, kind, text in self._call("regions").value["result"]]

    def _call(self, method: str, **arguments: Any) -> Result:
        return self.file.call(self._of(method, **arguments))

    def _of(self, method: str, **arguments: Any) -> Call:
        what = f"page {self.number} of {self.content.name}"
        return Call(method, what, {"number": self.number, **arguments})


def _box(edges: Any) -> Box:
    x0, y0, x1, y1 = edges
    return x0, y0, x1, y1


def _rotated_box(box: Box, size: tuple[float, float], degrees: Rotation) -> Box:
    """The box on a page of this size that is turned clockwise."""
    (x0, y0, x1, y1), (width, height) = box, size
    if degrees == 90:
        return height - y1, x0, height - y0, x1
    if degrees == 180:
        return width - x1, height - y1, width - x0, height - y0
    return y0, width - x1, y1, width - x0
