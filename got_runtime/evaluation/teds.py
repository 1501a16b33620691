"""TEDS: how alike two tables are, as trees of rows and cells.

Zhong, ShafieiBavani and Jimeno Yepes, *Image-based table recognition* (ECCV 2020): 1 − tree edit distance / the larger
tree. Inserting and deleting a node cost 1; so does renaming, where the spans differ; two cells of equal spans cost the
edit distance of their texts over the longer one. The distance is by ``apted`` (Pawlik & Augsten), the library of the
paper's own code; the published wrappers of it take HTML only and bring lxml.

Here a table is ``table > row > cell``, without ``thead`` and ``th``: LaTeX does not tell a header, and OmniDocBench
takes these tags away too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from got_runtime.errors import MissingExtra
from got_runtime.evaluation.metrics import edit_distance
from got_runtime.evaluation.tables import cell_text, tables_of
from got_runtime.markup.content import Grid
from got_runtime.markup.latex.grid import places

__all__ = ["TedsNode", "teds", "teds_of_tables", "tree"]

_MOST_NODES = 2_000
"""Trees beyond this are not compared (the time grows with the cube): a table read without end scores 0."""


@dataclass(frozen=True)
class TedsNode:
    """A table, a row or a cell; ``label`` is the tag with its spans, ``text`` a cell's characters."""

    label: tuple[str, int, int]
    text: str = ""
    children: "tuple[TedsNode, ...]" = ()

    def size(self) -> int:
        """Nodes below the table itself, as the paper's code counts them."""
        return len(self.children) + sum(child.size() for child in self.children)


def tree(grid: Grid, *, structure_only: bool = False) -> TedsNode:
    """The grid as ``table > row > cell``; every place that no cell covers is an empty cell."""
    rows: list[TedsNode] = []
    for row, covering in enumerate(places(grid)):
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
    """Likeness of two tables, 0–1, 1 for equal ones; ``structure_only`` (TEDS-S) leaves the cells' texts out.

    Raises :class:`MissingExtra` without apted.
    """
    read, true = (tree(grid, structure_only=structure_only) for grid in (prediction, reference))
    if read == true:
        return 1.0
    largest = max(read.size(), true.size())
    if largest > _MOST_NODES:
        return 0.0
    return 1.0 - min(1.0, _distance(read, true) / largest)


def teds_of_tables(prediction: str, reference: str) -> dict[str, float]:
    """``TEDS`` and ``TEDS-S`` of two texts' tables, the n-th with the n-th; one that has no partner scores 0.

    Empty where neither has a table.
    """
    read, true = tables_of(prediction), tables_of(reference)
    if not read and not true:
        return {}
    return {
        "TEDS": _mean_over_pairs(read, true, structure_only=False),
        "TEDS-S": _mean_over_pairs(read, true, structure_only=True),
    }


def _mean_over_pairs(read: Sequence[Grid], true: Sequence[Grid], *, structure_only: bool) -> float:
    pairs = zip(read, true, strict=False)
    return sum(teds(*pair, structure_only=structure_only) for pair in pairs) / max(len(read), len(true))


def _distance(one: TedsNode, other: TedsNode) -> float:
    try:
        from apted import APTED, Config
    except ImportError as error:
        raise MissingExtra("eval", "apted") from error

    class Costs(Config):  # type: ignore[misc]  # apted ships no types
        def rename(self, node1: TedsNode, node2: TedsNode) -> float:
            if node1.label != node2.label:
                return 1.0
            return edit_distance(node1.text, node2.text)

        def children(self, node: TedsNode) -> Any:
            return node.children

    return float(APTED(one, other, Costs()).compute_edit_distance())
