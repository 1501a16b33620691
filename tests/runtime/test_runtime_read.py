"""Reading one source: results, kinds of sources, tasks, options and errors."""

import gc
import io
import json
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.native_code import SLOW_IN_BFLOAT16
from helpers.scripted_pages import inked, scripted
from PIL import Image

from got_runtime import (
    Box,
    Color,
    DocumentResult,
    Formatted,
    GotRuntime,
    MultiPage,
    PageResult,
    Plain,
    ReadOptions,
    Tiles,
)
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.errors import (
    EngineError,
    OptionError,
    SourceNotFound,
    SourceUnsupported,
    TaskError,
)
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.pipeline.loop import PageReader
from got_runtime.pipeline.planner import PagePlanner
from got_runtime.results import PageError
from got_runtime.sources import Limits, SourcePage, open_pages
from got_runtime.tasks import Task


def test_a_result_has_its_pages_with_their_metadata(checkpoint: LoadedModel, three_pages: Path) -> None:
    document = scripted(checkpoint, "one", "two", "three").read(three_pages)
    assert document.text == "one\n\ntwo\n\nthree"
    assert [page.number for page in document.pages] == [1, 2, 3]
    assert document.model.name == "got-nano"
    assert document.sha256 is not None
    page = document.pages[1]
    assert (page.total, page.size_pt, page.tokens, page.finish_reason) == (3, (300.0, 200.0), 3, "stop")
    assert DocumentResult.model_validate_json(document.model_dump_json()) == document


def test_a_result_carries_the_settings_it_was_read_with(checkpoint: LoadedModel, three_pages: Path) -> None:
    document = scripted(checkpoint, "x").read(three_pages, task=Formatted(), pages=[1, -1], dpi=72, max_new_tokens=9)
    settings = document.settings
    assert (settings.task, settings.pages, settings.dpi, settings.max_new_tokens) == (Formatted(), (1, -1), 72, 9)
    assert (settings.ocr, settings.rotate) == ("always", 0)


def test_a_file_that_is_removed_while_it_is_read_loses_only_its_boxes(runtime: GotRuntime, three_pages: Path) -> None:
    def remove(page: PageResult, text: str) -> None:
        three_pages.unlink(missing_ok=True)

    [page] = runtime.read(three_pages, pages="3", boxes=True, zoom="off", on_token=remove, max_new_tokens=8).pages
    assert page.text
    assert any(warning.startswith("no boxes: ") for warning in page.warnings)


def test_a_runtime_is_closed_with_its_engine(checkpoint: LoadedModel) -> None:
    engine = ScriptedEngine(checkpoint.encode, ["text"])
    with GotRuntime(checkpoint, engine) as runtime:
        assert runtime.read(inked()).text == "text"
    assert engine.closed


def test_a_closed_runtime_raises_an_error_that_says_to_make_a_new_one(checkpoint: LoadedModel) -> None:
    runtime = scripted(checkpoint, "text")
    begun = runtime.stream([inked(), inked()])
    assert next(begun).text == "text"
    runtime.close()
    runtime.close()
    with pytest.raises(EngineError, match=r"this runtime is closed: make a new one with GotRuntime\.from_pretrained"):
        runtime.read(inked())
    with pytest.raises(EngineError, match="closed"):
        next(begun)
    assert runtime.model_info.name == "got-nano"


def test_a_closed_runtime_releases_the_network(checkpoint: LoadedModel) -> None:
    own = replace(checkpoint, name="own")
    runtime = scripted(own, "text")
    assert runtime.read(inked()).text == "text"
    kept = weakref.ref(own)
    del own
    assert kept() is not None
    runtime.close()
    gc.collect()
    assert kept() is None


def test_pages_beyond_the_context_are_not_rendered(checkpoint: LoadedModel) -> None:
    short, drawn = replace(checkpoint, context=1000), []

    def document() -> Iterator[SourcePage]:
        for number in range(300):
            drawn.append(number)
            yield from open_pages(inked())

    reader = PageReader(PagePlanner(short, ReadOptions(task=MultiPage())), ScriptedEngine(checkpoint.encode, ["never"]))
    [page] = reader.read([document()])
    assert page.error is not None
    assert page.error.type == "TaskError"
    assert len(drawn) == 4


def test_a_page_has_elements(checkpoint: LoadedModel) -> None:
    page = scripted(checkpoint, "\\section*{Tides}\nHigh and low.").read(inked(), task=Formatted()).pages[0]
    assert [element.kind for element in page.elements] == ["heading", "paragraph"]


