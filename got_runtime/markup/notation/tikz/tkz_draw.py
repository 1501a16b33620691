"""The drawing commands of tkz-euclide as statements of TikZ."""

import math
import re
from collections.abc import Callable, Iterator

from got_runtime.markup.notation.tikz import tkz_points
from got_runtime.markup.notation.tikz.coordinates import foot
from got_runtime.markup.notation.tikz.numbers import NotDrawn, Point, evaluate, length

__all__ = ["written"]

_OWN = frozenset({"size", "mark", "pos", "add", "R", "arc", "mksize", "mkpos", "mkcolor", "shape", "rotate", "towards"})
_OWN |= {"angles", "with nodes", "dist", "circum", "in", "diameter", "through", "mksize", "lw", "german", "sloped"}
Options = dict[str, str]
Find = Callable[[str], Point]


def written(name: str, options: Options, round_: list[str], braces: list[str], find: Find) -> Iterator[str]:
    """The statements of TikZ for a command. Raises ``NotDrawn`` for one that is not known."""
    plural = name.removesuffix("s")
    if plural not in _DRAWN or not round_ or "german" in options:
        raise NotDrawn
    yield from _DRAWN[plural](plural, _style(options), options, round_, braces, find)


def _style(options: Options) -> str:
    """The options that TikZ knows, as text."""
    kept = [f"{key}={{{value}}}" if value else key for key, value in options.items() if key not in _OWN]
    kept += [f"line width={options['lw']}"] if "lw" in options else []
    return ",".join(kept)


def _at(place: Point) -> str:
    return f"({place[0]:.5f},{place[1]:.5f})"


def _names(round_: list[str]) -> list[str]:
    names = [each.strip() for each in round_[0].split(",")]
    if not all(names):
        raise NotDrawn
    return names


def _tuples(round_: list[str], count: int) -> Iterator[list[str]]:
    """The tuples of ``(A,B C,D)``."""
    for each in re.sub(r"\s*,\s*", ",", " ".join(round_)).split():
        names = each.split(",")
        if len(names) != count:
            raise NotDrawn
        yield names


def _points(_: str, style: str, options: Options, round_: list[str], __: list[str], ___: Find) -> Iterator[str]:
    for name in _names(round_):
        if options.get("shape", "circle") != "circle":
            if not options["shape"].startswith("cross"):
                raise NotDrawn
            yield rf"\draw[{style}] ({name}) ++(-2pt,-2pt) -- ++(4pt,4pt) ++(-4pt,0pt) -- ++(4pt,-4pt)"
        else:
            yield rf"\filldraw[{style}] ({name}) circle (2pt)"


def _polygon(kind: str, style: str, _: Options, round_: list[str], __: list[str], ___: Find) -> Iterator[str]:
    names = _names(round_)
    command = "fill" if kind.startswith("Fill") else "draw"
    end = " -- cycle" if kind.endswith("Polygon") else ""
    yield rf"\{command}[{style}] " + " -- ".join(f"({name})" for name in names) + end


def _segment(kind: str, style: str, _: Options, round_: list[str], __: list[str], ___: Find) -> Iterator[str]:
    arrow = "->," if kind == "DrawVector" else ""
    for a, b in _tuples(round_, 2):
        yield rf"\draw[{arrow}{style}] ({a}) -- ({b})"


def _line(_: str, style: str, options: Options, round_: list[str], __: list[str], ___: Find) -> Iterator[str]:
    before, _, after = options.get("add", "0.2 and 0.2").partition(" and ")
    for a, b in _tuples(round_, 2):
        first, last = f"($({a})!{-evaluate(before)}!({b})$)", f"($({b})!{-evaluate(after or before)}!({a})$)"
        yield rf"\draw[{style}] {first} -- {last}"


