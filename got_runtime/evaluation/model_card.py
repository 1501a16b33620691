"""The table of a model card: every kind of held-out page, its goal and what was measured, as Markdown."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import Field

from got_runtime.evaluation.report import Report
from got_runtime.evaluation.scores import Estimate, GroupScore, ReportModel
from got_runtime.evaluation.synthetic import GROUPS
from got_runtime.evaluation.tables_out import format_estimate

__all__ = ["GOALS", "Card", "Goal"]


@dataclass(frozen=True)
class Goal:
    """A line of the table: what is measured of a kind, and the goals for seen and for held-out faces."""

    kind: str
    label: str
    measure: Callable[[GroupScore], Estimate | None]
    goals: tuple[float, float]
    at_least: bool = False
    per_cent: bool = False

    def wanted(self) -> str:
        """``≤ 2 % · ≤ 8 %``: seen and held-out faces; once where both are the same."""
        return " · ".join(f"{'≥' if self.at_least else '≤'} {self._number(goal)}" for goal in dict.fromkeys(self.goals))

    def measured(self, report: Report, position: int) -> str:
        """What was measured in the group of :data:`GROUPS` at ``position``, and whether it reaches the goal."""
        group = next((group for group in report.groups if group.name == GROUPS[position]), None)
        measure = self.measure(group) if group is not None else None
        if measure is None:
            return "–"
        goal = self.goals[position]
        reached = measure.value >= goal if self.at_least else measure.value <= goal
        scale, digits = (100, 1) if self.per_cent else (1, 3)
        return f"{format_estimate(measure, scale, digits)}{' %' if self.per_cent else ''} {'✓' if reached else '✗'}"

    def _number(self, value: float) -> str:
        return f"{value:.0%}".replace("%", " %") if self.per_cent else f"{value:.2f}"


def _cer(group: GroupScore) -> Estimate | None:
    return group.character_error_rate


def _distance(group: GroupScore) -> Estimate | None:
    return group.edit_distance


def _named(name: str) -> Callable[[GroupScore], Estimate | None]:
    return lambda group: group.scores.get(name)


GOALS = (
    Goal("plain", "plain, up to 14 lines of 40 characters, CER", _cer, (0.02, 0.08), per_cent=True),
    Goal("dense", "plain, up to 30 lines of 70 characters, CER", _cer, (0.08, 0.15), per_cent=True),
    Goal("formatted", "formatted page, text", _named("text"), (0.08, 0.08)),
    Goal("formatted", "formatted page, formulas", _named("formulas"), (0.20, 0.20)),
    Goal("formatted", "formatted page, tables", _named("tables"), (0.20, 0.20)),
    Goal("table", "lone table, TEDS", _named("TEDS"), (0.85, 0.85), at_least=True),
    Goal("formula", "lone formula", _distance, (0.10, 0.10)),
    Goal("box", "box", _distance, (0.08, 0.08)),
    Goal("color", "colour", _distance, (0.08, 0.08)),
    Goal("tiles", "tiles, error over that of one view", lambda group: group.against_one_view, (0.50, 0.50)),
    Goal("pages", "3 pages in one context", _distance, (0.12, 0.12)),
    Goal("chart", "chart", _distance, (0.15, 0.15)),
    Goal("molecule", "molecule", _distance, (0.15, 0.15)),
    Goal("music", "music", _distance, (0.15, 0.15)),
    Goal("geometry", "geometry", _distance, (0.15, 0.15)),
    Goal("scene", "scene", _distance, (0.25, 0.25)),
)
"""What got-nano is to reach; edit distance where the label names nothing else."""


class Card(ReportModel):
    """Every kind's report. ``missing`` says, by kind, why it could not be measured."""

    model: str
    pages: int
    seed: int
    reports: dict[str, Report] = Field(default_factory=dict)
    missing: dict[str, str] = Field(default_factory=dict)

    def markdown(self) -> str:
        """The table, a row a goal."""
        lines = [
            f"{self.model}: {self.pages} held-out pages a kind and group, seed {self.seed}; edit distance unless "
            "stated, brackets are 95 % bootstrap intervals, ✓ reaches the goal.",
            "",
            f"| kind | goal | {' | '.join(GROUPS)} |",
            "|---|---|---|---|",
        ]
        for goal in GOALS:
            report = self.reports.get(goal.kind)
            if report is None:
                missing = self.missing.get(goal.kind, "not measured")
                lines.append(f"| {goal.label} | {goal.wanted()} | {missing} | |")
            else:
                cells = [goal.measured(report, position) for position in range(len(GROUPS))]
                lines.append(f"| {goal.label} | {goal.wanted()} | {' | '.join(cells)} |")
        return "\n".join(lines)