def without_descriptions(schema: object) -> object:
    if isinstance(schema, dict):
        return {name: without_descriptions(part) for name, part in schema.items() if name != "description"}
    return [without_descriptions(part) for part in schema] if isinstance(schema, list) else schema


def test_the_json_schema_is_stable() -> None:
    """To change it, write the output of ``got-ocr info --schema`` to the file and note it in the changelog."""
    published = json.loads(
        (Path(__file__).parent.parent / "golden" / "document.schema.json").read_text(encoding="utf-8")
    )
    assert without_descriptions(DocumentResult.model_json_schema()) == without_descriptions(published)


def test_every_kind_of_source_gives_the_same_text(runtime: GotRuntime, pages: Path, tmp_path: Path) -> None:
    file = pages / "held-out-faces" / "timetable.png"
    image = Image.open(file)
    (tmp_path / "folder").mkdir()
    image.save(tmp_path / "folder" / "frames.tiff", save_all=True, append_images=[image])

    class Blob:
        def as_bytes(self) -> bytes:
            return file.read_bytes()

    with file.open("rb") as opened:
        sources = [file, str(file), file.read_bytes(), opened, image, np.asarray(image), Blob(), image.convert("RGBA")]
        texts = [page.text for page in runtime.stream([*sources, tmp_path / "folder"], zoom="off", max_new_tokens=20)]
    assert len(texts) == len(sources) + 2  # the folder's file has two frames
    assert len(set(texts)) == 1
    assert texts[0]


@pytest.mark.parametrize("dtype", ["float32", pytest.param("bfloat16", marks=SLOW_IN_BFLOAT16)])
def test_the_same_text_every_time_on_one_thread_or_two(pages: Path, dtype: str) -> None:
    runtime = GotRuntime.from_pretrained(dtype=dtype)
    before = torch.get_num_threads()
    texts = set()
    try:
        for threads in (1, 2, 2):
            torch.set_num_threads(threads)
            texts.add(runtime.read(pages / "held-out-faces" / "timetable.png").text)
    finally:
        torch.set_num_threads(before)
    assert len(texts) == 1


@pytest.mark.parametrize("paper", ["white", "black", (236, 229, 201)])
def test_a_blank_page_gives_an_empty_text(runtime: GotRuntime, paper: str | tuple[int, int, int]) -> None:
    page = runtime.read(Image.new("RGB", (800, 1000), paper)).pages[0]
    assert (page.text, page.finish_reason, page.error) == ("", "blank", None)


def test_a_good_text_layer_is_used_only_with_ocr_auto(checkpoint: LoadedModel, three_pages: Path) -> None:
    runtime = scripted(checkpoint, "decoded")
    assert {page.finish_reason for page in runtime.read(three_pages).pages} == {"stop"}
    skipped = runtime.read(three_pages, ocr="auto")
    assert [page.text for page in skipped.pages] == [f"This is page {n}" for n in (1, 2, 3)]
    assert {page.finish_reason for page in skipped.pages} == {"text_layer"}


@pytest.mark.parametrize("task", [Box(0, 0, 0.5, 0.5, unit="fraction"), Color(color="red")])
def test_a_text_layer_is_not_used_for_a_part_of_the_page(
    checkpoint: LoadedModel, three_pages: Path, task: Task
) -> None:
    page = scripted(checkpoint, "decoded").read(three_pages, task=task, ocr="auto", pages="1").pages[0]
    assert (page.text, page.finish_reason) == ("decoded", "stop")


@pytest.mark.parametrize(
    "task",
    [
        Plain(),
        Formatted(),
        Box(10, 10, 400, 300),
        Box(0.1, 0.1, unit="fraction"),
        Color(color="red"),
        Box(10, 10, 400, 300, crop=True),
        Tiles(max_tiles=2),
        MultiPage(),
    ],
    ids=lambda task: task.kind,
)
def test_every_task_runs_end_to_end(runtime: GotRuntime, pages: Path, task: Task) -> None:
    file = pages / ("minutes.pdf" if task.kind == "pages" else "notice.jpg")
    [page] = runtime.read(file, task=task, max_new_tokens=5).pages
    assert page.error is None
    assert page.task == task
    assert page.views is not None
    assert page.tokens <= 5 * page.views.count


def test_several_pages_in_one_context_are_one_result(checkpoint: LoadedModel, three_pages: Path) -> None:
    document = scripted(checkpoint, "all of it").read(three_pages, task=MultiPage())
    assert [(page.label, page.text) for page in document.pages] == [("1-3", "all of it")]


