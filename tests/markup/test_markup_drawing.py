"""Drawing is never fatal: crashes and endless layouts stay in a child process, and the source is shown.

``GOT_DRAWING_EXAMPLES=5000 pytest tests/markup/test_markup_drawing.py`` is the full measure (an hour on two cores).
"""

import os
import random
import re
import subprocess
import time
from html import unescape
from pathlib import Path

import pytest
from helpers.markup_answers import ANSWERS

from got_runtime.errors import DrawingError
from got_runtime.markup import parse, to_html
from got_runtime.markup.notation import chart, child_process, molecule, music

EXAMPLES = int(os.environ.get("GOT_DRAWING_EXAMPLES", "16"))
SCORE = "**kern\t**kern\n*clefF4\t*clefG2\n=1\t=1\n4C\t4e\n4D\t4f\n*-\t*-\n"
CRASHING = SCORE.replace("4D\t4f", "4D\t")
ENDLESS = "C1CC2CCC1C2" * 70
CHART = '{"title": "%s", "values": {"%s": 3, "B": 4}}'


def test_a_score_that_ends_verovio_does_not_end_the_process() -> None:
    pytest.importorskip("verovio")
    with pytest.raises(DrawingError, match="verovio crashed"):
        music.to_svg(CRASHING)
    assert "<svg" in music.to_svg(SCORE)[0]


def test_an_empty_field_of_a_score_is_filled_and_drawn() -> None:
    pytest.importorskip("verovio")
    (score,) = parse(CRASHING)
    assert "4D\t.\n" in score.humdrum  # type: ignore[union-attr]
    assert [repair.code for repair in score.warnings] == ["spine-width"]
    assert "<img" in to_html([score])


def test_notes_without_a_spine_are_kept_as_a_comment() -> None:
    (score,) = parse(SCORE.replace("4D\t4f", "4D\t4f\t4a"))
    assert "4D\t4f\n!! without a spine: 4a\n" in score.humdrum  # type: ignore[union-attr]


def test_a_drawing_that_takes_too_long_is_given_up_and_the_next_one_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rdkit")
    assert molecule.is_valid("CCO")  # the child and the library are there
    with monkeypatch.context() as patch:
        patch.setattr(child_process, "MAX_WAIT_SECONDS", 0.05)
        begin = time.monotonic()
        with pytest.raises(DrawingError, match=r"rdkit took longer than 0\.05 seconds"):
            molecule.structure(ENDLESS)
        assert time.monotonic() - begin < 5
    assert molecule.is_valid("CCO")


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("NC(C)C(=O)" * 190 + "O", "it has 951 atoms, and at most 500 are drawn"),
        ("C" * 2001, "it has 2,001 characters"),
    ],
)
def test_a_molecule_of_more_atoms_than_can_be_told_apart_is_shown_as_its_source(smiles: str, reason: str) -> None:
    pytest.importorskip("rdkit")
    html = to_html(parse(f"<smiles>{smiles}</smiles>"))
    assert reason in html
    assert smiles in html
    assert "<img" not in html


def test_an_argument_beyond_the_limit_is_not_drawn() -> None:
    pytest.importorskip("rdkit")
    with pytest.raises(DrawingError, match=r"more than 1,000,000 bytes"):
        molecule.is_valid("C" * 1_000_001)


def test_the_child_lives_on_from_drawing_to_drawing() -> None:
    pytest.importorskip("rdkit")
    molecule.is_valid("CCO")
    child = child_process._child(os.getpid())
    first = child._process
    molecule.is_valid("CCN")
    assert child._process is first


def test_without_a_child_process_the_source_is_shown_beside_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("verovio")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError("not here")

    child_process._child(os.getpid()).end()
    monkeypatch.setattr(subprocess, "Popen", refused)
    html = to_html(parse(SCORE))
    assert 'class="notice">this score could not be drawn: no process to draw in could be started (not here)' in html
    assert '<details open=""><summary>source</summary>' in html
    assert "*clefF4" in html


def test_text_starts_no_child_process() -> None:
    child_process._child(os.getpid()).end()
    to_html(parse("\\section*{A} text \\( x^2 \\)"))
    assert child_process._child(os.getpid())._process is None


def test_labels_in_chinese_japanese_and_korean_have_their_characters() -> None:
    pytest.importorskip("matplotlib")
    drawings = set()
    for label in ("城市", "人口", "서울", "あア"):  # boxes in place of missing characters would be all the same
        svg = chart.to_svg({"title": label, "values": {"A": 3}})
        assert svg is not None
        drawings.add(frozenset(re.findall(r'<path id="\w+-\w+" d="(.*?)"', svg, flags=re.DOTALL)))
    assert len(drawings) == 4


@pytest.mark.parametrize("label", ["หนึ่ง", "אחת"])
def test_labels_that_no_font_can_set_leave_the_table_alone(label: str) -> None:
    pytest.importorskip("matplotlib")
    html = to_html(parse(CHART % ("title", label)))
    assert "<img" not in html
    assert "this chart could not be drawn: " in html
    assert f"<td>{label}</td>" in html.replace(' align="left"', "")


def test_a_chart_says_how_many_of_its_values_are_not_drawn() -> None:
    pytest.importorskip("matplotlib")
    html = to_html(parse('{"title": "t", "values": {"a": 0, "b": "12 million", "c": 7}}'))
    assert "<img" in html
    assert "1 of 3 values are not drawn" in html


def test_a_chart_without_rows_shows_its_source() -> None:
    html = unescape(to_html(parse('{"title": "t", "x_title": "years"}'), pictures=False))
    assert '"x_title": "years"' in html


def answers() -> list[str]:
    """Scores, figures, molecules and charts of real size."""
    music21 = pytest.importorskip("music21")
    folder = Path(music21.__file__).parent / "corpus"
    files = ["palestrina/Agnus_II_47.krn", "chopin/mazurka06-2.krn"]
    scores = [(folder / file).read_text(encoding="latin-1") for file in files]
    scores = [text[text.index("**kern") :][:3000] for text in scores]
    figures = [text for name, text in ANSWERS.items() if name.startswith(("chart", "smiles", "tikz", "kern"))]
    return [*scores, *scores, *figures, "<smiles>CC(C)Cc1ccc(cc1)[C@@H](C)C(=O)N[C@H]2CC3CCC2(C)C3(C)C</smiles>"]


def test_any_cut_or_edit_of_a_drawing_gives_a_picture_or_a_notice_with_the_source() -> None:
    rng = random.Random(os.environ.get("GOT_DRAWING_SEED", "0"))
    for _ in range(EXAMPLES):
        text = rng.choice(answers())
        if rng.random() < 0.5:
            text = text[: rng.randrange(len(text))]
        else:
            for _ in range(rng.randint(1, 6)):
                start = rng.randrange(len(text) + 1)
                piece = rng.choice(["", text[start : start + 9] * 2, "\t", "*", "(", "9", "-"])
                text = text[:start] + piece + text[start + rng.randint(0, 9) :]
        for element in parse(text):
            html = to_html([element])
            if element.kind in ("music", "molecule", "chart", "geometry"):
                assert "<img" in html or 'class="notice"' in html
            if 'class="notice"' in html and element.kind == "music":
                assert '<details open="">' in html
