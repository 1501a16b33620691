"""Options of TikZ: which are known, what they change, and the affine maps that some of them are."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from got_runtime.markup.notation.tikz.colours import colour, is_colour
from got_runtime.markup.notation.tikz.coordinates import CENTIMETRES, Units, point
from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, closing, evaluate, length, split
from got_runtime.markup.notation.tikz.tips import tips

__all__ = ["POINTS", "SIDE", "Frame", "apply", "parse_options", "take_styles"]

POINTS = 1 / 28.45
"""Centimetres of a point of TeX."""
_HARMLESS = re.compile(
    r"line (cap|join)|font|inner [xy]?sep|outer [xy]?sep|text (width|height|depth)|align"
    r"|minimum (size|width|height)|>|baseline|cap|join|rounded corners|transform shape|remember picture|overlay"
    r"|trim (left|right)|axis|miter limit|label distance|shape|name path global|use as bounding box|visible on"
    r"|every (label|pin)/\.style|sharp corners|shape border rotate"
    r"|middle color|shading( angle)?|info"
)
_KEPT = frozenset(
    {
        *("domain", "samples", "samples at", "variable", "smooth", "smooth cycle", "tension", "mark", "mark size"),
        *("only marks", "mark options", "step", "xstep", "ystep", "radius", "x radius", "y radius", "start angle"),
        *("end angle", "delta angle", "node distance", "decoration", "decorate", "postaction", "name path", "clip"),
        *("name intersections", "angle radius", "angle eccentricity", "bend", "parabola height", "ybar", "ycomb"),
        *(
            "level distance",
            "sibling distance",
            "grow",
            "grow'",
            "top color",
            "bottom color",
            "left color",
            "right color",
        ),
        *(
            "pattern color",
            "ball color",
            "inner color",
            "outer color",
            "sharp plot",
            "bar width",
            "auto",
            "swap",
            "shorten >",
            "shorten <",
            "name",
            "rounded corners",
        ),
    }
)
"""Options that paths, plots and nodes look up later."""
_WIDTHS = {"ultra thin": 0.1, "very thin": 0.2, "thin": 0.4, "semithick": 0.6, "thick": 0.8, "very thick": 1.2}
_WIDTHS |= {"ultra thick": 1.6, "help lines": 0.2}
_DASHES = re.compile(r"(densely |loosely )?(dashed|dotted|dash dot|dash dot dot|dashdotted)|dash pattern|dash phase")
SIDE = re.compile(r"(above|below)( left| right)?( of)?|(left|right)( of)?|(base|mid) (left|right)( of)?")
_OF_NODES = re.compile(
    r"midway|pos|(very )?near (start|end)|at (start|end)|sloped|auto|swap|anchor|circle|rectangle|ellipse|label"
    r"|pin|at|diamond|aspect|fit|regular polygon( sides)?|align|text width"
    r"|allow upside down|pin (edge|distance)|label position"
)
_PLANE = re.compile(r"canvas is ([xyz])([xyz]) plane at ([xyz])")
_FONTS = re.compile(r"execute at (begin|end) (picture|node|scope)|every (picture|scope)/\.style")
_MAX_OPTIONS = 60
_FINEST, _COARSEST = 0.05, 40.0  # points of a line


_UNIT = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Frame:
    """The map from coordinates to the picture (``x' = ax + cy + e``, ``y' = bx + dy + f``) and the pen."""

    matrix: tuple[float, float, float, float, float, float] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    units: Units = CENTIMETRES
    stroke: str = ""
    fill: str = ""
    dashes: str = ""
    tips: tuple[str, str] = ("", "")
    """At the beginning and the end; the kinds are those of :func:`tips`."""
    width: float = 0.4
    """Of lines, in points."""
    tone: str = "#000000"
    """Of texts."""
    opacity: tuple[float, float] = (1.0, 1.0)
    """Of lines and of areas."""
    double: float = 0.0
    """The distance of two parallel lines in points."""
    pattern: str = ""
    even_odd: bool = False
    colours: dict[str, str] = field(default_factory=dict, compare=False)
    """The figure's own colours."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Options that are looked up later."""

    def at(self, place: Point) -> Point:
        a, b, c, d, e, f = self.matrix
        return a * place[0] + c * place[1] + e, b * place[0] + d * place[1] + f

    def inverse(self, place: Point) -> Point:
        a, b, c, d, e, f = self.matrix
        area, x, y = a * d - b * c, place[0] - e, place[1] - f
        if abs(area) < 1e-9:
            raise NotDrawn
        return (d * x - c * y) / area, (a * y - b * x) / area

    def mapped(self, a: float, b: float, c: float, d: float, e: float = 0.0, f: float = 0.0) -> "Frame":
        """This frame with another map before its own."""
        m = self.matrix
        x, y = self.at((e, f))
        return replace(
            self,
            matrix=(m[0] * a + m[2] * b, m[1] * a + m[3] * b, m[0] * c + m[2] * d, m[1] * c + m[3] * d, x, y),
        )

    def turned(self, degrees: float) -> "Frame":
        turn = math.radians(degrees)
        return self.mapped(math.cos(turn), math.sin(turn), -math.sin(turn), math.cos(turn))

    def point(self, text: str, named: Mapping[str, Point]) -> Point:
        """A point in the coordinates of this frame; the named ones are in those of the picture."""
        return point(text, self.local(named), self.units)

    def local(self, named: Mapping[str, Point]) -> Mapping[str, Point]:
        """Points of the picture in the coordinates of this frame."""
        return named if self.matrix == _UNIT else _Local(named, self)


