"""Pages whose answers are kept from an earlier run, and keeping those of this one."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from got_runtime.errors import GotError
from got_runtime.options import ReadOptions
from got_runtime.pipeline.page_task import PageTask, without_image
from got_runtime.pipeline.postprocess import TIME_IS_UP
from got_runtime.pipeline.preprocess import TEXT_LAYER_UNUSED, PageHeader, group_label
from got_runtime.results import PageResult
from got_runtime.sources import SourcePage

if TYPE_CHECKING:
    from got_runtime.cache import PageCache

__all__ = ["keep_answer", "kept_task"]


def kept_task(cache: "PageCache | None", options: ReadOptions, group: Sequence[SourcePage]) -> PageTask | None:
    """The task of a page, or of the pages of one context, whose answer is kept; None if there is none."""
    page = group[0]
    kept = page.kept
    if cache is not None and kept is None and len(group) > 1 and (digest := _digest(page)) is not None:
        kept = cache.get(options, digest, [each.number for each in group])
    if not isinstance(kept, PageResult):
        return None
    label = group_label(group)
    header = PageHeader(
        source=page.source,
        sha256=kept.sha256,
        number=kept.number,
        label=label,
        total=page.total,
        width=kept.width,
        height=kept.height,
        size_pt=kept.size_pt,
        renderer=kept.renderer,
        task=options.task,
        warnings=(*page.file_warnings, *kept.warnings),
    )
    task = PageTask(without_image(page), header)
    of_source = {"source": header.source, "label": label, "total": header.total, "warnings": header.warnings}
    task.kept = kept.model_copy(update=of_source)
    return task


def keep_answer(cache: "PageCache | None", options: ReadOptions, group: Sequence[SourcePage], task: PageTask) -> None:
    """Keep the answer for ``task`` when it is complete, unless it is an error or may be better another time."""
    if cache is None or (digest := _digest(group[0])) is None:
        return
    put = partial(cache.put, options, digest, [page.number for page in group])
    of_file = len(group[0].file_warnings)

    def keep(result: PageResult) -> None:
        cut_short = task.incomplete or any(warning.endswith(TIME_IS_UP) for warning in result.warnings)
        # Its time or memory was too small, perhaps.
        cut_short = cut_short or any(warning.startswith(TEXT_LAYER_UNUSED) for warning in result.warnings)
        if result.error is None and not cut_short:
            put(result.model_copy(update={"warnings": result.warnings[of_file:]}))

    task.keep = keep


def _digest(page: SourcePage) -> str | None:
    try:
        return page.sha256
    except GotError:  # the file was removed in the meantime
        return None
