"""Arrow tips, bars and brackets at the ends of lines."""

import re

__all__ = ["tips"]

_NAMES = {
    **dict.fromkeys(("to", "To", "latex", "latex'", "Latex", "stealth", "stealth'", "Stealth"), ">"),
    **dict.fromkeys(("triangle 45", "triangle 60", "triangle 90", "angle 45", "angle 60", "angle 90"), ">"),
    **dict.fromkeys(("Triangle", "Straight Barb", "Kite", "Computer Modern Rightarrow", "Implies"), ">"),
    **dict.fromkeys(("|", "Bar"), "|"),
    "Bracket": "[",
    "Parenthesis": "(",
    **dict.fromkeys(("*", "Circle"), "*"),
    "o": "o",
    "": "",
}
# What a sign means at the beginning and at the end of a line; None for an arrow that points inwards.
_SIGNS: dict[str, tuple[str | None, str | None]] = {
    "<": (">", None),
    ">": (None, ">"),
    "<<": (">>", None),
    ">>": (None, ">>"),
    "|<": (">|", None),
    ">|": (None, ">|"),
    "[": ("[", "]"),
    "]": ("]", "["),
    "(": ("(", ")"),
    ")": (")", "("),
}


_LONGEST = 80


def tips(option: str) -> tuple[str, str] | None:
    """The kinds of the two ends that an option as ``<->`` or ``-{Latex[length=3mm]}`` asks for; None if it is another.

    A kind is an arrow ``>`` or ``>>``, a bar ``|``, a bracket ``[`` or ``(``, one that opens outwards
    ``]`` or ``)``, a dot ``*``, a ring ``o``, or nothing.
    """
    text = option.strip()
    for place, sign in enumerate(text[:_LONGEST]):
        if sign != "-":
            continue
        first, last = _kind(text[:place], is_first=True), _kind(text[place + 1 :], is_first=False)
        if first is not None and last is not None:
            return first, last
    return None


def _kind(written: str, *, is_first: bool) -> str | None:
    name = written.strip()
    if name.startswith("{") and name.endswith("}"):
        name = name[1:-1].strip()
    if name in _SIGNS:
        return _SIGNS[name][0 if is_first else 1]
    name, _, options = name.partition("[")
    if re.search(r"reversed|harpoon|\bleft\b|\bright\b", options):
        return None
    kind = _NAMES.get(name.strip())
    return "o" if kind == "*" and "open" in options else kind
