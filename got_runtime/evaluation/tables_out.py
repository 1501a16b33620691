"""A report as tables of text: for a terminal, for HTML, for Markdown."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from got_runtime.evaluation.report import Report
from got_runtime.evaluation.scores import Estimate, GroupScore, PaperScore

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Metrics", "ReportTable", "format_estimate", "report_tables"]

Metrics = Literal["errors", "paper", "all"]

_NOTHING = "–"
_NARROW = 100
"""Columns of a terminal below which intervals go under their numbers."""


@dataclass(frozen=True)
class ReportTable:
    """A table: ``rows`` have a cell for each of ``headings``; the first one is the group's name."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def table(self, width: int = 120) -> "Table":
        """For a terminal of ``width`` columns, from 80."""
        from rich.box import SIMPLE_HEAD
        from rich.markup import escape
        from rich.table import Table

        table = Table(title=escape(self.title), caption=escape(self.note) or None, box=SIMPLE_HEAD)
        table.title_justify = table.caption_justify = "left"
        for position, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if position else "left", overflow="fold", no_wrap=position > 0)
        for name, *numbers in self.rows:
            if width < _NARROW:
                numbers = [number.replace(" [", "\n[") for number in numbers]
            table.add_row(*map(escape, [name, *numbers]))
        return table


def report_tables(report: Report, metrics: Metrics = "errors") -> list[ReportTable]:
    """The tables that have something to say: errors, what the pages' kinds ask for, checks; the paper's metrics."""
    made: list[ReportTable | None] = []
    if metrics != "paper":
        made += [_errors(report), _scores(report), _checks(report)]
    if metrics != "errors":
        made.append(_paper(report))
    return [sheet for sheet in made if sheet is not None] or [_pages(report)]


def format_estimate(measure: Estimate | None, scale: int = 1, digits: int = 3) -> str:
    """``0.084 [0.071–0.098]``; a dash where nothing was measured."""
    if measure is None:
        return _NOTHING
    value, low, high = (f"{number * scale:.{digits}f}" for number in (measure.value, measure.low, measure.high))
    return f"{value} [{low}–{high}]"


def _pages_cell(group: GroupScore) -> str:
    return f"{group.pages} ({group.failed} failed)" if group.failed else str(group.pages)


def _sheet(
    report: Report,
    what: str,
    headings: Sequence[str],
    cells: Callable[[GroupScore], Iterable[str]],
    note: str = "",
) -> ReportTable:
    """A table without the groups of which nothing was measured."""
    rows = [(group.name, _pages_cell(group), *cells(group)) for group in report.rows()]
    rows = [row for row in rows if set(row[2:]) - {_NOTHING} or not row[2:]]
    return ReportTable(f"{report.model} on {report.dataset}: {what}", ("group", "pages", *headings), tuple(rows), note)


def _errors(report: Report) -> ReportTable | None:
    if report.overall.edit_distance is None:
        return None
    timed = ("s/page",) if report.seconds_per_page else ()

    def cells(group: GroupScore) -> list[str]:
        seconds = report.seconds_per_page.get(group.name)
        return [
            f"{group.characters:,}",
            format_estimate(group.character_error_rate, 100, 1),
            format_estimate(group.edit_distance),
            f"{group.perfect:.1%}",
            *(["" if seconds is None else f"{seconds:.2f}"] if timed else []),
        ]

    note = "CER, edit distance: lower is better; brackets: 95 % bootstrap intervals over pages"
    return _sheet(report, "errors", ("chars", "CER %", "edit distance", "perfect", *timed), cells, note)


_NOTES = {
    "text": "text, formulas, tables: edit distances",
    "TEDS": "TEDS, TEDS-S: likeness of tables and of their structure, 1 is best",
    "exact": "exact: share of answers that mean the same",
    "one view": "one view: edit distance without tiles; ratio: with tiles over without",
}


def _scores(report: Report) -> ReportTable | None:
    names = list(report.overall.scores)
    if not names:
        return None
    ratio = report.overall.against_one_view is not None

    def cells(group: GroupScore) -> list[str]:
        ratios = [format_estimate(group.against_one_view, digits=2)] if ratio else []
        return [format_estimate(group.scores.get(name)) for name in names] + ratios

    note = "; ".join(note for name, note in _NOTES.items() if name in names)
    return _sheet(report, "what its pages ask for", [*names, *(["ratio"] if ratio else [])], cells, note)


def _checks(report: Report) -> ReportTable | None:
    if report.mean_of_checks is None:
        return None
    note = f"mean of the groups, olmOCR-bench's overall: {report.mean_of_checks:.1%}"
    return _sheet(report, "facts stated", ("% of checks",), lambda group: [format_estimate(group.checks, 100, 1)], note)


def _paper(report: Report) -> ReportTable | None:
    if not report.overall.paper:
        return None
    parts = len(report.overall.paper) > 1
    rows = [
        (f"{group.name}, {part}" if parts else group.name, str(score.pages), *_paper_cells(score))
        for group in report.rows()
        for part, score in group.paper.items()
    ]
    headings = ("group", "pages", "edit distance", "F1", "precision", "recall", "BLEU", "METEOR")
    note = (
        "as GOT's scripts compute them: pages whose reference or prediction is empty are left out; "
        "METEOR without WordNet; intervals are in the JSON"
    )
    return ReportTable(f"{report.model} on {report.dataset}: the paper's metrics", headings, tuple(rows), note)


def _paper_cells(score: PaperScore) -> list[str]:
    measures = (score.edit_distance, score.f1, score.precision, score.recall, score.bleu, score.meteor)
    return [f"{measure.value:.3f}" for measure in measures]


def _pages(report: Report) -> ReportTable:
    """For a report of which the metrics asked for say nothing."""
    return _sheet(report, "pages", (), lambda group: ())
