"""Shared by the tests of the command line: a runtime that needs no decoding, and an image."""

from pathlib import Path

import pytest
from PIL import Image

from got_runtime import GotRuntime
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.model.checkpoint import LoadedModel


@pytest.fixture
def scripted_runtime(monkeypatch: pytest.MonkeyPatch, checkpoint: LoadedModel) -> GotRuntime:
    """A runtime whose pages all have the same text; ``got-ocr read`` loads it in place of a model."""
    runtime = GotRuntime(checkpoint, ScriptedEngine(checkpoint.encode, ["some words"]))
    monkeypatch.setattr("got_runtime.cli.read.load_runtime", lambda args, cache: runtime)
    return runtime


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """An image that can be read."""
    file = tmp_path / "good.png"
    image = Image.new("RGB", (300, 200), "white")
    image.paste("black", (40, 40, 44, 160))
    image.save(file)
    return file
