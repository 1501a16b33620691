r"""What the items of lists within cells and lines begin with: the numbers of ``enumerate``, as LaTeX writes them."""

from collections.abc import Sequence

from got_runtime.markup.headings import as_roman
from got_runtime.markup.latex.tokens import Kind, Token

_LISTS = frozenset({"itemize", "enumerate", "description"})
BULLET = "• "


def item_marks(tokens: Sequence[Token], partner: Sequence[int]) -> dict[int, str]:
    r"""The number of each ``\item`` of an ``enumerate``, by its token; others are not in it."""
    marks: dict[int, str] = {}
    lists: list[tuple[bool, int]] = []  # those that are open: whether it is numbered, and how many such ones there are
    counts: list[int] = []
    for index, token in enumerate(tokens):
        if token.kind is Kind.BEGIN and token.name in _LISTS and partner[index] > index:
            is_numbered = token.name == "enumerate"
            lists.append((is_numbered, (lists[-1][1] if lists else 0) + is_numbered))
            counts.append(0)
        elif token.kind is Kind.END and token.name in _LISTS and partner[index] >= 0 and lists:
            lists.pop()
            counts.pop()
        elif token.kind is Kind.COMMAND and token.name == "item" and lists and lists[-1][0]:
            if index + 1 < len(tokens) and tokens[index + 1].kind is Kind.BRACKET:
                continue  # it has a mark of its own
            counts[-1] += 1
            marks[index] = _number(lists[-1][1], counts[-1])
    return marks


def _number(level: int, number: int) -> str:
    if level == 2 and number <= 26:
        return f"({chr(ord('a') + number - 1)}) "
    if level == 3 and number < 90:
        return f"{as_roman(number).lower()}. "
    return f"{number}. "
