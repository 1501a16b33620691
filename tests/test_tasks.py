"""What can be asked of a page, and what is refused: boxes in three units, clipping, JSON."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from got_runtime import Box, Color, Formatted, MultiPage, Plain, Tiles
from got_runtime.errors import TaskError
from got_runtime.tasks import PageFrame, Query, Task

A4 = PageFrame(1654, 2339, size_pt=(595.0, 842.0))  # 200 dpi
SCAN = PageFrame(1000, 500)  # no PDF: no points

TASKS = [
    Plain(),
    Formatted(),
    Box(10, 20, 30, 40),
    Box(10.5, 20.25, formatted=True),
    Box(0.1, 0.2, 0.3, 0.4, unit="fraction", crop=True),
    Box(72, 72, 144, 144, unit="pt", formatted=True),
    Color(color="red"),
    Color(color="blue", formatted=True),
    Tiles(),
    Tiles(max_tiles=12, formatted=True),
    MultiPage(),
    MultiPage(formatted=False),
]


def asked(box: Box, frame: PageFrame = A4) -> str:
    return box.query(frame).text


def test_a_box_is_sent_in_thousandths_of_the_page_cut_off_not_rounded() -> None:
    rng = random.Random(0)
    for _ in range(1000):
        w, h = rng.randint(1, 5000), rng.randint(1, 5000)
        x1, x2 = sorted((rng.uniform(0, w), rng.uniform(0, w)))
        y1, y2 = sorted((rng.uniform(0, h), rng.uniform(0, h)))
        official = [int(x1 / w * 1000), int(y1 / h * 1000), int(x2 / w * 1000), int(y2 / h * 1000)]
        assert Box(x1, y1, x2, y2).query(PageFrame(w, h)) == Query(f"{official} OCR: ")


def test_999_and_a_half_thousandths_are_999() -> None:
    assert asked(Box(999.5, 0, 1000, 500), SCAN) == "[999, 0, 1000, 1000] OCR: "


def test_a_point_has_two_values() -> None:
    assert asked(Box(250, 100), SCAN) == "[250, 200] OCR: "
    assert asked(Box(1000, 500, formatted=True), SCAN) == "[1000, 1000] OCR with format: "


def test_a_box_in_fractions_of_the_page() -> None:
    assert asked(Box(0.25, 0.5, 0.75, 1, unit="fraction")) == "[250, 500, 750, 1000] OCR: "
    assert asked(Box(0.5, 0.5, unit="fraction")) == "[500, 500] OCR: "


def test_a_box_in_points_of_a_pdf_page() -> None:
    assert asked(Box(119, 84.2, 297.5, 421, unit="pt")) == "[200, 100, 500, 500] OCR: "


def test_points_need_a_pdf_page() -> None:
    with pytest.raises(TaskError, match="points needs a PDF page: give pixels or fractions"):
        Box(1, 2, 3, 4, unit="pt").query(SCAN)


@pytest.mark.parametrize(
    ("box", "text"),
    [
        (Box(-50, 100, 500, 200), "[0, 200, 500, 400] OCR: "),
        (Box(500, 100, 2000, 9999), "[500, 200, 1000, 1000] OCR: "),
        (Box(-0.5, -0.5, 1.5, 1.5, unit="fraction"), "[0, 0, 1000, 1000] OCR: "),
    ],
)
def test_a_box_over_the_edge_is_clipped_with_a_warning(box: Box, text: str) -> None:
    query = box.query(SCAN)
    assert query.text == text
    assert len(query.warnings) == 1
    assert "was clipped to the page of 1000×500 pixels" in query.warnings[0]


def test_a_box_up_to_the_edge_is_not_clipped() -> None:
    assert Box(0, 0, 1000, 500).query(SCAN).warnings == ()


@pytest.mark.parametrize(
    "box",
    [
        Box(30, 20, 10, 40),  # right of itself
        Box(10, 40, 30, 20),  # below itself
        Box(10, 20, 10, 40),  # no width
        Box(1000, 0, 1200, 100),  # nothing but the edge
        Box(-20, -20, -10, -10),
        Box(1000.5, 3),  # a point beside the page
        Box(3, -1),
        Box(1.1, 0.5, unit="fraction"),
    ],
    ids=str,
)
def test_a_box_that_holds_nothing_is_refused(box: Box) -> None:
    with pytest.raises(TaskError, match=r"holds nothing of a page of 1000×500 pixels: give x1 < x2"):
        box.query(SCAN)


@pytest.mark.parametrize("coordinates", [(1,), (1, 2, 3), (1, 2, 3, 4, 5)])
def test_a_box_has_two_or_four_coordinates(coordinates: tuple[float, ...]) -> None:
    with pytest.raises(TaskError, match="a box has 4 coordinates, a point 2"):
        Box(*coordinates)


@pytest.mark.parametrize("coordinates", [(float("nan"), 2), (1, 2, float("inf"), 4)])
def test_a_box_has_finite_coordinates(coordinates: tuple[float, ...]) -> None:
    with pytest.raises(TaskError, match="finite"):
        Box(*coordinates)


def test_half_a_corner_and_a_cropped_point_are_refused() -> None:
    with pytest.raises(TaskError, match="needs both x2 and y2"):
        Box(x1=1, y1=2, x2=3)
    with pytest.raises(TaskError, match="a point cannot be cropped"):
        Box(1, 2, crop=True)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Color(color="yellow"), "color: Input should be 'red', 'green' or 'blue'"),  # type: ignore[arg-type]
        (lambda: Tiles(max_tiles=13), "max_tiles: "),
        (lambda: Plain(fomatted=True), "fomatted: "),  # type: ignore[call-arg]
    ],
)
def test_a_field_that_cannot_be_is_a_task_error(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(TaskError, match=said):
        make()


def test_a_crop_is_read_as_a_page_of_its_own() -> None:
    query = Box(10.4, 20.6, 30.1, 40.9, crop=True).query(SCAN)
    assert query == Query("OCR: ", crop=(10, 20, 31, 41))  # no pixel of the box is lost
    assert Box(0.1, 0.2, 0.3, 0.4, unit="fraction", formatted=True, crop=True).query(SCAN) == Query(
        "OCR with format: ", crop=(100, 100, 300, 200)
    )


def test_a_crop_stays_on_the_page() -> None:
    query = Box(-5, -5, 1e6, 1e6, crop=True).query(SCAN)
    assert query.crop == (0, 0, 1000, 500)
    assert len(query.warnings) == 1


def test_asking_changes_nothing() -> None:
    """The port's processor overwrites the box it is given: the second page would be asked for another one."""
    coordinates = [100, 100, 900, 400]
    box = Box(*coordinates)
    first, elsewhere, again = box.query(SCAN), box.query(A4), box.query(SCAN)
    assert first == again != elsewhere
    assert coordinates == [100, 100, 900, 400]
    assert box == Box(100, 100, 900, 400)


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_a_task_cannot_be_changed_and_can_be_a_key(task: Task) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        task.formatted = True  # type: ignore[misc]
    assert len({task, task.model_copy()}) == 1


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_tasks_survive_json(task: Task) -> None:
    adapter: TypeAdapter[Task] = TypeAdapter(Task)
    assert adapter.validate_json(adapter.dump_json(task)) == task


@pytest.mark.parametrize(
    "json",
    [
        '{"kind": "poem"}',
        "{}",
        '{"kind": "plain", "formatted": true}',
        '{"kind": "color", "color": "purple"}',
        '{"kind": "tiles", "max_tiles": 0}',
        '{"kind": "tiles", "max_tiles": 13}',
        '{"kind": "box", "x1": 1}',
        '{"kind": "box", "x1": 1, "y1": 2, "unit": "cm"}',
        '{"kind": "box", "x1": NaN, "y1": 2}',
    ],
)
def test_what_no_prompt_can_be_built_for_is_refused_in_json(json: str) -> None:
    adapter: TypeAdapter[Task] = TypeAdapter(Task)
    with pytest.raises(ValidationError):
        adapter.validate_json(json)


def test_only_single_images_are_decoded_under_the_ban() -> None:
    bans = {type(task).__name__: task.ngram_ban for task in TASKS}
    assert bans == {"Plain": 20, "Formatted": 20, "Box": 20, "Color": 20, "Tiles": 0, "MultiPage": 0}


def test_six_tiles_unless_told_otherwise() -> None:
    assert Tiles().max_tiles == 6
