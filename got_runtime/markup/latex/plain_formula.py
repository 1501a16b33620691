"""Formulas that need no repair, as most do, and formulas that are a mark of a footnote."""

from functools import lru_cache
from typing import TYPE_CHECKING

from got_runtime.markup.latex.misspelt import is_rule, misspelt_command
from got_runtime.markup.latex.tokens import Kind

if TYPE_CHECKING:
    from got_runtime.markup.latex.token_reader import TokenReader

_AS_WRITTEN = frozenset({Kind.TEXT, Kind.ESCAPED})
_BRACES = frozenset({Kind.OPEN, Kind.CLOSE})
_PAIRED = frozenset({"left", "right", "begin", "end", "verb"})


def as_written(reader: "TokenReader", low: int, high: int) -> str | None:
    """The formula of tokens ``low`` to ``high - 1`` where none of them needs a repair; None for another one."""
    low, high = reader.strip(low, high)
    written: list[str] = []
    for index in range(low, high):
        token = reader.tokens[index]
        kind = token.kind
        if kind in _BRACES:
            if not low <= reader.partner[index] < high:
                return None
        elif kind is Kind.SPACE:
            written.append(" ")
            continue
        elif kind not in _AS_WRITTEN and (kind is not Kind.COMMAND or not _is_plain(token.name)):
            return None
        written.append(token.text)
    latex = "".join(written)
    # What follows a command may be a letter only if LaTeX does not take it for one.
    special = not latex.isascii() or "`" in latex or "tabular" in latex or "  " in latex or latex.endswith("\\")
    return None if special else latex


@lru_cache(maxsize=1024)
def _is_plain(command: str) -> bool:
    return command.rstrip("*") not in _PAIRED and not is_rule(command) and misspelt_command(command) is None


_ESCAPES = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "{}_&%$#"},
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": "<{}",
        "`": "`{}",
    }
)


def code_in_formula(code: str) -> str:
    r"""Code or a molecule as LaTeX within a formula: ``\verb|a_b|`` → ``\texttt{a\_b}``."""
    return f"\\texttt{{{' '.join(code.split()).translate(_ESCAPES)}}}"


_SIGNS = {"\\dagger": "†", "\\ddagger": "‡", "\\ast": "*", "\\star": "*", "\\S": "§", "\\prime": "′"}


def superscript(latex: str) -> str | None:
    """The superscript of a formula that consists of one (``{ }^{1,2}``), as GOT writes footnote marks; else None.

    It is empty for a formula that prints nothing (``{ }^{}``).
    """
    if not latex.strip(" {}^_~"):
        return ""
    base, raised, inner = latex.partition("^")
    if not raised or base.strip(" {}") or len(inner) > 24:
        return None
    inner = inner.strip()
    inner = inner[1:-1] if inner.startswith("{") and inner.endswith("}") else inner
    words = [_SIGNS.get(word, word) for word in inner.split()]
    shown = "".join(words)
    return shown if shown and all(sign.isalnum() or sign in ",*†‡§′-–[]#" for sign in shown) else None
