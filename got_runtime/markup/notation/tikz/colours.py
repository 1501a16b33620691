"""Colours of xcolor as colours of SVG."""

import re

from got_runtime.markup.notation.tikz.numbers import NotDrawn, evaluate, split

__all__ = ["colour", "define", "is_colour"]

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
    "grey": (128, 128, 128),
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
    "navy": (0, 0, 128),
    "maroon": (128, 0, 0),
    "gold": (255, 215, 0),
    "skyblue": (135, 206, 235),
    "darkgreen": (0, 100, 0),
    "darkblue": (0, 0, 139),
    "darkred": (139, 0, 0),
    "lightblue": (173, 216, 230),
    "lightgreen": (144, 238, 144),
    "crimson": (220, 20, 60),
    "forestgreen": (34, 139, 34),
    "royalblue": (65, 105, 225),
    "steelblue": (70, 130, 180),
    "firebrick": (178, 34, 34),
    "turquoise": (64, 224, 208),
    "indigo": (75, 0, 130),
    "salmon": (250, 128, 114),
}


# GeoGebra names a colour by its hexadecimal digits, and writes the definition before the figure.
_GEOGEBRA, _DIGITS = re.compile("[a-fq-z]{6}"), str.maketrans("qrstuvwxyz", "0123456789")


def _known(name: str, own: dict[str, str]) -> tuple[int, int, int] | None:
    if name in own:
        red, green, blue = (int(own[name][place : place + 2], 16) for place in (1, 3, 5))
        return red, green, blue
    if found := _COLOURS.get(name) or _COLOURS.get(name.lower()):
        return found
    if _GEOGEBRA.fullmatch(name):
        red, green, blue = (int(name.translate(_DIGITS)[place : place + 2], 16) for place in (0, 2, 4))
        return red, green, blue
    return None


def is_colour(key: str, own: dict[str, str]) -> bool:
    """Whether an option is a colour, as ``red`` and ``blue!20``."""
    return key == "color" or _known(key.split("!", maxsplit=1)[0].strip(), own) is not None


def colour(text: str, own: dict[str, str]) -> str:
    """A colour of SVG for one of xcolor (``red``, ``red!30``, ``red!30!black``). Raises ``NotDrawn``.

    Args:
        own: the colours that the figure defines, as ``#rrggbb``.
    """
    name, *rest = (part.strip() for part in text.strip().strip("{}").split("!"))
    mixed = _known(name, own)
    for share, other in zip(rest[::2], [*rest[1::2], "white"] if len(rest) % 2 else rest[1::2], strict=True):
        part, second = evaluate(share) / 100, _known(other, own)
        if mixed is None or second is None or not 0 <= part <= 1:
            raise NotDrawn
        red, green, blue = (round(a * part + b * (1 - part)) for a, b in zip(mixed, second, strict=True))
        mixed = red, green, blue
    if mixed is None:
        raise NotDrawn
    return "#" + "".join(f"{each:02x}" for each in mixed)


def define(statement: str, own: dict[str, str]) -> None:
    r"""Adds the colour of ``\definecolor`` or ``\colorlet`` to the figure's own. Raises ``NotDrawn``."""
    groups = re.findall(r"\{([^{}]*)\}", statement)
    if statement.startswith("\\colorlet") and len(groups) == 2:
        own[groups[0].strip()] = colour(groups[1], own)
        return
    if len(groups) != 3:
        raise NotDrawn
    name, model, written = (group.strip() for group in groups)
    if model == "HTML" and re.fullmatch("[0-9A-Fa-f]{6}", written):
        own[name] = f"#{written.lower()}"
        return
    values = [evaluate(each) for each in split(written)]
    scale = {"RGB": 1, "rgb": 255, "gray": 255}.get(model)
    values = values * 3 if model == "gray" and len(values) == 1 else values
    if scale is None or len(values) != 3 or not all(0 <= value * scale <= 255 for value in values):
        raise NotDrawn
    own[name] = "#" + "".join(f"{round(value * scale):02x}" for value in values)