def _circle(kind: str, style: str, options: Options, round_: list[str], __: list[str], find: Find) -> Iterator[str]:
    command = "fill" if kind.startswith("Fill") else "draw"
    if "R" in options:
        name, _, radius = round_[0].partition(",")
        yield rf"\{command}[{style}] ({name.strip()}) circle ({radius.strip()})"
        return
    if options.keys() & {"circum", "in"}:
        points = [find(name) for name in _names(round_)]
        middle = tkz_points.centre({key: "" for key in ("circum", "in") if key in options}, points)
        radius_ = math.dist(middle, points[0] if "circum" in options else foot(middle, points[0], points[1]))
        yield rf"\{command}[{style}] {_at(middle)} circle ({radius_:.5f}cm)"
        return
    for a, b in _tuples(round_, 2):
        first, last = find(a), find(b)
        middle = ((first[0] + last[0]) / 2, (first[1] + last[1]) / 2) if "diameter" in options else first
        yield rf"\{command}[{style}] {_at(middle)} circle ({math.dist(middle, last):.5f}cm)"


def _half_circle(_: str, style: str, options: Options, round_: list[str], __: list[str], find: Find) -> Iterator[str]:
    for a, b in _tuples(round_, 2):
        first, last = find(a), find(b)
        middle = ((first[0] + last[0]) / 2, (first[1] + last[1]) / 2) if "diameter" in options else first
        start = math.degrees(math.atan2(last[1] - middle[1], last[0] - middle[0]))
        yield rf"\draw[{style}] {_at(last)} arc ({start:.4f}:{start + 180:.4f}:{math.dist(middle, last):.5f}cm)"


def _arc(kind: str, style: str, options: Options, round_: list[str], __: list[str], find: Find) -> Iterator[str]:
    name, _, edge = round_[0].partition(",")
    middle = find(name)
    if len(round_) != 2 or options.keys() & {"angles", "with nodes"}:
        raise NotDrawn
    if "R" in options:
        first, _, last = round_[1].partition(",")
        start, end, far = evaluate(first), evaluate(last), length(edge)
    else:
        point = find(edge)
        start, far = math.degrees(math.atan2(point[1] - middle[1], point[0] - middle[0])), math.dist(point, middle)
        if "rotate" in options:
            end = start + evaluate(round_[1])
        else:
            other = find(round_[1])
            end = math.degrees(math.atan2(other[1] - middle[1], other[0] - middle[0]))
            end += 360 if end < start else 0
    from_ = middle[0] + far * math.cos(math.radians(start)), middle[1] + far * math.sin(math.radians(start))
    arc = f"{_at(from_)} arc ({start:.4f}:{end:.4f}:{far:.5f}cm)"
    if kind == "DrawArc":
        yield rf"\draw[{style}] {arc}"
    else:
        yield rf"\{'fill' if kind.startswith('Fill') else 'draw'}[{style}] {_at(middle)} -- {arc} -- cycle"


def _right_angle(_: str, style: str, options: Options, round_: list[str], __: list[str], ___: Find) -> Iterator[str]:
    for a, b, c in _tuples(round_, 3):
        size = length(options.get("size", "0.25"))
        yield rf"\pic[draw,{style},angle radius={size}cm] {{right angle={a}--{b}--{c}}}"


def _angle(kind: str, style: str, options: Options, round_: list[str], __: list[str], find: Find) -> Iterator[str]:
    size = length(options.get("size", "1"))
    drawn = "draw=none,fill=lightgray," if kind == "FillAngle" else "draw,"
    count = len(options.get("arc", "l")) if re.fullmatch("l{1,3}", options.get("arc", "l")) else 0
    marks = options.get("mark", "none")
    if not count or (marks not in ("none", "") and not re.fullmatch(r"\|{1,3}", marks)):
        raise NotDrawn
    for a, b, c in _tuples(round_, 3):
        for number in range(count):
            yield rf"\pic[{drawn}{style},angle radius={size - 0.08 * number}cm] {{angle={a}--{b}--{c}}}"
        first, middle, last = find(a), find(b), find(c)
        start, end = (math.degrees(math.atan2(p[1] - middle[1], p[0] - middle[0])) for p in (first, last))
        turn = start + ((end - start) % 360) / 2
        for number in range(len(marks) if "|" in marks else 0):
            at = turn + 6 * (number - (len(marks) - 1) / 2) / max(size, 0.1) * 0.6
            yield rf"\draw ({b}) ++({at:.3f}:{size - 0.1:.4f}cm) -- ++({at:.3f}:0.2cm)"


