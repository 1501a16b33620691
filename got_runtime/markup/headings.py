"""Levels of headings by their numbers: GOT prints "1", "1.1" and "1.1.1" as sections of one level."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from got_runtime.markup.elements import AnyElement

_DEEPEST = 6
_CHINESE = "〇一二三四五六七八九"
# Styles of numbers that are always below those of a lower rank.
_RANKS = {
    "Part": 0,
    **dict.fromkeys(("第编", "第編", "第部", "第篇"), 0),
    "Chapter": 1,
    "第章": 1,
    **dict.fromkeys(("Section", "第节", "第節"), 2),
    **dict.fromkeys(("Article", "§", "第款"), 3),
    **dict.fromkeys(("第条", "第條"), 4),
    "、": 5,
    "（一）": 6,
}
# Numbers in brackets are below those without: I., A., 1), a).
_BRACKETED, _OPEN = ("）", "（）", "）a", "（）a"), ("digit", "letter", "roman")
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50}


class _Number(NamedTuple):
    """The number of a heading: the index of the heading, its style, and its parts as integers."""

    heading: int
    style: str
    parts: tuple[int, ...]


def nest_headings(elements: Sequence[AnyElement]) -> list[AnyElement]:
    """The elements with the levels of numbered headings raised where their numbers say so: 1.1 is below 1.

    Appendices (A, A.1), Roman numbers, letters below Roman numbers, and Chinese numbers (第一章, 一、) count as well. A
    heading without a number stays below the one that it was below. No level changes where the numbers contradict
    themselves: 1.1 below 2, or a number that comes twice.
    """
    elements = list(elements)
    headings = [(index, each) for index, each in enumerate(elements) if each.kind == "heading"]
    depths = _depths([(index, each.number) for index, each in headings if each.number])
    if not depths or not any(depths.values()):
        return elements
    outer = [each.level for index, each in headings if depths.get(index) == 0]
    if not outer and len({each.level for _, each in headings if each.level > 1}) > 1:
        return elements  # the answer has levels of its own
    base = min(outer, default=max(2, min(elements[index].level - depth for index, depth in depths.items())))  # type: ignore[union-attr]
    before, raised = 0, 0  # the level of the last numbered heading in the answer, and by how much it was raised
    for index, heading in headings:
        level = heading.level
        if index in depths:
            before = level
            raised = max(0, base + depths[index] - level)
        if index in depths or level > before:
            elements[index] = heading.model_copy(update={"level": min(_DEEPEST, level + raised)})
    return elements


def _depths(numbered: list[tuple[int, str]]) -> dict[int, int]:
    """The depth of each numbered heading by its index, 0 for the outermost; empty where the numbers contradict."""
    numbers = _styled(numbered)
    if not numbers:
        return {}
    styles = list(dict.fromkeys(number.style for number in numbers))
    last = {number.style: place for place, number in enumerate(numbers)}
    first = {style: next(place for place, each in enumerate(numbers) if each.style == style) for style in styles}
    below: dict[str, list[str]] = {}  # the styles of the numbers around those of a style
    for place, style in enumerate(styles):
        before_it, begin = numbers[first[style] - 1].style if place else "", numbers[first[style]]
        # 1. that begins behind II., both of them within B.
        inner = begin.parts[-1] == 1 and any(last[outer] > first[style] for outer in below.get(before_it, ()))
        earlier = [
            outer
            for outer in styles[:place]
            if last[outer] > first[style]
            or (outer == "roman" and style == "letter")
            or (outer == before_it and inner and len(begin.parts) == 1)
        ]
        above = [
            outer
            for outer in styles
            if (_is_above(outer, style) and (style in _RANKS or first[outer] < first[style]))
            or (outer in earlier and not _is_above(style, outer))
        ]
        around = {outer for inner in above for outer in styles if style not in _RANKS and _is_above(outer, inner)}
        below[style] = sorted(
            {*above, *around}, key=lambda outer: (_RANKS.get(outer, len(_RANKS)), styles.index(outer))
        )
    path: dict[str, tuple[int, ...]] = {}
    counters: dict[str, int] = {}  # chapters are often counted through all parts of a book
    in_chapters: dict[int, bool] = {}  # whether a number begins with that of its chapter: 2.1 in 第二章
    plain = {number.style for number in numbers if len(number.parts) == 1}
    for number in numbers:
        before = path.get(number.style)
        restarts = not below[number.style] and number.parts == (1,)  # another part of a book
        if before is not None and not before < number.parts and not (restarts and before[0] > 1):
            return {}
        chapters = [path[outer] for outer in below[number.style] if outer in path]
        counted = len(number.parts) > 1 and number.style not in plain and chapters[-1:] == [number.parts[:1]]
        goes_on = number.parts[0] == counters.get(number.style, 0) + 1
        if before is None and below[number.style] and number.parts[0] != 1 and not counted and not goes_on:
            return {}
        counters[number.style] = number.parts[0]
        in_chapters[number.heading] = counted
        path[number.style] = number.parts
        for style, outer in below.items():
            if number.style in outer:
                path.pop(style, None)
    return {
        number.heading: len(below[number.style]) + len(number.parts) - 1 - in_chapters[number.heading]
        for number in numbers
    }


def _is_above(outer: str, style: str) -> bool:
    """Whether numbers of a style are always below those of ``outer``: sections below chapters."""
    if style in _BRACKETED and outer in _OPEN:
        return True
    if outer not in _RANKS:
        return False
    return (
        _RANKS[outer] < _RANKS[style] if style in _RANKS else style == "digit" or (outer != "、" and style[0] == "（")
    )


def _styled(numbered: list[tuple[int, str]]) -> list[_Number]:
    """The numbers with their style; a letter such as I or C is Roman where it continues Roman numbers."""
    found: list[_Number] = []
    names = [number.split(".") for _, number in numbered]
    roman = any(_roman(one[0]) == 1 and _roman(other[0]) == 2 for one, other in pairwise(_lettered(names)))
    expected, letter, appendix = 1, 0, ""
    appendices: dict[str, int] = {}
    from_zero = not any(len(name) == 1 and name[0].isdigit() for name in names)  # 1.0, 1.1, 2.0
    for (index, _), (name, *rest) in zip(numbered, names, strict=True):
        named = name.removeprefix("Appendix ")
        if named != name or not (rest and name == appendix):
            appendix = named if named != name else ""
        if appendix:  # in which A.1 is no part of another A
            value = appendices.setdefault(appendix, len(appendices) + 1)
            found.append(_Number(index, "Appendix", (value, *map(_value, rest))))
            continue
        if bracketed := _named(name) or _bracketed(name):
            found.append(_Number(index, *bracketed))
            continue
        parts = () if from_zero and rest == ["0"] else tuple(_value(part) for part in rest)
        if name.isdigit():
            found.append(_Number(index, "digit", (int(name), *parts)))
        elif roman and (_continues_roman(name, expected, letter) or (rest and _roman(name) == expected - 1 > 0)):
            found.append(_Number(index, "roman", (_roman(name), *parts)))
            expected, letter = _roman(name) + 1, 0
        elif name[0] == "S" and name[1:].isdigit():  # of a supplement
            found.append(_Number(index, "S", (int(name[1:]), *parts)))
        elif len(name) == 1:
            letter = ord(name) - ord("A") + 1
            found.append(_Number(index, "letter", (letter, *parts)))
        elif value := _roman(name):
            found.append(_Number(index, "roman", (value, *parts)))
            expected = value + 1
        else:
            return []
    return found


def _value(part: str) -> int:
    """The value of a part of a number: 2, or B as in II.B."""
    return int(part) if part.isdigit() else ord(part) - ord("A") + 1


def _continues_roman(name: str, expected: int, letter: int) -> bool:
    """Whether a number is the next Roman one, or a later one that is not the letter after the last ``letter``."""
    follows = len(name) == 1 and ord(name) - ord("A") == letter
    return _roman(name) == expected or (_roman(name) > expected and not follows)


def _named(name: str) -> tuple[str, tuple[int]] | None:
    """The style and value of a number with a name, "Chapter 3" or "Part II"; None for another one."""
    style, _, number = name.partition(" ")
    value = _roman(number.upper()) or (_value(number) if number.isdecimal() or len(number) == 1 else 0)
    return (style, (value,)) if style in _RANKS and value else None


def _bracketed(name: str) -> tuple[str, tuple[int]] | None:
    """The style and value of a Chinese number or one in brackets: 第一章, 一, （一）, 1), (a); None for another one."""
    numeral = name.strip("第编編章节節款條条部篇（）()")
    if len(numeral) == 1 and "a" <= numeral <= "z":
        value = ord(numeral) - ord("a") + 1
    else:
        value = int(numeral) if numeral.isdecimal() and len(numeral) < 5 else _numeral(numeral)
    style = name.replace(numeral, "").replace("(", "（").replace(")", "）") or "、"
    style += "a" * numeral.isalpha() * numeral.isascii()
    style = "（一）" if style == "（）" and not numeral.isascii() else style
    return (style, (value,)) if value and (style != "、" or not numeral.isdecimal()) else None


def _numeral(text: str) -> int:
    """The value of a Chinese numeral below 100; 0 for other text."""
    tens, ten, ones = text.rpartition("十")
    digits = [_CHINESE.find(part) for part in (tens, ones) if part]
    if not text or len(tens) > 1 or len(ones) > 1 or any(digit < 1 for digit in digits):
        return 0
    return (10 * (_CHINESE.find(tens) if tens else 1) if ten else 0) + (_CHINESE.find(ones) if ones else 0)


def _lettered(names: list[list[str]]) -> list[list[str]]:
    """The numbers that could be Roman, without the letters between them: I, A, B, II."""
    return [name for name in names if _roman(name[0]) and name[0] not in "CD"]


def _roman(name: str) -> int:
    """The value of a Roman number below 90; 0 for other text."""
    values = [_ROMAN.get(letter, 0) for letter in name]
    if not name or 0 in values:
        return 0
    value = sum(-one if one < other else one for one, other in pairwise([*values, 0]))
    return value if as_roman(value) == name else 0


def as_roman(value: int) -> str:
    """A Roman number below 90."""
    written = ""
    for letters, each in (("L", 50), ("XL", 40), ("X", 10), ("IX", 9), ("V", 5), ("IV", 4), ("I", 1)):
        while value >= each:
            written += letters
            value -= each
    return written
