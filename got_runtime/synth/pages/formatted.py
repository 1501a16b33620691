"""Kind ``formatted``: title, authors, abstract, sections, paragraphs with formulas, lists, footnotes and a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from got_runtime.synth.faces import Face
from got_runtime.synth.pages.answer import TypesetAnswer
from got_runtime.synth.pages.document import DocumentWriter
from got_runtime.synth.pages.picture import finish, framed
from got_runtime.synth.pages.typeset import pages_of, typst_face
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import Formatted

EM = 20
"""Type size of the running text in points."""
LONGEST = 650
"""Characters of the answer after which no further part begins."""


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """A random choice of parts in one or two columns; more random strings in training."""
    rng = np.random.default_rng(seed)
    face, arguments = typst_face(faces[int(rng.integers(len(faces)))])
    answer = TypesetAnswer()
    document = DocumentWriter(answer, rng, noise=0.2 if training else 0.0)
    two_columns = rng.random() < 0.3
    head = document.head()
    body = document.body(int(rng.integers(150, LONGEST)), most_columns=3 if two_columns else 4)
    style = (
        f"#set text(size: {EM}pt, {arguments})\n"
        f"#set par(justify: {'true' if rng.random() < 0.6 else 'false'}, leading: {rng.uniform(0.5, 0.8):.2f}em, "
        f"spacing: {rng.uniform(0.9, 1.3):.2f}em)\n"
    )
    page = (
        _two_columns(style, head, body, rng)
        if two_columns
        else _page(style, head + body, EM * rng.uniform(22.0, 42.0), "auto")[0]
    )
    typeset = framed(page, EM, rng, view_em=(21.0, 48.0), shape=(0.6, 1.6))
    return finish(typeset, answer, rng, face, seed, Formatted(), training)


def _page(style: str, matter: str, width: float, height: str, columns: str = "") -> Any:
    return pages_of(f"#set page(width: {width:.1f}pt, height: {height}, margin: 2pt{columns})\n{style}{matter}")


def _two_columns(style: str, head: str, body: str, rng: np.random.Generator) -> Any:
    """The head over both columns; the page is made higher until everything fits on it."""
    column, gap = EM * rng.uniform(15.0, 20.0), EM * rng.uniform(1.2, 2.2)
    width = 2 * column + gap
    height = _page(style, body, column, "auto")[0].rect.height * 0.52 + 2 * EM
    if head:
        height += _page(style, head, width, "auto")[0].rect.height
        head = f'#place(top + center, scope: "parent", float: true, block(width: 100%)[\n#set align(left)\n{head}])\n'
    while True:
        columns = f", columns: 2)\n#set columns(gutter: {gap:.1f}pt"
        document = _page(style, head + body, width, f"{height:.1f}pt", columns)
        if document.page_count == 1:
            return document[0]
        height += 2 * EM
