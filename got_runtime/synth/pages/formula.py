"""Kind ``formula``: one or two displayed formulas alone on a picture."""

from collections.abc import Sequence

import numpy as np

from got_runtime.synth.faces import Face
from got_runtime.synth.pages.answer import TypesetAnswer
from got_runtime.synth.pages.formula_grammar import random_formula
from got_runtime.synth.pages.picture import finish, framed
from got_runtime.synth.pages.typeset import pages_of
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import Formatted

EM = 20
"""Type size of the typesetting in points; the picture's zoom decides the size in the view."""
FACE = "New Computer Modern Math"


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """5 to 60 characters of LaTeX; mathematics has one face, so ``faces`` are not used."""
    rng = np.random.default_rng(seed)
    answer = TypesetAnswer()
    lines = 2 if rng.random() < 0.15 else 1
    longest = int(rng.integers(12, 61)) // lines
    source = []
    for number in range(lines):
        if number:
            answer.space("\n")
        source.append(displayed(answer, rng, max(5, longest * 2 // 5), longest))
    page = pages_of(
        f"#set page(width: auto, height: auto, margin: 0pt)\n#set text(size: {EM}pt)\n"
        "#show math.equation: set align(left)\n" + "\n\n".join(source)
    )[0]
    typeset = framed(page, EM, rng, view_em=(44.0, 150.0), shape=(1.0, 3.0))
    return finish(typeset, answer, rng, FACE, seed, Formatted(), training)


def displayed(answer: TypesetAnswer, rng: np.random.Generator, shortest: int, longest: int) -> str:
    """Write a random displayed formula; the typst source that prints it."""
    answer.opening("\\[ ")
    mathematics = random_formula(rng, shortest, max(longest, shortest + 3)).write(answer)
    answer.closing(" \\]")
    return f"$ {mathematics} $"
