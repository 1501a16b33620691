"""TEDS: tree-edit-distance-based similarity of two tables.

Zhong, ShafieiBavani and Jimeno Yepes, *Image-based table recognition* (ECCV 2020): 1 − tree edit distance / size of the
larger tree. Inserting or deleting a node costs 1. Replacing a node costs 1 if the spans differ; replacing a cell by one
of equal spans costs the normalised edit distance of their texts. The distance is computed by ``apted`` (Pawlik &
Augsten), the library of the paper's own code; the published wrappers of it accept HTML only and need lxml.

Here a table is ``table > row > cell``, without ``thead`` and ``th``: LaTeX does not mark a header, and OmniDocBench
removes these tags too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from got_runtime.errors import MissingExtra
from got_runtime.evaluation.metrics import normalised_edit_distance
from got_runtime.evaluation.tables import cell_text, extract_tables
from got_runtime.markup.content import Grid
from got_runtime.markup.latex.grid import covering_cells

__all__ = ["TedsNode", "build_tree", "teds", "teds_scores"]

_MAX_NODES = 2_000
"""Larger trees are not compared (the time grows with the cube) and score 0: the output of a loop, for example."""


@dataclass(frozen=True)
class TedsNode:
    """A table, a row or a cell. ``label`` is the tag with rowspan and colspan, ``text`` the characters of a cell."""

    label: tuple[str, int, int]
    text: str = ""
    children: "tuple[TedsNode, ...]" = ()

    def size(self) -> int:
        """Number of nodes below this one; the root itself does not count, as in the paper's code."""
        return len(self.children) + sum(child.size() for child in self.children)


def build_tree(grid: Grid, *, structure_only: bool = False) -> TedsNode:
    """The grid as ``table > row > cell``; a position that no cell covers is an empty cell."""
    rows: list[TedsNode] = []
    for row, covering in enumerate(covering_cells(grid)):
        cells: list[TedsNode] = []
        for column, cell in enumerate(covering):
            if cell is None:
                cells.append(TedsNode(("cell", 1, 1)))
            elif (cell.row, cell.column) == (row, column):
                text = "" if structure_only else cell_text(cell.content)
                cells.append(TedsNode(("cell", cell.rowspan, cell.colspan), text))
        rows.append(TedsNode(("row", 1, 1), children=tuple(cells)))
    return TedsNode(("table", 1, 1), children=tuple(rows))


def teds(prediction: Grid, reference: Grid, *, structure_only: bool = False) -> float:
    """Similarity of two tables, 0–1, 1 for equal ones.

    Args:
        structure_only: TEDS-S, which ignores the texts of the cells.

    Raises:
        MissingExtra: apted is not installed.
    """
    predicted, expected = (build_tree(grid, structure_only=structure_only) for grid in (prediction, reference))
    if predicted == expected:
        return 1.0
    largest = max(predicted.size(), expected.size())
    if largest > _MAX_NODES:
        return 0.0
    return 1.0 - min(1.0, _tree_edit_distance(predicted, expected) / largest)


def teds_scores(prediction: str, reference: str) -> dict[str, float]:
    """Mean ``TEDS`` and ``TEDS-S`` over the tables of two texts.

    The n-th table is compared with the n-th; one without a counterpart scores 0. Empty if neither text has a table.
    """
    predicted, expected = extract_tables(prediction), extract_tables(reference)
    if not predicted and not expected:
        return {}
    return {
        "TEDS": _mean_teds(predicted, expected, structure_only=False),
        "TEDS-S": _mean_teds(predicted, expected, structure_only=True),
    }


def _mean_teds(predicted: Sequence[Grid], expected: Sequence[Grid], *, structure_only: bool) -> float:
    pairs = zip(predicted, expected, strict=False)
    return sum(teds(*pair, structure_only=structure_only) for pair in pairs) / max(len(predicted), len(expected))


def _tree_edit_distance(one: TedsNode, other: TedsNode) -> float:
    try:
        from apted import APTED, Config
    except ImportError as error:
        raise MissingExtra("eval", "apted") from error

    class Costs(Config):  # type: ignore[misc]  # apted ships no types
        def rename(self, node1: TedsNode, node2: TedsNode) -> float:
            if node1.label != node2.label:
                return 1.0
            return normalised_edit_distance(node1.text, node2.text)

        def children(self, node: TedsNode) -> Any:
            return node.children

    return float(APTED(one, other, Costs()).compute_edit_distance())