class _Local(Mapping[str, Point]):
    def __init__(self, named: Mapping[str, Point], frame: Frame) -> None:
        self._named, self._frame = named, frame

    def __getitem__(self, name: str) -> Point:
        return self._frame.inverse(self._named[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)


def parse_options(text: str, styles: Mapping[str, str], depth: int = 0) -> list[tuple[str, str]]:
    """Keys and values; names of styles are replaced by their options."""
    found: list[tuple[str, str]] = []
    for each in split(text):
        part = each.strip()
        if len(found) > _MAX_OPTIONS:
            raise NotDrawn
        if part.startswith('"') and (end := part.find('"', 1)) > 0:  # a label of the quotes library
            found.append((part[: end + 1], _unbraced(part[end + 1 :])))
            continue
        key, *values = split(part, "=")
        value = "=".join(values)
        key = _unbraced(" ".join(key.split()).removeprefix("/tikz/"))
        if not key:
            continue
        if key in styles and depth < 8:
            found += parse_options(styles[key].replace("#1", _unbraced(value)), styles, depth + 1)
        else:
            found.append((key, _unbraced(value)))
    return found


def _unbraced(value: str) -> str:
    value = value.strip()
    return value[1:-1] if value.startswith("{") and _closes(value) else value


def _closes(value: str) -> bool:
    try:
        return closing(value, 0) == len(value) - 1
    except NotDrawn:
        return False


def take_styles(options: list[tuple[str, str]], styles: dict[str, str]) -> list[tuple[str, str]]:
    """Adds the styles that options define, and returns the other options. Raises ``NotDrawn``."""
    others = []
    for key, value in options:
        name, _, kind = key.partition("/.")
        if kind in ("style", "append style", "prefix style") and not name.endswith(("picture", "scope")):
            styles[name] = value if kind == "style" else f"{styles.get(name, '')},{value}"
        elif not kind:
            others.append((key, value))
        else:
            raise NotDrawn
    return others


def apply(frame: Frame, options: list[tuple[str, str]], named: Mapping[str, Point]) -> Frame:
    """The frame with the options of a path, scope or picture. Raises ``NotDrawn`` for one that is not known."""
    tone = frame.tone
    for key, value in sorted(options, key=lambda option: not is_colour(option[0], frame.colours)):
        if (mapped := _mapped(frame, key, value, named)) is not None:
            frame = mapped
        elif is_colour(key, frame.colours):  # of what the command draws
            tone = colour(value if key == "color" else key, frame.colours)
            frame = replace(frame, stroke="none" if frame.stroke == "none" else tone, tone=tone)
            frame = replace(frame, fill=tone if frame.fill not in ("", "none") else frame.fill)
        elif key in ("draw", "fill", "pattern"):
            frame = _area(frame, key, value, tone)
        elif (drawn := _pen(frame, key, value)) is not None:
            frame = drawn
        elif key in _KEPT:
            frame = replace(frame, keys={**frame.keys, key: value})
        elif (ends := tips(value if key == "arrows" else key)) is not None and key != "-":
            frame = replace(frame, tips=ends)
        elif key == "-":
            frame = replace(frame, tips=("", ""))
        elif not (_HARMLESS.fullmatch(key) or SIDE.fullmatch(key) or _OF_NODES.fullmatch(key)):
            raise NotDrawn
    return frame


def _area(frame: Frame, key: str, value: str, tone: str) -> Frame:
    if key == "pattern":
        return replace(frame, pattern=value, fill=frame.fill if frame.fill not in ("", "none") else tone)
    shade = "none" if value == "none" else colour(value, frame.colours) if value else tone
    if key == "draw":
        return replace(frame, stroke=shade)
    return replace(frame, fill=shade, pattern="" if value else frame.pattern)


def _mapped(frame: Frame, key: str, value: str, named: Mapping[str, Point]) -> Frame | None:
    """The frame with the map or the axes of an option; None for another option."""
    match key:
        case "scale" | "xscale" | "yscale":
            factor = evaluate(value)
            return frame.mapped(1 if key[0] == "y" else factor, 0, 0, 1 if key[0] == "x" else factor)
        case "x" | "y" | "z":
            if "(" in value or "," in value:
                along = point(value.strip().removeprefix("(").removesuffix(")"), {})
            else:
                size = length(value)
                along = (size, 0.0) if key == "x" else (0.0, size) if key == "y" else (-0.7071 * size, -0.7071 * size)
            return replace(frame, units=frame.units._replace(**{key: along}))
        case key if found := _PLANE.fullmatch(key):
            axes, away = frame.units._asdict(), frame.units._asdict()[found[3]]
            size = evaluate(value)
            moved = frame.mapped(1, 0, 0, 1, size * away[0], size * away[1])
            return replace(moved, units=Units(axes[found[1]], axes[found[2]], (0.0, 0.0)))
        case "cm":
            *parts, place = split(value)
            a, b, c, d = (evaluate(part) for part in parts)
            x, y = frame.point(place.strip().removeprefix("(").removesuffix(")"), named)
            return frame.mapped(a, b, c, d, x, y)
        case "rotate":
            return frame.turned(evaluate(value))
        case "rotate around":
            angle, _, centre = value.partition(":")
            x, y = frame.point(centre.strip().removeprefix("(").removesuffix(")"), named)
            turned = frame.mapped(1, 0, 0, 1, x, y).turned(evaluate(angle))
            return turned.mapped(1, 0, 0, 1, -x, -y)
        case "xshift" | "yshift":
            shift = length(value, POINTS)
            return frame.mapped(1, 0, 0, 1, *((shift, 0.0) if key == "xshift" else (0.0, shift)))
        case "shift":
            place = value.strip("{}").strip()
            place = place[1:-1] if place.startswith("(") and _closes(place) else place
            return frame.mapped(1, 0, 0, 1, *frame.point(place, named))
    return None


def _pen(frame: Frame, key: str, value: str) -> Frame | None:
    """The frame with the line or the colour of text of an option; None for another option."""
    if key in _WIDTHS or key == "line width":
        width = _WIDTHS[key] if key in _WIDTHS else length(value, POINTS) / POINTS
        frame = replace(frame, width=min(max(width, _FINEST), _COARSEST))
        return replace(frame, stroke=colour("gray", {})) if key == "help lines" and frame.stroke != "none" else frame
    if key == "solid":
        return replace(frame, dashes="")
    if _DASHES.fullmatch(key):
        if "dash dot" in key or "dashdot" in key:
            return replace(frame, dashes="6 3 1.5 3")
        return replace(frame, dashes="1.5 4" if "dotted" in key else "6 4")
    if key == "double" or key == "double distance":
        if value and key == "double" and value != "white":
            raise NotDrawn
        distance = length(value, POINTS) / POINTS if key != "double" else frame.double or 0.6
        return replace(frame, double=min(max(distance, _FINEST), _COARSEST))
    if key in ("opacity", "fill opacity", "draw opacity"):
        share = min(max(evaluate(value), 0.0), 1.0)
        line, area = frame.opacity
        return replace(frame, opacity=(share if key[0] != "f" else line, share if key[0] != "d" else area))
    if key in ("text", "text opacity"):
        return replace(frame, tone=colour(value, frame.colours)) if key == "text" else frame
    if key in ("even odd rule", "nonzero rule"):
        return replace(frame, even_odd=key == "even odd rule")
    return frame if _FONTS.fullmatch(key) and not value else None
