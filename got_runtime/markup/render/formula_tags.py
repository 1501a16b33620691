r"""Numbers of the rows of a formula (``\tag``), in forms that KaTeX and MathJax accept."""

import re

from got_runtime.markup.split.formula import formula_rows

_TAG = re.compile(r"\\tag(\*?)(?![A-Za-z])\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_ANY_TAG = re.compile(r"\\tag\*?(?![A-Za-z])")
# Environments within a formula have one number at most; those that are a formula have one in each row.
_NUMBERED = {"aligned": "align*", "split": "align*", "alignedat": "alignat*", "gathered": "gather*"}
_NUMBERED |= {name: name.rstrip("*") + "*" for name in ("align", "align*", "alignat", "alignat*", "gather", "gather*")}
_NAME = re.compile(r"\\begin\{([a-z]+\*?)\}")


def numbered_rows(latex: str, *, display: bool) -> str:
    r"""The formula with the numbers of its rows: in ``align*``, or as text where ``\tag`` is not allowed."""
    if "\\tag" not in latex:
        return latex
    found = formula_rows(latex)
    own = _NAME.match(found.before)
    name = _NUMBERED.get(own[1]) if own else ("align*" if _has_cells(latex) else "gather*")
    inner = "".join(found.rows)
    alone = display and name is not None and all(_has_one_tag(row) for row in found.rows)
    if not alone:
        return tags_as_text(latex)
    if own is None:
        return latex if len(found.rows) == 1 else f"\\begin{{{name}}}{inner}\\end{{{name}}}"
    return f"\\begin{{{name}}}{found.before[own.end() :]}{inner}\\end{{{name}}}"


def tags_as_text(latex: str) -> str:
    """The formula with its numbers as text: ``(1)``."""
    return _TAG.sub(_as_text, latex)


def tag_text(inside: str, *, bracketed: bool) -> str:
    """A number as text of a formula."""
    shown = f"({inside})" if bracketed else inside
    return f"\\qquad\\text{{{shown}}}"


def _as_text(found: re.Match[str]) -> str:
    return tag_text(found[2], bracketed=not found[1])


def _has_cells(latex: str) -> bool:
    return re.search(r"(?<!\\)&", latex) is not None


def _has_one_tag(row: str) -> bool:
    """Whether a row has one number at most, outside braces, fences and environments."""
    tags = list(_ANY_TAG.finditer(row))
    if not tags:
        return True
    before = row[: tags[0].start()]
    inside = _depth(r"\\left(?![A-Za-z])", r"\\right(?![A-Za-z])", before) or _depth(r"\\begin\b", r"\\end\b", before)
    return len(tags) == 1 and not inside and not _depth(r"(?<!\\)\{", r"(?<!\\)\}", before)


def _depth(opening: str, closing: str, text: str) -> int:
    return len(re.findall(opening, text)) - len(re.findall(closing, text))
