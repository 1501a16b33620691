"""Pages whose type is too small for one view are read in zoomed views."""

from dataclasses import replace
from pathlib import Path

import pymupdf
import pytest
from helpers.printed_pages import printed_page, words_of
from helpers.scripted_pages import inked, scripted
from PIL import Image, ImageDraw, ImageFont

from got_runtime import Box, Color, GotRuntime, PageResult, Tiles
from got_runtime.engine.protocol import Completion, DecodeFinish, Request
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.errors import EngineError
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.sources import Limits
from got_runtime.tasks import PageFrame, Task
from got_runtime.views.readings import FURTHER_READINGS
from got_runtime.views.zoom import ZoomedPage

SIZE = 18
ROWS = 14
LINES = [words_of(16, 5 * row) for row in range(ROWS)]
TEXT = "\n".join(LINES)


def small_print() -> Image.Image:
    return printed_page([((60, 40 + 40 * row), text, SIZE) for row, text in enumerate(LINES)], (1200, 640))


@pytest.fixture(scope="module")
def answers() -> list[str]:
    """The right answer for each view of the page, in order."""
    zoomed = ZoomedPage.of(small_print())
    font = ImageFont.load_default(SIZE)

    def says(index: int) -> str:
        piece = zoomed.pieces[index]
        line = LINES[piece.row]
        ends = [60 + font.getlength(line[:count]) for count in range(len(line) + 1)]
        nearest = [min(range(len(ends)), key=lambda count: abs(ends[count] - x)) for x in (piece.box[0], piece.box[2])]
        return line[nearest[0] : nearest[1]].strip()

    return ["\n".join(says(index) for index in pieces) for pieces in zoomed.pending()]


def test_small_print_is_read_in_zoomed_views(got_nano: LoadedModel, answers: list[str]) -> None:
    page = scripted(got_nano, *answers).read(small_print()).pages[0]
    assert page.text == TEXT
    assert page.finish_reason == "stop"
    assert page.warnings == ()
    assert page.views is not None
    assert (page.views.kind, page.views.count, page.views.read_again) == ("zoomed", len(answers), 0)
    assert page.views.type_width is not None
    assert 6 < page.views.type_width < 10
    assert page.confidence is not None
    assert page.confidence.mean == 1.0


def test_lines_have_boxes_around_their_print(got_nano: LoadedModel, answers: list[str]) -> None:
    lines = scripted(got_nano, *answers).read(small_print()).pages[0].lines
    assert [line.text for line in lines] == LINES
    font = ImageFont.load_default(SIZE)
    for row, line in enumerate(lines):
        left, top, right, bottom = line.bbox
        assert left == pytest.approx(60, abs=4)
        assert right == pytest.approx(60 + font.getlength(LINES[row]), abs=4)
        assert 40 + 40 * row <= top < bottom <= 40 + 40 * row + SIZE + 8
        assert not line.uncertain


def test_a_page_on_its_side_is_turned_and_says_so(got_nano: LoadedModel, answers: list[str]) -> None:
    lying = small_print().transpose(Image.Transpose.ROTATE_90)
    page = scripted(got_nano, *answers).read(lying).pages[0]
    assert page.text == TEXT
    assert page.views is not None
    assert (page.views.kind, page.views.turned) == ("zoomed", 270)
    assert page.warnings == ("the page lay on its side or upside down: turned by 270° to be read",)
    left, top, right, bottom = page.lines[0].bbox
    assert left == pytest.approx(40, abs=10)
    assert bottom == pytest.approx(page.height - 60, abs=4)
    assert bottom - top > 10 * (right - left)


def test_large_type_upside_down_is_turned_for_its_one_view(got_nano: LoadedModel) -> None:
    lines = [words_of(2, 3 * row) for row in range(6)]
    image = printed_page([((60, 80 + 150 * row), text, 120) for row, text in enumerate(lines)], (1200, 1100))
    upright = scripted(got_nano, "\n".join(lines)).read(image).pages[0]
    turned = scripted(got_nano, "\n".join(lines)).read(image.transpose(Image.Transpose.ROTATE_180)).pages[0]
    assert upright.views is not None
    assert turned.views is not None
    assert (upright.views.kind, upright.views.turned) == ("whole", 0)
    assert (turned.views.kind, turned.views.turned) == ("whole", 180)
    left, top, right, bottom = upright.lines[0].bbox
    assert turned.lines[0].bbox == pytest.approx((1200 - right, 1100 - bottom, 1200 - left, 1100 - top), abs=4)


