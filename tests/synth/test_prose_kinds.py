"""Running English of the data engine: its text and typography, and the views of it that zoom makes."""

import re
import string

import numpy as np
import pytest

from got_runtime.synth.documentation import paragraphs
from got_runtime.synth.faces import HELD_OUT_FACES, TRAINING_FACES
from got_runtime.synth.kinds import page_of
from got_runtime.synth.pages.zoomed import ROWS
from got_runtime.synth.sample import PageSample
from got_runtime.synth.typography import Run, Typography, typeset_runs
from got_runtime.views.lines import find_lines

KINDS = ("prose", "zoomed")
PLAIN = Typography(curly_quotes=False, emphasis=0.0, signs=0.0, accents=0.0, superscripts=0.0)


def pages(kind: str, count: int, training: bool = False) -> list[PageSample]:
    faces = TRAINING_FACES if training else HELD_OUT_FACES
    return [page_of(kind, (41, index), faces, training) for index in range(count)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [True, False])
def test_the_same_seed_makes_the_same_page(kind: str, training: bool) -> None:
    one, again, other = (page_of(kind, (41, index), TRAINING_FACES, training) for index in (6, 6, 9))
    assert one.text == again.text != other.text
    assert one.image.tobytes() == again.image.tobytes()
    assert np.array_equal(one.boxes, again.boxes)


@pytest.mark.parametrize("kind", KINDS)
def test_every_visible_character_has_ink_in_its_box(kind: str) -> None:
    for page in pages(kind, 5):
        grey = np.asarray(page.image.convert("L"), dtype=np.int16)
        ink = np.abs(grey - int(np.median(grey))) > 40
        missed = 0
        for character, (x1, y1, x2, y2) in zip(page.text, page.boxes, strict=True):
            if character.isspace():
                continue
            # A tilted line's boxes are level, and a raised figure's is drawn above its own baseline.
            margin = 0.25 * (y2 - y1)
            top, bottom = max(0, int(y1 - margin)), int(y2 + margin) + 1
            missed += not ink[top:bottom, max(0, int(x1) - 1) : int(x2) + 2].any()
        assert missed <= 0.02 * len(page.text), page.text


@pytest.mark.parametrize("kind", KINDS)
def test_the_lines_of_the_answer_follow_each_other_down_the_page(kind: str) -> None:
    for page in pages(kind, 4):
        numbers = np.cumsum([0, *(character == "\n" for character in page.text)])[:-1]
        middles = (page.boxes[:, 1] + page.boxes[:, 3]) / 2
        heights = [float(np.median(middles[numbers == line])) for line in range(page.text.count("\n") + 1)]
        assert heights == sorted(heights)
        assert all(line == line.strip() != "" for line in page.text.split("\n"))


def test_training_and_held_out_paragraphs_have_no_beginning_in_common() -> None:
    letters = [[re.sub("[^a-z]", "", text.lower()) for text in paragraphs(side)] for side in (False, True)]
    training, held_out = ({text[:32] for text in side} for side in letters)
    assert len(held_out) > 100
    assert len(training) > 5 * len(held_out)
    assert not training & held_out


def test_paragraphs_are_english_without_markup() -> None:
    for text in paragraphs(True):
        assert set(text) <= {*string.ascii_letters, *string.digits, *" ,.;:?!'\"()%/-"}
        assert not re.search(r"--|\s\s", text)
        assert text[0].isupper()
        assert text[-1] in ".?!:"


def test_held_out_pages_print_held_out_paragraphs() -> None:
    """Words are joined again where a line ends in a hyphen; a few are those that typography puts in."""
    known = " ".join(paragraphs(True))
    for page in pages("prose", 5):
        words = re.findall(r"[a-z]{4,}", re.sub(r"-\n", "", page.text))
        assert sum(word in known for word in words) >= 0.9 * len(words)


def test_print_has_what_ordinary_pages_have() -> None:
    """Of 60 pages at least one has each: this is what the network is to learn."""
    texts = [page.text for page in pages("prose", 60, training=True)]
    joined = "\n".join(texts)
    for wanted in ("“", "”", "’", "–", "—", "•", "§", "°", "€", "é", "fi", "fl"):
        assert wanted in joined, wanted
    assert re.search(r"[a-z]{2,}-\n[a-z]{2,}", joined), "words divided at a line's end"
    assert re.search(r"^[A-Z ]{12,}$", joined, re.MULTILINE), "headings in capitals"
    assert re.search(r"\.{6,} ?\d|(\. ){6,}\d", joined), "dots up to a page number"
    assert re.search(r"[a-z]\d{1,2}\b", joined), "raised figures"
    assert sum(text.isascii() for text in texts) > 5, "and many pages are plain ASCII"


def test_prose_is_printed_in_faces_that_typst_cannot_open_by_itself() -> None:
    """The metric twins of Times, Helvetica and Courier, which most documents are printed in."""
    regular = [face for face in TRAINING_FACES if face.family.startswith("Nimbus") and face.style == "Regular"]
    widths = {}
    for face in regular:
        page = page_of("prose", (42, 1), [face])
        assert page.face == face.name
        x1, y1, x2, y2 = page.boxes.T
        letters = [width for character, width in zip(page.text, (x2 - x1) / (y2 - y1), strict=True) if character == "e"]
        widths[face.family] = float(np.median(letters)) * 0.97  # a box is .97 em high
    assert widths == pytest.approx({"Nimbus Sans": 0.556, "Nimbus Roman": 0.444, "Nimbus Mono": 0.6}, abs=0.02)


def test_letters_of_a_ligature_stand_side_by_side() -> None:
    found = 0
    for page in pages("prose", 30):
        for place in (match.start() for match in re.finditer("f[fil]", page.text)):
            (left, _, middle, _), (begin, _, right, _) = page.boxes[place], page.boxes[place + 1]
            assert middle - left > 0.05 * (page.boxes[place, 3] - page.boxes[place, 1])
            assert abs(begin - middle) < 2
            assert right > begin
            found += 1
    assert found > 10


def test_quotes_dashes_and_emphasis_are_those_of_the_page() -> None:
    words = ["\"don't", 'go"', "(he", "said)"]
    rng = np.random.default_rng(0)
    assert typeset_runs(rng, words, PLAIN) == [Run('"don\'t go" (he said)')]
    curly = Typography(curly_quotes=True, emphasis=0.0, signs=0.0, accents=0.0, superscripts=0.0)
    assert typeset_runs(rng, words, curly) == [Run("“don’t go” (he said)")]
    many = Typography(curly_quotes=False, emphasis=1.0, signs=0.0, accents=0.0, superscripts=1.0)
    runs = typeset_runs(rng, ["word"] * 30, many)
    assert {run.emphasis for run in runs} == {"", "strong", "emph", "super"}
    assert all(run.text.isdigit() for run in runs if run.emphasis == "super")
    spoken = "".join(run.text for run in runs if run.emphasis != "super")
    assert spoken.replace(many.dash, " ").split() == ["word"] * 30


def test_a_zoomed_view_is_a_stack_of_pieces_of_which_the_text_is_known() -> None:
    for page in pages("zoomed", 5):
        lines = page.text.split("\n")
        assert len(lines) <= ROWS
        assert max(map(len, lines)) <= 75
        assert 1 / 1.51 < page.image.width / page.image.height < 1.51
        assert np.median(np.asarray(page.image)) >= 245
        assert abs(len(find_lines(page.image).lines) - len(lines)) <= 2
