"""The loop: prefetching, the window of open pages, order, errors of the source, and time in the caller."""

import asyncio
import random
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from helpers.deadlines import in_time
from helpers.scripted_pages import Batches, all_at_once, inked
from helpers.virtual_rows import VirtualEngine

from got_runtime import GotRuntime, ReadOptions
from got_runtime.engine.protocol import Completion, Request
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.errors import SourceCorrupt
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.model.image_processor import ImageProcessor
from got_runtime.pipeline.loop import PageReader
from got_runtime.pipeline.page_task import DocumentTask, PageTask, PartTask, Work
from got_runtime.pipeline.planner import PagePlanner
from got_runtime.pipeline.postprocess import DecodedPage, build_result
from got_runtime.pipeline.prefetch import MAX_WAITING_REQUESTS, Prefetcher
from got_runtime.pipeline.preprocess import prepare_page
from got_runtime.sources import SourcePage, open_pages


class VirtualPages(PagePlanner):
    """Pages without pictures, whose answers have the given numbers of tokens."""

    def answers(self, lengths: Iterable[int]) -> None:
        object.__setattr__(self, "lengths", lengths)

    def work(self, documents: Iterable[Iterator[SourcePage]]) -> Generator[Work, None, None]:
        [page] = open_pages(inked())
        header = prepare_page(self.checkpoint, self.options, [page]).header
        lengths: Iterable[int] = self.lengths  # type: ignore[attr-defined]
        for number, length in enumerate(lengths):
            task = PageTask(page, replace(header, number=number), document=DocumentTask(), number=number)
            yield Work(task, Request((1,), torch.zeros(1), length, 0))

    def complete(self, task: PageTask, completion: Completion | Exception | None) -> list[PartTask]:
        task.finish(build_result(task.header, DecodedPage("stop")))
        return []


def read_virtual(
    checkpoint: LoadedModel, engine: VirtualEngine, lengths: Iterable[int], ordered: bool = True
) -> Generator[int, None, None]:
    """The numbers of the pages as they are yielded."""
    planner = VirtualPages(checkpoint, ReadOptions())
    planner.answers(lengths)
    reader = PageReader(planner, engine, ordered=ordered)
    return (page.number for page in reader.read([]))


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def lognormal_lengths(count: int) -> list[int]:
    """Lengths of answers as those of mixed documents: a median of 600 tokens, a tenth above 1,700."""
    rng = random.Random(0)
    return [max(20, min(4000, int(rng.lognormvariate(6.4, 0.8)))) for _ in range(count)]


