"""Formats a report as tables of text, for a terminal, HTML or Markdown."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from got_runtime.evaluation.metrics import error_rate
from got_runtime.evaluation.report import Report
from got_runtime.evaluation.scores import ONE_VIEW, ORDER_BOUND, Estimate, GroupScore, PaperScore
from got_runtime.sources.folders import natural_key

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Metrics", "ReportTable", "format_estimate", "report_tables"]

Metrics = Literal["errors", "paper", "all"]
"""Choice of tables: error rates, metrics by kind and checks; the paper's metrics; or both."""

_NO_VALUE = "–"
_NARROW_TERMINAL = 100
"""On terminals of fewer columns an interval stands below its value."""


@dataclass(frozen=True)
class ReportTable:
    """A table of text. Each of ``rows`` has one cell for each of ``headings``; the first cell is the group's name."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def to_rich(self, width: int = 120) -> "Table":
        """The table for a terminal of ``width`` columns, at least 80."""
        from rich.box import SIMPLE_HEAD
        from rich.markup import escape
        from rich.table import Table

        table = Table(title=escape(self.title), caption=escape(self.note) or None, box=SIMPLE_HEAD)
        table.title_justify = table.caption_justify = "left"
        for index, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if index else "left", overflow="fold", no_wrap=index > 0)
        for name, *values in self.rows:
            if width < _NARROW_TERMINAL:
                values = [value.replace(" [", "\n[") for value in values]
            table.add_row(*map(escape, [name, *values]))
        return table


def report_tables(report: Report, metrics: Metrics = "errors") -> list[ReportTable]:
    """The tables of ``metrics`` for which the report has values; if there are none, one with the numbers of pages."""
    tables: list[ReportTable | None] = []
    if metrics != "paper":
        tables += [_page_line_table(report), _error_table(report), _line_table(report)]
        tables += [_score_table(report), _check_table(report)]
    if metrics != "errors":
        tables.append(_paper_table(report))
    return [table for table in tables if table is not None] or [_page_table(report)]


def format_estimate(estimate: Estimate | None, scale: int = 1, digits: int = 3) -> str:
    """``0.084 [0.071–0.098]``: the value times ``scale`` and its interval; a dash for ``None``."""
    if estimate is None:
        return _NO_VALUE
    value, low, high = (f"{number * scale:.{digits}f}" for number in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}–{high}]"


def _page_cell(group: GroupScore) -> str:
    return f"{group.pages} ({group.failed} failed)" if group.failed else str(group.pages)


def _group_table(
    report: Report,
    subject: str,
    headings: Sequence[str],
    cells: Callable[[GroupScore], Iterable[str]],
    note: str = "",
) -> ReportTable:
    """A row for each group, without the groups that have no value."""
    rows = [(group.name, _page_cell(group), *cells(group)) for group in report.rows()]
    rows = [row for row in rows if set(row[2:]) - {_NO_VALUE} or not row[2:]]
    return ReportTable(
        f"{report.model} on {report.dataset}: {subject}", ("group", "pages", *headings), tuple(rows), note
    )


def _error_table(report: Report) -> ReportTable | None:
    if report.overall.edit_distance is None:
        return None
    time_heading = ("s/page",) if report.seconds_per_page else ()

    def cells(group: GroupScore) -> list[str]:
        seconds = report.seconds_per_page.get(group.name)
        return [
            f"{group.characters:,}",
            format_estimate(group.character_error_rate, 100, 1),
            format_estimate(group.edit_distance),
            f"{group.perfect:.1%}",
            *(["" if seconds is None else f"{seconds:.2f}"] if time_heading else []),
        ]

    headings = ("chars", "CER %", "edit distance", "perfect", *time_heading)
    note = "CER, edit distance: lower is better; brackets: 95 % bootstrap intervals over pages"
    return _group_table(report, "errors", headings, cells, note)


_SCORE_NOTES = {
    "text": "text, formulas, tables: edit distances",
    "TEDS": "TEDS, TEDS-S: similarity of tables and of their structure, 1 is best",
    "exact": "exact: fraction of outputs with the same meaning as the reference",
    ONE_VIEW: "one view: edit distance without tiles; ratio: with tiles over without",
}


def _score_table(report: Report) -> ReportTable | None:
    names = list(report.overall.scores)
    if not names:
        return None
    ratio_heading = ["ratio"] if report.overall.against_one_view is not None else []

    def cells(group: GroupScore) -> list[str]:
        ratio = [format_estimate(group.against_one_view, digits=2)] if ratio_heading else []
        return [format_estimate(group.scores.get(name)) for name in names] + ratio

    note = "; ".join(note for name, note in _SCORE_NOTES.items() if name in names)
    return _group_table(report, "metrics of its kind of page", [*names, *ratio_heading], cells, note)


_LINE_HEADINGS = ("CER %", "misread", "missed", "false text")


def _line_table(report: Report) -> ReportTable | None:
    """Errors whatever the order of lines, for pages whose reference is a text layer."""
    if report.overall.lines is None:
        return None

    def cells(group: GroupScore) -> list[str]:
        lines = group.lines
        if lines is None:
            return [_NO_VALUE] * (len(_LINE_HEADINGS) + 1)
        rates = (lines.error_rate, lines.misread, lines.missed, lines.false_text)
        right = lines.order_right
        order = _NO_VALUE if right is None else f"{round(right.value * right.pages)} of {right.pages}"
        return [*(format_estimate(rate, 100, 2) for rate in rates), order]

    note = f"% of the reference; order right: at least {ORDER_BOUND:.0%} of the found text is in order"
    if report.left_out:
        reasons = Counter(page.reason for page in report.left_out).most_common()
        note += f"; left out: {', '.join(f'{count} {reason}' for reason, count in reasons)}"
    return _group_table(report, "errors without order", (*_LINE_HEADINGS, "order right"), cells, note)


def _page_line_table(report: Report) -> ReportTable | None:
    """A row for each page whose reference is a text layer, as they were read."""
    pages = sorted((page for page in report.pages if page.lines is not None), key=lambda page: natural_key(page.name))
    rows: list[tuple[str, ...]] = []
    for page in pages:
        lines = page.lines
        if lines is None:
            continue
        counts = (lines.edits, lines.misread, lines.missed, lines.false_text)
        rates = [f"{100 * error_rate(count, lines.characters):.2f}" for count in counts]
        order = _NO_VALUE if lines.order is None else f"{lines.order:.2f}"
        in_order = f"{100 * error_rate(page.edits, page.characters):.2f}"
        rows.append((page.name, f"{page.characters:,}", in_order, *rates, order))
    if not rows:
        return None
    headings = ("page", "chars", "CER in order %", *_LINE_HEADINGS, "order")
    return ReportTable(f"{report.model} on {report.dataset}: pages", headings, tuple(rows), "% of the reference")


def _check_table(report: Report) -> ReportTable | None:
    if report.mean_check_rate is None:
        return None
    note = f"mean of the groups, olmOCR-bench's overall score: {report.mean_check_rate:.1%}"
    return _group_table(
        report, "checks passed", ("% of checks",), lambda group: [format_estimate(group.checks, 100, 1)], note
    )


def _paper_table(report: Report) -> ReportTable | None:
    if not report.overall.paper:
        return None
    has_parts = len(report.overall.paper) > 1
    rows = [
        (f"{group.name}, {part}" if has_parts else group.name, str(score.pages), *_paper_cells(score))
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
    estimates = (score.edit_distance, score.f1, score.precision, score.recall, score.bleu, score.meteor)
    return [f"{estimate.value:.3f}" for estimate in estimates]


def _page_table(report: Report) -> ReportTable:
    return _group_table(report, "pages", (), lambda group: ())
