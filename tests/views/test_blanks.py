"""Blanks that a text lacks are put where the print has gaps between words."""

import random
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from wordfreq import top_n_list

from got_runtime.views.blanks import Gap, with_blanks
from got_runtime.views.pieces import Piece, word_gaps

FACES = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf", "STIXGeneral.ttf", "DejaVuSans-Bold.ttf")
FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def corrected(line: str, face: str, text: str) -> str:
    """The text with the blanks of the line printed in a face."""
    font = ImageFont.truetype(FOLDER / face, 32)
    image = Image.new("L", (1500, 100), 255)
    ImageDraw.Draw(image).text((40, 30), line, font=font, fill=0)
    ink = np.asarray(image) < 128
    rows, columns = np.nonzero(ink)
    box = int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
    top, bottom = font.getbbox("x")[1::2]
    return with_blanks(text, *word_gaps(ink, Piece(box, bottom - top, 0, 0, len(line), (box,))))


LACKING = {
    "14June and 3November": "14 June and 3 November",
    "and Iam sorry, at acost of 340": "and I am sorry, at a cost of 340",
    "from a firmin the nextvalley.": "from a firm in the next valley.",
    "Page 4| Questions: 0161 5550187": "Page 4 | Questions: 0161 555 0187",
    "beforeit, and what was done": "before it, and what was done",
    "onetwo": "one two",
}


def test_a_blank_that_was_left_out_is_put_where_it_is_printed() -> None:
    """Where another place fits nearly as well, the text stays as it was read."""
    restored = 0
    for face in FACES:
        found = {read: corrected(line, face, read) for read, line in LACKING.items()}
        restored += sum(found[read] == line for read, line in LACKING.items())
        for read, line in LACKING.items():
            assert set(found[read].split()) <= {*line.split(), *read.split()}
    assert restored >= 20  # of 30


@pytest.mark.parametrize(
    "text",
    ["Iam sorry", "there is no gap", "", "x", "多少 字", r"a \( x \)b c d e f g", "ภาษา ไทย"],
    ids=["too few", "enough", "empty", "one", "Chinese", "LaTeX", "Thai"],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    gaps = [Gap(float(100 * index), float(100 * index + 12)) for index in range(1, text.count(" ") + 1)]
    assert with_blanks(text, 500.0, gaps) == text


def test_many_lines_gain_and_hardly_one_loses() -> None:
    words = top_n_list("en", 3000)
    draw = random.Random(1)
    restored = harmed = 0
    for number in range(300):
        chosen = [
            draw.choice(words) if draw.random() > 0.25 else draw.choice(["a", "I", "3", "in", "of"]) for _ in "1234"
        ]
        line = " ".join(chosen)
        face = FACES[number % len(FACES)]
        lost = draw.randrange(len(chosen) - 1)
        read = " ".join([*chosen[:lost], chosen[lost] + chosen[lost + 1], *chosen[lost + 2 :]])
        found = corrected(line, face, read)
        restored += found == line
        harmed += found not in (line, read)
        harmed += corrected(line, face, line) != line
    assert restored >= 225
    assert harmed <= 3


def test_gaps_of_dots_and_of_letters_set_wide_add_nothing() -> None:
    dots = [Gap(200.0 + 10 * index, 206.0 + 10 * index) for index in range(60)]
    assert with_blanks("Contents 21", 900.0, dots) == "Contents 21"
    spaced = [Gap(30.0 * index, 30.0 * index + 9) for index in range(1, 8)]
    assert with_blanks("CONTENTS", 240.0, spaced) == "CONTENTS"


def test_any_text_and_gaps_give_a_text_with_the_same_characters() -> None:
    draw = np.random.default_rng(0)
    for _ in range(300):
        text = "".join(draw.choice(list("abcIl1 .€é"), size=int(draw.integers(0, 30))))
        edges = np.sort(draw.uniform(0, 400, size=2 * int(draw.integers(0, 8))))
        gaps = [Gap(float(begin), float(end)) for begin, end in edges.reshape(-1, 2)]
        assert with_blanks(text, 400.0, gaps).replace(" ", "") == text.replace(" ", "")
