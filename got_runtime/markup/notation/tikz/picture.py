"""A TikZ figure: its statements, scopes, loops, styles and macros."""

import math
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from got_runtime.markup.notation.tikz.axis import Axis
from got_runtime.markup.notation.tikz.colours import define
from got_runtime.markup.notation.tikz.macros import (
    called,
    command,
    declare_functions,
    expanded,
    is_global,
    macro,
    substitute,
)
from got_runtime.markup.notation.tikz.matrices import MatrixReader
from got_runtime.markup.notation.tikz.numbers import NotDrawn, closing, evaluate, opened
from got_runtime.markup.notation.tikz.options import Frame, apply, parse_options, take_styles
from got_runtime.markup.notation.tikz.path import PathReader
from got_runtime.markup.notation.tikz.sheet import Sheet
from got_runtime.markup.notation.tikz.statements import chosen, loop, statements, unrolled, without_comments
from got_runtime.markup.notation.tikz.tkz import TkzReader
from got_runtime.markup.notation.tikz.trees import TreeReader

__all__ = ["Figure", "draw", "to_svg"]

_MAX_STATEMENTS = 2000
_MAX_ROUNDS = 5000
_FAILED = 100  # the work of a statement that is not understood
_MAX_DEPTH = 8
_FAILURES = (NotDrawn, ArithmeticError, LookupError, RecursionError, ValueError)
"""Of a statement that is not well formed."""
_WITHOUT_EFFECT = re.compile(
    r"\\(usetikzlibrary|usepgfplotslibrary|usepackage|centering|small|footnotesize|scriptsize|tiny|normalsize|large"
    r"|bfseries|sffamily|pgfplotsset|useasboundingbox|path\s*\[\s*use as bounding box)"
)
_CLIP = re.compile(r"\\(clip\b|tkzClip|(path|draw|fill|filldraw)\s*\[[^]]*\bclip\b)")
_ENVIRONMENT = re.compile(
    r"\\begin\{(scope|pgfonlayer|tiny|scriptsize|footnotesize|small|normalsize|large|Large|huge|center)\}"
    r"(?:(?<=pgfonlayer\})\{\w+\})?"
)
# A definition, or another change of a macro or register: "\\def\\a{1}", "\\global\\let\\a\\b", "\\advance\\n by 1".
_ASSIGNED = re.compile(
    r"(?:\\global\s*)?\\(?:\w*def|let|advance|multiply|divide|\w*newcommand|pgfmath\w*macro)\*?\s*\{?\s*\\([A-Za-z]+)"
)
_LOG_AXIS = re.compile(r"\\begin\{(semilog([xy])axis|loglogaxis)\}")
_DEFINED = re.compile(r"(?:coordinate|node)\s*(?:\[[^\]]*\]\s*)*\(([^()]+)\)")


class Figure(NamedTuple):
    """A drawing, and how many of the statements of its source it shows."""

    svg: str | None
    drawn: int
    statements: int


def to_svg(tikz: str) -> str | None:
    """An SVG of the figure; None if no part of it can be drawn."""
    return draw(tikz).svg


def draw(tikz: str) -> Figure:
    """The figure with the statements that can be drawn right."""
    picture = _Picture()
    body = without_comments(tikz)
    start = body.find("\\begin{tikzpicture}")
    before, body = (body[:start], body[start + 19 :]) if start >= 0 else ("", body)
    body = body.partition("\\end{tikzpicture}")[0].lstrip()
    frame = Frame(colours=picture.colours)
    for statement in statements(before):
        picture.read(statement, frame)
    try:
        options, body = opened(body)
        frame = picture.opened(frame, options)
    except _FAILURES:
        return Figure(None, 0, sum(1 for _ in statements(body)))
    picture.read_all(body, frame)
    return Figure(picture.sheet.svg(), picture.drawn, picture.statements)


