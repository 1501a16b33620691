"""A store on a disk that is full or read-only, and one that two processes share."""

import contextlib
import errno
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from got_runtime import GotRuntime
from got_runtime.cache import Network, PageCache, open_store
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.model.checkpoint import LoadedModel

KEYS = [f"{number:02x}" * 32 for number in range(40)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", disk)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def mount(*arguments: object) -> None:
    try:
        done = subprocess.run(["mount", *map(str, arguments)], capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip("a file system may not be mounted here")


def test_a_full_disk_has_whole_entries_and_no_remains(small_disk: Path) -> None:
    store, kept = open_store(small_disk), list[str]()

    def fill() -> None:
        for key in KEYS:
            store.put(key, key.encode() * 100)
            kept.append(key)

    with pytest.raises(OSError, match="No space left") as full:
        fill()
    assert full.value.errno == errno.ENOSPC
    assert 0 < len(kept) < len(KEYS)
    assert [key for key in KEYS if store.get(key) == key.encode() * 100] == kept
    assert not list(small_disk.rglob("*.tmp"))
    store.clear()
    store.put(KEYS[-1], b"there is room again")


def test_pages_are_read_on_a_full_and_on_a_read_only_disk(
    small_disk: Path, checkpoint: LoadedModel, three_pages: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def read() -> list[tuple[str, bool]]:
        cache = PageCache(open_store(small_disk / "kept"), Network("w", "scripted", "cpu", "float32"))
        runtime = GotRuntime(checkpoint, ScriptedEngine(checkpoint.encode, ["text"]), cache=cache)
        return [(page.text, page.cached) for page in runtime.read(three_pages).pages]

    assert read() == [("text", False)] * 3
    filling = small_disk / "filling"
    with contextlib.suppress(OSError), filling.open("wb", buffering=0) as file:
        while True:
            file.write(b"x")
    [*_, last] = sorted((small_disk / "kept").rglob("*.json"))
    last.unlink()
    with (small_disk / "filling2").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x")
    with caplog.at_level(logging.WARNING):
        assert sorted(read()) == [("text", False), ("text", True), ("text", True)]
    assert "cannot be written" in caplog.text
    filling.unlink()
    caplog.clear()
    mount("-o", "remount,ro", small_disk)
    with caplog.at_level(logging.WARNING):
        assert sorted(read()) == [("text", False), ("text", True), ("text", True)]
    assert caplog.text.count("cannot be written") == 1


def test_two_processes_share_a_store(tmp_path: Path) -> None:
    """Both write the same 40 keys, over and over, and remove old ones: an entry is whole or absent."""
    code = f"""
import sys
from got_runtime.cache.store import open_store
store, keys = open_store({str(tmp_path)!r}, max_bytes=100_000), {KEYS!r}
for turn in range(10):
    for key in keys:
        store.put(key, key.encode() * 50)
        for other in keys[::7]:
            if store.get(other) not in (None, other.encode() * 50):
                sys.exit(3)
"""
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    store = open_store(tmp_path, max_bytes=100_000)
    assert 0 < store.info().bytes <= 110_000
    assert not list(tmp_path.rglob("*.tmp"))
