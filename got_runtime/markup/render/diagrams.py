r"""Commutative diagrams of amscd (``CD``) as arrays, and ``\mathchoice`` as what is printed in its place."""

import re

_DIAGRAM = re.compile(r"\\begin\{CD\}(.*?)(?:\\end\{CD\}|\Z)", re.DOTALL)
_ROW_END = re.compile(r"\\\\\*?(?:\s*\[[^\[\]]*\])?")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_SIGNS = {">": "rightarrow", ")": "rightarrow", "<": "leftarrow", "(": "leftarrow", "V": "downarrow", "A": "uparrow"}
_PLAIN = {"=": "=", "|": r"\| ", ".": ""}  # an equation, an equation that stands, no arrow
_CHOICE = re.compile(r"\\mathchoice(?![A-Za-z])\s*(?=\{)")
_STEP = re.compile(r"\\mathchoice(?![A-Za-z])\s*|\\[A-Za-z]+\s*|\\.|[\^_]\s*\{?|[{}]", re.DOTALL)
_CHOICES = 4


def with_diagrams(latex: str) -> str:
    """The formula with its commutative diagrams as arrays, arrows in columns of their own."""
    return _DIAGRAM.sub(_array, latex) if "\\begin{CD}" in latex else latex


def _array(found: re.Match[str]) -> str:
    rows = [_cells(row.strip()) for row in _ROW_END.split(found[1])]
    columns = "c" * max(map(len, rows))
    body = r" \\ ".join(" & ".join(row) for row in rows if any(row))
    return rf"\begin{{array}}{{{columns}}}{body}\end{{array}}"


def _cells(row: str) -> list[str]:
    """The objects and arrows of a row; those of a row of vertical arrows have empty cells between them."""
    vertical = row.startswith("@")
    cells: list[str] = []
    while True:
        words, arrow, row = row.partition("@")
        if not vertical:
            cells.append(words.strip())
        if not arrow or not row:
            return cells
        shown, row = _arrow(row)
        cells += ["", shown] if vertical and cells else [shown]


def _arrow(row: str) -> tuple[str, str]:
    """The arrow whose sign ``row`` begins with, and what follows it. Its two labels end with the same sign."""
    sign, rest = row[0], row[1:]
    if row.startswith("\\vert"):
        return _PLAIN["|"], row[5:]
    if sign not in _SIGNS:
        return (_PLAIN[sign], rest) if sign in _PLAIN else ("", row)
    first, rest = _label(rest, sign)
    second, rest = _label(rest, sign)
    if sign in "VA":
        left, right = (rf"{{\scriptstyle {label}}}" if label else "" for label in (first, second))
        return rf"{left}\{_SIGNS[sign]} {right}", rest
    return rf"\x{_SIGNS[sign]}{f'[{second}]' if second else ''}{{{first}}}", rest


def _label(row: str, sign: str) -> tuple[str, str]:
    depth = 0
    for index, character in enumerate(row):
        depth += (character == "{") - (character == "}")
        if character == sign and not depth:
            return row[:index].strip(), row[index + 1 :]
    return row.strip(), ""


def with_choices(latex: str, *, in_script: bool = False) -> str:
    r"""The formula with the argument of ``\mathchoice`` that is printed: the third one in a script, else the first."""
    if not _CHOICE.search(latex):
        return latex
    out: list[str] = []
    scripts = [in_script]  # for each open brace, whether it stands in a script
    position, is_next = 0, False
    while found := _STEP.search(latex, position):
        out.append(latex[position : found.start()])
        is_script, is_next = is_next and found.start() == position, False
        token, position = found[0], found.end()
        if token.startswith("\\mathchoice") and latex[position : position + 1] == "{":
            given, position = _arguments(latex, position)
            wanted = 2 if scripts[-1] or is_script else 0
            inside = with_choices(given[min(wanted, len(given) - 1)], in_script=wanted > 0)
            out.append(f"{{{inside}}}")
            continue
        is_next = token[0] in "^_" and token[-1] != "{"
        if token[-1] == "{" and token[0] != "\\":
            scripts.append(scripts[-1] or token[0] in "^_")
        elif token == "}" and len(scripts) > 1:
            scripts.pop()
        out.append(token)
    return "".join(out) + latex[position:]


def _arguments(latex: str, position: int) -> tuple[list[str], int]:
    """The braced arguments at ``position``, four at most, and the index after them."""
    given: list[str] = []
    while len(given) < _CHOICES:
        start = position + len(latex[position:]) - len(latex[position:].lstrip())
        if latex[start : start + 1] != "{":
            break
        depth, position = 0, len(latex)
        for sign in _BRACES.finditer(latex, start):
            depth += (sign[0] == "{") - (sign[0] == "}")
            if not depth:
                position = sign.end()
                break
        given.append(latex[start + 1 : position - 1])
    return given, position
