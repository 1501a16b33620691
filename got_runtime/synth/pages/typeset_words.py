"""Words of a typeset page, written into the answer and into the typst source."""

import string
from collections.abc import Sequence

import numpy as np

from got_runtime.synth.pages.answer import TypesetAnswer
from got_runtime.synth.pages.formula_grammar import random_formula
from got_runtime.synth.pages.typeset import quoted
from got_runtime.synth.text import words_of_text

PRINTABLE = frozenset(string.ascii_letters + string.digits + ".,;:?!'\"()%&/+=@-")
"""Characters that are not markup in GOT's formatted answers (``%`` and ``&`` after a backslash)."""


def printable_words(rng: np.random.Generator, characters: int, noise: float) -> list[str]:
    """Words of about ``characters`` characters together, none of which is markup."""
    words = [w for w in words_of_text(rng, characters, noise) if PRINTABLE.issuperset(w) and w not in _MARKERS]
    return words or ["None"]


_MARKERS = frozenset("+-=")
"""Alone on a line these would begin a Markdown list item or underline a heading."""


def set_words(answer: TypesetAnswer, words: Sequence[str]) -> str:
    """Write ``words`` with spaces between; the typst source that prints them."""
    source = []
    for index, word in enumerate(words):
        if index:
            answer.space()
        source.append(f"#c({answer.word(word)}, {quoted(word)})")
    return " ".join(source)


def set_inline_formula(answer: TypesetAnswer, rng: np.random.Generator, longest: int) -> str:
    """Write a short formula between ``\\(`` and ``\\)``; the typst source that prints it."""
    answer.opening("\\(")
    mathematics = random_formula(rng, 1, longest, depth=0, evident=True).write(answer)
    answer.closing("\\)")
    return f"${mathematics}$"
