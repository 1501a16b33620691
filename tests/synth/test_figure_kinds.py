"""Figures of the data engine: charts, molecules, scores, constructions and scene text, and their answers."""

import numpy as np
import pytest
from PIL import ImageChops

from got_runtime.markup import parse
from got_runtime.markup.elements import Chart, Geometry, Molecule, Music
from got_runtime.markup.notation.molecule import structure
from got_runtime.markup.notation.tikz import to_svg
from got_runtime.synth.faces import HELD_OUT_FACES, TRAINING_FACES
from got_runtime.synth.kinds import page_of
from got_runtime.synth.pages.chart_data import chart_data
from got_runtime.synth.pages.melody import melody
from got_runtime.synth.pages.molecule import smiles_boxes
from got_runtime.synth.sample import PageSample

FIGURES = ("chart", "molecule", "music", "geometry", "scene")
SEEDS = [(3, index) for index in range(6)]


def _pages(kind: str) -> list[PageSample]:
    return [
        page_of(kind, seed, HELD_OUT_FACES if seed[1] % 2 else TRAINING_FACES, training=seed[1] % 3 == 0)
        for seed in SEEDS
    ]


@pytest.mark.parametrize("kind", FIGURES)
def test_same_seed_makes_the_same_figure(kind: str) -> None:
    one, again, other = page_of(kind, (1, 1)), page_of(kind, (1, 1)), page_of(kind, (1, 2))
    assert (one.text, one.symbols) == (again.text, again.symbols)
    assert np.array_equal(one.boxes, again.boxes)
    assert ImageChops.difference(one.image, again.image).getbbox() is None
    assert one.text != other.text


@pytest.mark.parametrize("kind", FIGURES)
def test_every_box_is_inside_the_picture(kind: str) -> None:
    for page in _pages(kind):
        signs = np.array([box for _, box in page.symbols or ()], dtype=np.float32).reshape(-1, 4)
        for x1, y1, x2, y2 in (*page.boxes, *signs):
            assert 0 <= x1 <= x2 <= page.image.width
            assert 0 <= y1 <= y2 <= page.image.height
        assert 600 <= max(page.image.size) <= 1100
        assert len(page.text) < 400


@pytest.mark.parametrize(
    ("kind", "element"), [("chart", Chart), ("molecule", Molecule), ("music", Music), ("geometry", Geometry)]
)
def test_answers_parse_as_one_complete_element(kind: str, element: type) -> None:
    for page in _pages(kind):
        (found,) = parse(page.text)
        assert isinstance(found, element)
        assert found.warnings == ()


@pytest.mark.parametrize("kind", FIGURES)
def test_every_symbols_box_has_ink(kind: str) -> None:
    """The picture is not of one colour where a symbol is."""
    for page in _pages(kind):
        for name, box in page.symbols or ():
            x1, y1, x2, y2 = (round(side) for side in box)
            around = page.image.crop((x1 - 8, y1 - 8, x2 + 8, y2 + 8)).convert("L")
            assert np.ptp(np.asarray(around, dtype=int)) > 20, (name, box)


def test_a_chart_shows_the_values_of_its_answer() -> None:
    for seed in SEEDS:
        page = page_of("chart", seed)
        (chart,) = parse(page.text)
        assert isinstance(chart, Chart)
        values = chart.value["values"]
        assert isinstance(values, dict)
        drawn = "".join(name for name, _ in page.symbols or () if len(name) == 1)
        assert all(label in drawn for label in values)
        assert sum(name.startswith("top:") for name, _ in page.symbols or ()) == len(values)


def test_higher_bars_have_higher_values() -> None:
    checked = 0
    for index in range(12):
        page = page_of("chart", (4, index))
        (chart,) = parse(page.text)
        tops = [box for name, box in page.symbols or () if name in ("top:bar", "top:line")]
        if not tops or not isinstance(chart, Chart) or not isinstance(chart.value["values"], dict):
            continue
        heights = [page.image.height - (y1 + y2) / 2 for _, y1, _, y2 in tops]
        values = [float(str(value)) for value in chart.value["values"].values()]
        slope, offset = np.polyfit(values, heights, 1) if len(set(values)) > 1 else (1.0, heights[0] - values[0])
        assert np.allclose(np.array(values) * slope + offset, heights, atol=2)
        checked += 1
    assert checked > 3


def test_percentages_of_a_pie_add_up_to_a_hundred() -> None:
    rng = np.random.default_rng(0)
    pies = [data for data in (chart_data(rng, False) for _ in range(60)) if data.kind == "pie"]
    assert pies
    assert all(sum(pie.values) == 100 for pie in pies)


def test_smiles_are_canonical() -> None:
    for page in _pages("molecule"):
        smiles = page.text.removeprefix("<smiles>").removesuffix("</smiles>")
        found = structure(smiles)
        assert found is not None
        assert found.canonical == smiles


def test_atoms_and_bonds_of_smiles_have_their_own_boxes() -> None:
    atoms = [(10.0 * i, 0.0, 10.0 * i + 4, 4.0) for i in range(5)]
    boxes = smiles_boxes("CC(=O)Br", atoms[:4])
    assert [left for left, *_ in boxes] == [0, 10, 10, 15, 20, 10, 30, 30]


def test_bars_are_full_and_notes_run_from_left_to_right() -> None:
    eighths = {"1": 8, "2.": 6, "2": 4, "4.": 3, "4": 2, "8": 1}
    for index in range(40):
        score = melody(np.random.default_rng(index), training=True)
        beats, unit = (int(number) for number in score.meter.split("/"))
        assert all(sum(eighths[event.duration] for event in bar) == beats * 8 // unit for bar in score.bars)
    page = page_of("music", (3, 1))
    lines = page.text.split("\n")
    first_bar = lines[lines.index("=1-") + 1 :]
    first_bar = first_bar[: next(i for i, line in enumerate(first_bar) if line.startswith("="))]
    start = page.text.index("=1-\n") + 4
    lefts = [page.boxes[start + sum(len(line) + 1 for line in first_bar[:i]), 0] for i in range(len(first_bar))]
    assert lefts == sorted(lefts)


def test_constructions_are_drawn_from_their_tikz() -> None:
    for page in _pages("geometry"):
        svg = to_svg(page.text)
        assert svg is not None
        shapes = page.text.count("\\draw") + page.text.count("\\fill")
        assert svg.count("<polyline") + svg.count("<circle") == shapes
        assert svg.count("<text") == page.text.count("\\node")


def test_lines_of_a_scene_are_in_reading_order() -> None:
    for page in _pages("scene"):
        boxes = iter(page.boxes)
        middles = []
        for line in page.text.split("\n"):
            letters = [next(boxes) for _ in line]
            next(boxes, None)
            assert [box[0] for box in letters] == sorted(box[0] for box in letters)
            middles.append(np.mean([(box[1] + box[3]) / 2 for box in letters]))
        assert middles == sorted(middles)
