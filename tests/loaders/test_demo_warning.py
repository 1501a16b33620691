"""The warning that a loader loads got-nano, a demonstration network: where it points, and when it comes."""

import asyncio
import linecache
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from haystack import Pipeline
from langchain_core.document_loaders import Blob

from got_loaders.haystack import GotConverter
from got_loaders.langchain import GotBlobParser, GotLoader
from got_loaders.llama_index import GotReader
from got_loaders.pymupdf4llm import GotOcr
from got_loaders.runtimes import close_runtimes
from got_runtime.errors import DemoModelWarning
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.model.demo_warning import warn_of_demo_model


@pytest.fixture
def unwarned(monkeypatch: pytest.MonkeyPatch, checkpoint: LoadedModel) -> Iterator[None]:
    """As in a process that has not loaded got-nano yet; loading takes no time."""
    monkeypatch.setattr("got_runtime.model.checkpoint.load", lambda *_, **__: checkpoint)
    close_runtimes()
    warn_of_demo_model.cache_clear()
    yield
    close_runtimes()


def in_a_pipeline(page: Path) -> Any:
    pipeline = Pipeline()
    pipeline.add_component("got", GotConverter())
    return pipeline.run({"got": {"sources": [page]}})  # user's line


def with_pymupdf4llm(page: Path) -> None:
    import pymupdf4llm  # type: ignore[import-untyped]

    with pymupdf.open() as document:
        document.new_page(width=200, height=100).insert_image((0, 0, 200, 100), filename=page)
        pymupdf4llm.to_markdown(document, ocr_function=GotOcr(), force_ocr=True)  # user's line


WAYS: dict[str, Callable[[Path], Any]] = {
    "GotLoader": lambda page: GotLoader(page).load(),  # user's line
    "GotLoader, async": lambda page: asyncio.run(GotLoader(page).aload()),  # user's line
    "GotBlobParser": lambda page: GotBlobParser().parse(Blob.from_path(page)),  # user's line
    "GotReader": lambda page: GotReader().load_data(page),  # user's line
    "GotReader, async": lambda page: asyncio.run(GotReader().aload_data(page)),  # user's line
    "GotConverter": lambda page: GotConverter().run([page]),  # user's line
    "GotConverter in a pipeline": in_a_pipeline,
    "GotOcr": with_pymupdf4llm,
}


@pytest.mark.usefixtures("unwarned")
@pytest.mark.parametrize("way", WAYS)
def test_the_warning_points_at_the_line_of_the_user(way: str, blank_page: Path) -> None:
    with warnings.catch_warnings(record=True) as issued:
        warnings.simplefilter("always", DemoModelWarning)
        WAYS[way](blank_page)
    [warning] = [each for each in issued if each.category is DemoModelWarning]
    assert (warning.filename, "user's line" in linecache.getline(__file__, warning.lineno)) == (__file__, True)


def test_a_filter_that_makes_it_an_error_raises_it_before_weights_are_loaded() -> None:
    code = (
        "import sys, warnings\n"
        "from got_loaders.langchain import GotLoader\n"
        "from got_runtime import GotRuntime\n"
        "from got_runtime.errors import DemoModelWarning\n"
        "warnings.simplefilter('error', DemoModelWarning)\n"
        "for load in (GotLoader('examples/pages').load, GotRuntime.from_pretrained):\n"
        "    try: load()\n"
        "    except DemoModelWarning: print('raised', 'transformers.models.got_ocr2' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "raised False\nraised False\n"
