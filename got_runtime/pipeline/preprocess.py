"""Prepares a page for the engine: query, tiles, pixels, prompt, and the limits of decoding."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from got_runtime.engine.protocol import Request
from got_runtime.errors import GotError, TaskError
from got_runtime.model.prompt import build_prompt
from got_runtime.options import ReadOptions
from got_runtime.pipeline.preparing import preparing
from got_runtime.pipeline.zoomed_parts import FoundLines, find_page_lines, is_page_by_page, shown_part
from got_runtime.sources import SourcePage
from got_runtime.sources.rgb import without_equal_channels
from got_runtime.tasks import TRAINED_CONTEXT, Box, Color, PageFrame, Task, Tiles
from got_runtime.views.formulas import alone_on_paper
from got_runtime.views.tiles import split, tile_grid
from got_runtime.views.zoom import ZoomedPage

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.model.checkpoint import LoadedModel

__all__ = [
    "TEXT_LAYER_UNUSED",
    "PageHeader",
    "PreparedPage",
    "build_request",
    "group_label",
    "is_blank",
    "prepare_page",
    "retry_request",
]

TEXT_LAYER_UNUSED = "the text layer could not be used"
"""Beginning of a warning: the page was read by the network, though ``ocr="auto"`` asked for its text layer."""
MIN_CONTRAST = 24
"""Difference from the page's median tone, of 255, above which a pixel is ink."""
MAX_BLANK_FRACTION = 2e-5
"""Fraction of ink pixels up to which a page is blank."""
TONE_SAMPLE = 4
"""Every fourth row and column shows that nearly every page has print."""
RGB_BYTES = 3
"""Bytes of a pixel of the page image, which is kept until the completion arrives."""


@dataclass(frozen=True)
class PageHeader:
    """The fields of a page's result that are known before it is decoded (see :class:`~got_runtime.PageResult`)."""

    source: str
    sha256: str | None
    number: int
    label: str
    total: int | None
    width: int
    height: int
    size_pt: tuple[float, float] | None
    task: Task
    warnings: tuple[str, ...]
    renderer: str | None = None
    offset: tuple[int, int] = (0, 0)
    """Left and top of the part of the page that is read, in pixels."""

    @property
    def frame(self) -> PageFrame:
        return PageFrame(self.width, self.height, self.size_pt)


@dataclass(frozen=True)
class PreparedPage:
    """A prepared page. Without ``request`` and ``zoomed`` it is not decoded.

    It failed, has a text layer, is blank, or is one of several pages that are each read as a page of its own.
    """

    header: PageHeader
    request: Request | None = None
    lines: ZoomedPage | None = None
    """The lines of a page of plain text whose type was measured, or of the part of a page that is read."""
    zoomed: bool = False
    """Whether the page is read in zoomed views of its ``lines``, rather than with the ``request``."""
    page_by_page: bool = False
    """Whether the pages of the group are still to be prepared, each as a page of its own."""
    text_layer: str | None = None
    failure: GotError | None = None


def group_label(group: Sequence[SourcePage]) -> str:
    """The label of one page, or of the first and last page of one result."""
    return group[0].label if len(group) == 1 else f"{group[0].label}-{group[-1].label}"


def prepare_page(checkpoint: "LoadedModel", options: ReadOptions, group: Sequence[SourcePage]) -> PreparedPage:
    """Prepare one page, or the pages of one result. Errors are returned as ``failure``."""
    with preparing(sum(page.image.width * page.image.height for page in group if page.image is not None)):
        return _prepare_page(checkpoint, options, group)


def _prepare_page(checkpoint: "LoadedModel", options: ReadOptions, group: Sequence[SourcePage]) -> PreparedPage:
    page, task = group[0], options.task
    width, height = page.image.size if page.image is not None else (0, 0)
    failure = page.error
    try:
        digest = page.sha256
    except GotError as error:  # the file was removed, or the connection lost, in the meantime
        digest, failure = None, error
    header = PageHeader(
        source=page.source,
        sha256=digest,
        number=page.number,
        label=group_label(group),
        total=page.total,
        width=width,
        height=height,
        size_pt=page.size_pt,
        task=task,
        warnings=_warnings(group),
        renderer=", ".join(sorted({member.renderer for member in group if member.renderer})) or None,
    )
    if page.image is None or failure is not None:
        return PreparedPage(header, failure=failure)
    # The text layer has no text of a box or a coloured frame alone.
    if options.ocr == "auto" and not isinstance(task, Box | Color):
        try:
            if not any(member.needs_ocr for member in group):
                warnings = tuple(warning for member in group for warning in member.text_layer_lines.warnings)
                text = "\n\n".join(member.text_layer.strip() for member in group)
                return PreparedPage(replace(header, warnings=header.warnings + warnings), text_layer=text)
        except GotError as error:
            header = replace(header, warnings=(*header.warnings, f"{TEXT_LAYER_UNUSED}: {error}"))
    try:
        if is_page_by_page(checkpoint, options):
            _prompt(checkpoint, task.query(header.frame).text, len(group))
            return PreparedPage(header, page_by_page=True)
        part = shown_part(checkpoint, options, page.image, header.frame)
        header = replace(header, offset=part.offset, warnings=header.warnings + part.query.warnings)
        images = [part.image, *(each.image for each in group[1:] if each.image is not None)]
        images = [without_equal_channels(image) for image in images]
        if all(is_blank(image) for image in images):
            return PreparedPage(header)
        found = find_page_lines(checkpoint, options, images[0], part.alone) if len(images) == 1 else FoundLines()
        header = replace(header, warnings=header.warnings + found.warnings)
        lines = found.lines
        if lines is not None and lines.turned:
            images = [lines.upright(image) for image in images]
            warning = f"the page lay on its side or upside down: turned by {lines.turned}° to be read"
            header = replace(header, warnings=(*header.warnings, warning))
        if found.zoomed:
            return PreparedPage(header, lines=lines, zoomed=True)
        if part.alone:
            images = [alone_on_paper(images[0], found.type_width)]
        request = build_request(
            checkpoint,
            images,
            task,
            part.query.text,
            options.max_new_tokens,
            options.limits.max_seconds_per_page,
            # Attention to a turned page, or to a part, says nothing about places on the page as it was given.
            record_attention=options.boxes and part.image is page.image and not (lines is not None and lines.turned),
            kept_bytes=RGB_BYTES * width * height,
        )
    except GotError as error:
        return PreparedPage(header, failure=error)
    if len(request.prompt) > TRAINED_CONTEXT:
        warning = f"a prompt of {len(request.prompt):,} tokens: GOT was trained with {TRAINED_CONTEXT:,}"
        header = replace(header, warnings=(*header.warnings, warning))
    return PreparedPage(header, request, lines)


