"""The result of an evaluation: scores per page, per group and overall, as a model and as JSON."""

from collections.abc import Iterable, Mapping
from statistics import mean, median
from typing import Self

from pydantic import Field

from got_runtime.evaluation.scores import Estimate, GroupScore, PageScore, ReportModel

__all__ = ["Estimate", "GroupScore", "PageScore", "Report"]

OVERALL = "all"


class Report(ReportModel):
    """How well ``model`` read ``dataset``. ``pages`` are sorted worst first.

    ``seconds_per_page`` is apart from the scores, because it says something about a machine and they do not: the
    median time to read a page (its share of its batch, opening the file not included) per group and under ``all``;
    empty where nothing was timed.
    """

    model: str
    dataset: str
    groups: list[GroupScore]
    overall: GroupScore
    pages: list[PageScore]
    seconds_per_page: dict[str, float] = Field(default_factory=dict)

    @classmethod
    def of(
        cls,
        pages: Iterable[PageScore],
        *,
        model: str,
        dataset: str,
        seconds: Mapping[str, list[float]] | None = None,
    ) -> Self:
        """Put pages together; ``seconds`` holds each group's times. Groups keep the order in which they appear."""
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
            pages=sorted(pages, key=lambda p: (-p.badness, -p.edits, p.name)),
            seconds_per_page=timing,
        )

    def rows(self) -> list[GroupScore]:
        """The groups and the sum of them; the sum alone when there is one group."""
        return [self.overall] if len(self.groups) == 1 else [*self.groups, self.overall]

    @property
    def mean_of_checks(self) -> float | None:
        """The mean of the groups' shares of facts stated, which is olmOCR-bench's overall number."""
        shares = [group.checks.value for group in self.groups if group.checks is not None]
        return mean(shares) if shares else None