@pytest.mark.parametrize("states_width", [True, False])
def test_without_zoom_a_page_is_one_view(got_nano: LoadedModel, checkpoint: LoadedModel, states_width: bool) -> None:
    """So it is with the official weights, whose folder states no type width."""
    runtime = scripted(got_nano if states_width else checkpoint, "one view")
    page = (runtime.read(small_print(), zoom="off") if states_width else runtime.read(small_print())).pages[0]
    assert page.text == "one view"
    assert page.views is not None
    assert (page.views.kind, page.views.count, page.views.type_width) == ("whole", 1, None)


def test_large_print_is_one_view_whose_lines_have_boxes(got_nano: LoadedModel) -> None:
    lines = ["two lines of", "large print"]
    image = printed_page([((40, 80 + 200 * row), text, 90) for row, text in enumerate(lines)], (700, 600))
    page = scripted(got_nano, "\n".join(lines)).read(image).pages[0]
    assert page.text == "\n".join(lines)
    assert page.views is not None
    assert page.views.kind == "whole"
    assert page.views.type_width is not None
    assert page.views.type_width > 30
    assert [line.text for line in page.lines] == lines
    assert 80 < page.lines[0].bbox[1] < page.lines[0].bbox[3] < 280 < page.lines[1].bbox[1]
    # An answer that does not have the page's lines says nothing about where they are.
    assert scripted(got_nano, "two lines of large print").read(image).pages[0].lines == ()


def test_what_never_fits_is_kept_and_marked(got_nano: LoadedModel) -> None:
    page = scripted(got_nano, "loop " * 500).read(small_print()).pages[0]
    assert page.finish_reason == "stop"
    assert all(line.uncertain for line in page.lines)
    assert len(page.text) < 3 * len(TEXT)
    assert any(f"{ROWS} of {ROWS} lines are uncertain" in warning for warning in page.warnings)


def test_a_line_that_is_read_without_any_confidence_is_no_text(got_nano: LoadedModel, answers: list[str]) -> None:
    class Unsure(ScriptedEngine):
        """The last view is read with a low confidence, and so are its lines when they are read again."""

        def answer(self, number: int, request: Request) -> Completion:
            completion = super().answer(number, request)
            assert isinstance(completion, Completion)
            confidence = 0.99 if number < len(answers) - 1 else 0.3 if number == len(answers) - 1 else 0.2
            return replace(completion, probabilities=(confidence,) * len(completion.tokens))

    image, pieces = small_print(), list[str]()
    runtime = GotRuntime(got_nano, Unsure(got_nano.encode, answers))
    page = runtime.read(image, boxes=True, on_token=lambda _, text: pieces.append(text)).pages[0]
    left_out = [line for line in page.lines if line.uncertain]
    assert page.text == "\n".join(LINES[: ROWS - len(left_out)])
    assert "".join(pieces).strip() == page.text
    assert [line.text for line in left_out] == LINES[ROWS - len(left_out) :]
    assert any(f"{len(left_out)} of {ROWS} lines are left out" in warning for warning in page.warnings)
    assert page.boxes[-1].bbox[3] < left_out[0].bbox[3]


def test_a_view_that_fails_costs_its_own_lines_only(got_nano: LoadedModel, answers: list[str]) -> None:
    page = scripted(got_nano, *answers[:-1], MemoryError("full")).read(small_print()).pages[0]
    kept = "\n".join(answers[:-1]).replace("\n", " ")
    assert page.error is None
    assert page.text.replace("\n", " ") == kept
    assert any(f"1 of {len(answers)} views could not be decoded: full" in warning for warning in page.warnings)


def test_a_page_of_which_no_view_can_be_decoded_fails(got_nano: LoadedModel) -> None:
    runtime = scripted(got_nano, MemoryError("full"))
    page = runtime.read(small_print()).pages[0]
    assert page.error is not None
    assert page.error.type == "EngineError"
    assert "full" in page.error.message
    with pytest.raises(EngineError, match="full"):
        runtime.read(small_print(), on_error="raise")


