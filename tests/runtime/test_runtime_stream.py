"""Reading several pages and sources: order, callbacks, threads, cancelling, and memory."""

import asyncio
import gc
import io
import threading
import time
from pathlib import Path

import pytest
import torch
from helpers.scripted_pages import inked, scripted
from PIL import Image

from got_runtime import DocumentResult, GotRuntime, PageResult
from got_runtime.errors import EngineError, SourceCorrupt, SourceNotFound
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.sources import SourcePage, open_pages


def test_a_page_has_the_same_text_alone_and_among_others(runtime: GotRuntime, pages: Path) -> None:
    image = Image.open(pages / "notice.jpg")
    others = inked(), Image.open(pages / "held-out-faces" / "timetable.png")
    alone = next(iter(runtime.stream([image], zoom="off", max_new_tokens=60)))
    among = list(runtime.stream([others[0], image, others[1]], zoom="off", max_new_tokens=60))[1]
    assert alone.text == among.text


def test_many_sources_give_one_document_each(checkpoint: LoadedModel, three_pages: Path, tmp_path: Path) -> None:
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


def test_pages_are_yielded_when_they_are_complete(checkpoint: LoadedModel, three_pages: Path) -> None:
    stream = scripted(checkpoint, "one", EngineError("never drawn")).stream(three_pages)
    assert next(stream).text == "one"
    stream.close()


def test_on_token_is_called_with_whole_characters(checkpoint: LoadedModel) -> None:
    pieces: list[str] = []
    page = scripted(checkpoint, "Zoë – 漢").read(inked(), on_token=lambda _, piece: pieces.append(piece)).pages[0]
    assert pieces == list("Zoë – 漢")
    assert page.text == "Zoë – 漢"


def test_async_reading_never_blocks_the_loop(checkpoint: LoadedModel, three_pages: Path) -> None:
    async def main() -> tuple[DocumentResult, int]:
        beats = 0
        task = asyncio.ensure_future(scripted(checkpoint, "slow", latency=0.02).aread(three_pages))
        while not task.done():
            await asyncio.sleep(0.005)
            beats += 1
        return await task, beats

    document, beats = asyncio.run(main())
    assert [page.text for page in document.pages] == ["slow"] * 3
    assert beats > 5


def test_cancelling_stops_the_work(checkpoint: LoadedModel, three_pages: Path) -> None:
    pieces: list[str] = []

    async def main() -> None:
        runtime = scripted(checkpoint, "a very long answer " * 50, latency=0.005)
        task = asyncio.ensure_future(runtime.aread(three_pages, on_token=lambda _, piece: pieces.append(piece)))
        while not pieces:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert len("".join(pieces)) < 900


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


def test_a_folder_is_read_in_natural_order_and_a_broken_file_does_not_affect_the_others(
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


def test_completed_pages_are_released_also_with_on_token(checkpoint: LoadedModel, tmp_path: Path) -> None:
    frames = [inked(n) for n in range(8)]
    frames[0].save(tmp_path / "a.tiff", save_all=True, append_images=frames[1:])
    for page in scripted(checkpoint, "text").stream(tmp_path / "a.tiff", on_token=lambda *_: None):
        if page.number == 7:
            gc.collect()
            assert sum(type(thing) is SourcePage for thing in gc.get_objects()) <= 2


def test_a_document_is_yielded_before_the_error_of_the_next_one(checkpoint: LoadedModel, tmp_path: Path) -> None:
    inked().save(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    documents = scripted(checkpoint, "kept").read_all(tmp_path, on_error="raise")
    assert next(documents).text == "kept"
    with pytest.raises(SourceCorrupt):
        next(documents)


def test_blank_pages_that_wait_for_a_decoded_one_keep_no_pixels(runtime: GotRuntime) -> None:
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

    monkeypatch.setattr("got_runtime.pipeline.prefetch.CLOSE_TIMEOUT_S", 0.1)
    started = time.monotonic()
    try:
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(runtime.aread(Hanging()), 0.2))
        assert time.monotonic() - started < 30
    finally:
        released.set()


def test_a_stream_ends_when_stop_is_set(checkpoint: LoadedModel, three_pages: Path) -> None:
    stop, pieces = threading.Event(), list[str]()

    def on_token(page: PageResult, piece: str) -> None:
        pieces.append(piece)
        if page.number == 2:
            stop.set()

    pages = list(scripted(checkpoint, "text").stream(three_pages, on_token=on_token, stop=stop))
    assert [page.number for page in pages] == [1]
    assert "".join(pieces) == "textt"


def test_no_lock_or_mode_is_held_while_the_caller_has_a_page(runtime: GotRuntime, pages: Path) -> None:
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
