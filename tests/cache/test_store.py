"""Stores: entries are whole or absent, old ones give way, and another process's removal is a miss."""

import os
import threading
from pathlib import Path

import pytest

from got_runtime.cache.store import FolderStore, StoreInfo, default_folder, open_store
from got_runtime.errors import CacheError

KEYS = [f"{number:02x}" * 32 for number in range(10)]


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "kept" / "results")
    return f"memory://{tmp_path.name}/readings"


def test_an_entry_is_read_back_by_another_store_of_the_same_place(place: str) -> None:
    open_store(place).put(KEYS[0], b"one")
    store = open_store(place)
    assert store.get(KEYS[0]) == b"one"
    assert store.get(KEYS[1]) is None
    assert store.info() == StoreInfo(1, 3)


def test_an_entry_is_replaced_and_removed(place: str) -> None:
    store = open_store(place)
    store.put(KEYS[0], b"one")
    store.put(KEYS[0], b"two!")
    assert (store.get(KEYS[0]), store.info()) == (b"two!", StoreInfo(1, 4))
    store.remove(KEYS[0])
    store.remove(KEYS[0])
    assert store.get(KEYS[0]) is None


def test_clearing_counts_what_it_removed(place: str) -> None:
    store = open_store(place)
    for key in KEYS:
        store.put(key, b"12345")
    assert store.clear() == StoreInfo(10, 50)
    assert store.info() == StoreInfo(0, 0)


def test_the_entries_used_longest_ago_are_removed_first(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for age, key in enumerate(KEYS):
        store.put(key, b"12345")
        [file] = (tmp_path / key[:2]).iterdir()
        os.utime(file, (1e9 - age, 1e9 - age))
    assert store.get(KEYS[9]) == b"12345"  # which is a use
    assert store.prune(20) == StoreInfo(6, 30)
    assert [key for key in KEYS if store.get(key)] == [KEYS[0], KEYS[1], KEYS[2], KEYS[9]]


def test_a_folder_stays_within_its_bound(tmp_path: Path) -> None:
    store = open_store(tmp_path, max_bytes=100)
    for number in range(200):
        store.put(f"{number:064x}"[::-1], b"1234567890")
        assert store.info().bytes <= 100
    assert store.info().bytes >= 80


def test_writing_leaves_nothing_but_the_entry(tmp_path: Path) -> None:
    open_store(tmp_path).put(KEYS[3], b"x")
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == [f"{KEYS[3][2:]}.json"]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.put(KEYS[0], b"x")
    left = tmp_path / KEYS[0][:2] / "abc.tmp"
    left.write_bytes(b"half of an ent")
    assert store.info() == StoreInfo(1, 1)
    assert left.exists()  # it may be another process's, at work
    os.utime(left, (1e9, 1e9))
    assert store.info() == StoreInfo(1, 1)
    assert not left.exists()


def test_threads_share_a_store(tmp_path: Path) -> None:
    store, wrong = FolderStore(tmp_path, max_bytes=400), []

    def work(number: int) -> None:
        for turn in range(50):
            key = KEYS[(number + turn) % 10]
            store.put(key, key.encode())
            if store.get(KEYS[turn % 10]) not in (None, KEYS[turn % 10].encode()):
                wrong.append(key)

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert store.info().bytes <= 400


def test_a_place_that_cannot_be_used_is_one_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(CacheError, match="it is a file"):
        open_store(file)
    with pytest.raises(CacheError, match="cannot be a folder"):
        open_store(file / "below")
    with pytest.raises(CacheError, match="empty name"):
        open_store("")
    with pytest.raises(CacheError, match=r"cannot be reached|needs a further package"):
        open_store("nowhere://bucket/readings")


def test_an_object_store_leaves_pruning_to_its_bucket() -> None:
    with pytest.raises(CacheError, match="lifecycle"):
        open_store("memory://bucket").prune(0)


def test_the_users_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "got-ocr/results"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the specification tells programs to ignore
    assert default_folder() == Path.home() / ".cache/got-ocr/results"
