"""Chemical formulas of mhchem (``\\ce{H2SO4 + 2 OH- -> …}``) → LaTeX."""

import re

_ARROWS = {
    "<=>>": r"\rightleftharpoons ",
    "<<=>": r"\rightleftharpoons ",
    "<=>": r"\rightleftharpoons ",
    "<->": r"\leftrightarrow ",
    "->": r"\rightarrow ",
    "<-": r"\leftarrow ",
}
_TOKEN = re.compile(
    r"(?P<arrow><=>>|<<=>|<=>|<->|->|<-)(?:\[(?P<above>[^\]]*)\])?(?:\[(?P<below>[^\]]*)\])?"
    r"|\$(?P<formula>[^$]*)\$"
    r"|(?P<script>[_^])(?:\{(?P<group>[^{}]*)\}|(?P<one>\d*[+-]?|.))(?=(?P<end>\s|\Z)?)"
    r"|(?P<letters>[A-Z][a-z]?|[a-z]+)"
    r"|(?P<digits>\d+(?:\.\d+)?)"
    r"|(?P<command>\\[A-Za-z]+|\\.)"
    r"|(?P<space>\s+)"
    r"|(?P<other>.)",
    re.DOTALL,
)


def chemical_latex(source: str) -> str:
    """The formula in LaTeX: upright letters, indices, charges, arrows with what stands above and below them."""
    out: list[str] = []
    follows = False  # whether an atom or a bracket stands directly before
    for found in _TOKEN.finditer(source):
        kind, text = found.lastgroup, found[0]
        if found["arrow"]:
            out.append(_arrow(found))
        elif found["formula"] is not None:
            out.append(f"{{{found['formula']}}}")
        elif found["script"]:
            inside = found["group"] if found["group"] is not None else found["one"]
            alone = text == "^" and not follows
            out.append(r"\uparrow " if alone else f"{text[0]}{{{inside}}}")
            continue
        elif found["letters"]:
            out.append(rf"\mathrm{{{text}}}" if text != "v" or follows else r"\downarrow ")
        elif found["digits"]:
            out.append(f"_{{{text}}}" if follows else text)
        elif text in "+-" and follows and _ends_word(source, found.end()):
            out.append(f"^{{{text}}}")
        elif kind == "space":
            out.append(r"\ ")
        elif text in "*.":
            out.append(r"\cdot ")
        else:
            out.append({"-": "-", "=": "=", "#": r"\equiv "}.get(text, text) + (" " if found["command"] else ""))
        follows = bool(found["letters"]) or text in ")]}" or (bool(found["digits"]) and follows)
    return "".join(out)


def _ends_word(source: str, position: int) -> bool:
    return source[position : position + 1] in ("", " ", ")", "]", ",")


def _arrow(found: re.Match[str]) -> str:
    above, below = found["above"], found["below"]
    if above is None and below is None:
        return _ARROWS[found["arrow"]]
    name = {"->": "xrightarrow", "<-": "xleftarrow"}.get(found["arrow"])
    over = chemical_latex(above or "")
    if name is None:
        return rf"\overset{{{over}}}{{\rightleftharpoons}}"
    return rf"\{name}[{chemical_latex(below)}]{{{over}}}" if below else rf"\{name}{{{over}}}"
