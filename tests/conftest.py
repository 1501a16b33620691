"""Shared by all tests: the example pages, and got-nano loaded once."""

from pathlib import Path

import pytest

from got_runtime import GotRuntime
from got_runtime.checkpoint import Checkpoint, load

PAGES = Path(__file__).parent.parent / "examples" / "pages"


@pytest.fixture(scope="session")
def pages() -> Path:
    return PAGES


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    """The embedded network in float32: the same numbers on every machine."""
    return load(None, "cpu", "float32")


@pytest.fixture(scope="session")
def runtime(checkpoint: Checkpoint) -> GotRuntime:
    from got_runtime.engine.torch_engine import TorchEngine

    return GotRuntime(checkpoint, TorchEngine(checkpoint.model, checkpoint.end_tokens))
