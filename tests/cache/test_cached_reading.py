"""Reading with a cache: what is taken from it, what is not, and that a broken cache costs no page."""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.source_files import pymupdf
from PIL import Image

from got_runtime import Box, Formatted, GotRuntime, MultiPage
from got_runtime.cache import Network, PageCache, open_store, weights_digest
from got_runtime.cache.store import Store
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.errors import CacheError
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.results import DocumentResult

NETWORK = Network(weights="w" * 64, engine="torch", device="cpu", dtype="float32")

Reading = Callable[..., DocumentResult]


@pytest.fixture
def read(checkpoint: LoadedModel, tmp_path: Path, three_pages: Path) -> Reading:
    """Read a source (three pages) with a new runtime whose pages have texts that no other runtime gives."""
    count = iter(range(1000))

    def read(
        source: Any = three_pages, *, network: Network = NETWORK, store: Store | None = None, **options: Any
    ) -> DocumentResult:
        engine = ScriptedEngine(checkpoint.encode, [f"reading {next(count)}"])
        cache = PageCache(store or open_store(tmp_path / "store"), network)
        return GotRuntime(checkpoint, engine, cache=cache).read(source, **options)

    return read


def cached(document: DocumentResult) -> list[bool]:
    return [page.cached for page in document.pages]


def test_the_second_reading_is_taken_from_the_cache(read: Reading) -> None:
    first, second = read(boxes=True), read(boxes=True)
    assert (cached(first), cached(second)) == ([False] * 3, [True] * 3)
    assert [page.model_copy(update={"cached": False}) for page in second.pages] == list(first.pages)


def test_pages_of_a_selection_are_those_of_the_whole(read: Reading) -> None:
    part = read(pages="2")
    whole = read()
    assert cached(whole) == [False, True, False]
    assert whole.pages[1].text == part.pages[0].text != whole.pages[0].text


def test_the_same_bytes_under_another_name_are_not_read_again(read: Reading, three_pages: Path, tmp_path: Path) -> None:
    read()
    copy = tmp_path / "copy.pdf"
    shutil.copy(three_pages, copy)
    document = read(copy)
    assert cached(document) == [True] * 3
    assert {page.source for page in document.pages} == {str(copy)}
    assert cached(read(three_pages.read_bytes())) == [True] * 3


