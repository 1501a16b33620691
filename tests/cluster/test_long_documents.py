"""A document of 5,000 pages takes no more memory than one of 500, in a run of slices and in one stream. Two minutes:

pytest -m slow tests/cluster/test_long_documents.py -s
"""

import gc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers.cluster_runs import list_slices, make_reader, write_pdf

from got_runtime import GotRuntime, ReadOptions
from got_runtime.cluster import ReaderSettings
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.model.checkpoint import LoadedModel

pytestmark = pytest.mark.slow

PAGES = 5000
ALLOWED_MB = 60
OPTIONS = ReadOptions(dpi=30, zoom="off")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pdf(tmp_path_factory.mktemp("long") / "long.pdf", PAGES)


def megabytes() -> float:
    gc.collect()
    process = psutil.Process()
    family = [process, *process.children(recursive=True)]
    return float(sum(each.memory_info().rss for each in family) / 1e6)


def test_slices(document: Path, checkpoint: LoadedModel, tmp_path: Path) -> None:
    before = megabytes()
    slices = list_slices(document, slice_pages=16, options=OPTIONS)
    print(f"\nlisting: {megabytes() - before:+.0f} MB, {slices.nbytes / 1e3:.0f} KB of slices")
    assert slices.num_rows == -(-PAGES // 16)
    settings = ReaderSettings(options=OPTIONS, output=str(tmp_path / "out"))
    reader, _ = make_reader(checkpoint, "some words", settings=settings)
    tables = (reader(slices.slice(number, 1)) for number in range(slices.num_rows))
    check(tables, lambda table: table.num_rows)


def test_stream(document: Path, checkpoint: LoadedModel) -> None:
    runtime = GotRuntime(checkpoint, ScriptedEngine(checkpoint.encode, ["some words"]))
    check(runtime.stream(document, OPTIONS), lambda _: 1)


def check(parts: Iterable[Any], pages_of: Callable[[Any], int]) -> None:
    done, marks = 0, list[float]()
    for part in parts:
        done += pages_of(part)
        if done // 500 > len(marks):
            marks.append(megabytes())
    print(f"memory after each 500 pages: {', '.join(f'{mark:.0f}' for mark in marks)} MB")
    assert done == PAGES
    assert marks[-1] - marks[0] < ALLOWED_MB
