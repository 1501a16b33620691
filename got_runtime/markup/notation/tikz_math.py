"""Numbers and points of TikZ: calculations as pgfmath makes them, and the coordinates of the calc library."""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping

__all__ = ["NotDrawn", "Point", "closing", "evaluate", "point", "split"]

Point = tuple[float, float]

_MAX_CHARACTERS, _MAX_NUMBER = 400, 1000.0
_UNITS = {"cm": 1.0, "mm": 0.1, "pt": 0.03515, "in": 2.54, "ex": 0.15, "em": 0.35}
_QUANTITY = re.compile(r"(?<![\w.])([0-9]*\.?[0-9]+)\s*(cm|mm|pt|in|ex|em)\b")
_RADIANS = re.compile(r"(\b[a-z]\b|[0-9.]+|\([^()]*\))\s+r\b|(\))\s*r\b")
# What Python warns of, or takes for a number of its own: 2x, 0x10, 1_000, 1j.
_FOREIGN_NUMBER = re.compile(r"(?<![\w.])[0-9.]+(?!e[-+]?[0-9])[A-Za-z_]")
_DEPTH = 0.3849
"""Projection of TikZ's third axis, which points left and down."""


class NotDrawn(Exception):
    """A statement that cannot be drawn right, and so is not drawn."""


def _degrees(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda angle: function(math.radians(angle))


_FUNCTIONS: dict[str, Callable[..., float]] = {
    "sin": _degrees(math.sin),
    "cos": _degrees(math.cos),
    "tan": _degrees(math.tan),
    "asin": lambda x: math.degrees(math.asin(x)),
    "acos": lambda x: math.degrees(math.acos(x)),
    "atan": lambda x: math.degrees(math.atan(x)),
    "atan2": lambda y, x: math.degrees(math.atan2(y, x)),
    "cot": lambda x: 1 / math.tan(math.radians(x)),
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "ln": math.log,
    "log10": math.log10,
    "log2": math.log2,
    "abs": abs,
    "pow": math.pow,
    "deg": math.degrees,
    "rad": math.radians,
    "max": max,
    "min": min,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
    "int": math.trunc,
    "veclen": math.hypot,
    "mod": math.fmod,
}
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
}


def evaluate(text: str, variables: Mapping[str, float] | None = None, limit: float = _MAX_NUMBER) -> float:
    """The value of a calculation, lengths in centimetres, angles in degrees. Raises ``NotDrawn``."""
    text = text.strip().strip("{}").strip()
    text = _QUANTITY.sub(lambda found: f"({found[1]}*{_UNITS[found[2]]})", text)
    text = _RADIANS.sub(lambda found: f"deg({found[1]})" if found[1] else "!", text).replace("^", "**")
    if not text or len(text) > _MAX_CHARACTERS or _FOREIGN_NUMBER.search(text):
        raise NotDrawn
    try:
        value = float(_value(ast.parse(text.replace("{", "(").replace("}", ")"), mode="eval").body, variables or {}))
    except (SyntaxError, ValueError, ArithmeticError, TypeError, RecursionError, MemoryError) as error:
        raise NotDrawn from error
    if not abs(value) < limit:
        raise NotDrawn
    return value


def _value(node: ast.expr, variables: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in variables:
            return variables[name]
        case ast.Name(id="pi"):
            return math.pi
        case ast.Name(id="e"):
            return math.e
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, variables)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, variables)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, variables), _value(right, variables))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return float(_FUNCTIONS[name](*(_value(each, variables) for each in arguments)))
    raise NotDrawn


def closing(text: str, start: int) -> int:
    """The index of the bracket that closes the one at ``start``; brackets of the other kinds inside are skipped."""
    pairs = {"(": ")", "[": "]", "{": "}"}
    expected: list[str] = []
    for position in range(start, len(text)):
        sign = text[position]
        if sign in pairs and (sign == "{" or not expected or expected[-1] != "}"):
            expected.append(pairs[sign])
        elif expected and sign == expected[-1]:
            expected.pop()
            if not expected:
                return position
    raise NotDrawn