class Doubtful(ScriptedEngine):
    """Gives the right answers without being sure of them, and then others, each after so many seconds."""

    def __init__(self, checkpoint: LoadedModel, answers: list[str], *further: Completion | Exception) -> None:
        super().__init__(checkpoint.encode, answers)
        self.answers, self.further, self.asked = answers, further, 0

    def answer(self, number: int, request: Request) -> Completion | Exception:
        self.asked += 1
        if number >= len(self.answers):
            return self.further[min(number - len(self.answers), len(self.further) - 1)]
        completion = super().answer(number, request)
        assert isinstance(completion, Completion)
        return replace(completion, probabilities=(0.9,) * len(completion.tokens), decode_seconds=4.0)


def test_an_error_in_the_last_view_costs_no_text_that_is_handed_out(got_nano: LoadedModel, answers: list[str]) -> None:
    pieces = list[str]()
    engine = Doubtful(got_nano, [*answers[:-1]], MemoryError("full"))
    page = GotRuntime(got_nano, engine).read(small_print(), on_token=lambda _, text: pieces.append(text)).pages[0]
    assert engine.asked > len(answers)  # what is uncertain of the other views is read again
    assert "".join(pieces).strip() == page.text == "\n".join(LINES[: page.text.count("\n") + 1])


@pytest.mark.parametrize("finish", ["length", "time", "repetition"])
def test_lines_that_are_cut_off_when_they_are_read_again_are_not_taken(
    got_nano: LoadedModel, answers: list[str], finish: DecodeFinish
) -> None:
    """The halves of lines were read with more confidence."""
    first = answers[0].split("\n")[:4]
    tokens = got_nano.encode("\n".join(first)[: -len(first[-1]) // 3])
    cut = Completion(tokens, (0.99,) * len(tokens), finish, 0.0, 1.0)
    assert GotRuntime(got_nano, Doubtful(got_nano, answers, cut)).read(small_print()).pages[0].text == TEXT


@pytest.mark.parametrize(("seconds", "readings"), [(4, 0), (6, 1), (9, 2)])
def test_no_reading_begins_when_the_time_of_the_page_is_up(
    got_nano: LoadedModel, answers: list[str], seconds: float, readings: int
) -> None:
    """The first reading takes 4 seconds, and each further one 2.5."""
    tokens = got_nano.encode("nothing that fits")
    engine = Doubtful(got_nano, answers, Completion(tokens, (0.9,) * len(tokens), "stop", 0.0, 2.5))
    page = GotRuntime(got_nano, engine).read(small_print(), limits=Limits(max_seconds_per_page=seconds)).pages[0]
    assert (page.text, page.finish_reason) == (TEXT, "stop")
    assert page.timings.decode == 4 + 2.5 * readings
    pieces = sum(answer.count("\n") + 1 for answer in answers)
    views = [-(-pieces // rows) for rows, _ in FURTHER_READINGS]
    assert engine.asked == len(answers) + sum(views[:readings])


def test_text_is_streamed_line_by_line_in_order(got_nano: LoadedModel, answers: list[str]) -> None:
    pieces: list[str] = []
    page = scripted(got_nano, *answers).read(small_print(), on_token=lambda _, text: pieces.append(text)).pages[0]
    assert len(pieces) > 1
    assert "".join(pieces).strip() == page.text


def test_pages_around_a_zoomed_one_keep_their_order(got_nano: LoadedModel, answers: list[str]) -> None:
    pages = list(scripted(got_nano, "before", *answers, "after").stream([inked(), small_print(), inked(1)]))
    assert [page.text for page in pages] == ["before", TEXT, "after"]


class Replays(ScriptedEngine):
    """Replays answers with the reasons why they ended, over all of its sessions; the last one is repeated."""

    def __init__(self, checkpoint: LoadedModel, *answers: tuple[str, DecodeFinish]) -> None:
        super().__init__(checkpoint.encode, ())
        self.checkpoint, self.answers = checkpoint, list(answers)
        self.requests: list[Request] = []

    def answer(self, number: int, request: Request) -> Completion:
        text, finish = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        tokens = self.checkpoint.encode(text)
        return Completion(tokens, (0.98,) * len(tokens), finish, 1.0, 2.0)


def test_a_view_whose_answer_does_not_fit_is_read_again_in_halves(got_nano: LoadedModel, answers: list[str]) -> None:
    lines = answers[-1].split("\n")
    middle = (len(lines) + 1) // 2
    texts = [*answers[:-1], "something else", "\n".join(lines[:middle]), "\n".join(lines[middle:])]
    page = GotRuntime(got_nano, Replays(got_nano, *((text, "stop") for text in texts))).read(small_print()).pages[0]
    assert page.text == TEXT
    assert page.views is not None
    assert (page.views.count, page.views.read_again) == (len(answers) + 2, 1)
    assert page.warnings == ()


def test_the_time_limit_holds_for_the_page(got_nano: LoadedModel, answers: list[str]) -> None:
    engine = Replays(got_nano, ("cut off", "time"))
    page = GotRuntime(got_nano, engine).read(small_print(), limits=Limits(max_seconds_per_page=2)).pages[0]
    assert page.finish_reason == "length"
    assert any("time limit" in warning for warning in page.warnings)
    limits = [request.max_seconds for request in engine.requests]
    assert limits[0] == 2.0
    assert all(limit is not None and limit <= 2.0 for limit in limits)
    assert len(limits) == len(answers)  # nothing was read again


def test_a_small_token_limit_ends_the_page_with_length(got_nano: LoadedModel, answers: list[str]) -> None:
    engine = ScriptedEngine(got_nano.encode, answers)
    page = GotRuntime(got_nano, engine).read(small_print(), max_new_tokens=12).pages[0]
    assert page.finish_reason == "length"
    assert page.text.startswith("the committee"[:12])
    assert page.views is not None
    assert page.views.count == len(answers)  # nothing was read again: the limit would cut it off, too


def test_a_page_that_loops_in_one_view_is_zoomed(got_nano: LoadedModel) -> None:
    engine = Replays(got_nano, ("la la", "repetition"), ("two lines of\nlarge print", "stop"))
    image = printed_page([((40, 80), "two lines of", 90), ((40, 280), "large print", 90)], (700, 600))
    page = GotRuntime(got_nano, engine).read(image).pages[0]
    assert page.text == "two lines of\nlarge print"
    assert [(attempt.method, attempt.chosen) for attempt in page.attempts] == [("zoomed", True)]
    assert page.views is not None
    assert page.views.kind == "zoomed"


def test_a_picture_that_cannot_be_analysed_is_read_in_one_view(
    got_nano: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(image: Image.Image) -> None:
        raise FloatingPointError("odd")

    monkeypatch.setattr("got_runtime.views.zoom.find_lines", fails)
    page = scripted(got_nano, "one view").read(small_print()).pages[0]
    assert page.text == "one view"
    assert any("read in one view" in warning and "odd" in warning for warning in page.warnings)


def test_elements_of_a_scan_have_the_boxes_of_their_lines(got_nano: LoadedModel, answers: list[str]) -> None:
    page = scripted(got_nano, *answers).read(small_print(), boxes=True).pages[0]
    assert page.boxes
    assert {box.source for box in page.boxes} == {"lines"}
    assert page.boxes[0].bbox[0] == min(line.bbox[0] for line in page.lines)
    assert page.boxes[-1].bbox[3] == max(line.bbox[3] for line in page.lines)


def read_pdf(runtime: GotRuntime, folder: Path) -> PageResult:
    file = folder / "scan.pdf"
    with pymupdf.open() as document:
        sheet = document.new_page(width=600, height=320)
        small_print().save(folder / "scan.png")
        sheet.insert_image(sheet.rect, filename=folder / "scan.png")
        document.save(file)
    return runtime.read(file, dpi=144).pages[0]


def test_boxes_of_pdf_pages_are_in_points(got_nano: LoadedModel, answers: list[str], tmp_path: Path) -> None:
    page = read_pdf(scripted(got_nano, *answers), tmp_path)
    assert page.size_pt == (600, 320)
    assert page.lines[0].bbox[0] == pytest.approx(30, abs=2)
    assert page.lines[-1].bbox[3] < 320


def framed_sheet() -> Image.Image:
    """Small print in a red frame, and other text below it."""
    sheet = printed_page([((100, 880 + 30 * row), words_of(14, 3 * row), SIZE) for row in range(3)], (1400, 1000))
    sheet.paste(small_print(), (100, 200))
    ImageDraw.Draw(sheet).rectangle((92, 192, 1307, 847), outline=(230, 20, 40), width=6)
    return sheet


@pytest.mark.parametrize(
    "task", [Box(100, 200, 1300, 840), Box(100, 200, 1300, 840, crop=True), Color(color="red")], ids=str
)
def test_a_part_of_a_page_is_read_in_zoomed_views(got_nano: LoadedModel, answers: list[str], task: Task) -> None:
    page = scripted(got_nano, *answers).read(framed_sheet(), task=task).pages[0]
    assert page.text == TEXT
    assert page.views is not None
    assert page.views.kind == "zoomed"
    assert page.lines[0].bbox[0] == pytest.approx(160, abs=4)
    assert 240 <= page.lines[0].bbox[1] <= 260


@pytest.mark.parametrize("task", [Box(100, 200, 1300, 840), Color(color="red"), Tiles()], ids=str)
def test_without_zoom_a_part_of_a_page_and_tiles_are_shown_as_the_official_code_does(
    got_nano: LoadedModel, task: Task
) -> None:
    engine = Replays(got_nano, ("the text", "stop"))
    page = GotRuntime(got_nano, engine).read(framed_sheet(), task=task, zoom="off").pages[0]
    assert page.text == "the text"
    prompt = got_nano.decode(engine.requests[0].prompt)
    assert task.query(PageFrame(1400, 1000)).text in prompt


def test_a_page_without_the_frame_is_shown_whole_with_the_query_of_its_colour(got_nano: LoadedModel) -> None:
    engine = Replays(got_nano, ("nothing", "stop"))
    page = GotRuntime(got_nano, engine).read(framed_sheet(), task=Color(color="blue")).pages[0]
    assert page.text == "nothing"
    assert "no blue frame was found: the page is shown whole" in page.warnings
    assert "[blue] OCR: " in got_nano.decode(engine.requests[0].prompt)


def test_a_box_without_print_is_blank(got_nano: LoadedModel) -> None:
    engine = Replays(got_nano, ("invented", "stop"))
    page = GotRuntime(got_nano, engine).read(framed_sheet(), task=Box(10, 10, 90, 100)).pages[0]
    assert (page.text, page.finish_reason, engine.requests) == ("", "blank", [])


def test_tiles_of_small_print_are_zoomed_views(got_nano: LoadedModel, answers: list[str]) -> None:
    page = scripted(got_nano, *answers).read(small_print(), task=Tiles()).pages[0]
    assert page.text == TEXT


def test_paragraphs_of_a_page_are_elements_with_boxes_of_their_own(got_nano: LoadedModel) -> None:
    paragraphs = [["the first one has", "two lines"], ["the second one", "stands apart"]]
    texts = [text for lines in paragraphs for text in lines]
    placed = [((40, top), text, 80) for top, text in zip((60, 170, 400, 510), texts, strict=True)]
    answer = "\n".join(texts)
    document = scripted(got_nano, answer).read(printed_page(placed, (800, 760)), boxes=True)
    [page] = document.pages
    assert page.text == answer  # a line for each printed line
    assert [page.text[slice(*element.span)].strip() for element in page.elements] == ["\n".join(p) for p in paragraphs]
    assert [element.span for element in document.elements] == [element.span for element in page.elements]
    above, below = page.boxes
    assert above.bbox[3] < below.bbox[1]
    assert {box.source for box in page.boxes} == {"lines"}


def test_a_page_without_text_in_its_zoomed_views_is_read_in_one_view(got_nano: LoadedModel) -> None:
    class SureOfTheWholePage(Replays):
        """Zoomed views are read without any confidence."""

        def answer(self, number: int, request: Request) -> Completion:
            completion = super().answer(number, request)
            sure = len(self.requests) == len(self.answers)
            return replace(completion, probabilities=(0.95 if sure else 0.2,) * len(completion.tokens))

    line = printed_page([((500, 300), "no more than a few small words", 18)], (1200, 640))
    small: tuple[str, DecodeFinish] = "no more than a few small words", "stop"
    engine = SureOfTheWholePage(got_nano, small, small, ("a shop sign", "stop"))
    page = GotRuntime(got_nano, engine).read(line).pages[0]
    assert page.text == "a shop sign"
    assert [(attempt.method, attempt.chosen) for attempt in page.attempts] == [("one view", True)]
    assert page.views is not None
    assert (page.views.kind, page.lines) == ("whole", ())