def _warnings(group: Sequence[SourcePage]) -> tuple[str, ...]:
    """Those of the file, and of its pages: of several with one result each names its page."""
    if len(group) == 1:
        return group[0].warnings
    of_file = tuple(warning for page in group for warning in page.file_warnings)
    own = [(page.number, warning) for page in group for warning in page.warnings[len(page.file_warnings) :]]
    return of_file + tuple(f"page {number}: {warning}" for number, warning in own)


def retry_request(
    checkpoint: "LoadedModel",
    options: ReadOptions,
    header: PageHeader,
    image: "Image.Image",
    task: Task,
    max_seconds: float | None,
) -> Request:
    """The request for one image of a retry, with another task and time limit than the page's own."""
    query = task.query(header.frame).text
    kept_bytes = RGB_BYTES * header.width * header.height
    return build_request(checkpoint, [image], task, query, options.max_new_tokens, max_seconds, kept_bytes=kept_bytes)


def build_request(
    checkpoint: "LoadedModel",
    images: "list[Image.Image]",
    task: Task,
    query: str,
    max_new_tokens: int,
    max_seconds: float | None = None,
    record_attention: bool = False,
    kept_bytes: int = 0,
) -> Request:
    """The request for one page, or for all pages of one context.

    Args:
        checkpoint: tokenizer, image processor and geometry.
        images: page images in the order of the pages.
        task: decides on tiles and on the n-gram ban.
        query: the task's official query.
        max_new_tokens: maximum of decoded tokens; lowered to the room that the prompt leaves in the context.
        max_seconds: bound on decoding time.
        record_attention: whether the engine records the image token that each token attended to.
        kept_bytes: see :class:`~got_runtime.engine.protocol.Request`.

    Raises:
        TaskError: the prompt alone fills the network's context.
    """
    size = checkpoint.image_processor.size
    if isinstance(task, Tiles):
        images = [tile for image in images for tile in split(image, tile_grid(*image.size, task.max_tiles, size), size)]
    prompt = _prompt(checkpoint, query, len(images))
    return Request(
        prompt,
        checkpoint.image_processor.resized_pixels(images),
        min(max_new_tokens, checkpoint.context - len(prompt)),
        checkpoint.ngram_ban if task.ngram_ban else 0,
        max_seconds,
        record_attention,
        kept_bytes,
        checkpoint.image_processor.levels,
    )


def _prompt(checkpoint: "LoadedModel", query: str, images: int) -> tuple[int, ...]:
    """The prompt of a query about some images. Raises TaskError where it leaves no room in the context."""
    prompt = checkpoint.encode(build_prompt(query, checkpoint.tokens_per_tile * images))
    if len(prompt) >= checkpoint.context:
        raise TaskError(
            f"{images} images make {len(prompt):,} tokens, and the network holds {checkpoint.context:,}: "
            "select fewer pages (--pages), or read them one by one"
        )
    return prompt


def is_blank(image: "Image.Image") -> bool:
    """Whether a page is empty: at most :data:`MAX_BLANK_FRACTION` of its pixels are ink."""
    if _has_two_tones(image):
        return False
    counts = np.array(image.convert("L").histogram())
    cumulative = np.cumsum(counts)
    middle = (cumulative[-1] - 1) // 2, cumulative[-1] // 2
    median = int(np.searchsorted(cumulative, middle, side="right").sum()) // 2
    ink = counts[np.abs(np.arange(len(counts)) - median) > MIN_CONTRAST].sum()
    return bool(ink / cumulative[-1] <= MAX_BLANK_FRACTION)


def _has_two_tones(image: "Image.Image") -> bool:
    """Whether a few rows and columns show that a page is not blank: enough pixels of tones so far apart that some of
    them are ink, whatever the median tone of the page is. They are looked at in a tenth of the time."""
    size = -(-image.width // TONE_SAMPLE), -(-image.height // TONE_SAMPLE)
    counts = np.array(image.resize(size, resample=0).convert("L").histogram())
    enough = MAX_BLANK_FRACTION * image.width * image.height
    dark = int(np.argmax(np.cumsum(counts) > enough))
    light = 255 - int(np.argmax(np.cumsum(counts[::-1]) > enough))
    return light - dark > 2 * MIN_CONTRAST
