"""With zoom, several pages with one result are each read as a page of its own."""

import io
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from helpers.printed_pages import printed_page, words_of
from helpers.sample_reader import answers_of
from helpers.scripted_pages import inked, scripted
from PIL import Image

from got_runtime import GotRuntime, MultiPage, PageResult, ReadOptions
from got_runtime.cache import Network, PageCache, open_store
from got_runtime.engine.protocol import Completion, Request
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.errors import EngineError, SourceCorrupt
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.options import ZoomMode
from got_runtime.pipeline.loop import PageReader
from got_runtime.pipeline.page_task import PageTask, ViewTask
from got_runtime.pipeline.planner import PagePlanner
from got_runtime.sources import SourcePage, open_pages
from got_runtime.synth.kinds import page_of
from got_runtime.synth.streams import HELD_OUT_STREAM
from got_runtime.views.zoom import ZoomedPage

ROWS = [[f"{words_of(3, 7 * page + row)}" for row in range(3)] for page in range(3)]
TEXTS = ["\n".join(rows) for rows in ROWS]
PLAIN = MultiPage(formatted=False)


def small_print(page: int) -> Image.Image:
    return printed_page([((60, 40 + 60 * row), text, 18) for row, text in enumerate(ROWS[page])], (1200, 640))


def document(*pages: Image.Image) -> bytes:
    target = io.BytesIO()
    pages[0].save(target, "TIFF", save_all=True, append_images=list(pages[1:]))
    return target.getvalue()


@pytest.fixture(scope="module")
def three() -> bytes:
    """Three pages of small print, each of which is one view."""
    pages = [small_print(page) for page in range(3)]
    assert [len(ZoomedPage.of(page).pending()) for page in pages] == [1, 1, 1]
    return document(*pages)


class Keeps(ScriptedEngine):
    """Replays answers, and keeps the prompts."""

    def __init__(self, checkpoint: LoadedModel, *answers: str | Exception) -> None:
        super().__init__(checkpoint.encode, answers)
        self.checkpoint, self.prompts = checkpoint, list[str]()

    def answer(self, number: int, request: Request) -> Completion | Exception:
        self.prompts.append(self.checkpoint.decode(request.prompt))
        return super().answer(number, request)


def test_each_page_is_read_in_zoomed_views_and_their_texts_are_joined(got_nano: LoadedModel, three: bytes) -> None:
    engine = Keeps(got_nano, *TEXTS)
    [page] = GotRuntime(got_nano, engine).read(three, task=PLAIN).pages
    assert page.text == "\n\n".join(TEXTS)
    assert (page.label, page.task, page.finish_reason, page.warnings) == ("1-3", PLAIN, "stop", ())
    assert page.views is not None
    assert (page.views.kind, page.views.count) == ("zoomed", 3)
    assert page.tokens == sum(len(got_nano.encode(text)) for text in TEXTS)
    assert not any("across multi pages" in prompt for prompt in engine.prompts)
    # A result has the size of one page: places on the others would be wrong.
    assert (page.lines, page.boxes) == ((), ())


def test_without_zoom_all_pages_are_one_context(got_nano: LoadedModel, three: bytes) -> None:
    engine = Keeps(got_nano, "all of it")
    [page] = GotRuntime(got_nano, engine).read(three, task=PLAIN, zoom="off").pages
    assert (page.text, len(engine.prompts)) == ("all of it", 1)
    assert "OCR across multi pages: " in engine.prompts[0]
    assert page.views is not None
    assert (page.views.kind, page.views.count) == ("whole", 3)


def test_a_document_of_one_page_has_lines_and_boxes(got_nano: LoadedModel) -> None:
    page = scripted(got_nano, TEXTS[0]).read(small_print(0), task=PLAIN, boxes=True).pages[0]
    assert [line.text for line in page.lines] == ROWS[0]
    assert page.boxes


def test_formatted_pages_are_read_part_by_part(got_nano: LoadedModel) -> None:
    samples = [page_of("formatted", (HELD_OUT_STREAM + 3, 0)), page_of("formatted", (HELD_OUT_STREAM + 3, 0))]
    answers = [answer for sample in samples for answer in answers_of(sample)]
    file = document(*(sample.image for sample in samples))
    page = scripted(got_nano, *answers).read(file, task=MultiPage()).pages[0]
    one, other = page.text.split("\n\n\\section*{Sher radioactive camp was}")[0], page.text
    assert one.startswith("\\section*{Sher radioactive camp was}\n\nIn data ends 0")
    assert other == one + "\n\n" + one
    assert page.is_latex
    assert page.views is not None
    assert page.views.kind == "zoomed"


def test_large_print_is_shown_whole_and_a_blank_page_costs_nothing(got_nano: LoadedModel) -> None:
    large = printed_page([((40, 80), "two lines of", 90), ((40, 280), "large print", 90)], (700, 600))
    blank = Image.new("RGB", (700, 600), "white")
    page = scripted(got_nano, "two lines of\nlarge print").read(document(blank, large), task=PLAIN).pages[0]
    assert (page.text, page.finish_reason) == ("two lines of\nlarge print", "stop")
    assert page.views is not None
    assert (page.views.kind, page.views.count) == ("whole", 1)
    assert scripted(got_nano, "never").read(document(blank, blank), task=PLAIN).pages[0].finish_reason == "blank"


