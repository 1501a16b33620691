"""Hatched and shaded areas as definitions of SVG."""

from collections.abc import Mapping

from got_runtime.markup.notation.tikz.colours import colour
from got_runtime.markup.notation.tikz.numbers import NotDrawn

__all__ = ["gradient", "hatching"]

_HATCHES = {
    "north east lines": "M0,8 L8,0 M-2,2 L2,-2 M6,10 L10,6",
    "north west lines": "M0,0 L8,8 M-2,6 L2,10 M6,-2 L10,2",
    "horizontal lines": "M0,4 L8,4",
    "vertical lines": "M4,0 L4,8",
    "grid": "M0,4 L8,4 M4,0 L4,8",
    "crosshatch": "M0,8 L8,0 M0,0 L8,8 M-2,2 L2,-2 M6,10 L10,6 M-2,6 L2,10 M6,-2 L10,2",
    "dots": "M4,3.2 L4,4.8",
    "crosshatch dots": "M2,1.2 L2,2.8 M6,5.2 L6,6.8",
}
_SHADES = {
    "top color": ("top color", "bottom color", "0,0,0,1"),
    "left color": ("left color", "right color", "0,0,1,0"),
}


def hatching(name: str, pattern: str, tone: str) -> str:
    """The definition of a pattern. Raises ``NotDrawn`` for an unknown one."""
    lines = _HATCHES.get(pattern.partition("[")[0].strip().strip("{}"))
    if lines is None:
        raise NotDrawn
    return (
        f'<pattern id="{name}" width="8" height="8" patternUnits="userSpaceOnUse"><path d="{lines}" '
        f'stroke="{tone}" stroke-width="1" fill="none"/></pattern>'
    )


def gradient(keys: Mapping[str, str], name: str = "", own: dict[str, str] | None = None) -> str:
    """The definition of a shading that options ask for; empty if they ask for none."""
    own = own or {}
    if ball := keys.get("ball color"):
        tone = colour(ball, own)
        return (
            f'<radialGradient id="{name}" cx="0.35" cy="0.35" r="0.7"><stop offset="0" stop-color="#ffffff"/>'
            f'<stop offset="0.5" stop-color="{tone}"/><stop offset="1" stop-color="{tone}"/></radialGradient>'
        )
    if "inner color" in keys or "outer color" in keys:
        stops = [colour(keys.get(key, "white"), own) for key in ("inner color", "outer color")]
        return f'<radialGradient id="{name}">{_stops(stops)}</radialGradient>'
    for first, last, way in _SHADES.values():
        if first in keys or last in keys:
            x1, y1, x2, y2 = way.split(",")
            stops = [colour(keys.get(key, "white"), own) for key in (first, last)]
            where = f'x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"'
            return f'<linearGradient id="{name}" {where}>{_stops(stops)}</linearGradient>'
    return ""


def _stops(tones: list[str]) -> str:
    return "".join(f'<stop offset="{place}" stop-color="{tone}"/>' for place, tone in enumerate(tones))
