"""What print has beyond ASCII words: curly quotes, dashes, accents, signs, superscripts, bold and italic words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

__all__ = ["Run", "Typography", "random_typography", "typeset_runs"]

Emphasis = Literal["", "strong", "emph", "super"]

_ACCENTED = {
    "a": "áàâäãåą",
    "c": "çćč",
    "e": "éèêëęě",
    "i": "íìîï",
    "l": "ł",
    "n": "ñńň",
    "o": "óòôöõøő",
    "r": "ř",
    "s": "ßśšş",
    "u": "úùûüű",
    "y": "ýÿ",
    "z": "žźż",
}
_FOREIGN = (
    *("café", "naïve", "résumé", "façade", "déjà", "fiancée", "cliché", "über", "crème", "brûlée", "élève", "garçon"),
    *("Müller", "Gödel", "Schrödinger", "Poincaré", "Erdős", "Łódź", "São", "señor", "piñata", "Ångström", "Škoda"),
    *("Dvořák", "Brontë", "Zürich", "Köln", "Málaga", "Curaçao", "Besançon", "Côte", "Noël", "maître", "Straße"),
    *("Æsir", "œuvre", "Łukasiewicz", "Børge", "Çelik", "Şahin", "Kovács", "Čapek", "Žižek", "España", "Ørsted"),
)
_DASHES = (" – ", " — ", "—", " - ")
BEYOND_ASCII_SHARE = 0.4
"""Of the training pages: those with many characters outside ASCII."""


@dataclass(frozen=True)
class Run:
    """Text in one type: upright, bold (``strong``), italic (``emph``), or raised and small (``super``)."""

    text: str
    emphasis: Emphasis = ""


@dataclass(frozen=True)
class Typography:
    """The habits of one page; rates are per word."""

    curly_quotes: bool = True
    dash: str = " – "
    emphasis: float = 0.02
    signs: float = 0.02
    accents: float = 0.02
    superscripts: float = 0.01


def random_typography(rng: np.random.Generator, training: bool = False) -> Typography:
    """Two pages in three have curly quotes; on one in four nothing else is beyond ASCII.

    Args:
        training: on some pages a fifth of the words have accents or signs: each of them is rare in ordinary print.
    """
    rate = 0.0 if rng.random() < 0.25 else 1.0
    habits = Typography(
        curly_quotes=bool(rng.random() < 0.67),
        dash=_DASHES[rng.choice(4, p=[0.3, 0.2, 0.3, 0.2])],
        emphasis=float(rng.choice([0.0, rng.uniform(0.01, 0.08)])),
        signs=rate * float(rng.uniform(0.0, 0.06)),
        accents=rate * float(rng.uniform(0.0, 0.06)),
        superscripts=rate * float(rng.choice([0.0, rng.uniform(0.0, 0.04)])),
    )
    if training and rng.random() < BEYOND_ASCII_SHARE:
        signs, accents, superscripts = (float(rate) for rate in rng.uniform(0.0, (0.25, 0.3, 0.1)))
        habits = replace(habits, signs=signs, accents=accents, superscripts=superscripts)
    return habits


def typeset_runs(rng: np.random.Generator, words: Sequence[str], style: Typography) -> list[Run]:
    """The words with single spaces between, in runs of one type; a run begins or ends with the spaces it has."""
    runs: list[Run] = []
    emphasis: Emphasis = ""
    left = 0
    for number, word in enumerate(words):
        if left == 0:
            emphasis = ""
            if rng.random() < style.emphasis:
                emphasis, left = ("strong", "emph")[rng.integers(2)], int(rng.integers(1, 5))
        left = max(0, left - 1)
        gap = " " if number else ""
        if number and rng.random() < 0.02:
            gap = style.dash
        if rng.random() < style.accents:
            word = _accented(rng, word)
        if rng.random() < style.signs:
            word = f"{word} {_sign(rng)}"
        if style.curly_quotes:
            word = _curly(word)
        if runs and runs[-1].emphasis == emphasis:
            runs[-1] = Run(f"{runs[-1].text}{gap}{word}", emphasis)
        else:
            # The space before an emphasised word is of the type before it.
            if runs and gap:
                runs.append(Run(gap))
            runs.append(Run(word, emphasis))
        if word[-1].isalnum() and rng.random() < style.superscripts:
            runs.append(Run(str(rng.integers(1, 10 ** int(rng.integers(1, 3)))), "super"))
    return runs


def _curly(word: str) -> str:
    word = re.sub(r'(^|[(\[])"', r"\1“", word).replace('"', "”")
    return re.sub(r"(^|[(\[])'", r"\1‘", word).replace("'", "’")


def _accented(rng: np.random.Generator, word: str) -> str:
    """The word with an accent on one of its letters, or another word in its place."""
    places = [place for place, letter in enumerate(word) if letter.lower() in _ACCENTED]
    if not places or rng.random() < 0.4:
        return _FOREIGN[rng.integers(len(_FOREIGN))]
    place = places[rng.integers(len(places))]
    choices = _ACCENTED[word[place].lower()]
    letter = choices[rng.integers(len(choices))]
    if word[place].isupper() and letter not in "ßÿ":
        letter = letter.upper()
    return word[:place] + letter + word[place + 1 :]


def _sign(rng: np.random.Generator) -> str:
    one, other = (int(n) for n in rng.integers(1, 10 ** int(rng.integers(1, 4)), size=2))
    signs = (
        f"§ {one}",
        f"§{one}.{other % 20}",
        f"{one} °C",
        f"{one}°",
        f"€{one:,}",
        f"€ {one}.{other % 90 + 10}",
        f"£{one * 7:,}",
        f"¥{one * 100:,}",
        f"{one} ± {other}",
        f"{one} × {other}",
        f"{min(one, other)}–{max(one, other)}",
        f"pp. {one}–{one + other}",
        f"© {1900 + one % 130}",
        f"{one} µm",
        f"{one}½",
        f"{one}¼",
        "®",
        "™",
        "†",
        "‡",
        "¶",
        "•",
        "·",
        f"≤ {one}",
        f"≥ {one}",
        "→",
        "α",
        "β",
        "π",
        "«" + str(one) + "»",
    )
    return signs[rng.integers(len(signs))]