def test_a_page_that_fails_does_not_cost_its_neighbours(got_nano: LoadedModel, three: bytes) -> None:
    def runtime() -> GotRuntime:
        return scripted(got_nano, TEXTS[0], MemoryError("full"), TEXTS[2])

    page = runtime().read(three, task=PLAIN).pages[0]
    assert (page.text, page.error) == (f"{TEXTS[0]}\n\n{TEXTS[2]}", None)
    [warning] = page.warnings
    assert warning.startswith("page 2: not read: ")
    assert "full" in warning
    assert [page.text for page in runtime().read(three, task=PLAIN, on_error="skip").pages] == [page.text]
    with pytest.raises(EngineError, match="full"):
        runtime().read(three, task=PLAIN, on_error="raise")


def test_the_pages_after_one_that_raises_are_not_read(got_nano: LoadedModel, three: bytes) -> None:
    engine = Keeps(got_nano, TEXTS[0], MemoryError("full"), TEXTS[2])
    with pytest.raises(EngineError, match=r"page 2: .*full"):
        GotRuntime(got_nano, engine).read(three, task=PLAIN, on_error="raise")
    assert len(engine.prompts) == 2


def test_places_that_the_result_does_not_have_are_not_looked_for(
    got_nano: LoadedModel, three: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise SourceCorrupt("the file is gone")

    monkeypatch.setattr("got_runtime.pipeline.finish.element_boxes", closed)
    assert scripted(got_nano, TEXTS[0]).read(small_print(0), task=PLAIN, boxes=True).pages[0].warnings
    assert scripted(got_nano, *TEXTS).read(three, task=PLAIN, boxes=True).pages[0].warnings == ()


@pytest.mark.parametrize("threads", [1, 3])
def test_requests_of_many_pages_are_made_as_they_are_needed(got_nano: LoadedModel, threads: int) -> None:
    made: list[SourcePage] = []

    @dataclass(frozen=True)
    class Counts(PagePlanner):
        def _plan_page(self, group: list[SourcePage], *others: Any) -> PageTask:
            made.extend(group if len(group) == 1 else [])
            return super()._plan_page(group, *others)

    pages = [page for _ in range(12) for page in open_pages(small_print(0))]
    with closing(Counts(got_nano, ReadOptions(task=PLAIN, zoom="auto"), threads=threads).work([iter(pages)])) as works:
        places = [work.owner.task.place for work in islice(works, 2) if isinstance(work.owner, ViewTask)]
        assert len(made) < 12
        places += [work.owner.task.place for work in works if isinstance(work.owner, ViewTask)]
    assert places == list(range(12))


def test_a_document_of_which_no_page_can_be_read_is_an_error(got_nano: LoadedModel, three: bytes) -> None:
    page = scripted(got_nano, MemoryError("full")).read(three, task=PLAIN).pages[0]
    assert (page.text, page.finish_reason) == ("", "error")
    assert page.error is not None
    assert "full" in page.error.message


def test_warnings_name_their_page(got_nano: LoadedModel) -> None:
    runtime = scripted(got_nano, TEXTS[0], *["loop " * 100] * 9)
    page = runtime.read(document(small_print(0), small_print(1)), task=PLAIN).pages[0]
    assert page.warnings == ("page 2: 3 of 3 lines are uncertain: their text does not fit what is printed",)


@pytest.mark.parametrize("zoom", ["auto", "off"])
def test_warnings_of_the_source_name_their_page(got_nano: LoadedModel, zoom: ZoomMode) -> None:
    pages = [*open_pages(small_print(0)), *open_pages(small_print(1))]
    pages = [replace(page, number=number) for number, page in enumerate(pages, 1)]
    pages[0] = pages[0].with_file_warnings(("the file is old",))
    pages[1] = replace(pages[1], warnings=("a font is missing",))
    planner = PagePlanner(got_nano, ReadOptions(task=PLAIN, zoom=zoom))
    [page] = PageReader(planner, ScriptedEngine(got_nano.encode, TEXTS)).read([iter(pages)])
    assert page.warnings[:2] == ("the file is old", "page 2: a font is missing")


def test_the_stream_of_several_pages_is_their_text_page_by_page(got_nano: LoadedModel, three: bytes) -> None:
    pieces: list[tuple[str, str]] = []

    def on_token(page: PageResult, text: str) -> None:
        pieces.append((page.label, text))

    page = scripted(got_nano, *TEXTS).read(three, task=PLAIN, on_token=on_token).pages[0]
    assert [label for label, _ in pieces] == ["1-3"] * 3
    assert "".join(text for _, text in pieces) == page.text


def test_several_pages_stand_between_other_documents_in_order(got_nano: LoadedModel, three: bytes) -> None:
    runtime = scripted(got_nano, "before", *TEXTS, "after")
    pages = list(runtime.stream([inked(), three, inked(1)], task=PLAIN))
    assert [page.text for page in pages] == ["before", "\n\n".join(TEXTS), "after"]


@pytest.fixture
def reading(got_nano: LoadedModel, tmp_path: Path) -> Callable[[Sequence[str | Exception]], PageResult]:
    def read(answers: Sequence[str | Exception]) -> PageResult:
        engine = ScriptedEngine(got_nano.encode, answers)
        cache = PageCache(open_store(tmp_path), Network("w", "scripted", "cpu", "float32"))
        file = document(*(small_print(page) for page in range(3)))
        return GotRuntime(got_nano, engine, cache=cache).read(file, task=PLAIN).pages[0]

    return read


def test_an_answer_is_kept_if_all_pages_were_read(
    reading: Callable[[Sequence[str | Exception]], PageResult],
) -> None:
    assert not reading([TEXTS[0], MemoryError("full"), TEXTS[2]]).cached
    assert not reading(TEXTS).cached
    assert reading(["never"]).text == "\n\n".join(TEXTS)
