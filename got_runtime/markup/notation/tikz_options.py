"""Options of TikZ: which are known, what they change, and the affine maps that some of them are."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from got_runtime.markup.notation.tikz_math import NotDrawn, Point, evaluate, point, split

__all__ = ["Frame", "apply", "parse_options"]

_COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "red": (255, 0, 0),
    "green": (0, 160, 0),
    "blue": (0, 0, 255),
    "cyan": (0, 174, 239),
    "magenta": (236, 0, 140),
    "yellow": (255, 242, 0),
    "gray": (128, 128, 128),
    "brown": (191, 128, 64),
    "orange": (255, 128, 0),
    "purple": (191, 0, 64),
    "teal": (0, 128, 128),
    "violet": (128, 0, 128),
    "darkgray": (64, 64, 64),
    "lightgray": (191, 191, 191),
    "lime": (191, 255, 0),
    "olive": (128, 128, 0),
    "pink": (255, 191, 191),
}
_HARMLESS = re.compile(
    r"(ultra |very |semi)?(thick|thin)|help lines|line (width|cap|join)|font|inner [xy]?sep|outer [xy]?sep"
    r"|text( width)?|align|(fill |draw |text )?opacity|minimum (size|width|height)|name|>|samples"
    r"|every (node|path)/\.style|baseline|cap|join|rounded corners|smooth|tension|domain|variable|transform shape"
    r"|mark size|axis|even odd rule|step|miter limit|label distance|shape"
)
_DASHES = re.compile(r"(densely |loosely )?(dashed|dotted|dash dot)|dash pattern")
_TIP = re.compile(
    r"(\|?(?:<|latex|stealth|>|Latex|Stealth|to)|\|)?'?-((?:>|<|latex|stealth|Latex|Stealth|to)\|?|\|)?'?"
)
_SIDES = re.compile(r"(above|below)( left| right)?|left|right|(base|mid) (left|right)")
_PLACES = re.compile(
    r"midway|pos|(very )?near (start|end)|at (start|end)|sloped|auto|swap|anchor|circle|rectangle|draw|fill|label|pin"
)


@dataclass(frozen=True)
class Frame:
    """The map from coordinates to the picture (``x' = ax + cy + e``, ``y' = bx + dy + f``) and the pen."""

    matrix: tuple[float, float, float, float, float, float] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    stroke: str = ""
    fill: str = ""
    dashes: str = ""
    tips: tuple[str, str] = ("", "")
    """At the beginning and the end: an arrow ``>``, a bar ``|``, both or none."""

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


def parse_options(text: str, styles: Mapping[str, str], depth: int = 0) -> list[tuple[str, str]]:
    """Keys and values; names of styles are replaced by their options."""
    found: list[tuple[str, str]] = []
    for each in split(text):
        key, _, value = (part.strip() for part in each.partition("="))
        if not key:
            continue
        if key in styles and depth < 8:
            found += parse_options(styles[key], styles, depth + 1)
        else:
            found.append((key, value.removeprefix("{").removesuffix("}")))
    return found


def colour(text: str) -> str:
    """A colour of SVG for a colour of xcolor (``red``, ``red!30``, ``red!30!black``). Raises ``NotDrawn``."""
    name, *rest = text.split("!")
    if name not in _COLOURS or len(rest) > 2:
        raise NotDrawn
    mixed = _COLOURS.get(rest[1] if len(rest) == 2 else "white")
    share = evaluate(rest[0]) / 100 if rest else 1.0
    if mixed is None or not 0 <= share <= 1:
        raise NotDrawn
    return "#" + "".join(
        f"{round(a * share + b * (1 - share)):02x}" for a, b in zip(_COLOURS[name], mixed, strict=True)
    )


def _is_colour(key: str) -> bool:
    return key == "color" or key.split("!", maxsplit=1)[0] in _COLOURS


def _tip(name: str | None) -> str:
    return "" if not name else ("|" if "|" in name else "") + (">" if name.strip("|") else "")


def apply(frame: Frame, options: list[tuple[str, str]], named: Mapping[str, Point]) -> Frame:
    """The frame with the options of a path, scope or picture. Raises ``NotDrawn`` for one that is not known."""
    tone = "black"
    for key, value in sorted(options, key=lambda option: not _is_colour(option[0])):
        if key == "scale":
            factor = evaluate(value)
            frame = frame.mapped(factor, 0, 0, factor)
        elif key in ("xscale", "x"):
            frame = frame.mapped(evaluate(value), 0, 0, 1)
        elif key in ("yscale", "y"):
            frame = frame.mapped(1, 0, 0, evaluate(value))
        elif key == "rotate":
            turn = math.radians(evaluate(value))
            frame = frame.mapped(math.cos(turn), math.sin(turn), -math.sin(turn), math.cos(turn))
        elif key in ("xshift", "yshift"):
            shift = evaluate(value if re.search("[a-z]", value) else value + "pt")
            frame = frame.mapped(1, 0, 0, 1, *((shift, 0.0) if key == "xshift" else (0.0, shift)))
        elif key == "shift":
            frame = frame.mapped(
                1, 0, 0, 1, *point(value.strip("{}").strip().removeprefix("(").removesuffix(")"), named)
            )
        elif _is_colour(key):  # of what the command draws
            tone = colour(value if key == "color" else key)
            frame = replace(frame, stroke="none" if frame.stroke == "none" else tone)
            frame = replace(frame, fill=tone if frame.fill not in ("", "none") else frame.fill)
        elif key in ("draw", "fill", "pattern"):
            shade = "none" if value == "none" else "#ccc" if key == "pattern" else colour(value) if value else tone
            frame = replace(frame, stroke=shade) if key == "draw" else replace(frame, fill=shade)
        elif _DASHES.fullmatch(key):
            frame = replace(frame, dashes="1.5 4" if "dotted" in key else "6 4")
        elif (tips := _TIP.fullmatch(key)) and key != "-":
            frame = replace(frame, tips=(_tip(tips[1]), _tip(tips[2])))
        elif not (_HARMLESS.fullmatch(key) or _SIDES.fullmatch(key) or _PLACES.fullmatch(key) or key in ("-", "solid")):
            raise NotDrawn
    return frame