def split(text: str, sign: str = ",") -> list[str]:
    """The parts of a text between signs outside of brackets."""
    parts, depth, start = [], 0, 0
    for position, each in enumerate(text):
        depth += (each in "([{") - (each in ")]}")
        if each == sign and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def point(text: str, named: Mapping[str, Point]) -> Point:
    """The point that stands between the brackets of a coordinate. Raises ``NotDrawn``."""
    text = text.strip()
    if text in named:
        return named[text]
    if text.startswith("$") and text.endswith("$"):
        return _sum(text[1:-1], named)
    for sign in ("|-", "-|"):
        first, found, second = text.partition(sign)
        if found:
            a, b = (point(each.strip(), named) for each in (first, second))
            return (a[0], b[1]) if sign == "|-" else (b[0], a[1])
    if found_lines := re.fullmatch(r"intersection of (.+?)--(.+?) and (.+?)--(.+)", text):
        return _crossing(*(point(each.strip().strip("()"), named) for each in found_lines.groups()))
    if len(parts := split(text, ":")) == 2:
        angle, radius = evaluate(parts[0]), evaluate(parts[1])
        return radius * math.cos(math.radians(angle)), radius * math.sin(math.radians(angle))
    numbers = [evaluate(each) for each in split(text)]
    if len(numbers) == 3:
        return numbers[0] - _DEPTH * numbers[2], numbers[1] - _DEPTH * numbers[2]
    if len(numbers) != 2:
        raise NotDrawn
    return numbers[0], numbers[1]


def _crossing(a: Point, b: Point, c: Point, d: Point) -> Point:
    across, along = (b[0] - a[0], b[1] - a[1]), (d[0] - c[0], d[1] - c[1])
    area = across[0] * along[1] - across[1] * along[0]
    if abs(area) < 1e-9:
        raise NotDrawn
    part = ((c[0] - a[0]) * along[1] - (c[1] - a[1]) * along[0]) / area
    return a[0] + part * across[0], a[1] + part * across[1]


def _sum(text: str, named: Mapping[str, Point]) -> Point:
    """``factor*(A)!modifier!(B) + …`` of the calc library."""
    x = y = 0.0
    position, sign, factor = 0, 1.0, ""
    while position < len(text):
        if text[position] != "(":
            factor += text[position]
            position += 1
            continue
        end = closing(text, position)
        before = factor.strip()
        if before[:1] in ("+", "-"):
            sign, before = (-1.0 if before[0] == "-" else 1.0), before[1:].strip()
        if before and not before.endswith("*"):
            if text[end + 1 : end + 2] == "*":  # a factor in brackets
                factor += text[position : end + 1] + "*"
                position = end + 2
                continue
            raise NotDrawn
        scale = sign * (evaluate(before[:-1]) if before else 1.0)
        at, position = point(text[position + 1 : end], named), end + 1
        while text[position : position + 1] == "!":
            at, position = _modified(text, position + 1, at, named)
        x, y = x + scale * at[0], y + scale * at[1]
        sign, factor = 1.0, ""
    if factor.strip():
        raise NotDrawn
    return x, y


def _modified(text: str, position: int, at: Point, named: Mapping[str, Point]) -> tuple[Point, int]:
    """A point moved towards another, or dropped on the line to it, and the index after the modifier."""
    foot: Point | None = None
    modifier = ""
    if text[position : position + 1] == "(" and text[closing(text, position) + 1 : closing(text, position) + 2] == "!":
        end = closing(text, position)
        foot, position = point(text[position + 1 : end], named), end + 1
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
    other = point(text[opening + 1 : end], named)
    dx, dy = other[0] - at[0], other[1] - at[1]
    length = math.hypot(dx, dy)
    if foot is not None:
        if not length:
            raise NotDrawn
        part = ((foot[0] - at[0]) * dx + (foot[1] - at[1]) * dy) / length**2
    else:
        part = evaluate(modifier)
        if re.search(r"[a-z]{2}\s*$", modifier):  # a length and no fraction
            if not length:
                raise NotDrawn
            part /= length
    dx, dy = dx * math.cos(angle) - dy * math.sin(angle), dx * math.sin(angle) + dy * math.cos(angle)
    return (at[0] + part * dx, at[1] + part * dy), end + 1
