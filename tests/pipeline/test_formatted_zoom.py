"""Formatted pages of small type are read in zoomed views, part by part, and written in GOT's markup."""

import numpy as np
import pytest
from helpers.printed_pages import printed_page
from helpers.sample_reader import answers_of
from helpers.scripted_pages import scripted
from PIL import Image, ImageDraw

from got_runtime import Box, Color, Formatted, GotRuntime, Tiles
from got_runtime.engine.protocol import Completion, Request
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.markup.elements import Table
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.synth.kinds import page_of
from got_runtime.synth.sample import PageSample
from got_runtime.synth.streams import HELD_OUT_STREAM
from got_runtime.tasks import Task
from got_runtime.views import formatted, formulas


@pytest.fixture(scope="module")
def sample() -> PageSample:
    """A heading, a paragraph, a table, a heading and a paragraph."""
    return page_of("formatted", (HELD_OUT_STREAM + 3, 0))


def test_a_formatted_page_of_small_type_is_read_part_by_part(got_nano: LoadedModel, sample: PageSample) -> None:
    answers = answers_of(sample)
    page = scripted(got_nano, *answers).read(sample.image, task=Formatted(), boxes=True).pages[0]
    assert page.text.startswith("\\section*{Sher radioactive camp was}\n\nIn data ends 0")
    assert "\\hline Whose OUTSIDERS & 310.84 \\\\\n" in page.text
    assert page.text.endswith("time early BEST trade.")
    assert page.views is not None
    assert (page.views.kind, page.views.count) == ("zoomed", len(answers))
    assert page.warnings == ()
    assert len(page.lines) == 10
    (table,) = [element for element in page.elements if isinstance(element, Table)]
    (box,) = [box for box in page.boxes if box.span == table.span]
    assert box.source == "lines"
    assert box.bbox == pytest.approx((427, 362, 833, 435), abs=8)


def test_the_stream_of_a_formatted_page_is_its_text(got_nano: LoadedModel, sample: PageSample) -> None:
    pieces: list[str] = []
    runtime = scripted(got_nano, *answers_of(sample))
    page = runtime.read(sample.image, task=Formatted(), on_token=lambda _, text: pieces.append(text)).pages[0]
    assert "".join(pieces) == page.text


def test_without_zoom_a_formatted_page_is_one_view(got_nano: LoadedModel, sample: PageSample) -> None:
    page = scripted(got_nano, "\\section*{Whole}").read(sample.image, task=Formatted(), zoom="off").pages[0]
    assert page.text == "\\section*{Whole}"
    assert page.views is not None
    assert (page.views.kind, page.views.type_width) == ("whole", None)