def test_a_failing_page_does_not_affect_the_others(checkpoint: LoadedModel, three_pages: Path) -> None:
    def runtime() -> GotRuntime:
        return scripted(checkpoint, "one", RuntimeError("no memory"), "three")

    kept = runtime().read(three_pages)
    assert [page.text for page in kept.pages] == ["one", "", "three"]
    assert [page.number for page in kept.errors] == [2]
    error = kept.pages[1].error
    assert isinstance(error, PageError)
    assert "page 2" in error.message
    assert "no memory" in error.message
    assert [page.text for page in runtime().read(three_pages, on_error="skip").pages] == ["one", "three"]
    with pytest.raises(EngineError, match="page 2"):
        runtime().read(three_pages, on_error="raise")


def test_a_task_that_does_not_fit_a_page_is_that_pages_error(runtime: GotRuntime) -> None:
    outside = Box(5000, 5000, 6000, 6000)
    page = runtime.read(inked(), task=outside).pages[0]
    assert page.error is not None
    assert page.error.type == "TaskError"
    with pytest.raises(TaskError):
        runtime.read(inked(), task=outside, on_error="raise")


def test_a_clipped_box_is_a_warning_on_its_page(runtime: GotRuntime) -> None:
    page = runtime.read(inked(), task=Box(0, 0, 900, 900), max_new_tokens=1).pages[0]
    assert any("clipped" in warning for warning in page.warnings)


def test_the_token_budget_ends_a_page(checkpoint: LoadedModel) -> None:
    page = scripted(checkpoint, "a long answer").read(inked(), max_new_tokens=6).pages[0]
    assert (page.text, page.tokens, page.finish_reason) == ("a long", 6, "length")
    with pytest.raises(OptionError, match=r"max_new_tokens=0: .* greater than or equal to 1"):
        scripted(checkpoint, "x").read(inked(), max_new_tokens=0)


def test_a_document_is_one_source_that_can_be_opened(checkpoint: LoadedModel, tmp_path: Path) -> None:
    runtime = scripted(checkpoint, "text")
    for several in (tmp_path, [inked()]):
        with pytest.raises(SourceUnsupported, match="stream"):
            runtime.read(several)
    with pytest.raises(SourceNotFound):
        runtime.read(tmp_path / "lost.png", on_error="skip")


def test_a_document_of_which_every_page_was_skipped_keeps_its_name(checkpoint: LoadedModel) -> None:
    document = scripted(checkpoint, RuntimeError("no memory")).read(inked(), on_error="skip")
    assert (document.source, document.pages) == ("<image>", ())


def test_more_pages_than_fit_in_one_context_are_an_error(checkpoint: LoadedModel, tmp_path: Path) -> None:
    frames = [inked(n) for n in range(3)]
    frames[0].save(tmp_path / "a.tiff", save_all=True, append_images=frames[1:])
    narrow = scripted(replace(checkpoint, context=600), "text").read(tmp_path / "a.tiff", task=MultiPage()).pages[0]
    assert narrow.error is not None
    assert "select fewer pages" in narrow.error.message
    assert scripted(replace(checkpoint, context=900), "text").read(tmp_path / "a.tiff", task=MultiPage()).text == "text"


@pytest.mark.parametrize("option", [{"on_error": "ignore"}, {"ocr": "never"}, {"task": "fromat"}])
def test_an_invalid_option_is_refused_before_anything_is_read(checkpoint: LoadedModel, option: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(option))):
        scripted(checkpoint, "never").stream(inked(), **option)


def test_a_page_number_may_be_of_any_integer_type(checkpoint: LoadedModel, three_pages: Path) -> None:
    document = scripted(checkpoint, "text").read(three_pages, pages=np.int64(2))
    assert [page.number for page in document.pages] == [2]
    assert document.settings.pages == 2


def test_a_file_object_is_not_closed(checkpoint: LoadedModel) -> None:
    buffer = io.BytesIO()
    inked().save(buffer, "PNG")
    buffer.seek(0)
    assert scripted(checkpoint, "text").read(buffer).text == "text"
    assert not buffer.closed


def test_results_cannot_be_changed(checkpoint: LoadedModel) -> None:
    page: PageResult = scripted(checkpoint, "text").read(inked()).pages[0]
    with pytest.raises(ValueError, match="frozen"):
        page.text = "other"


def test_at_the_time_limit_the_text_so_far_is_kept(runtime: GotRuntime, pages: Path) -> None:
    with Image.open(pages / "notice.jpg") as image:  # in memory: opening a file counts, too
        page = runtime.read(image, limits=Limits(max_seconds_per_page=1e-6)).pages[0]
    assert page.tokens >= 1
    assert page.finish_reason == "length"
    assert any("time limit" in warning for warning in page.warnings)
