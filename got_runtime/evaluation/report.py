"""The result of an evaluation: scores per page, per group and overall, as a model, a table and JSON."""

from collections.abc import Iterable, Mapping
from statistics import median
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field

from got_runtime.evaluation import bootstrap, metrics

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["GroupScore", "Measure", "PageScore", "Report"]

OVERALL = "all"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measure(_Frozen):
    """A number with its 95 % bootstrap confidence interval."""

    value: float
    low: float
    high: float


class PageScore(_Frozen):
    """One page. Texts are stripped at both ends and otherwise as they came; lengths and edits count characters."""

    name: str
    group: str
    truth: str
    reading: str
    characters: int = Field(description="length of the truth")
    edits: int = Field(description="insertions, deletions and substitutions from reading to truth")
    words: int
    word_edits: int
    edit_distance: float = Field(description="edits over the longer length, 0–1")
    error: str | None = Field(None, description="why the page could not be read; it then counts as an empty reading")

    @classmethod
    def of(cls, name: str, group: str, truth: str, reading: str, error: str | None = None) -> Self:
        truth, reading = truth.strip(), reading.strip()
        read_words, true_words = metrics.words(reading, truth)
        edits = metrics.edit_count(reading, truth)
        return cls(
            name=name,
            group=group,
            truth=truth,
            reading=reading,
            characters=len(truth),
            edits=edits,
            words=len(true_words),
            word_edits=metrics.edit_count(read_words, true_words),
            edit_distance=metrics.error_rate(edits, max(len(truth), len(reading))),
            error=error,
        )

    @property
    def character_error_rate(self) -> float:
        return metrics.error_rate(self.edits, self.characters)

    @property
    def perfect(self) -> bool:
        return self.edits == 0 and self.error is None


class GroupScore(_Frozen):
    """Pages taken together. Error rates are edits over lengths of the whole group, so long pages weigh more;
    ``edit_distance`` is the mean of the pages, as the paper has it; ``perfect`` is a share of pages, 0–1.
    """

    name: str
    pages: int
    characters: int
    character_error_rate: Measure
    word_error_rate: Measure
    edit_distance: Measure
    perfect: float
    failed: int = Field(description="pages that could not be read; counted as empty readings")

    @classmethod
    def of(cls, name: str, pages: list[PageScore]) -> Self:
        return cls(
            name=name,
            pages=len(pages),
            characters=sum(p.characters for p in pages),
            character_error_rate=_rate([p.edits for p in pages], [p.characters for p in pages]),
            word_error_rate=_rate([p.word_edits for p in pages], [p.words for p in pages]),
            edit_distance=_mean([p.edit_distance for p in pages]),
            perfect=sum(p.perfect for p in pages) / len(pages),
            failed=sum(p.error is not None for p in pages),
        )


class Report(_Frozen):
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
    seconds_per_page: dict[str, float] = {}

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
            pages=sorted(pages, key=lambda p: (-p.edit_distance, -p.edits, p.name)),
            seconds_per_page=timing,
        )

    def rows(self) -> list[GroupScore]:
        """The groups and the sum of them; the sum alone when there is one group."""
        return [self.overall] if len(self.groups) == 1 else [*self.groups, self.overall]

    def table(self, width: int = 120) -> "Table":
        """The report for a terminal of ``width`` columns, from 80. CER is per cent, brackets hold 95 % intervals."""
        from rich.box import SIMPLE_HEAD
        from rich.markup import escape
        from rich.table import Table

        table = Table(title=escape(f"{self.model} on {self.dataset}"), title_justify="left", box=SIMPLE_HEAD)
        for position, heading in enumerate(self.headings()):
            table.add_column(heading, justify="right" if position else "left", overflow="fold", no_wrap=position > 0)
        for group in self.rows():
            name, *numbers = self.cells(group)
            if width < 100:  # the intervals go below their numbers
                numbers = [number.replace(" [", "\n[") for number in numbers]
            table.add_row(*map(escape, [name, *numbers]))
        return table

    def headings(self) -> list[str]:
        timed = ["s/page"] if self.seconds_per_page else []
        return ["group", "pages", "chars", "CER %", "edit distance", "perfect", *timed]

    def cells(self, group: GroupScore) -> list[str]:
        """One row as text, under :meth:`headings`."""
        seconds = self.seconds_per_page.get(group.name)
        timed = [] if not self.seconds_per_page else ["" if seconds is None else f"{seconds:.2f}"]
        return [
            group.name,
            f"{group.pages} ({group.failed} failed)" if group.failed else str(group.pages),
            f"{group.characters:,}",
            _printed(group.character_error_rate, 100, 1),
            _printed(group.edit_distance, 1, 3),
            f"{group.perfect:.1%}",
            *timed,
        ]


def _rate(edits: list[int], lengths: list[int]) -> Measure:
    low, high = bootstrap.ratio_interval(edits, lengths)
    return Measure(value=metrics.error_rate(sum(edits), sum(lengths)), low=low, high=high)


def _mean(values: list[float]) -> Measure:
    low, high = bootstrap.mean_interval(values)
    return Measure(value=sum(values) / len(values), low=low, high=high)


def _printed(measure: Measure, scale: int, digits: int) -> str:
    value, low, high = (f"{number * scale:.{digits}f}" for number in (measure.value, measure.low, measure.high))
    return f"{value} [{low}–{high}]"
