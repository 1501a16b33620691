"""Words on a typeset page: which ones, and how they are written into the answer and the typst source."""

import string
from collections.abc import Sequence

import numpy as np

from got_runtime.synth.pages.answer import Answer
from got_runtime.synth.pages.formula_grammar import random_formula
from got_runtime.synth.pages.typeset import quoted
from got_runtime.synth.text import words_of_text

PRINTABLE = frozenset(string.ascii_letters + string.digits + ".,;:?!'\"()%&/+=@-")
"""What stands for itself in GOT's formatted answers, a backslash before ``%`` and ``&``; the rest would be markup."""


def printable_words(rng: np.random.Generator, characters: int, noise: float) -> list[str]:
    """Words worth about ``characters`` characters, none of which the dialect takes for markup."""
    words = [w for w in words_of_text(rng, characters, noise) if PRINTABLE.issuperset(w) and w not in _MARKERS]
    return words or ["None"]


_MARKERS = frozenset("+-=")
"""Alone these would begin an item of a Markdown list, or underline a heading."""


def set_words(answer: Answer, words: Sequence[str]) -> str:
    """Write ``words`` with spaces between; the typst source that prints them."""
    source = []
    for place, word in enumerate(words):
        if place:
            answer.space()
        source.append(f"#c({answer.word(word)}, {quoted(word)})")
    return " ".join(source)


def set_inline_formula(answer: Answer, rng: np.random.Generator, longest: int) -> str:
    """Write a short formula between ``\\(`` and ``\\)``; the typst source that prints it."""
    answer.opening("\\(")
    mathematics = random_formula(rng, 1, longest, depth=0, evident=True).write(answer)
    answer.closing("\\)")
    return f"${mathematics}$"