def test_a_page_whose_parts_cannot_be_found_is_read_whole(
    got_nano: LoadedModel, sample: PageSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise ValueError("unforeseen")

    monkeypatch.setattr(formatted, "with_tables", fail)
    page = scripted(got_nano, "\\section*{Whole}").read(sample.image, task=Formatted()).pages[0]
    assert page.text == "\\section*{Whole}"
    assert page.warnings == ("read in one view, as its lines could not be found (ValueError: unforeseen)",)


def test_text_without_markup_is_kept_where_its_parts_cannot_be_found(
    got_nano: LoadedModel, sample: PageSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = answers_of(sample)

    def fail(*arguments: object) -> None:
        raise ValueError("unforeseen")

    monkeypatch.setattr(formatted, "parts_of", fail)
    page = scripted(got_nano, *answers).read(sample.image, task=Formatted()).pages[0]
    assert page.text.startswith("Sher radioactive camp was\nIn data ends 0")
    assert page.warnings == ("the page has no markup, as its parts could not be found (ValueError: unforeseen)",)


LEFT, TOP = 300, 100


def sheet_with(picture: Image.Image) -> Image.Image:
    """A picture in a red frame, with words on the left of it."""
    words = [((20, 40 + 60 * row), "other words", 30) for row in range(picture.height // 60)]
    sheet = printed_page(words, (picture.width + 400, picture.height + 200))
    sheet.paste(picture, (LEFT, TOP))
    frame = (LEFT - 6, TOP - 6, LEFT + picture.width + 5, TOP + picture.height + 5)
    ImageDraw.Draw(sheet).rectangle(frame, outline=(230, 20, 40), width=6)
    return sheet


def box_of(picture: Image.Image, **options: bool) -> Box:
    return Box(LEFT, TOP, LEFT + picture.width, TOP + picture.height, formatted=True, **options)


@pytest.mark.parametrize("way", ["box", "crop", "color", "tiles"])
def test_a_formatted_part_of_a_page_is_read_as_a_formatted_page(
    got_nano: LoadedModel, sample: PageSample, way: str
) -> None:
    answers = answers_of(sample)
    alone = scripted(got_nano, *answers).read(sample.image, task=Formatted(), boxes=True).pages[0]
    ways: dict[str, Task] = {
        "box": box_of(sample.image),
        "crop": box_of(sample.image, crop=True),
        "color": Color(color="red", formatted=True),
        "tiles": Tiles(formatted=True),
    }
    image = sample.image if way == "tiles" else sheet_with(sample.image)
    page = scripted(got_nano, *answers).read(image, task=ways[way], boxes=True).pages[0]
    assert page.text == alone.text
    assert page.views is not None
    assert page.views.kind == "zoomed"
    across, down = (0, 0) if way == "tiles" else (LEFT, TOP)
    for box, of_page in zip(page.boxes, alone.boxes, strict=True):
        x0, y0, x1, y1 = of_page.bbox
        assert box.bbox == pytest.approx((x0 + across, y0 + down, x1 + across, y1 + down), abs=8)


class KeepsPrompts(ScriptedEngine):
    """Answers with a formula, and keeps the prompts."""

    def __init__(self, checkpoint: LoadedModel) -> None:
        super().__init__(checkpoint.encode, ["\\[ x^2 \\]"])
        self.checkpoint, self.prompts = checkpoint, list[str]()

    def answer(self, number: int, request: Request) -> Completion | Exception:
        self.prompts.append(self.checkpoint.decode(request.prompt))
        return super().answer(number, request)


@pytest.mark.parametrize("way", ["box", "color"])
def test_a_large_formula_in_a_box_or_a_frame_is_shown_alone(got_nano: LoadedModel, way: str) -> None:
    sheet = sheet_with(printed_page([((20, 10), "x + y = 2", 60)], (300, 90)))
    engine = KeepsPrompts(got_nano)
    task = Box(LEFT, TOP, LEFT + 300, TOP + 90, formatted=True) if way == "box" else Color(color="red", formatted=True)
    page = GotRuntime(got_nano, engine).read(sheet, task=task).pages[0]
    assert page.text == "\\[ x^2 \\]"
    [prompt] = engine.prompts
    assert "OCR with format: " in prompt
    assert "[" not in prompt.split("OCR with format: ")[0][-8:]  # neither a box nor a colour
    assert page.views is not None
    assert (page.views.kind, page.boxes) == ("whole", ())


def test_a_part_alone_on_paper_keeps_its_shape_and_stands_in_the_middle() -> None:
    strip = Image.new("RGB", (600, 60), (255, 240, 200))
    strip.paste((0, 0, 0), (290, 20, 310, 40))
    view = formulas.alone_on_paper(strip, None)
    assert 1.9 < view.width / view.height < 3.1
    assert view.getpixel((2, 2)) == (255, 240, 200)
    ink = np.argwhere(np.asarray(view.convert("L")) < 50)
    (top, left), (bottom, right) = ink.min(axis=0), ink.max(axis=0) + 1
    assert (right - left, bottom - top) == (20, 20)
    assert abs(left + right - view.width) <= 2
    assert abs(top + bottom - view.height) <= 2
    # Type of 200 pixels would fill the view.
    assert formulas.alone_on_paper(strip, 200.0).width > 4 * strip.width
