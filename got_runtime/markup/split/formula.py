"""Rows of a formula → a formula of some of them, in the same environment."""

import re
from typing import NamedTuple

# Environments whose rows can stand apart: no delimiter encloses all of them, as one does in a matrix.
_BEGIN = re.compile(
    r"\\begin\{(?P<name>(?:align|alignat|eqnarray|flalign|gather|multline)\*?|aligned|alignedat|array|gathered|split)\}"
    r"(?P<argument>\s*\{[^{}]*\})?"
)
_WITH_ARGUMENT = frozenset({"alignat", "alignat*", "alignedat", "array"})
_SIGN = re.compile(
    r"\\(?P<command>begin|end)(?![A-Za-z])|\\(?P<fence>left|right)(?![A-Za-z])|(?P<row>\\\\\*?(?:\s*\[[^\[\]]*\])?)|\\.|[{}]",
    re.DOTALL,
)
_DEPTH = {"begin": 1, "left": 1, "{": 1, "end": -1, "right": -1, "}": -1}


class FormulaRows(NamedTuple):
    """What stands before and after the rows of a formula, and each row with the sign that ends it."""

    before: str
    rows: tuple[str, ...]
    after: str

    def part(self, low: int, high: int) -> str:
        """The formula of rows ``low`` to ``high - 1``."""
        rows = "".join(self.rows[low:high])
        if high < len(self.rows) and high > low:
            last = self.rows[high - 1]
            rows = rows[: len(rows) - len(last)] + last[: last.rindex("\\\\")].rstrip()
        return f"{self.before}{rows}{self.after}"


def formula_rows(latex: str) -> FormulaRows:
    """The rows of a formula; a single one if it cannot be split."""
    whole = FormulaRows("", (latex,), "")
    begin = _BEGIN.match(latex)
    before = after = ""
    inner = latex
    if begin is not None:
        takes_argument = begin["name"] in _WITH_ARGUMENT
        before, after = latex[: begin.end() if takes_argument else begin.end("name") + 1], f"\\end{{{begin['name']}}}"
        inner = latex[len(before) :].rstrip()
        if not inner.endswith(after) or (takes_argument and begin["argument"] is None):
            return whole
        inner = inner.removesuffix(after)
    rows: list[str] = []
    depth = start = 0
    for sign in _SIGN.finditer(inner):
        depth += _DEPTH.get(sign["command"] or sign["fence"] or sign[0], 0)
        if depth < 0:  # the environment ended before the end of the formula
            return whole
        if sign["row"] and not depth:
            rows.append(inner[start : sign.end()])
            start = sign.end()
    rows += [inner[start:]] if inner[start:].strip() else []
    return FormulaRows(before, tuple(rows), after)
