r"""Numbers and units of ``siunitx``: ``\SI{5}{\meter}`` → ``5 m``, ``\num{1.5e-3}`` → ``1.5 × 10⁻³``."""

import re

from got_runtime.markup.latex.symbols import SYMBOLS
from got_runtime.markup.latex.token_reader import TokenReader

# Commands → number of arguments; the last one of SI, qty and the ranges of quantities is a unit.
MEASURES = {
    **dict.fromkeys(("num", "numlist", "ang", "si", "unit", "numproduct", "tablenum", "pu"), 1),
    **dict.fromkeys(("SI", "qty", "numrange", "SIlist", "qtylist"), 2),
    **dict.fromkeys(("SIrange", "qtyrange"), 3),
}
_OF_UNITS = frozenset({"si", "unit"})
_WITH_UNIT = frozenset({"SI", "qty", "SIlist", "qtylist", "SIrange", "qtyrange"})

_PREFIXES = {
    "yocto": "y", "zepto": "z", "atto": "a", "femto": "f", "pico": "p", "nano": "n", "micro": "µ", "milli": "m",
    "centi": "c", "deci": "d", "deca": "da", "hecto": "h", "kilo": "k", "mega": "M", "giga": "G", "tera": "T",
    "peta": "P", "exa": "E", "zetta": "Z", "yotta": "Y",
}  # fmt: skip
_UNITS = {
    "ampere": "A", "angstrom": "Å", "arcminute": "′", "arcsecond": "″", "astronomicalunit": "au", "atomicmassunit": "u",
    "bar": "bar", "barn": "b", "becquerel": "Bq", "bel": "B", "bit": "bit", "byte": "B", "candela": "cd",
    "celsius": "°C", "coulomb": "C", "dalton": "Da", "day": "d", "decibel": "dB", "degree": "°", "degreeCelsius": "°C",
    "electronvolt": "eV", "farad": "F", "gram": "g", "gray": "Gy", "hectare": "ha", "henry": "H", "hertz": "Hz",
    "hour": "h", "joule": "J", "katal": "kat", "kelvin": "K", "kg": "kg", "km": "km", "liter": "L", "litre": "L",
    "lumen": "lm", "lux": "lx", "meter": "m", "metre": "m", "minute": "min", "mmHg": "mmHg", "mole": "mol",
    "newton": "N", "ohm": "Ω", "pascal": "Pa", "percent": "%", "radian": "rad", "second": "s", "siemens": "S",
    "sievert": "Sv", "steradian": "sr", "tesla": "T", "tonne": "t", "volt": "V", "watt": "W", "weber": "Wb",
}  # fmt: skip
_AFTER = {"squared": "²", "cubed": "³"}
_BEFORE = {"square": "²", "cubic": "³"}
_RAISED = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_PART = re.compile(r"\\([A-Za-z]+)|\^\{?(-?[\d]+)\}?|([.~])|([^\\^.~{}]+)|[{}\\^]")
_EXPONENT = re.compile(r"(?<=[\d.)])\s*[eEdD]\s*([-+]?\d+)")
_POWER = re.compile(r"(?<=[^\W\d_])\^?\{?([-+]?\d+)\}?")
_COMMAND = re.compile(r"\\([A-Za-z]+) ?")


def read_measure(reader: TokenReader, index: int, high: int) -> tuple[str, int]:
    """The printed text of the command at ``index``, one of :data:`MEASURES`, and the index after its arguments."""
    name = reader.tokens[index].name
    words: list[str] = []
    after = index + 1
    for _ in range(MEASURES[name]):
        option = reader.option(after, high)
        argument = reader.argument(option[1] if option else after, high)
        if argument is None:
            break
        words.append(reader.source(*argument[0]).strip())
        after = argument[1]
    return measure_words(name, words), after


def measure_words(name: str, words: list[str]) -> str:
    """What a command of :data:`MEASURES` prints, with its arguments."""
    if name == "pu":
        return _physical(words[0]) if words else ""
    unit = ""
    if name in _OF_UNITS or (name in _WITH_UNIT and len(words) == MEASURES[name]):
        unit = _unit(words.pop()) if words else ""
    numbers = [_number(part) for word in words for part in word.split(";")]
    if name == "ang":
        return "".join(number + sign for number, sign in zip(numbers, "°′″", strict=False) if number)
    joint = {"numrange": "–", "SIrange": "–", "qtyrange": "–", "numproduct": " × "}.get(name, ", ")
    return " ".join(filter(None, (joint.join(numbers), unit)))


def _physical(text: str) -> str:
    r"""The argument of mhchem's ``\\pu``: ``5 kJ//mol`` → ``5 kJ/mol``, ``1.2e3 m s-1`` → ``1.2 × 10³ m s⁻¹``."""
    text = _COMMAND.sub(lambda found: SYMBOLS.get(found[1], found[0]), text.replace("//", "/").replace("*", "·"))
    text = _EXPONENT.sub(lambda found: " × 10" + found[1].removeprefix("+").translate(_RAISED), text)
    return " ".join(_POWER.sub(lambda found: found[1].translate(_RAISED), text).split())


def _number(text: str) -> str:
    """A number as printed: ``1e5`` → ``1 × 10⁵``, ``3 +- 1`` → ``3 ± 1``."""
    text = _COMMAND.sub(lambda found: SYMBOLS.get(found[1], "") or ("±" if found[1] == "pm" else ""), text)
    text = text.replace("+-", "±").replace("x", " × ").replace("{", "").replace("}", "")
    text = _EXPONENT.sub(lambda found: " × 10" + found[1].removeprefix("+").translate(_RAISED), text)
    return " ".join(text.replace("±", " ± ").split()).removeprefix("± ") if text.count("±") else " ".join(text.split())


def _unit(text: str) -> str:
    """A unit by name or as letters: ``\\kilo\\gram\\per\\cubic\\meter`` → ``kg/m³``."""
    out: list[str] = []
    prefix, power, apart = "", "", False
    for found in _PART.finditer(text):
        name, exponent, dot, letters = found.groups()
        if name == "per":
            out.append("/")
            apart = False
        elif name in _PREFIXES:
            prefix = _PREFIXES[name]
        elif name in _BEFORE:
            power = _BEFORE[name]
        elif name in _AFTER or exponent:
            out.append(_AFTER.get(name) or exponent.translate(_RAISED))
        elif dot:
            out.append("·")
            apart = False
        elif name != "tothe" and (shown := _UNITS.get(name, name) if name else letters.strip()):
            out.append(("·" if apart else "") + prefix + shown + power)
            prefix, power, apart = "", "", True
    return "".join(out) + prefix
