"""Numbers of TikZ: calculations as pgfmath makes them."""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

__all__ = [
    "AS_TEXT",
    "NotDrawn",
    "Point",
    "closing",
    "evaluate",
    "has_unit",
    "length",
    "opened",
    "result",
    "split",
    "without_braces",
]

Point = tuple[float, float]

_MAX_CHARACTERS, _MAX_NUMBER = 400, 1e6
_MAX_FACTORIAL = 20
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)")
AS_TEXT = "as_text"
"""A variable whose number stands before a power as TeX writes it there: ``-1^2`` is -1."""
_UNITS = {"cm": 1.0, "mm": 0.1, "pt": 0.03515, "bp": 0.03528, "in": 2.54, "ex": 0.15, "em": 0.35}
_QUANTITY = re.compile(r"(?<![\w.])([0-9]+\.?[0-9]*|\.[0-9]+)\s*(cm|mm|pt|bp|in|ex|em)\b")
_OVER_LENGTH = re.compile(r"/\s*\(*\s*[0-9.]+\s*(?:cm|mm|pt|bp|in|ex|em)\b")
_RADIANS = re.compile(r"(?:(\b(?:[a-z]|value|as_text|pi)\b|[0-9.]+)\s+|\)\s*)r\b")
_NAME_END = re.compile(r"[A-Za-z0-9]*\Z")
# What Python warns of, or takes for a number of its own: 2x, 0x10, 1_000, 1j.
_FOREIGN_NUMBER = re.compile(r"(?<![\w.])[0-9.]+(?!e[-+]?[0-9])[A-Za-z_]")
_WORDS = ((re.compile("&&"), " and "), (re.compile(r"\|\|"), " or "), (re.compile("!(?!=)"), " not "))
_COMPARISONS: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


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
    "sec": lambda x: 1 / math.cos(math.radians(x)),
    "cosec": lambda x: 1 / math.sin(math.radians(x)),
    "arcsin": lambda x: math.degrees(math.asin(x)),
    "arccos": lambda x: math.degrees(math.acos(x)),
    "arctan": lambda x: math.degrees(math.atan(x)),
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
    "Mod": operator.mod,
    "div": lambda x, y: math.trunc(x / y),
    "frac": lambda x: x - math.trunc(x),
    "factorial": lambda x: math.factorial(int(x)) if 0 <= x <= _MAX_FACTORIAL else math.inf,
    "sign": lambda x: float((x > 0) - (x < 0)),
    "ifthenelse": lambda condition, yes, no: yes if condition else no,
    "greater": operator.gt,
    "less": operator.lt,
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
    try:
        value = float(_value(_parsed(text), variables or {}))
    except (ValueError, ArithmeticError, LookupError, TypeError, RecursionError) as error:
        raise NotDrawn from error
    if not abs(value) < limit:
        raise NotDrawn
    return value


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.expr:
    """The calculation as Python's syntax tree. Raises ``NotDrawn``."""
    text = text.strip().strip("{}").strip()
    if _NUMBER.fullmatch(text):
        return ast.Constant(value=float(text))
    text = _QUANTITY.sub(lambda found: f"({found[1]}*{_UNITS[found[2]]})", text)
    if len(text) > _MAX_CHARACTERS:
        raise NotDrawn
    text = _in_degrees(text.replace("{", "(").replace("}", ")")).replace("^", "**")
    for signs, word in _WORDS:
        text = signs.sub(word, text)
    if len(text) > _MAX_CHARACTERS or _FOREIGN_NUMBER.search(text):
        raise NotDrawn
    text = _conditional(text)
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotDrawn from error


def _in_degrees(text: str) -> str:
    """``x r``, an angle in radians, as ``deg(x)``. Raises ``NotDrawn`` for a bracket that is not opened."""
    while found := _RADIANS.search(text):
        start, end = found.start(), found.end(1)
        if found[1] is None:
            depth, end = 0, found.start() + 1
            while start >= 0:
                depth += (text[start] == ")") - (text[start] == "(")
                if not depth:
                    break
                start -= 1
            else:
                raise NotDrawn
            start = _NAME_END.search(text, 0, start).start()  # type: ignore[union-attr]
        text = f"{text[:start]}deg({text[start:end]}){text[found.end() :]}"
    return text


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
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return float(not _value(operand, variables))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return float(_COMPARISONS[type(op)](_value(left, variables), _value(right, variables)))
        case ast.BoolOp(op=op, values=operands):
            truths = [bool(_value(each, variables)) for each in operands]
            return float(all(truths) if isinstance(op, ast.And) else any(truths))
        case ast.BinOp(left=ast.Name(id="as_text"), op=ast.Pow(), right=right):
            base = variables[AS_TEXT]
            return math.copysign(math.pow(abs(base), _value(right, variables)), base)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, variables), _value(right, variables))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return float(_FUNCTIONS[name](*(_value(each, variables) for each in arguments)))
    raise NotDrawn


def _conditional(text: str) -> str:
    """``a ? b : c`` as a call of ``ifthenelse``."""
    condition, *rest = split(text, "?")
    if not rest:
        return text
    yes, *other = split("?".join(rest), ":")
    if not other:
        raise NotDrawn
    return f"ifthenelse({condition},{_conditional(yes)},{_conditional(':'.join(other))})"


def result(text: str) -> str:
    r"""The value of a calculation as ``\pgfmathresult`` prints it: ``10.0``, ``0.33333``, ``int(10)`` as ``10``.

    Raises ``NotDrawn``.
    """
    value, text = evaluate(text), text.strip()
    if text.startswith(("int(", "div(")) and closing(text, 3) == len(text) - 1:
        return f"{value:.0f}"
    shown = f"{value:.5f}".rstrip("0")
    return shown + "0" if shown.endswith(".") else shown


def has_unit(text: str) -> bool:
    """Whether a calculation is of lengths: one of its numbers has a unit.

    Raises ``NotDrawn`` for lengths divided by lengths, whose quotient TeX takes for a length in points.
    """
    if _QUANTITY.search(text) is None:
        return False
    if _OVER_LENGTH.search(text):
        raise NotDrawn
    return True


def length(text: str, unit: float = 1.0) -> float:
    """A length in centimetres; a number without a unit is multiplied by ``unit`` centimetres."""
    return evaluate(text) * (1.0 if has_unit(text) else unit)


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


def opened(text: str) -> tuple[str, str]:
    """The options in square brackets at the beginning of a text, and what follows them."""
    text = text.lstrip()
    if not text.startswith("["):
        return "", text
    end = closing(text, 0)
    return text[1:end], text[end + 1 :].lstrip()


def without_braces(text: str) -> str:
    """The inside of a text that is one group."""
    return text[1:-1] if text.startswith("{") and closing(text, 0) == len(text) - 1 else text
