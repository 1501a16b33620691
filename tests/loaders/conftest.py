"""Runtimes that replay answers, and small files for the loaders."""

from pathlib import Path

import pytest
from helpers.loader_files import CountingEngine, Scripted, inked
from PIL import Image

from got_runtime import GotRuntime
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.model.checkpoint import LoadedModel


@pytest.fixture
def scripted(checkpoint: LoadedModel) -> Scripted:
    """``scripted("one", "two")`` is a runtime that answers "one" for the first page and "two" for all others."""

    def make(*answers: str | Exception, latency: float = 0.0) -> GotRuntime:
        return GotRuntime(checkpoint, ScriptedEngine(checkpoint.encode, answers, latency))

    return make


@pytest.fixture
def counting(checkpoint: LoadedModel) -> tuple[GotRuntime, CountingEngine]:
    engine = CountingEngine(checkpoint.encode, ["one", "two", "three"])
    return GotRuntime(checkpoint, engine), engine


@pytest.fixture
def ten_files(tmp_path: Path) -> Path:
    """A folder of nine images and a corrupt PDF file, the fourth of ten."""
    folder = tmp_path / "ten"
    folder.mkdir()
    for number in range(1, 11):
        if number == 4:
            (folder / "4.pdf").write_bytes(b"%PDF-1.7 but then nothing of the kind")
        else:
            inked(folder / f"{number}.png", str(number))
    return folder


@pytest.fixture
def blank_page(tmp_path: Path) -> Path:
    file = tmp_path / "blank.png"
    Image.new("RGB", (200, 100), "white").save(file)
    return file
