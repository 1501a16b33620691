"""Shared by all tests: the example pages, and got-nano loaded once."""

import os
import re
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pymupdf
import pytest

from got_runtime import GotRuntime
from got_runtime.model.checkpoint import LoadedModel, load

PAGES = Path(__file__).parent.parent / "examples" / "pages"


@pytest.fixture(scope="session")
def compiled_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all tests, and all processes of pytest-xdist, keep compiled C code: compiling takes .8 s a library."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "native"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def user_cache(compiled_code: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's cache folder is another one for each test, also of the processes that it starts."""
    cache = tmp_path_factory.getbasetemp() / f"cache-{uuid4().hex}"
    (cache / "got-ocr").mkdir(parents=True)
    (cache / "got-ocr" / "native").symlink_to(compiled_code)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An id with an address differs from process to process: two processes could not share the tests."""
    if unstable := [item.nodeid for item in items if re.search(r"\bat 0x[0-9a-f]+", item.nodeid)]:
        raise pytest.UsageError(f"give this parameter an id: {unstable[0]}")


@pytest.fixture(scope="session")
def pages() -> Path:
    return PAGES


@pytest.fixture(scope="session")
def got_nano() -> LoadedModel:
    """The embedded network in float32: the same numbers on every machine."""
    return load(None, "cpu", "float32")


@pytest.fixture(scope="session")
def checkpoint(got_nano: LoadedModel) -> LoadedModel:
    """got-nano as a checkpoint that states no readable type width: each page is one view and one request."""
    return replace(got_nano, readable_width=None)


@pytest.fixture(scope="session")
def runtime(got_nano: LoadedModel) -> GotRuntime:
    from got_runtime.engine.torch_engine.engine import TorchEngine

    return GotRuntime(got_nano, TorchEngine(got_nano.model, got_nano.end_tokens))


@pytest.fixture
def three_pages(tmp_path: Path) -> Path:
    file = tmp_path / "three.pdf"
    with pymupdf.open() as document:
        for number in range(3):
            document.new_page(width=300, height=200).insert_text((30, 60), f"This is page {number + 1}", fontsize=24)
        document.save(file)
    return file
