"""The runtime as a caller sees it: sources in, results out, whatever goes wrong on the way."""

import asyncio
import gc
import io
import json
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
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
from got_runtime.engine.prefetch import Prefetcher
from got_runtime.engine.protocol import Completion, FinishReason, OnToken, Request
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.errors import (
    EngineError,
    OptionError,
    SourceCorrupt,
    SourceNotFound,
    SourceUnsupported,
    TaskError,
)
from got_runtime.markup import to_text
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.pipeline.loop import PageReader
from got_runtime.pipeline.planner import PagePlanner
from got_runtime.pipeline.retry import halves
from got_runtime.results import PageError
from got_runtime.sources import Limits, SourcePage, open_pages
from got_runtime.tasks import Task


def scripted(checkpoint: LoadedModel, *answers: str | Exception, latency: float = 0.0) -> GotRuntime:
    return GotRuntime(checkpoint, ScriptedEngine(checkpoint.encode, answers, latency))


def inked(number: int = 0) -> Image.Image:
    """A page that is not blank."""
    image = Image.new("RGB", (200, 100), "white")
    image.paste("black", (10 + number, 10, 150, 60))
    return image


def test_what_a_result_tells(checkpoint: LoadedModel, three_pages: Path) -> None:
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


def test_a_file_that_goes_away_costs_the_boxes_only(runtime: GotRuntime, three_pages: Path) -> None:
    def remove(page: PageResult, text: str) -> None:
        three_pages.unlink(missing_ok=True)

    [page] = runtime.read(three_pages, pages="3", boxes=True, on_token=remove, max_new_tokens=8).pages
    assert page.text
    assert any(warning.startswith("no boxes: ") for warning in page.warnings)


def test_a_runtime_is_closed_with_its_engine(checkpoint: LoadedModel) -> None:
    engine = ScriptedEngine(checkpoint.encode, ["text"])
    with GotRuntime(checkpoint, engine) as runtime:
        assert runtime.read(inked()).text == "text"
    assert engine.closed


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


def test_a_page_has_elements_of_its_own(checkpoint: LoadedModel) -> None:
    page = scripted(checkpoint, "\\section*{Tides}\nHigh and low.").read(inked(), task=Formatted()).pages[0]
    assert [element.kind for element in page.elements] == ["heading", "paragraph"]


def without_descriptions(schema: object) -> object:
    if isinstance(schema, dict):
        return {name: without_descriptions(part) for name, part in schema.items() if name != "description"}
    return [without_descriptions(part) for part in schema] if isinstance(schema, list) else schema


def test_the_json_schema_is_stable() -> None:
    """Whoever changes it on purpose runs ``got-ocr info --schema`` into the file and says so in the changelog."""
    published = json.loads((Path(__file__).parent / "golden" / "document.schema.json").read_text(encoding="utf-8"))
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
        texts = [page.text for page in runtime.stream([*sources, tmp_path / "folder"])]
    assert len(texts) == len(sources) + 2  # the folder's file has two frames
    assert len(set(texts)) == 1
    assert texts[0]


def test_a_page_reads_the_same_alone_and_among_others(runtime: GotRuntime, pages: Path) -> None:
    image = Image.open(pages / "notice.jpg")
    alone = next(iter(runtime.stream([image])))
    among = list(runtime.stream([inked(), image, Image.open(pages / "held-out-faces" / "timetable.png")]))[1]
    assert alone.text == among.text


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
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


def test_a_good_text_layer_is_taken_only_when_asked(checkpoint: LoadedModel, three_pages: Path) -> None:
    runtime = scripted(checkpoint, "decoded")
    assert {page.finish_reason for page in runtime.read(three_pages).pages} == {"stop"}
    skipped = runtime.read(three_pages, ocr="auto")
    assert [page.text for page in skipped.pages] == [f"This is page {n}" for n in (1, 2, 3)]
    assert {page.finish_reason for page in skipped.pages} == {"text_layer"}