def _mark(_: str, style: str, options: Options, round_: list[str], __: list[str], find: Find) -> Iterator[str]:
    mark, part = options.get("mark", "|"), evaluate(options.get("pos", "0.5"))
    if not re.fullmatch(r"\|{1,3}|s\|{1,2}|x|o|z", mark):
        raise NotDrawn
    for a, b in _tuples(round_, 2):
        first, last = find(a), find(b)
        turn = math.degrees(math.atan2(last[1] - first[1], last[0] - first[0]))
        at = first[0] + part * (last[0] - first[0]), first[1] + part * (last[1] - first[1])
        across = turn + (90 if mark[0] != "s" else 65)
        if mark == "o":
            yield rf"\draw[{style}] {_at(at)} circle (3pt)"
        elif mark in ("x", "z"):
            for way in (turn + 45, turn - 45):
                yield rf"\draw[{style}] {_at(at)} ++({way:.3f}:-4pt) -- ++({way:.3f}:8pt)"
        else:
            for number in range(mark.count("|")):
                off = 2.5 * (number - (mark.count("|") - 1) / 2)
                yield rf"\draw[{style}] {_at(at)} ++({turn:.3f}:{off}pt) ++({across:.3f}:-4pt) -- ++({across:.3f}:8pt)"


def _label_points(_: str, style: str, __: Options, round_: list[str], braces: list[str], ___: Find) -> Iterator[str]:
    names = _names(round_)
    if braces and len(names) != 1:
        raise NotDrawn
    for name in names:
        yield rf"\node[{style or 'below right'}] at ({name}) {{{braces[0] if braces else f'${name}$'}}}"


def _label_segment(
    _: str, style: str, options: Options, round_: list[str], braces: list[str], __: Find
) -> Iterator[str]:
    if not braces:
        raise NotDrawn
    sloped = ",sloped" if "sloped" in options else ""
    for a, b in _tuples(round_, 2):
        place = f"pos={options.get('pos', '0.5')},{style or 'auto'}{sloped}"
        yield rf"\path ({a}) -- ({b}) node[{place}] {{{braces[0]}}}"


def _label_angle(
    _: str, style: str, options: Options, round_: list[str], braces: list[str], find: Find
) -> Iterator[str]:
    far = length(options.get("pos", options.get("dist", "1")))
    if not braces:
        raise NotDrawn
    for a, b, c in _tuples(round_, 3):
        first, middle, last = find(a), find(b), find(c)
        start, end = (math.degrees(math.atan2(p[1] - middle[1], p[0] - middle[0])) for p in (first, last))
        turn = start + ((end - start) % 360) / 2
        yield rf"\path ({b}) ++({turn:.3f}:{far}cm) node[{style}] {{{braces[0]}}}"


def _text(_: str, style: str, __: Options, round_: list[str], braces: list[str], ___: Find) -> Iterator[str]:
    if not braces:
        raise NotDrawn
    yield rf"\node[{style}] at ({round_[0]}) {{{braces[0]}}}"


_DRAWN: dict[str, Callable[[str, str, Options, list[str], list[str], Find], Iterator[str]]] = {
    "DrawPoint": _points,
    "DrawPolygon": _polygon,
    "DrawPolySeg": _polygon,
    "FillPolygon": _polygon,
    "DrawSegment": _segment,
    "DrawVector": _segment,
    "DrawLine": _line,
    "DrawCircle": _circle,
    "FillCircle": _circle,
    "DrawSemiCircle": _half_circle,
    "DrawArc": _arc,
    "DrawSector": _arc,
    "FillSector": _arc,
    "MarkRightAngle": _right_angle,
    "MarkAngle": _angle,
    "FillAngle": _angle,
    "MarkSegment": _mark,
    "LabelPoint": _label_points,
    "LabelSegment": _label_segment,
    "LabelLine": _label_segment,
    "LabelAngle": _label_angle,
    "Text": _text,
}
