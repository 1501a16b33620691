"""The sizes of nodes from their texts and options."""

import math
import re

from got_runtime.markup.notation.tikz.node_shapes import NodeShape
from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, evaluate, length
from got_runtime.markup.notation.tikz.options import POINTS
from got_runtime.markup.notation.tikz.text import EM, LINE, text_width

__all__ = ["node_shape", "shape_kind", "wrapped"]

_SHAPES = ("rectangle", "circle", "ellipse", "diamond", "regular polygon")
_SEP = 0.15
"""Between a text and the border of its node."""
_LETTERS = 0.3
"""The height of a line of text."""
_WRAP = 60


def shape_kind(options: dict[str, str]) -> str:
    """The name of the shape that options ask for."""
    return options.get("shape") or next((key for key in reversed(options) if key in _SHAPES), "rectangle")


def node_shape(
    options: dict[str, str],
    lines: list[str],
    centre: Point,
    turn: float,
    *,
    is_coordinate: bool = False,
    size: float = 1.0,
) -> NodeShape:
    """The size of a node from its text, the size of its type and its options."""
    if is_coordinate:
        return NodeShape("rectangle", centre, 0.0, 0.0)
    kind = shape_kind(options)
    if kind not in _SHAPES:
        raise NotDrawn
    wide = size * max(map(text_width, lines), default=0.0) / 2
    high = size * (_LETTERS + LINE * (len(lines) - 1)) / 2 if lines else 0.0
    if options.get("text width"):
        wide = max(wide, length(options["text width"], POINTS) / 2)
    sep = length(options["inner sep"], POINTS) if "inner sep" in options else _SEP
    wide += length(options["inner xsep"], POINTS) if "inner xsep" in options else sep
    high += length(options["inner ysep"], POINTS) if "inner ysep" in options else sep
    least = [
        length(options.get(f"minimum {side}", options.get("minimum size", "0")), POINTS) / 2
        for side in ("width", "height")
    ]
    if kind in ("circle", "regular polygon"):
        wide = high = math.hypot(wide, high)
    elif kind == "ellipse":
        wide, high = wide * math.sqrt(2), high * math.sqrt(2)
    elif kind == "diamond":
        aspect = evaluate(options.get("aspect", "1"))
        if not 0.05 < aspect < 20:
            raise NotDrawn
        wide, high = wide + aspect * high, high + wide / aspect
    sides = int(evaluate(options.get("regular polygon sides", "5"))) if kind == "regular polygon" else 0
    if kind == "regular polygon" and not 3 <= sides <= 60:
        raise NotDrawn
    if sides:  # the text is in the circle inside
        wide = high = wide / math.cos(math.pi / sides)
    wide, high = max(wide, least[0]), max(high, least[1])
    if kind == "circle":
        wide = high = max(wide, high)
    return NodeShape(kind, centre, wide, high, turn, sides, size)


def wrapped(text: str, options: dict[str, str]) -> str:
    """The text with the line ends that its width asks for."""
    width = options.get("text width", "")
    if not width or "\\\\" in text or re.search(r"[$\\]", text):
        return text
    most, lines = max(length(width, POINTS), EM), [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(joined) > most and len(lines) < _WRAP:
            lines.append(word)
        else:
            lines[-1] = joined
    return "\\\\".join(lines)