def test_rows_are_busy_although_lengths_differ_and_pages_come_in_order(
    checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the end, in which no page follows and rows become free."""
    all_at_once(monkeypatch)
    engine = VirtualEngine(128, prefill_seconds=0.5)
    numbers = list(islice(read_virtual(checkpoint, engine, lognormal_lengths(1500)), 1000))
    assert numbers == list(range(1000))
    rows = engine.rows.rows_in_steps
    assert sum(rows) / len(rows) >= 0.85 * 128


def test_pages_behind_a_long_one_are_read_as_far_as_the_window_allows(
    checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_at_once(monkeypatch)
    engine = VirtualEngine(4)
    lengths = [1, 500, *[3] * 100]
    pages = read_virtual(checkpoint, engine, lengths)
    assert [next(pages), next(pages)] == [0, 1]
    assert len(engine.rows.begun) == 1 + 4 * 4  # the window is open when the long one is done
    assert list(pages) == list(range(2, 102))


def test_unordered_pages_do_not_wait_for_a_long_one(checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    all_at_once(monkeypatch)
    numbers = list(read_virtual(checkpoint, VirtualEngine(4), [1, 500, *[3] * 100], ordered=False))
    assert numbers.index(1) > 90
    assert sorted(numbers) == list(range(102))


def test_documents_are_yielded_when_they_are_whole_with_their_pages_in_order(
    checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of pages that are decoded together the last one is complete first."""
    all_at_once(monkeypatch)
    runtime = GotRuntime(checkpoint, Batches(checkpoint, set()))
    files = [tmp_path / f"{number}.tiff" for number in range(3)]
    for number, (file, pages) in enumerate(zip(files, (3, 1, 2), strict=True)):
        frames = [inked(10 * number + page) for page in range(pages)]
        frames[0].save(file, save_all=True, append_images=frames[1:])
    orders = []
    for ordered in (True, False):
        documents = list(runtime.read_all(files, ordered=ordered))
        orders.append([Path(document.source).name for document in documents])
        for document in documents:
            assert [page.number for page in document.pages] == list(range(1, len(document.pages) + 1))
    assert orders == [["0.tiff", "1.tiff", "2.tiff"], ["2.tiff", "1.tiff", "0.tiff"]]


def test_pages_are_streamed_as_they_finish(checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    all_at_once(monkeypatch)
    runtime = GotRuntime(checkpoint, Batches(checkpoint, set()))
    pages = [inked(number) for number in range(4)]

    async def texts() -> list[str]:
        return [page.text async for page in runtime.astream(pages, ordered=False)]

    assert [page.text for page in runtime.stream(pages)] == [f"request {number}" for number in range(4)]
    assert sorted(page.text for page in runtime.stream(pages, ordered=False)) == sorted(asyncio.run(texts()))


@pytest.mark.parametrize("threads", [1, 3])
def test_pages_prepared_in_threads_keep_their_order(checkpoint: LoadedModel, threads: int) -> None:
    answers = [f"text {number}" for number in range(9)]

    def pages() -> Iterator[SourcePage]:
        for _ in range(8):
            yield from open_pages(inked())
        raise SourceCorrupt("the ninth page is torn")

    planner = PagePlanner(checkpoint, ReadOptions(), threads=threads)
    reader = PageReader(planner, ScriptedEngine(checkpoint.encode, answers))
    results, numbers = reader.read([open_pages(inked()), pages()]), list[str]()
    with pytest.raises(SourceCorrupt, match="torn"):
        in_time(lambda: numbers.extend(page.text for page in results))
    assert numbers == answers


def test_an_error_of_the_source_is_raised_after_the_earlier_pages(checkpoint: LoadedModel) -> None:
    def torn() -> Iterator[SourcePage]:
        yield from open_pages(inked())
        raise SourceCorrupt("the second page is torn")

    reader = PageReader(PagePlanner(checkpoint, ReadOptions()), ScriptedEngine(checkpoint.encode, ["text"]))
    pages = reader.read([torn()])
    assert in_time(lambda: next(pages)).text == "text"
    with pytest.raises(SourceCorrupt, match="torn"):
        in_time(lambda: next(pages))


def test_no_page_is_prepared_in_advance_while_another_caller_waits_for_its_first_page(
    checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Preparing takes a core from the network, where that runs on the same ones."""
    monkeypatch.setattr("got_runtime.pipeline.prefetch.network_is_here", lambda: True)
    drawn = list[int]()
    [page] = open_pages(inked())
    header = prepare_page(checkpoint, ReadOptions(), [page]).header

    def pages() -> Generator[Work, None, None]:
        for number in range(400):
            drawn.append(number)
            yield Work(PageTask(page, header), None)

    def no_pages() -> Generator[Work, None, None]:
        yield from ()

    document = Prefetcher(pages(), lambda: None)
    document.first_page_done()
    in_time(lambda: wait_until(lambda: len(drawn) > MAX_WAITING_REQUESTS))
    other = Prefetcher(no_pages(), lambda: None)
    try:
        for _ in range(MAX_WAITING_REQUESTS + 10):
            assert in_time(lambda: document.take(wait=True)) is not None
        time.sleep(0.2)
        before = len(drawn)
        assert before <= MAX_WAITING_REQUESTS + 12
        other.first_page_done()
        in_time(lambda: wait_until(lambda: len(drawn) > before + MAX_WAITING_REQUESTS - 4))
    finally:
        other.close()
        document.close()


@pytest.mark.parametrize(("size", "most"), [((200, 100), 70), ((3000, 2500), 10)])
def test_prefetching_is_bounded_by_the_memory_of_waiting_pages(
    checkpoint: LoadedModel, size: tuple[int, int], most: int
) -> None:
    """Memory does not grow with the length of the document; of large scans fewer are prefetched."""
    drawn, small = list[int](), replace(checkpoint, image_processor=ImageProcessor((64, 64), (0.5,) * 3, (0.5,) * 3))
    image = inked().resize(size)

    def many() -> Iterator[SourcePage]:
        for number in range(400):
            drawn.append(number)
            yield from open_pages(image)

    reader = PageReader(PagePlanner(small, ReadOptions()), ScriptedEngine(checkpoint.encode, ["text"]))
    pages = reader.read([many()])
    in_time(lambda: next(pages))
    time.sleep(0.5)
    assert len(drawn) < most
    pages.close()
    seen = len(drawn)
    time.sleep(0.2)
    assert len(drawn) == seen
