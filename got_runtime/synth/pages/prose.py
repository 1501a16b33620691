"""Kind ``prose``: running English as books and papers print it, typeset by typst.

Paragraphs, headings, lists, lines of contents and in training tables of numbers, with what
:mod:`got_runtime.synth.typography` knows, ligatures and words divided at line ends.
The answer has one line for each printed one.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from PIL import Image

from got_runtime.synth.degrade import degrade, tilt, tint
from got_runtime.synth.documentation import paragraphs
from got_runtime.synth.faces import Face, load_font
from got_runtime.synth.pages.plain import HELD_OUT, TRAINING_PLAIN, PlainStyle, page_size
from got_runtime.synth.pages.printed_lines import coverage, printed_lines
from got_runtime.synth.pages.typeset import pages_of, quoted, typst_face
from got_runtime.synth.sample import VIEW_SIDE, PageSample
from got_runtime.synth.text import words_of_text
from got_runtime.synth.typography import Typography, random_typography, typeset_runs

PROSE = replace(HELD_OUT, line_characters=(20, 45), em=(22.0, 84.0), full=0.5)
TRAINING_PROSE = replace(TRAINING_PLAIN, line_characters=(14, 55), noise=0.1)

WORD_LISTS = 0.3
"""Fraction of the training pages whose paragraphs are words by frequency, so that the next one cannot be guessed."""
TYPST_FACES = ("New Computer Modern", "Libertinus Serif")
"""Faces that typst brings: one as of TeX, one as of books."""
TYPST_FACE_SHARE = 0.2
"""Of the training pages."""
TABLE_SHARE = 0.08
"""Of the blocks of training pages. Rows of numbers look alike: the network skipped some and repeated others."""
MISSING = ("-", "-", "–", "—", "..", "n/a", "0")
"""What a table prints where it has no number."""
HEADS = ("N", "%", "% N", "No.", "2007", "2008", "2015", "Total", "Rate", "n")
MARKERS = ("•", "–", "▪", "◦", "‣", "*", "-")
NUMBERINGS = ("1.", "1)", "(1)", "a)", "(a)", "i.", "I.")


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """Up to 14 lines of 20 to 45 characters; in training up to 18 lines of 55."""
    return prose_page(seed, replace(TRAINING_PROSE if training else PROSE, faces=tuple(faces)), training)


def prose_page(seed: tuple[int, int], style: PlainStyle, training: bool) -> PageSample:
    """The page of ``seed`` (stream, index): same seed and style, same page in one environment.

    Args:
        training: use the training paragraphs, with lists of words and typst's own faces among the pages.
    """
    rng = np.random.default_rng(seed)
    face = style.faces[rng.integers(len(style.faces))]
    name, arguments = typst_face(face, every_face=True)
    if training and rng.random() < TYPST_FACE_SHARE:
        name = TYPST_FACES[rng.integers(len(TYPST_FACES))]
        arguments = f'font: "{name}"'
    width, height, whole = page_size(rng, style)
    characters = int(rng.integers(style.line_characters[0], style.line_characters[1] + 1))
    left, right = (rng.uniform(0.03, 0.1) * width for _ in range(2))
    unit = load_font(face, 100).getlength("the quick brown Fox jumps 0123") / 3000
    size = (width - left - right) / (unit * characters)
    smallest, largest = (side * whole / VIEW_SIDE for side in style.em)
    size = float(np.clip(size, smallest, largest))
    leading = float(rng.uniform(0.45, 0.9))
    top = rng.uniform(0.6, 1.6) * size
    most = max(1, min(style.max_lines, int((height - 2 * top) / (size * (0.75 + leading)))))
    lines = most if rng.random() < style.full else int(rng.integers(1, most + 1))
    room = (0.75 + leading) * size * lines + 0.3 * size
    top += (height - 2 * top - room) * rng.random() * rng.integers(2)
    source = (
        f"#set page(width: {width}pt, height: {height}pt, "
        f"margin: (left: {left:.1f}pt, right: {right:.1f}pt, top: {top:.1f}pt, bottom: {height - top - room:.1f}pt))\n"
        f"#set text({arguments}, size: {size:.2f}pt, ligatures: {_flag(rng.random() < 0.7)}, "
        f"hyphenate: {_flag(rng.random() < 0.6)})\n"
        f"#set par(justify: {_flag(rng.random() < 0.6)}, leading: {leading:.2f}em, "
        f"spacing: {rng.uniform(leading, 1.6):.2f}em, first-line-indent: {rng.choice([0.0, 1.5]):.1f}em)\n"
        "#set heading(outlined: false)\n"
    )
    page = pages_of(source + _blocks(rng, characters, lines, style, training), every_face=True)[0]
    mask: Image.Image = coverage(page)
    text, boxes = printed_lines(page)
    if style.degraded and rng.random() < 0.4:
        mask, boxes = tilt(mask, boxes, rng)
    image = tint(mask, rng)
    if style.degraded:
        image = degrade(image, rng)
    return PageSample(image, text, boxes, name, seed)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _blocks(rng: np.random.Generator, characters: int, lines: int, style: PlainStyle, training: bool) -> str:
    """Typst source of about as many lines of so many characters as the page holds, and some more."""
    habits = random_typography(rng, training)
    word_lists = training and rng.random() < WORD_LISTS
    source: list[str] = []
    length = 0
    while length < 1.15 * characters * lines + 40:
        if training and rng.random() < TABLE_SHARE:
            rows = int(rng.integers(3, 10))
            source.append(_number_table(rng, words_of_text(rng, 160, 0.0), characters, rows))
            length += characters * rows
            continue
        words = words_of_text(rng, 160, style.noise) if word_lists else _paragraph(rng, style.noise, not training)
        kind = rng.choice(4, p=[0.78, 0.1, 0.1, 0.02])
        if kind == 0:
            source.append(_runs(rng, words, habits))
        elif kind == 1:
            words = words[: int(rng.integers(1, 7))]
            source.append(_heading(rng, words, habits))
        elif kind == 2:
            source.append(_list(rng, words, habits))
        else:
            words = words[:8]
            source.append(_contents(rng, words, habits))
        length += sum(len(word) + 1 for word in words)
    return "\n\n".join(source)


def _paragraph(rng: np.random.Generator, noise: float, held_out: bool) -> list[str]:
    """The words of a paragraph, with some random strings and numbers among them."""
    texts = paragraphs(held_out)
    words = texts[rng.integers(len(texts))].split()
    return [words_of_text(rng, 1, 1.0)[0] if rng.random() < 0.3 * noise else word for word in words]


def _runs(rng: np.random.Generator, words: Sequence[str], habits: Typography) -> str:
    """Typst source of words; strings, so that nothing in them is markup."""
    runs = typeset_runs(rng, words, habits)
    return "".join(f"#{run.emphasis}({quoted(run.text)})" if run.emphasis else f"#{quoted(run.text)}" for run in runs)


def _heading(rng: np.random.Generator, words: list[str], habits: Typography) -> str:
    if rng.random() < 0.4:
        words = [word.upper() for word in words]
    if rng.random() < 0.3:
        words = [f"{rng.integers(1, 12)}.{rng.integers(1, 9)}", *words]
    size = float(rng.choice([1.0, 1.0, rng.uniform(1.0, 1.3)]))
    weight = "bold" if rng.random() < 0.7 else "regular"
    return f'#text(size: {size:.2f}em, weight: "{weight}")[{_runs(rng, words, habits)}]'


def _list(rng: np.random.Generator, words: list[str], habits: Typography) -> str:
    """A list of two to four items of some of the words each."""
    count = int(rng.integers(2, 5))
    cuts = np.linspace(0, len(words), count + 1).astype(int)
    items = (f"[{_runs(rng, words[a:b], habits)}]" for a, b in pairwise(cuts) if b > a)
    if rng.random() < 0.6:
        return f'#list(marker: "{MARKERS[rng.integers(len(MARKERS))]}", {", ".join(items)})'
    return f'#enum(numbering: "{NUMBERINGS[rng.integers(len(NUMBERINGS))]}", {", ".join(items)})'


def _contents(rng: np.random.Generator, words: list[str], habits: Typography) -> str:
    """Entries of a table of contents: some words, dots up to the margin, and a page number."""
    gap = float(rng.choice([0.0, 0.0, 0.25, 0.5]))
    lines = []
    for begin in range(0, len(words), 4):
        entry = _runs(rng, words[begin : begin + 4], habits)
        lines.append(f"{entry} #box(width: 1fr, repeat(gap: {gap}em)[.]) {rng.integers(1, 400)}")
    return " \\\n".join(lines)


def _number_table(rng: np.random.Generator, words: list[str], characters: int, rows: int) -> str:
    """Rows of a year or some words and as many numbers as a line of ``characters`` has room for, some under a head."""
    years = rng.random() < 0.4
    first = int(rng.integers(1900, 2040 - rows))
    labels = [
        str(first + row) if years else " ".join(words[2 * row : 2 * row + int(rng.integers(1, 3))])
        for row in range(rows)
    ]
    room = int(0.75 * characters) - max(map(len, labels))
    columns: list[list[str]] = []
    for _ in range(int(rng.integers(1, 9))):
        column = _numbers(rng, rows)
        room -= max(map(len, column)) + 3
        if room < 0:
            break
        columns.append(column)
    if rng.random() < 0.4:
        labels.insert(0, "")
        heads = [*words[-len(columns) :], *HEADS]
        columns = [[heads[rng.integers(len(heads))][: len(column[0])], *column] for column in columns]
    missing = MISSING[rng.integers(len(MISSING))]
    share = rng.uniform(0.1, 0.7) if rng.random() < 0.4 else 0.0
    columns = [[missing if rng.random() < share else cell for cell in column] for column in columns]
    cells = [cell for row in zip(labels, *columns, strict=True) for cell in row]
    stroke = ("none", "none", "(x: none, y: 0.5pt)", "0.5pt")[rng.integers(4)]
    align = ", ".join(["left", *["right"] * len(columns)])
    inset = f"(y: {rng.uniform(0.1, 0.4):.2f}em, x: {rng.uniform(0.3, 0.9):.2f}em)"
    style = f"columns: {len(columns) + 1}, align: ({align},), stroke: {stroke}, inset: {inset}"
    return f"#table({style}, {', '.join(map(quoted, cells))})"


def _numbers(rng: np.random.Generator, rows: int) -> list[str]:
    """Numbers of one kind and of about the same size, as a column of a table has them."""
    size = 10 ** rng.uniform(0.3, 5.0)
    values = size * rng.uniform(0.7, 1.3, rows)
    form = ("{:,.0f}", "{:.0f}", "{:.1f}", "{:.2f}", "{:.1f}%", "${:,.0f}", "({:.1f})")[rng.integers(7)]
    return [form.format(value) for value in values]