@pytest.mark.parametrize("task", [Box(0, 0, 0.5, 0.5, unit="fraction"), Color(color="red")])
def test_a_text_layer_does_not_answer_for_a_part_of_the_page(
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
    assert page.tokens <= 5


def test_several_pages_in_one_context_are_one_result(checkpoint: LoadedModel, three_pages: Path) -> None:
    document = scripted(checkpoint, "all of it").read(three_pages, task=MultiPage())
    assert [(page.label, page.text) for page in document.pages] == [("1-3", "all of it")]


def test_many_sources_are_read_together_and_come_back_as_documents(
    checkpoint: LoadedModel, three_pages: Path, tmp_path: Path
) -> None:
    runtime = scripted(checkpoint, "one", "two", "three", "four", "five")
    picture = io.BytesIO()
    inked(4).save(picture, "PNG")
    missing = tmp_path / "missing.png"
    documents = list(runtime.read_all([three_pages, picture.getvalue(), missing, picture.getvalue()]))
    assert [[page.text for page in document.pages] for document in documents] == [
        ["one", "two", "three"],
        ["four"],
        [""],
        ["five"],
    ]
    assert [document.source for document in documents] == [str(three_pages), "<bytes>", str(missing), "<bytes>"]
    assert len(documents[2].errors) == 1


def test_a_failing_page_does_not_cost_its_neighbours(checkpoint: LoadedModel, three_pages: Path) -> None:
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


def test_pages_come_as_they_are_ready(checkpoint: LoadedModel, three_pages: Path) -> None:
    stream = scripted(checkpoint, "one", EngineError("never drawn")).stream(three_pages)
    assert next(stream).text == "one"
    stream.close()


def test_tokens_are_told_as_whole_characters(checkpoint: LoadedModel) -> None:
    pieces: list[str] = []
    page = scripted(checkpoint, "Zoë – 漢").read(inked(), on_token=lambda _, piece: pieces.append(piece)).pages[0]
    assert pieces == list("Zoë – 漢")
    assert page.text == "Zoë – 漢"


def test_async_reading_never_blocks_the_loop(checkpoint: LoadedModel, three_pages: Path) -> None:
    async def main() -> tuple[DocumentResult, int]:
        beats = 0
        reading = asyncio.ensure_future(scripted(checkpoint, "slow", latency=0.02).aread(three_pages))
        while not reading.done():
            await asyncio.sleep(0.005)
            beats += 1
        return await reading, beats

    document, beats = asyncio.run(main())
    assert [page.text for page in document.pages] == ["slow"] * 3
    assert beats > 5


def test_cancelling_stops_the_work(checkpoint: LoadedModel, three_pages: Path) -> None:
    told: list[str] = []

    async def main() -> None:
        runtime = scripted(checkpoint, "a very long answer " * 50, latency=0.005)
        reading = asyncio.ensure_future(runtime.aread(three_pages, on_token=lambda _, piece: told.append(piece)))
        while not told:
            await asyncio.sleep(0.005)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(main())
    assert len("".join(told)) < 900


def test_several_threads_share_one_runtime(runtime: GotRuntime, pages: Path) -> None:
    image = Image.open(pages / "held-out-faces" / "timetable.png").convert("RGB")
    texts: list[str] = []
    threads = [
        threading.Thread(target=lambda: texts.append(runtime.read(image, max_new_tokens=30).text)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(texts)) == 1
    assert len(texts) == 2


def test_a_folder_is_read_in_order_and_what_fails_does_not_cost_the_others(
    checkpoint: LoadedModel, tmp_path: Path
) -> None:
    inked().save(tmp_path / "p2.png")
    inked().save(tmp_path / "p10.png")
    (tmp_path / "p3.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    lost = tmp_path / "lost.png"
    runtime = scripted(checkpoint, "text")
    kept = list(runtime.stream([tmp_path, lost]))
    assert [(Path(page.source).name, page.text) for page in kept] == [
        ("p2.png", "text"), ("p3.png", ""), ("p10.png", "text"), ("lost.png", "")
    ]  # fmt: skip
    assert [page.error.type for page in kept if page.error] == ["SourceCorrupt", "SourceNotFound"]
    assert len(list(runtime.stream(tmp_path, on_error="skip"))) == 2
    with pytest.raises(SourceNotFound):
        list(runtime.stream([lost], on_error="raise"))


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


def test_more_pages_than_the_network_holds_are_refused_in_one_context(checkpoint: LoadedModel, tmp_path: Path) -> None:
    frames = [inked(n) for n in range(3)]
    frames[0].save(tmp_path / "a.tiff", save_all=True, append_images=frames[1:])
    narrow = scripted(replace(checkpoint, context=600), "text").read(tmp_path / "a.tiff", task=MultiPage()).pages[0]
    assert narrow.error is not None
    assert "select fewer pages" in narrow.error.message
    assert scripted(replace(checkpoint, context=900), "text").read(tmp_path / "a.tiff", task=MultiPage()).text == "text"


def test_pages_that_were_read_are_let_go_also_when_tokens_are_told(checkpoint: LoadedModel, tmp_path: Path) -> None:
    frames = [inked(n) for n in range(8)]
    frames[0].save(tmp_path / "a.tiff", save_all=True, append_images=frames[1:])
    for page in scripted(checkpoint, "text").stream(tmp_path / "a.tiff", on_token=lambda *_: None):
        if page.number == 7:
            gc.collect()
            assert sum(type(thing) is SourcePage for thing in gc.get_objects()) <= 2


def test_a_document_is_handed_out_when_it_is_whole_whatever_comes_next(checkpoint: LoadedModel, tmp_path: Path) -> None:
    inked().save(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    documents = scripted(checkpoint, "kept").read_all(tmp_path, on_error="raise")
    assert next(documents).text == "kept"
    with pytest.raises(SourceCorrupt):
        next(documents)


def test_blank_pages_do_not_pile_up_behind_one_that_is_read(runtime: GotRuntime) -> None:
    blank, side = Image.new("RGB", (611, 613), "white"), (611, 613)
    pages = runtime.stream([inked(), *[blank] * 40], max_new_tokens=40)
    assert next(pages).finish_reason != "blank"
    gc.collect()
    held = [thing for thing in gc.get_objects() if type(thing) is Image.Image and thing.size == side]
    assert len(held) < 10
    assert [page.finish_reason for page in pages] == ["blank"] * 40


def test_cancelling_does_not_wait_for_a_source_that_hangs(runtime: GotRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    class Hanging(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            released.wait(60)
            return b""

    monkeypatch.setattr("got_runtime.engine.prefetch.CLOSE_TIMEOUT_S", 0.1)
    began = time.monotonic()
    try:
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(runtime.aread(Hanging()), 0.2))
        assert time.monotonic() - began < 30
    finally:
        released.set()


@pytest.mark.parametrize("option", [{"on_error": "ignore"}, {"ocr": "never"}, {"task": "fromat"}])
def test_an_option_that_cannot_be_is_refused_before_anything_is_read(
    checkpoint: LoadedModel, option: dict[str, Any]
) -> None:
    with pytest.raises(OptionError, match=next(iter(option))):
        scripted(checkpoint, "never").stream(inked(), **option)


def test_a_page_may_be_any_kind_of_whole_number(checkpoint: LoadedModel, three_pages: Path) -> None:
    document = scripted(checkpoint, "text").read(three_pages, pages=np.int64(2))
    assert [page.number for page in document.pages] == [2]
    assert document.settings.pages == 2


def test_a_stream_that_is_told_to_stop_ends(checkpoint: LoadedModel, three_pages: Path) -> None:
    stop, told = threading.Event(), list[str]()

    def tell(page: PageResult, piece: str) -> None:
        told.append(piece)
        if page.number == 2:
            stop.set()

    pages = list(scripted(checkpoint, "text").stream(three_pages, on_token=tell, stop=stop))
    assert [page.number for page in pages] == [1]
    assert "".join(told) == "textt"


def test_an_image_in_a_file_object_is_left_open_for_its_owner(checkpoint: LoadedModel) -> None:
    buffer = io.BytesIO()
    inked().save(buffer, "PNG")
    buffer.seek(0)
    assert scripted(checkpoint, "text").read(buffer).text == "text"
    assert not buffer.closed


def test_nothing_is_held_while_the_caller_has_a_page(runtime: GotRuntime, pages: Path) -> None:
    """Neither torch's inference mode, which would spoil a caller's own training, nor the lock around MuPDF."""
    stream = runtime.stream(pages / "minutes.pdf", max_new_tokens=1)
    next(stream)
    assert not torch.is_inference_mode_enabled()
    opened: list[int] = []
    other = threading.Thread(target=lambda: opened.extend(p.number for p in open_pages(pages / "minutes.pdf", dpi=20)))
    other.start()
    other.join(timeout=20)
    assert opened
    stream.close()


def test_results_cannot_be_changed(checkpoint: LoadedModel) -> None:
    page: PageResult = scripted(checkpoint, "text").read(inked()).pages[0]
    with pytest.raises(ValueError, match="frozen"):
        page.text = "other"


class LoopsAtFirst:
    """An engine whose first answers run into a loop."""

    def __init__(self, checkpoint: LoadedModel, loops: int) -> None:
        self.checkpoint, self.left, self.tiles = checkpoint, loops, list[int]()

    def close(self) -> None:
        """There is nothing to release."""

    def generate(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        for request in requests:
            assert request is not None
            self.tiles.append(request.pixels.shape[0])
            self.left -= 1
            finish: FinishReason = "repetition" if self.left >= 0 else "stop"
            answer = self.checkpoint.encode("la la" if self.left >= 0 else "song")
            yield Completion(answer, (0.9,) * len(answer), finish, 1.0, 2.0)


@pytest.mark.parametrize(
    ("loops", "text", "ways"),
    [
        (1, "song\nsong", ["halves"]),
        (2, "song", ["halves", "369 dpi"]),
        (4, "song", ["halves", "369 dpi", "tiles"]),
        (9, "la la", ["halves", "369 dpi", "tiles"]),
    ],
)
def test_a_loop_is_tried_again_in_other_ways(
    checkpoint: LoadedModel, three_pages: Path, loops: int, text: str, ways: list[str]
) -> None:
    engine = LoopsAtFirst(checkpoint, loops)
    page = GotRuntime(checkpoint, engine).read(three_pages, pages="1").pages[0]
    assert page.text == text
    assert [attempt.method for attempt in page.attempts] == ways
    assert [attempt.method for attempt in page.attempts if attempt.chosen] == ([] if loops == 9 else ways[-1:])
    assert page.timings.decode == 2.0 * len(engine.tiles)
    assert page.finish_reason == ("repetition" if loops == 9 else "stop")
    assert engine.tiles == [1, 1, 1, 1, 7][: len(engine.tiles)]  # six tiles and the thumbnail


class AllAtOnce:
    """An engine that takes in all it is offered before it answers: looping at first, then well."""

    def __init__(self, checkpoint: LoadedModel, looping: set[int]) -> None:
        self.checkpoint, self.looping, self.calls = checkpoint, looping, list[int]()

    def close(self) -> None:
        """There is nothing to release."""

    def generate(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        offered = list(requests)
        self.calls.append(len(offered))
        for place, request in enumerate(offered):
            assert request is not None
            loops = len(self.calls) == 1 and place in self.looping
            tokens = self.checkpoint.encode("la la" if loops else f"call {len(self.calls)} place {place}")
            yield Completion(tokens, (0.9,) * len(tokens), "repetition" if loops else "stop", 1.0, 2.0)


def test_pages_that_looped_are_tried_again_together_and_keep_their_places(
    checkpoint: LoadedModel, three_pages: Path
) -> None:
    engine = AllAtOnce(checkpoint, {0, 2})
    first, second, third = GotRuntime(checkpoint, engine).stream(three_pages)
    assert engine.calls == [3, 4]
    assert (first.number, first.text) == (1, "call 2 place 0\ncall 2 place 1")
    assert (second.number, second.text, second.attempts) == (2, "call 1 place 1", ())
    assert (third.number, third.text) == (3, "call 2 place 2\ncall 2 place 3")


def test_when_the_engine_gives_up_what_it_has_read_is_handed_on(checkpoint: LoadedModel) -> None:
    class GivesUp(AllAtOnce):
        def generate(self, *given: Any) -> Iterator[Completion | Exception | None]:
            yield from islice(super().generate(*given), 2)
            raise RuntimeError("the device is gone")

    stream = GotRuntime(checkpoint, GivesUp(checkpoint, {0})).stream([inked() for _ in range(4)])
    assert [(page.finish_reason, page.text) for page in islice(stream, 2)] == [
        ("repetition", "la la"),
        ("stop", "call 1 place 1"),
    ]
    with pytest.raises(RuntimeError, match="the device is gone"):
        next(stream)


def test_a_page_is_tried_again_while_the_next_is_long_in_coming(checkpoint: LoadedModel) -> None:
    class DrawsAhead(LoopsAtFirst):
        def generate(self, requests: Iterable[Request | None], *given: Any) -> Iterator[Completion | Exception | None]:
            ahead = Prefetcher(requests)
            try:
                yield from super().generate(taken[0] for taken in iter(lambda: ahead.take(wait=True), None))
            finally:
                ahead.close()

    class Pipe(io.BytesIO):
        def read(self, *size: Any) -> bytes:
            assert written.wait(10), "nobody writes the second page before the first is read"
            return super().read(*size)

    written, second = threading.Event(), io.BytesIO()
    inked().save(second, "PNG")
    stream = GotRuntime(checkpoint, DrawsAhead(checkpoint, 1)).stream([inked(), Pipe(second.getvalue())])
    assert next(stream).text == "song\nsong"
    written.set()
    assert next(stream).text == "song"


def test_a_page_that_looped_leaves_those_that_follow_alone(checkpoint: LoadedModel) -> None:
    engine = LoopsAtFirst(checkpoint, 1)
    pages = list(GotRuntime(checkpoint, engine).stream([inked() for _ in range(5)]))
    assert [page.text for page in pages] == ["song\nsong", *["song"] * 4]
    assert [len(page.attempts) for page in pages] == [1, 0, 0, 0, 0]
    assert len(engine.tiles) == 5 + 2


def test_the_elements_are_those_of_the_answer_that_was_chosen(checkpoint: LoadedModel, three_pages: Path) -> None:
    runtime = GotRuntime(checkpoint, LoopsAtFirst(checkpoint, 2))
    page = runtime.read(three_pages, pages="1", boxes=True).pages[0]
    [element] = page.elements
    assert to_text([element]).strip() == page.text == "song"


class Singer(LoopsAtFirst):
    """Loops once; then each answer has the next text and sureness."""

    def __init__(self, checkpoint: LoadedModel, *songs: tuple[str, float] | Exception) -> None:
        super().__init__(checkpoint, 1)
        self.songs = iter(songs)

    def generate(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        for answer in super().generate(requests, on_token):
            assert isinstance(answer, Completion)
            song = next(self.songs) if answer.finish == "stop" else None
            if not isinstance(song, tuple):
                yield song or answer
                continue
            tokens = self.checkpoint.encode(song[0])
            yield Completion(tokens, (song[1],) * len(tokens), "stop", 0.0, 0.0)


def test_the_surest_of_doubtful_readings_is_kept(checkpoint: LoadedModel) -> None:
    """Tiles that a network was not trained on end well too, with anything in them."""
    page = GotRuntime(checkpoint, Singer(checkpoint, ("so", 0.7), ("ng", 0.7), ("blah", 0.4))).read(inked()).pages[0]
    assert page.text == "so\nng"
    assert [(attempt.method, attempt.chosen) for attempt in page.attempts] == [("halves", True), ("tiles", False)]
    assert page.confidence is not None
    assert page.confidence.mean == pytest.approx(0.7)


def test_a_way_that_fails_is_recorded_and_the_next_is_tried(checkpoint: LoadedModel) -> None:
    singer = Singer(checkpoint, ("so", 0.9), MemoryError("the lower half"), ("song", 0.9))
    page = GotRuntime(checkpoint, singer).read(inked()).pages[0]
    assert [attempt.finish_reason for attempt in page.attempts] == ["error", "stop"]
    assert page.text == "song"


def test_the_time_limit_of_a_page_covers_its_retries(checkpoint: LoadedModel) -> None:
    engine = LoopsAtFirst(checkpoint, 9)  # three seconds a go
    page = GotRuntime(checkpoint, engine).read(inked(), limits=Limits(max_seconds_per_page=5)).pages[0]
    assert [attempt.method for attempt in page.attempts] == ["halves"]


def test_a_page_is_cut_between_its_lines() -> None:
    image = Image.new("L", (100, 200), 255)
    for top in range(5, 200, 20):
        image.paste(0, (10, top, 50, top + 14))
    upper, lower = halves(image)
    assert upper.height + lower.height == 200
    assert np.asarray(upper)[-1].min() == 255
    assert np.asarray(lower)[0].min() == 255


def test_the_time_limit_keeps_what_was_read(runtime: GotRuntime, pages: Path) -> None:
    page = runtime.read(pages / "notice.jpg", limits=Limits(max_seconds_per_page=1e-6)).pages[0]
    assert page.tokens >= 1
    assert page.finish_reason == "length"
    assert any("time limit" in warning for warning in page.warnings)