def test_frames_and_images_are_kept_too(read: Reading, tmp_path: Path) -> None:
    file = tmp_path / "frames.tiff"
    frames = [Image.new("L", (200, 100 + number), number) for number in range(2)]
    for frame in frames:
        frame.paste(200, (20, 20, 60, 60))
    frames[0].save(file, save_all=True, append_images=frames[1:])
    first, second = read(file), read(file)
    assert cached(second) == [True, True]
    assert [(page.label, page.width, page.height) for page in second.pages] == [
        (page.label, page.width, page.height) for page in first.pages
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"task": Formatted()},
        {"task": Box(1, 1, 90, 90)},
        {"dpi": 100},
        {"rotate": 90},
        {"max_new_tokens": 100},
        {"ocr": "auto"},
        {"boxes": True},
        {"zoom": "auto"},
        {"limits": {"max_pixels": 10_000_000}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_option_is_another_answer(read: Reading, change: dict[str, Any]) -> None:
    read(pages=1)
    assert cached(read(pages=1, **change)) == [False]
    assert cached(read(pages=1, **change)) == [True]


@pytest.mark.parametrize("part", ["weights", "engine", "device", "dtype", "weight_dtype", "kv_cache_dtype"])
def test_another_network_is_another_answer(read: Reading, part: str) -> None:
    read(pages=1)
    assert cached(read(pages=1, network=replace(NETWORK, **{part: "other"}))) == [False]


def test_what_changes_no_answer_is_no_part_of_the_key(read: Reading) -> None:
    read(pages=1)
    limits = {"max_pages": 3, "max_seconds_per_page": 1000}
    assert cached(read(pages=(1,), on_error="raise", allow_remote=True, limits=limits)) == [True]


def test_changed_bytes_are_another_document(read: Reading, three_pages: Path) -> None:
    read(pages=1)
    with pymupdf.open(three_pages) as document:
        document[0].insert_text((30, 120), "more")
        document.saveIncr()
    assert cached(read(pages=1)) == [False]


def test_pages_of_one_context_are_one_answer(read: Reading) -> None:
    first, second = read(task=MultiPage()), read(task=MultiPage())
    assert (cached(first), cached(second)) == ([False], [True])
    assert second.pages[0].label == first.pages[0].label == "1-3"
    assert cached(read(task=MultiPage(), pages="1-2")) == [False]


def test_errors_and_timed_out_pages_are_not_kept(read: Reading, tmp_path: Path) -> None:
    for _ in range(2):
        [page] = read(limits={"max_pixels": 1}, pages=1).pages
        assert (page.error is not None, page.cached) == (True, False)
    broken = tmp_path / "broken.tiff"
    frames = [Image.new("L", (200, 100), 255) for _ in range(2)]
    frames[0].save(broken, save_all=True, append_images=frames[1:])
    broken.write_bytes(broken.read_bytes()[:-4000])
    read(broken)
    again = read(broken)
    assert [page.error is not None for page in again.pages] == [False, True]
    assert cached(again) == [True, False]


def test_a_document_with_a_password_is_not_kept(read: Reading, tmp_path: Path, three_pages: Path) -> None:
    secret = tmp_path / "secret.pdf"
    with pymupdf.open(three_pages) as document:
        document.save(secret, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="key", owner_pw="key")
    store = open_store(tmp_path / "other")
    read(secret, password="key", store=store)
    assert store.info().entries == 0


def test_a_torn_entry_is_read_anew_and_replaced(
    read: Reading, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = read(pages=1)
    [file] = (tmp_path / "store").rglob("*.json")
    whole = file.read_bytes()
    for damaged in (whole[:-20], whole[:100], b"", b"[]", whole.replace(b"reading", b"forgery")):
        file.write_bytes(damaged)
        with caplog.at_level(logging.WARNING):
            again = read(pages=1)
        assert cached(again) == [False]
        assert again.text != first.text
        assert "damaged" in caplog.text
        assert cached(read(pages=1)) == [True]


class FullStore:
    """A store on a full disk, which also refuses to be read if ``unreadable``."""

    name = "full"

    def __init__(self, unreadable: bool) -> None:
        self.unreadable = unreadable
        self.writes = 0

    def get(self, key: str) -> bytes | None:
        if self.unreadable:
            raise PermissionError("not yours")
        return None

    def put(self, key: str, value: bytes) -> None:
        self.writes += 1
        raise OSError(28, "No space left on device")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not needed to read")


@pytest.mark.parametrize("unreadable", [False, True])
def test_a_full_or_unreadable_cache_costs_no_page(
    read: Reading, caplog: pytest.LogCaptureFixture, unreadable: bool
) -> None:
    store: Any = FullStore(unreadable)
    with caplog.at_level(logging.WARNING):
        document = read(store=store)
    assert len(document.text.split("\n\n")) == 3
    assert store.writes == 1
    assert caplog.text.count("cannot be written") == 1
    assert caplog.text.count("cannot be read") == unreadable


def test_got_nano_reads_a_page_once(tmp_path: Path, pages: Path) -> None:
    texts = []
    for expected in (False, True):
        with GotRuntime.from_pretrained(dtype="float32", cache=tmp_path / "kept") as runtime:
            page = runtime.read(pages / "notice.jpg", max_new_tokens=12).pages[0]
        assert page.cached is expected
        texts.append(page.text)
    assert texts[0] == texts[1] != ""


def test_the_digest_of_weights_follows_their_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "README.md").write_text("one")
    first = weights_digest(tmp_path)
    (tmp_path / "README.md").write_text("two")
    assert weights_digest(tmp_path) == first
    time.sleep(0.01)
    (tmp_path / "model.safetensors").write_bytes(b"retrain")
    second = weights_digest(tmp_path)
    assert second != first
    (tmp_path / "generation_config.json").write_text('{"no_repeat_ngram_size": 20}')
    assert weights_digest(tmp_path) not in (first, second)


def test_a_cache_needs_weights_from_files() -> None:
    with pytest.raises(CacheError, match="has none"):
        weights_digest(None)