@dataclass
class _Picture:
    sheet: Sheet = field(default_factory=Sheet)
    styles: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    colours: dict[str, str] = field(default_factory=dict)
    outer: list[dict[str, str]] = field(default_factory=list)
    """The values outside of the loops that are read."""
    commands: dict[str, tuple[int, str]] = field(default_factory=dict)
    functions: dict[str, tuple[list[str], str]] = field(default_factory=dict)
    tkz: TkzReader = field(init=False)
    drawn: int = 0
    statements: int = 0
    rounds: int = 0
    """Of loops."""

    def __post_init__(self) -> None:
        self.tkz = TkzReader(self.sheet, self.styles)

    def opened(self, frame: Frame, options: str) -> Frame:
        """The frame with the options of the figure or of a scope. Raises ``NotDrawn``."""
        parsed = parse_options(substitute(options, self.values), self.styles)
        for key, value in parsed:
            if key == "declare function":
                declare_functions(value, self.functions)
        others = take_styles([pair for pair in parsed if pair[0] != "declare function"], self.styles)
        return apply(frame, others, self.sheet.named)

    def read_all(self, body: str, frame: Frame, depth: int = 0) -> None:
        """Draws the statements of a figure or scope, up to a clip that fails: what follows would be drawn wrong."""
        is_missing = False
        clips = len(self.sheet.clips)
        for statement in statements(body):
            if is_missing:
                self.statements += 1
                continue
            drawn = self.drawn
            self.read(statement, frame, depth)
            is_missing = self.drawn == drawn and _CLIP.match(statement) is not None
        self.sheet.unclip(clips)

    def read(self, statement: str, frame: Frame, depth: int = 0) -> None:
        """Draws one statement, or none of it."""
        if self.statements >= _MAX_STATEMENTS or depth > _MAX_DEPTH:
            self.statements += 1
            return
        before = self.sheet.mark()
        try:
            self.sheet.spend(10)
            if self._enclosing(statement, frame, depth):
                return
            self._read(statement, frame)
        except _FAILURES:
            self.statements += 1
            self.sheet.work += _FAILED
            self.sheet.back_to(before)
            self._forget(statement)
        else:
            self.statements += 1
            self.drawn += 1

    def _forget(self, statement: str) -> None:
        """Removes the points that a statement should have defined: what uses them is not drawn with older ones."""
        for name in _DEFINED.findall(statement):
            self.sheet.named.pop(name.strip(), None)
            self.sheet.nodes.pop(name.strip(), None)
        if found := _ASSIGNED.match(statement):
            for values in (self.values, *self.outer):
                values.pop(found[1], None)

    def _enclosing(self, statement: str, frame: Frame, depth: int) -> bool:
        """Whether the statement contains others, which are read."""
        if found := _ENVIRONMENT.match(statement):
            options, body = opened(statement[found.end() :].removesuffix(f"\\end{{{found[1]}}}"))
            try:
                inner = self.opened(frame, options)
            except NotDrawn:
                self.statements += sum(1 for _ in statements(body)) - 1
                raise
            self.read_all(body, inner, depth + 1)
            return True
        if statement.startswith("\\if"):
            self.read_all(chosen(substitute(statement, self.values)), frame, depth + 1)
            return True
        if statement.startswith("\\foreach"):
            found_loop = loop(statement, self.values)
            if found_loop is None:
                raise NotDrawn
            for values in found_loop[0]:
                self.rounds += 1
                if self.rounds > _MAX_ROUNDS:
                    raise NotDrawn
                self.outer.append(self.values)
                self.values = self.values | values
                self.read_all(found_loop[1], frame, depth + 1)
                self.values = self.outer.pop()
            return True
        if command(statement, self.commands):
            self.statements += 1
            self.drawn += 1
            return True
        if self.commands and (text := expanded(statement, self.commands)) != statement:
            self.read_all(text, frame, depth + 1)
            return True
        return False

    def _read(self, statement: str, frame: Frame) -> None:
        if _WITHOUT_EFFECT.match(statement):
            return
        if statement.startswith(("\\tikzset", "\\tikzstyle")):
            self._style(statement)
            return
        if statement.startswith(("\\definecolor", "\\colorlet")):
            define(statement, self.colours)
            return
        if statement.startswith("\\tdplotsetmaincoords"):
            self._turned_axes(statement)
            return
        if found := _LOG_AXIS.match(statement):
            options, body = opened(statement[found.end() :])
            modes = "".join(f"{axis}mode=log," for axis in (found[2] or "xy"))
            statement = (
                f"\\begin{{axis}}[{modes}{options}]{body.removesuffix(found[0].replace('begin', 'end'))}\\end{{axis}}"
            )
        if statement.startswith("\\begin{axis}"):
            self._axis(statement, frame)
            return
        if macro(called(substitute_value(statement, self.values), self.functions), self.values):
            for values in self.outer if is_global(statement) else ():
                values |= {name: self.values[name] for name in _ASSIGNED.findall(statement)}
            return
        values = self.values
        if "\\pgfmathparse" in statement:  # its own result
            values = {name: value for name, value in values.items() if name != "pgfmathresult"}
        statement = called(unrolled(substitute(statement.rstrip("; \n"), values)), self.functions)
        if statement.startswith("\\tkz"):
            self.tkz.read(statement, frame, self.values)
        elif statement.startswith("\\matrix"):
            MatrixReader(self.sheet, frame, self.styles).read_matrix(statement)
        elif re.search(r"\bchild\b", statement):
            TreeReader(self.sheet, frame, self.styles).read_tree(statement)
        else:
            PathReader(self.sheet, frame, self.styles).read(statement)

    def _axis(self, statement: str, frame: Frame) -> None:
        r"""Draws an ``axis``, then the statements in it that are of TikZ, in its coordinates."""
        text = substitute(statement, self.values)
        options, _ = opened(text.removeprefix("\\begin{axis}"))
        for key, value in parse_options(options, {}):
            if key == "declare function":
                declare_functions(value, self.functions)
        axis = Axis(self.sheet, frame, self.styles)
        others = axis.read(called(text, self.functions), lambda each, inner: self.read(each, inner, 1))
        self.statements += axis.statements - 1
        self.drawn += axis.drawn - 1
        for each in others:
            self.read(each, axis.inner, 1)

    def _turned_axes(self, statement: str) -> None:
        r"""The axes of ``\tdplotsetmaincoords{70}{110}`` (tikz-3dplot) as a style."""
        theta, phi = (evaluate(each) for each in re.findall(r"\{([^{}]*)\}", statement)[:2])
        (sin_t, cos_t), (sin_p, cos_p) = ((math.sin(math.radians(a)), math.cos(math.radians(a))) for a in (theta, phi))
        axes = {"x": (cos_p, -cos_t * sin_p), "y": (sin_p, cos_t * cos_p), "z": (0.0, sin_t)}
        self.styles["tdplot_main_coords"] = ",".join(f"{key}={{({x:.5f}cm,{y:.5f}cm)}}" for key, (x, y) in axes.items())

    def _style(self, statement: str) -> None:
        if statement.startswith("\\tikzstyle"):
            name, _, options = statement.removeprefix("\\tikzstyle").partition("=")
            self.styles[name.strip(" {}")] = options.strip().strip(";").strip().strip("[]")
            return
        inside = statement.removeprefix("\\tikzset").strip().strip(";")
        if not inside.startswith("{"):
            raise NotDrawn
        self.opened(Frame(colours=self.colours), inside[1 : closing(inside, 0)])


def substitute_value(statement: str, values: dict[str, str]) -> str:
    """A definition whose value, but not its name, has its macros replaced."""
    opening = statement.rfind("{")
    return statement[:opening] + substitute(statement[opening:], values) if opening > 0 else statement
