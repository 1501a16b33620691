r"""Signs of mathematics outside formulas: ``5 \pm 1``, ``30^\circ``, ``\textcircled{1}``."""

from collections.abc import Callable
from typing import NamedTuple

from got_runtime.markup.content import Inline, Mark, Text
from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.signs import SIGNS, circled, dingbat

SIGN_COMMANDS = frozenset({*(name for name in SIGNS if len(name) > 1), "textcircled", "circled", "ding"})

_RAISED_SIGNS = {"\\circ": "°", "\\degree": "°", "\\prime": "′", "\\prime\\prime": "″"}


class Script(NamedTuple):
    """The mark of a raised or lowered group."""

    mark: Mark


_SCRIPTS = {"^": Script("superscript"), "_": Script("subscript")}


def take_script(pieces: list[Inline], reader: TokenReader, opening: int, closing: int) -> Script | str | None:
    r"""How the braced group behind ``pieces`` is printed outside a formula, where a ``^`` or ``_`` stands before it.

    ``10^{5}`` and ``CO_{2}`` have a mark, ``90^{\circ}`` is a sign. The ``^`` or ``_`` is removed from ``pieces``.
    """
    last = pieces[-1] if pieces else None
    if last is None or last.kind != "text" or last.text[-1:] not in _SCRIPTS or closing == opening + 1:
        return None
    pieces[-1] = Text(text=last.text[:-1], marks=last.marks)
    return _RAISED_SIGNS.get("".join(reader.source(opening + 1, closing).split()), _SCRIPTS[last.text[-1]])


def read_sign(
    reader: TokenReader, index: int, high: int, pieces: list[Inline], words: Callable[[int, int], str]
) -> tuple[str, int]:
    """The characters of the command at ``index`` behind ``pieces``, and the index after it.

    A ``^`` at the end of ``pieces`` is part of the sign of degrees, and removed.
    """
    name = reader.tokens[index].name
    if name == "ding":
        argument = reader.argument(index + 1, high)
        code = reader.source(*argument[0]).strip() if argument else ""
        printed = dingbat(int(code)) if code.isdecimal() and len(code) < 4 else None
        return (printed, argument[1]) if printed and argument else (reader.tokens[index].text, index + 1)
    if name in ("textcircled", "circled"):
        argument = reader.argument(index + 1, high)
        if argument is None:
            sign = reader.skip_spaces(index + 1, high)
            text = reader.tokens[sign].text if sign < high else ""
            return (circled(text[:1]) or text[:1]) + text[1:], min(sign + 1, high)
        inside = words(*argument[0])
        return circled(inside) or (f"({inside})" if inside else ""), argument[1]
    last = pieces[-1] if pieces else None
    if name == "circ" and last is not None and last.kind == "text" and last.text.endswith("^"):
        pieces[-1] = Text(text=last.text[:-1], marks=last.marks)
        name = "degree"
    return SIGNS[name], index + 1
