"""Names of tables and rules as models misspell them: ``tabularular``, ``\\Hline``, ``\\htabular}``."""

import re
from functools import lru_cache

TABULARS = frozenset({
    "array", "longtable", "supertabular", "tabu", "tabular", "tabular*", "tabularx", "tabulary", "xltabular",
    "xtabular",
})  # fmt: skip
# Environments whose first argument is a width.
WIDE_TABULARS = frozenset({"tabular*", "tabularx", "tabulary", "xltabular"})
# Environments with a similar name that are no tables.
_OTHERS = frozenset({"tabbing", "table", "tables", "tablenotes"})

FULL_RULES = frozenset({
    "bottomrule", "firsthline", "hdashline", "hhline", "hline", "hlineB", "hlinewd", "lasthline", "midrule",
    "specialrule", "thickhline", "toprule", "Xhline",
})  # fmt: skip
PART_RULES = frozenset({"cdashline", "cline", "clineB", "cmidrule", "Xcline"})
_RULES = FULL_RULES | PART_RULES
_COMMON_RULES = ("hline", "cline", "toprule", "midrule", "bottomrule")
# Commands that resemble a rule's name and are none.
_NO_RULES = frozenset({
    "baseline", "centerline", "endline", "hfill", "linebreak", "newline", "outline", "overline", "rule",
    "tabularnewline", "uline", "underline", "lstinline", "numberline", "contentsline", "addcontentsline", "obeyline",
    "obeylines", "multiline", "textline", "inline", "deadline", "timeline", "headline", "byline",
})  # fmt: skip
_RULE = re.compile(r"\w{0,8}line[sd]?|\w{3,8}rules?")

# \hlineName: a rule and the first word of the row below it
_JOINED_RULE = re.compile(r"(\\(?:hline|hdashline|toprule|midrule|bottomrule))(?=[A-Z][A-Za-z]|[A-Z]\Z|[a-z]{2})")
_JOINED_LETTER = re.compile(r"(\\(?:hline|toprule|midrule|bottomrule))[a-z]")

# \begin{tabular{ll}, \end{tabular without its brace, \bgin{tabular}, \ed{tabular}
_ENVIRONMENT = re.compile(r"\\([A-Za-z]{2,6})[ ]?\{[ ]?([A-Za-z]{4,32}\*?)[ ]?(\}?)")
# \htabular}, \endtabular}: what remains of \end{tabular}
_END = re.compile(r"\\[a-z]{0,3}[ ]?tabular[a-z]{0,8}\*?\}")


def _alike(name: str, other: str) -> bool:
    """Whether a name differs by one letter that is missing, added, another one, or swapped with the next."""
    start = 0
    while start < min(len(name), len(other)) and name[start] == other[start]:
        start += 1
    name, other = name[start:], other[start:]
    end = 0
    while end < min(len(name), len(other)) and name[-1 - end] == other[-1 - end]:
        end += 1
    name, other = name[: len(name) - end], other[: len(other) - end]
    return max(len(name), len(other)) < 2 or (len(name) == 2 and name == other[::-1])


@lru_cache(maxsize=1024)
def table_name(name: str) -> str | None:
    """The table environment that ``name`` stands for, possibly misspelt; None for other environments."""
    if name in TABULARS or name in _OTHERS:
        return name if name in TABULARS else None
    plain = name.lower().rstrip("*")
    if "tabular" in plain:
        return "tabular"
    alike = (known for known in ("tabular", "longtable", "array") if _alike(plain, known))
    return next(alike, None) if len(plain) > 3 else None


def misspelt_environment(text: str, position: int) -> tuple[str, str, int] | None:
    r"""A misspelt ``\begin`` or ``\end`` of a table at ``position``: ``"begin"`` or ``"end"``, its name, the end of it.

    None for one that is spelt well, and for other text.
    """
    lost = _END.match(text, position)
    if lost is not None:
        return "end", "tabular", lost.end()
    found = _ENVIRONMENT.match(text, position)
    if found is None:
        return None
    command, written, brace = found.groups()
    if brace and command in ("begin", "end"):
        return None
    which = command if command in ("begin", "end") else misspelt_command(command)
    name = table_name(written)
    if which is None or name is None or (not brace and text[found.end() : found.end() + 1] not in "{[|\\\r\n&"):
        return None
    return which, name, found.end()


@lru_cache(maxsize=1024)
def misspelt_command(command: str) -> str | None:
    """``begin`` or ``end``, where ``command`` differs from it by a letter at most; None for another one."""
    return next((known for known in ("begin", "end") if _alike(command, known)), None)


@lru_cache(maxsize=1024)
def is_rule(name: str) -> bool:
    r"""Whether ``\name`` at the start of a table row draws a rule: one of LaTeX's, or a misspelt one."""
    name = name.rstrip("*")
    if name in _RULES or name in _NO_RULES:
        return name in _RULES
    plain = name.lower()
    if _RULE.fullmatch(plain):
        return True
    if not 3 < len(plain) < 12:
        return False
    return any(
        _alike(plain, known) or (plain[0] == known[0] and sorted(plain) == sorted(known))  # \tropule
        for known in _COMMON_RULES
    )


@lru_cache(maxsize=1024)
def joined_rule(command: str, before_cell: bool = False) -> str | None:
    r"""The rule with which a command begins that is one with the word behind it (``\hlineName``); None for others.

    A single small letter is a word only ``before_cell``, before the end of its cell: ``\hlinex & y``.
    """
    found = _JOINED_RULE.match(command) or (_JOINED_LETTER.fullmatch(command) if before_cell else None)
    if found is None or command[1:] in _RULES:
        return None
    rule = found[1]
    return rule if len(command) == len(rule) + 1 or command[len(rule)].isupper() or not is_rule(command[1:]) else None
