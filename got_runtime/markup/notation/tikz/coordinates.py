"""Points of TikZ: Cartesian, polar, spatial and barycentric coordinates, and those of the calc library."""

import math
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, closing, evaluate, has_unit, split

__all__ = ["CENTIMETRES", "Units", "crossing", "foot", "point"]

_MAX_NESTED = 20
_DEPTH = 0.3849
"""Projection of TikZ's third axis, which points left and down."""


class Units(NamedTuple):
    """The vectors of the three axes in centimetres; numbers without a unit are multiples of them."""

    x: Point = (1.0, 0.0)
    y: Point = (0.0, 1.0)
    z: Point = (-_DEPTH, -_DEPTH)


CENTIMETRES = Units()
Anchors = Callable[[str], Point | None]


def point(text: str, named: Mapping[str, Point], units: Units = CENTIMETRES, anchors: Anchors | None = None) -> Point:
    """The point that stands between the brackets of a coordinate. Raises ``NotDrawn``.

    Args:
        named: points by their names.
        units: the axes of the numbers.
        anchors: the points that only a node has, as ``A.north``.
    """
    text = text.strip()
    if text in named:
        return named[text]
    if text.count("$") > _MAX_NESTED:
        raise NotDrawn
    if anchors is not None and (found := anchors(text)) is not None:
        return found
    if text.startswith("$") and text.endswith("$") and len(text) > 1:
        return _sum(text[1:-1], named, units, anchors)
    if text.startswith("{") and closing(text, 0) == len(text) - 1:
        return point(text[1:-1], named, units, anchors)
    for sign in ("|-", "-|"):
        first, is_there, second = text.partition(sign)
        if is_there:
            a, b = (point(each.strip().strip("()"), named, units, anchors) for each in (first, second))
            return (a[0], b[1]) if sign == "|-" else (b[0], a[1])
    if lines := re.fullmatch(r"intersection of (.+?)--(.+?) and (.+?)--(.+)", text):
        return crossing(*(point(each.strip().strip("()"), named, units, anchors) for each in lines.groups()))
    if text.startswith("barycentric cs:"):
        return _barycentric(text.removeprefix("barycentric cs:"), named)
    return _numbers(text.removeprefix("canvas cs:").removeprefix("xy cs:").removeprefix("xyz cs:"), units)


def _numbers(text: str, units: Units) -> Point:
    if re.match(r"(canvas|xy|xyz) polar cs:", text):
        values = dict(part.split("=", 1) for part in split(text.partition(":")[2]) if "=" in part)
        text = ":".join(values.get(key, values.get(f" {key}", "")) for key in ("angle", "radius"))
    if len(parts := split(text, ":")) == 2:
        turn = math.radians(evaluate(parts[0]))
        wide, _, high = parts[1].partition(" and ")
        return _combined([(wide, math.cos(turn)), (high or wide, math.sin(turn))], units)
    values_ = [part.partition("=")[2] if re.match(r"\s*[xyz]\s*=[^=]", part) else part for part in split(text)]
    if len(values_) not in (2, 3):
        raise NotDrawn
    return _combined([(value, 1.0) for value in values_], units)


def _combined(values: list[tuple[str, float]], units: Units) -> Point:
    """The sum of the values, each times its factor along its axis."""
    x = y = 0.0
    for (text, factor), own, plain in zip(values, units, ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0)), strict=False):
        if not text.strip():
            raise NotDrawn
        along = plain if has_unit(text) else own
        value = evaluate(text) * factor
        x, y = x + value * along[0], y + value * along[1]
    return x, y


def _barycentric(text: str, named: Mapping[str, Point]) -> Point:
    x = y = total = 0.0
    for part in split(text):
        name, _, value = part.partition("=")
        if name.strip() not in named:
            raise NotDrawn
        weight, place = evaluate(value), named[name.strip()]
        x, y, total = x + weight * place[0], y + weight * place[1], total + weight
    if not total:
        raise NotDrawn
    return x / total, y / total


def crossing(a: Point, b: Point, c: Point, d: Point) -> Point:
    """Where the line through ``a`` and ``b`` meets that through ``c`` and ``d``. Raises ``NotDrawn``."""
    across, along = (b[0] - a[0], b[1] - a[1]), (d[0] - c[0], d[1] - c[1])
    area = across[0] * along[1] - across[1] * along[0]
    if abs(area) < 1e-9:
        raise NotDrawn
    part = ((c[0] - a[0]) * along[1] - (c[1] - a[1]) * along[0]) / area
    return a[0] + part * across[0], a[1] + part * across[1]


def foot(place: Point, a: Point, b: Point) -> Point:
    """The projection of a point onto the line through ``a`` and ``b``. Raises ``NotDrawn``."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    square = dx * dx + dy * dy
    if not square:
        raise NotDrawn
    part = ((place[0] - a[0]) * dx + (place[1] - a[1]) * dy) / square
    return a[0] + part * dx, a[1] + part * dy


def _sum(text: str, named: Mapping[str, Point], units: Units, anchors: Anchors | None) -> Point:
    """``factor*(A)!modifier!(B) + …`` of the calc library."""
    x = y = 0.0
    position, sign, factor = 0, 1.0, ""
    while position < len(text):
        if text[position] != "(":
            if text[position] == "{":
                end = closing(text, position)
                factor += text[position : end + 1]
                position = end
            else:
                factor += text[position]
            position += 1
            continue
        end = closing(text, position)
        before = factor.strip()
        if before[:1] in ("+", "-"):
            sign, before = (-1.0 if before[0] == "-" else 1.0), before[1:].strip()
        if before and not before.endswith("*"):
            raise NotDrawn
        if text[end + 1 :].lstrip()[:1] in ("*", "/"):  # a factor in brackets
            factor += text[position : end + 1]
            position = end + 1
            continue
        scale = sign * (evaluate(before[:-1]) if before else 1.0)
        at, position = point(text[position + 1 : end], named, units, anchors), end + 1
        while text[position : position + 1] == "!":
            at, position = _modified(text, position + 1, at, (named, units, anchors))
        x, y = x + scale * at[0], y + scale * at[1]
        sign, factor = 1.0, ""
    if factor.strip():
        raise NotDrawn
    return x, y


def _modified(
    text: str, position: int, at: Point, known: tuple[Mapping[str, Point], Units, Anchors | None]
) -> tuple[Point, int]:
    """A point moved towards another, or dropped on the line to it, and the index after the modifier."""
    dropped: Point | None = None
    modifier = ""
    if text[position : position + 1] == "(" and text[closing(text, position) + 1 : closing(text, position) + 2] == "!":
        end = closing(text, position)
        dropped, position = point(text[position + 1 : end], *known), end + 1
    else:
        end = text.find("!", position)
        if end < 0:
            raise NotDrawn
        modifier, position = text[position:end], end
    angle = 0.0
    opening = text.find("(", position)
    if opening < 0:
        raise NotDrawn
    if turned := text[position + 1 : opening].strip().removesuffix(":"):
        angle = math.radians(evaluate(turned))
    end = closing(text, opening)
    other = point(text[opening + 1 : end], *known)
    if dropped is not None:
        return foot(dropped, at, other), end + 1
    dx, dy = other[0] - at[0], other[1] - at[1]
    part = evaluate(modifier)
    if has_unit(modifier):  # a length and no fraction
        distance = math.hypot(dx, dy)
        if not distance:
            raise NotDrawn
        part /= distance
    dx, dy = dx * math.cos(angle) - dy * math.sin(angle), dx * math.sin(angle) + dy * math.cos(angle)
    return (at[0] + part * dx, at[1] + part * dy), end + 1
