"""The result of an evaluation: scores per page, per group and overall, as a pydantic model."""

from collections.abc import Iterable, Mapping
from statistics import mean, median
from typing import Self

from pydantic import Field

from got_runtime.evaluation.scores import Estimate, GroupScore, PageScore, ReportModel

__all__ = ["OVERALL", "Estimate", "GroupScore", "LeftOut", "PageScore", "Report"]

OVERALL = "all"


class LeftOut(ReportModel):
    """A page of a PDF file, or a file, that is not scored."""

    name: str
    reason: str = Field(description="one of few phrases, by which pages are counted")
    detail: str | None = Field(default=None, description="the message of a file that cannot be opened")


class Report(ReportModel):
    """Scores of ``model`` on ``dataset``. ``pages`` are sorted by error, worst first.

    ``seconds_per_page`` is the median time to read a page (the time of its batch over the pages of the batch, without
    opening the file), per group and under ``all``; empty where nothing was timed. It depends on the machine.
    ``left_out`` are pages of PDF files whose text layer is no reference
    (:mod:`got_runtime.evaluation.text_layers`).
    """

    model: str
    dataset: str
    groups: list[GroupScore]
    overall: GroupScore
    pages: list[PageScore]
    seconds_per_page: dict[str, float] = Field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()

    @classmethod
    def of(
        cls,
        pages: Iterable[PageScore],
        *,
        model: str,
        dataset: str,
        seconds: Mapping[str, list[float]] | None = None,
    ) -> Self:
        """Build a report; groups are in the order of their first pages.

        Args:
            seconds: times per page, by group.
        """
        pages = list(pages)
        if not pages:
            raise ValueError("no pages to report on")
        groups: dict[str, list[PageScore]] = {}
        for page in pages:
            groups.setdefault(page.group, []).append(page)
        timing = {name: median(times) for name, times in (seconds or {}).items()}
        if seconds:
            timing[OVERALL] = median(time for times in seconds.values() for time in times)
        return cls(
            model=model,
            dataset=dataset,
            groups=[GroupScore.of(name, members) for name, members in groups.items()],
            overall=GroupScore.of(OVERALL, pages),
            pages=sorted(pages, key=lambda page: (-page.error_level, -page.edits, page.name)),
            seconds_per_page=timing,
        )

    def rows(self) -> list[GroupScore]:
        """The groups and ``overall``; ``overall`` alone if there is one group."""
        return [self.overall] if len(self.groups) == 1 else [*self.groups, self.overall]

    @property
    def mean_check_rate(self) -> float | None:
        """The mean over groups of the fraction of checks passed, which is olmOCR-bench's overall score."""
        rates = [group.checks.value for group in self.groups if group.checks is not None]
        return mean(rates) if rates else None
