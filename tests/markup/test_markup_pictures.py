"""Molecules, scores, charts and geometry: output of the optional libraries, and messages without them."""

import sys

import pytest
from helpers.markup_answers import ANSWERS

from got_runtime.errors import MissingExtra
from got_runtime.markup import parse, to_html
from got_runtime.markup.notation import chart, molecule, music, tikz
from got_runtime.markup.notation.json_repair import read_object
from got_runtime.markup.notation.musicxml import to_musicxml


def only(name: str) -> object:
    (element,) = parse(ANSWERS[name])
    return element


def test_a_molecule_has_a_canonical_smiles_a_formula_and_a_drawing() -> None:
    pytest.importorskip("rdkit")
    found = molecule.structure(parse(ANSWERS["smiles"])[0].smiles)  # type: ignore[union-attr]
    assert found is not None
    assert (found.canonical, found.formula) == ("CC(=O)Oc1ccccc1C(=O)O", "C9H8O4")
    assert "<svg" in found.svg


def test_a_broken_smiles_is_not_valid() -> None:
    pytest.importorskip("rdkit")
    assert molecule.structure("C1CC(") is None
    assert not molecule.is_valid("")


@pytest.mark.parametrize("name", ["kern", "kern-ragged", "kern-split", "kern-spaces"])
def test_a_repaired_score_is_engraved(name: str) -> None:
    pytest.importorskip("verovio")
    (score,) = parse(ANSWERS[name])
    pages = music.to_svg(score.humdrum)  # type: ignore[union-attr]
    assert pages
    assert "<svg" in pages[0]


def test_a_score_becomes_mei_and_midi() -> None:
    pytest.importorskip("verovio")
    (score,) = parse(ANSWERS["kern"])
    mei, midi = (music.convert(score.humdrum, to) for to in ("mei", "midi"))  # type: ignore[union-attr]
    assert mei is not None
    assert b"<mei" in mei
    assert midi is not None
    assert midi.startswith(b"MThd")


@pytest.mark.parametrize(("name", "notes"), [("kern", 8), ("kern-ragged", 3), ("kern-split", 5), ("kern-spaces", 2)])
def test_a_score_becomes_musicxml_with_all_its_notes(name: str, notes: int) -> None:
    pytest.importorskip("music21")
    (score,) = parse(ANSWERS[name])
    written = to_musicxml(score.humdrum)  # type: ignore[union-attr]
    assert written is not None
    assert written.count(b"<pitch>") == notes
    assert b"Music21" not in written
    assert written == to_musicxml(score.humdrum)  # type: ignore[union-attr]
    assert to_musicxml("") is None


def test_a_chart_is_drawn_again() -> None:
    pytest.importorskip("matplotlib")
    (drawn,) = parse(ANSWERS["chart-json"])
    svg = chart.to_svg(drawn.value)  # type: ignore[union-attr]
    assert svg is not None
    assert "<svg" in svg


@pytest.mark.parametrize(
    ("text", "number"), [("12,5", 12.5), ("1,250", 1250), ("1,250.5", 1250.5), ("7 %", 7), ("-", None)]
)
def test_the_numbers_of_a_chart_are_read_as_printed(text: str, number: float | None) -> None:
    assert chart.number(text) == number


def test_a_chart_of_series_has_a_column_for_each() -> None:
    (drawn,) = parse(ANSWERS["chart-python"])
    assert chart.to_records(drawn.value) == [  # type: ignore[union-attr]
        {"category": "A", "x": 1, "y": 2},
        {"category": "B", "x": 3, "y": True},
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("{'a': 'it's', 'b': None,}", {"a": "it's", "b": None}),
        ("{“a”: “b”}", {"a": "b"}),
        ('{"a": [1, 2.5, -3e2', {"a": [1, 2.5, -300.0]}),
        ('{"a": 1, "a": 2}', {"a": 1, "a (2)": 2}),
        ('{"a": __import__("os")}', {"a": '__import__("os")'}),
        ('{"a": 12345678901234567890, "b": -9007199254740993}', {"a": 12345678901234567890, "b": -9007199254740993}),
        ('{"a": 1e999, "b": nan}', {"a": "1e999", "b": None}),
    ],
)
def test_objects_are_read_whatever_their_quotes(text: str, value: object) -> None:
    found = read_object(text)
    assert found is not None
    assert found[0] == value


def test_geometry_is_drawn_without_latex() -> None:
    (figure,) = parse(ANSWERS["tikz"])
    svg = tikz.to_svg(figure.tikz)  # type: ignore[union-attr]
    assert svg is not None
    assert svg.count("<polyline") == 2
    assert svg.count("<text") == 3
    assert svg.count("<circle") == 1
    assert tikz.to_svg("\\begin{tikzpicture}\\foreach \\x in {1,2}\\end{tikzpicture}") is None


@pytest.mark.parametrize(
    ("library", "name", "extra"),
    [("rdkit", "smiles", "chemistry"), ("verovio", "kern", "music"), ("matplotlib", "chart-json", "charts")],
)
def test_without_its_extra_a_notice_replaces_the_picture(
    library: str, name: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [each for each in sys.modules if each.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    html = to_html(parse(ANSWERS[name]))
    assert f"got-ocr[{extra}]" in html
    assert "<img" not in html


def test_a_missing_extra_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "verovio", None)
    with pytest.raises(MissingExtra, match=r"pip install 'got-ocr\[music\]'"):
        music.to_svg("**kern\n4c\n*-\n")
