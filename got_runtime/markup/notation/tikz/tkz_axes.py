r"""The window of tkz-base and what is drawn in it: ``\tkzGrid``, ``\tkzAxeXY``, ``\tkzFct``, as statements of TikZ."""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from got_runtime.markup.notation.tikz.numbers import NotDrawn, closing, evaluate

__all__ = ["Window", "in_window"]

Options = dict[str, str]
_MAX_TICKS = 60
_BEYOND = 0.5  # centimetres by which an axis reaches beyond its last tick
_AXES = {"AxeXY": "xy", "DrawXY": "xy", "AxeX": "x", "DrawX": "x", "AxeY": "y", "DrawY": "y", "LabelXY": "xy"}
_AXES |= {"LabelX": "x", "LabelY": "y"}
# Functions of gnuplot, whose angles are in radians, and what they are called in pgfmath.
_OF_ANGLES = re.compile(r"(?<![A-Za-z])(sin|cos|tan)\s*\(")
_OF_GNUPLOT = ((re.compile(r"\*\*"), "^"), (re.compile(r"(?<![A-Za-z])log\s*\("), "ln("))
_KNOWN = re.compile(r"(?<![A-Za-z\\])(?!(?:sin|cos|tan|exp|ln|sqrt|abs|pi|x|r)(?![A-Za-z]))[A-Za-z]+")


class Window(NamedTuple):
    r"""What ``\tkzInit`` sets: the ends of both axes."""

    xmin: float = 0.0
    xmax: float = 10.0
    ymin: float = 0.0
    ymax: float = 10.0

    @classmethod
    def read(cls, options: Options) -> "Window":
        """The window of the options. Raises ``NotDrawn`` for axes with another scale."""
        if any(evaluate(options.get(step, "1")) != 1 for step in ("xstep", "ystep")):
            raise NotDrawn
        window = cls(**{key: evaluate(options[key]) for key in cls._fields if key in options})
        if not (0 < window.xmax - window.xmin <= _MAX_TICKS and 0 < window.ymax - window.ymin <= _MAX_TICKS):
            raise NotDrawn
        return window

    def across(self, word: str) -> str:
        """The path from its lower left to its upper right corner."""
        return f"({self.xmin:g},{self.ymin:g}) {word} ({self.xmax:g},{self.ymax:g})"


def in_window(name: str, options: Options, braces: list[str], window: Window) -> Iterator[str] | None:
    """The statements of TikZ for a command; None for one that needs no window. Raises ``NotDrawn``."""
    if name == "Grid" and not options.keys() & {"sub", "subxstep", "subystep"}:
        return iter([rf"\draw[{_style(options, 'gray!60,very thin')}] {window.across('grid')}"])
    if name == "Clip" and not options:
        return iter([rf"\clip {window.across('rectangle')}"])
    if name in _AXES and not options.keys() - {"label"}:
        return _axes(name, window)
    if name == "Fct" and braces:
        return iter([_function(options, braces[0], window)])
    return None


def _style(options: Options, default: str) -> str:
    kept = [
        f"{key}={{{value}}}" if value else key for key, value in options.items() if key not in ("domain", "samples")
    ]
    return ",".join([default, *kept])


def _axes(name: str, window: Window) -> Iterator[str]:
    low = {"x": window.xmin, "y": window.ymin}
    high = {"x": window.xmax, "y": window.ymax}
    for axis in _AXES[name]:
        if not low["y" if axis == "x" else "x"] <= 0 <= high["y" if axis == "x" else "x"]:
            raise NotDrawn
        end = high[axis] + _BEYOND
        if not name.startswith("Label"):
            if axis == "x":
                yield rf"\draw[-latex] ({low[axis]:g},0) -- ({end:g},0) node[below] {{$x$}}"
            else:
                yield rf"\draw[-latex] (0,{low[axis]:g}) -- (0,{end:g}) node[left] {{$y$}}"
        for at in range(math.ceil(low[axis]), math.floor(high[axis]) + 1):
            if at and not name.startswith("Draw"):
                yield _tick(axis, at)


def _tick(axis: str, at: int) -> str:
    if axis == "x":
        return rf"\draw ({at},0) ++(0pt,2pt) -- ++(0pt,-4pt) node[below] {{${at}$}}"
    return rf"\draw (0,{at}) ++(2pt,0pt) -- ++(-4pt,0pt) node[left] {{${at}$}}"


def _function(options: Options, formula: str, window: Window) -> str:
    r"""The graph of ``\tkzFct[domain=-2:2]{x**2}``, whose formula is in the language of gnuplot."""
    for pattern, sign in _OF_GNUPLOT:
        formula = pattern.sub(sign, formula)
    formula = formula.replace("\\x", "x")
    if _KNOWN.search(formula):
        raise NotDrawn
    formula = _in_degrees(formula)
    formula = re.sub(r"(?<![A-Za-z])x(?![A-Za-z])", r"(\\x)", formula)
    domain = options.get("domain", f"{window.xmin:g}:{window.xmax:g}")
    return rf"\draw[{_style(options, 'thick')},samples=200,domain={domain}] plot (\x,{{{formula}}})"


def _in_degrees(formula: str) -> str:
    """The formula with its angles in degrees: ``sin(x+1)`` as ``sin(deg(x+1))``. Raises ``NotDrawn``."""
    position = 0
    while found := _OF_ANGLES.search(formula, position):
        end = closing(formula, found.end() - 1)
        formula = f"{formula[: found.end()]}deg({formula[found.end() : end]}){formula[end:]}"
        position = found.end() + len("deg(")
    return formula
