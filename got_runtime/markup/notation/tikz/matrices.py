"""Matrices of nodes, as for commutative diagrams."""

import re
from itertools import accumulate, pairwise

from got_runtime.markup.notation.tikz.node_sizes import node_shape
from got_runtime.markup.notation.tikz.numbers import NotDrawn, length, split
from got_runtime.markup.notation.tikz.options import POINTS, parse_options
from got_runtime.markup.notation.tikz.path import PathReader
from got_runtime.markup.notation.tikz.text import label_lines, type_size

__all__ = ["MatrixReader"]

_MATH, _WORDS = "matrix of math nodes", "matrix of nodes"
_EMPTY = "nodes in empty cells"
_OWN = frozenset({_MATH, _WORDS, _EMPTY, "row sep", "column sep", "nodes", "name", "at", "ampersand replacement"})
_OF_CELLS = ("minimum size", "minimum width", "minimum height", "text height", "text depth", "font")
_MAX_NODES = 400


class MatrixReader(PathReader):
    """Reads a matrix, and draws its nodes in columns and rows."""

    def read_matrix(self, statement: str) -> None:
        """Draws the nodes of a matrix. Raises ``NotDrawn``."""
        self.text, self.position = statement, len("\\matrix")
        written, body = "", None
        while body is None:
            if self._take(r"at\b"):
                written += f",at={{({self._group('(') or ''})}}"
            elif (part := self._group("[")) is not None:
                written += f",{part}"
            elif (part := self._group("(")) is not None:
                written += f",name={part}"
            elif (body := self._group("{")) is None:
                raise NotDrawn
        options = dict(parse_options(written.replace("\\pgflinewidth", "0.4pt"), self.styles))
        if options.keys() - _OWN - {*_OF_CELLS} or not options.keys() & {_MATH, _WORDS}:
            raise NotDrawn
        self._set(_cells(body, options.get("ampersand replacement", "&")), options)

    def _set(self, rows: list[list[str]], options: dict[str, str]) -> None:
        """Draws the nodes; the middle of the matrix is at its point."""
        style = ",".join([*(f"{key}={options[key]}" for key in _OF_CELLS if key in options), options.get("nodes", "")])
        sizes = {}
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if cell or _EMPTY in options:
                    own, text = self._cell(cell, style, is_math=_MATH in options)
                    keys = dict(parse_options(f"{self.styles.get('every node', '')},{own}", self.styles))
                    shape = node_shape(keys, label_lines(text), (0.0, 0.0), 0.0, size=type_size(keys, text))
                    sizes[row, column] = shape.width, shape.height, own, text
        if not 0 < len(sizes) <= _MAX_NODES:
            raise NotDrawn
        columns = range(max(column for _, column in sizes) + 1)
        across, down = [0.0] * len(columns), [0.0] * len(rows)
        for (row, column), (wide, high, *_) in sizes.items():
            across[column], down[row] = max(across[column], wide), max(down[row], high)
        xs = _middles(across, options.get("column sep", "0pt"))
        ys = _middles(down, options.get("row sep", "0pt"))
        x, y = self._place(options["at"].strip("()")) if "at" in options else (0.0, 0.0)
        x, y = self.frame.at((x, y))
        name = options.get("name", "").strip()
        for (row, column), (_, _, own, text) in sizes.items():
            place = self.frame.inverse((x + xs[column], y - ys[row]))
            named = f"({name}-{row + 1}-{column + 1})" if name else ""
            node = rf"\node[{own}] {named} at ({place[0]:.5f},{place[1]:.5f}) {{{text}}}"
            PathReader(self.sheet, self.frame, self.styles).read(node)

    def _cell(self, cell: str, style: str, *, is_math: bool) -> tuple[str, str]:
        """The options of a cell, and its text."""
        found = re.fullmatch(r"\|\[(.*?)\]\|(.*)", cell, re.DOTALL)
        own, text = (f"{style},{found[1]}", found[2].strip()) if found else (style, cell)
        if re.match(r"\\(node|draw|path|fill|coordinate|matrix)\b|\|", text):
            raise NotDrawn
        return own, f"${text}$" if is_math and text else text


def _cells(body: str, ampersand: str) -> list[list[str]]:
    if re.search(r"\\\\\s*\[", body):
        raise NotDrawn  # rows farther apart
    rows = body.replace(ampersand, "&").split("\\\\")
    found = [[cell.strip() for cell in split(row, "&")] for row in rows]
    return found if any(found[-1]) else found[:-1]


def _middles(halves: list[float], apart: str) -> list[float]:
    """The middles of columns or rows from half their sizes, around zero."""
    gap, *origins = (each.strip() for each in split(apart))
    if origins not in ([], ["between borders"], ["between origins"]):
        raise NotDrawn
    step = length(gap, POINTS)
    if origins == ["between origins"]:
        steps = [step] * (len(halves) - 1)
    else:
        steps = [a + step + b for a, b in pairwise(halves)]
    middles = [0.0, *accumulate(steps)]
    low, high = -halves[0], middles[-1] + halves[-1]
    return [middle - (low + high) / 2 for middle in middles]
