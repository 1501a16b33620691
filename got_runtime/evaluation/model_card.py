"""The table of a model card: every kind of held-out page, its goal and its result, as Markdown."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import Field

from got_runtime.evaluation.report import Report
from got_runtime.evaluation.scores import Estimate, GroupScore, ReportModel
from got_runtime.evaluation.synthetic import GROUPS
from got_runtime.evaluation.tables_out import format_estimate

__all__ = ["GOALS", "Goal", "ModelCard"]


@dataclass(frozen=True)
class Goal:
    """A row of the table.

    Args:
        kind: kind of page.
        label: name of the row.
        metric: takes the metric from a group's scores; ``None`` where it has no value.
        goals: the value that the metric is to reach in each of :data:`GROUPS`.
        at_least: whether higher is better.
        per_cent: whether the metric is printed in per cent.
    """

    kind: str
    label: str
    metric: Callable[[GroupScore], Estimate | None]
    goals: tuple[float, float]
    at_least: bool = False
    per_cent: bool = False

    def format_goal(self) -> str:
        """``≤ 2 % · ≤ 8 %``: the goals for seen and for held-out faces; one if both are the same."""
        sign = "≥" if self.at_least else "≤"
        return " · ".join(f"{sign} {self._format(goal)}" for goal in dict.fromkeys(self.goals))

    def format_result(self, report: Report, group_index: int) -> str:
        """The metric of a group of :data:`GROUPS`, and whether it reaches the goal."""
        group = next((group for group in report.groups if group.name == GROUPS[group_index]), None)
        estimate = self.metric(group) if group is not None else None
        if estimate is None:
            return "–"
        goal = self.goals[group_index]
        reached = estimate.value >= goal if self.at_least else estimate.value <= goal
        scale, digits = (100, 1) if self.per_cent else (1, 3)
        unit = " %" if self.per_cent else ""
        return f"{format_estimate(estimate, scale, digits)}{unit} {'✓' if reached else '✗'}"

    def _format(self, value: float) -> str:
        return f"{100 * value:g} %" if self.per_cent else f"{value:.2f}"


def _cer(group: GroupScore) -> Estimate | None:
    return group.character_error_rate


def _edit_distance(group: GroupScore) -> Estimate | None:
    return group.edit_distance


def _score(name: str) -> Callable[[GroupScore], Estimate | None]:
    return lambda group: group.scores.get(name)


GOALS = (
    Goal("plain", "plain, up to 14 lines of 40 characters, CER", _cer, (0.004, 0.006), per_cent=True),
    Goal("dense", "plain, up to 30 lines of 70 characters, CER", _cer, (0.008, 0.012), per_cent=True),
    Goal("prose", "typeset English, up to 14 lines of 45 characters, CER", _cer, (0.02, 0.04), per_cent=True),
    Goal("zoomed", "zoomed view of a page of small type, CER", _cer, (0.008, 0.012), per_cent=True),
    Goal("formatted", "formatted page, text", _score("text"), (0.08, 0.08)),
    Goal("formatted", "formatted page, formulas", _score("formulas"), (0.25, 0.25)),
    Goal("formatted", "formatted page, tables", _score("tables"), (0.20, 0.20)),
    Goal("table", "lone table, TEDS", _score("TEDS"), (0.92, 0.92), at_least=True),
    Goal("formula", "lone formula", _edit_distance, (0.10, 0.10)),
    Goal("box", "box", _edit_distance, (0.08, 0.08)),
    Goal("color", "colour", _edit_distance, (0.06, 0.06)),
    Goal("tiles", "page for tiles, two columns of small type, CER", _cer, (0.06, 0.06), per_cent=True),
    Goal("pages", "3 pages with one result", _edit_distance, (0.08, 0.08)),
    Goal("chart", "chart", _edit_distance, (0.15, 0.15)),
    Goal("molecule", "molecule", _edit_distance, (0.12, 0.12)),
    Goal("music", "music", _edit_distance, (0.08, 0.08)),
    Goal("geometry", "geometry", _edit_distance, (0.10, 0.10)),
    Goal("scene", "scene", _edit_distance, (0.25, 0.25)),
)
"""Goals of got-nano; the metric is the edit distance unless the label names another one."""


class ModelCard(ReportModel):
    """The reports of all kinds. ``missing`` maps the kinds that could not be measured to the reason."""

    model: str
    pages: int
    seed: int
    reports: dict[str, Report] = Field(default_factory=dict)
    missing: dict[str, str] = Field(default_factory=dict)

    def markdown(self) -> str:
        """The table, with one row for each goal."""
        lines = [
            f"{self.model}: {self.pages} held-out pages per kind and group, seed {self.seed}; edit distance unless "
            "stated, brackets are 95 % bootstrap intervals, ✓ reaches the goal.",
            "",
            f"| kind | goal | {' | '.join(GROUPS)} |",
            "|---|---|---|---|",
        ]
        for goal in GOALS:
            report = self.reports.get(goal.kind)
            if report is None:
                missing = self.missing.get(goal.kind, "not measured")
                lines.append(f"| {goal.label} | {goal.format_goal()} | {missing} | |")
            else:
                cells = [goal.format_result(report, index) for index in range(len(GROUPS))]
                lines.append(f"| {goal.label} | {goal.format_goal()} | {' | '.join(cells)} |")
        return "\n".join(lines)
