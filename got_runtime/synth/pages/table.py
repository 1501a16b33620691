"""Kind ``table``: one ``tabular`` alone on a picture, with or without rules, some with spans."""

from collections.abc import Sequence

import numpy as np

from got_runtime.synth.faces import Face
from got_runtime.synth.pages.answer import TypesetAnswer
from got_runtime.synth.pages.picture import finish, framed
from got_runtime.synth.pages.table_grid import Content, random_layout, set_table
from got_runtime.synth.pages.typeset import pages_of, typst_face
from got_runtime.synth.pages.typeset_words import printable_words, set_inline_formula, set_words
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import Formatted

EM = 20
"""Type size of the typesetting in points."""


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """2 to 6 rows of 2 to 5 columns of short words, numbers and some formulas."""
    rng = np.random.default_rng(seed)
    face, arguments = typst_face(faces[int(rng.integers(len(faces)))])
    answer = TypesetAnswer()
    table = set_random_table(answer, rng, 0.3 if training else 0.0)
    page = pages_of(
        f"#set page(width: auto, height: auto, margin: 2pt)\n#set text(size: {EM}pt, {arguments})\n{table}"
    )[0]
    typeset = framed(page, EM, rng, view_em=(28.0, 90.0), shape=(0.7, 2.5))
    return finish(typeset, answer, rng, face, seed, Formatted(), training)


def set_random_table(
    answer: TypesetAnswer, rng: np.random.Generator, noise: float, most_rows: int = 6, most_columns: int = 5
) -> str:
    """Write a random table; the typst source that prints it."""
    formulas = 0.15 if rng.random() < 0.25 else 0.0
    numbers = float(rng.choice([0.2, 0.5, 0.8]))
    layout = random_layout(rng, lambda: _content(rng, noise, formulas, numbers), most_rows, most_columns)
    inset = float(rng.uniform(0.35, 0.8)), float(rng.uniform(0.3, 0.6))
    rule = float(rng.uniform(0.6, 1.4))
    return f"#let rules = {rule:.2f}pt\n" + set_table(answer, layout, inset)


def _content(rng: np.random.Generator, noise: float, formulas: float, numbers: float) -> Content | None:
    kind = rng.random()
    if kind < 0.03:
        return None
    if kind < 0.03 + formulas:
        return lambda answer: set_inline_formula(answer, rng, 9)
    words = [_number(rng)] if rng.random() < numbers else _short_words(rng, noise)
    return lambda answer: set_words(answer, words)


def _number(rng: np.random.Generator) -> str:
    value = float(rng.random() * 10 ** rng.integers(0, 5))
    text = f"{value:.{int(rng.integers(0, 3))}f}"
    if rng.random() < 0.1:
        return text + "%"
    return "-" + text if float(text) and rng.random() < 0.08 else text


def _short_words(rng: np.random.Generator, noise: float) -> list[str]:
    words = [w.strip(".,;:?!") for w in printable_words(rng, 24, noise)]
    short = [w for w in words if 0 < len(w) <= 10 and w not in "-+=&"]
    first = short[: 1 + int(rng.random() < 0.25)] or ["total"]
    return [first[0].capitalize() if rng.random() < 0.4 else first[0], *first[1:]]
