"""Reads the views of a synthetic page without a network: by the places at which its symbols were drawn."""

import re
from collections.abc import Iterator

import numpy as np

from got_runtime.synth.sample import PageSample
from got_runtime.views.formatted import FormattedPage
from got_runtime.views.matching import AnswerLine
from got_runtime.views.pieces import word_gaps

__all__ = ["answers_of", "read_sample"]

SIGNS = {"\\item": "•"}
"""What is printed for a symbol whose name is markup; others are signs of mathematics."""


def read_sample(sample: PageSample) -> FormattedPage:
    """The page, after all of its views were read as a perfect network reads them: formulas as text with doubt."""
    page = FormattedPage.of(sample.image)
    formulas = re.findall(r"\\\[ .*? \\\]", sample.text)
    while pending := page.pending():
        for pieces in pending:
            view = page.view(pieces)
            if view.formatted:
                answer = [AnswerLine(formulas.pop(0), 0.9)] if formulas else []
            else:
                answer = [_line(page, index, sample) for index in view.pieces]
            page.record(view, answer)
    return page


def _line(page: FormattedPage, index: int, sample: PageSample) -> AnswerLine:
    symbols = list(_symbols(page, index, sample))
    text = "".join(SIGNS.get(name, name if len(name) == 1 else "#") for name, _ in symbols)
    _, gaps = word_gaps(page.page.ink, page.pieces[index])
    left = page.pieces[index].box[0]
    starts = [middle - left for _, middle in symbols]
    for gap in reversed(gaps):
        at = int(np.searchsorted(starts, (gap.begin + gap.end) / 2))
        text = text[:at] + " " + text[at:]
    is_formula = any(len(name) > 1 and name not in SIGNS for name, _ in symbols)
    return AnswerLine(" ".join(text.split()), 0.5 if is_formula else 1.0)


def _symbols(page: FormattedPage, index: int, sample: PageSample) -> Iterator[tuple[str, float]]:
    """Symbols in a piece with their middles, from left to right."""
    left, top, right, bottom = page.pieces[index].box
    inside = []
    for name, (x0, y0, x1, y1) in sample.symbols or ():
        if left < (x0 + x1) / 2 < right and top < (y0 + y1) / 2 < bottom:
            inside.append((name, (x0 + x1) / 2))
    yield from sorted(inside, key=lambda symbol: symbol[1])


def answers_of(sample: PageSample) -> list[str]:
    """The right answer for each view of a page without formulas, in order."""
    page = FormattedPage.where_needed(sample.image, 42.0, 1024)
    return ["\n".join(_line(page, index, sample).text for index in pieces) for pieces in page.pending()]
