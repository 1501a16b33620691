"""Files are opened in child processes also where a system has less: no limits, shared memory, or poll."""

import select
from collections.abc import Iterator

import pytest
from helpers.hostile_files import cut_jpeg_in_pdf, glyphs_that_draw_glyphs
from helpers.source_files import only_page, pdf_of, png_of, read, same, striped

from got_runtime.errors import LimitExceeded
from got_runtime.sources import Limits, limits
from got_runtime.sources.isolation import pool as pools
from got_runtime.sources.isolation import process

WITHOUT = {
    "Windows": (
        "import os, signal, sys; sys.modules.update(resource=None, fcntl=None); "
        "del signal.setitimer, signal.SIGPROF, signal.pthread_sigmask, os.sysconf, os.set_blocking; "
    ),
    "macOS": "import os; del os.sched_getaffinity; ",
}
"""Code that takes from a child what the system does not have."""


@pytest.fixture(params=WITHOUT, scope="module")
def system(request: pytest.FixtureRequest) -> Iterator[str]:
    """Children are started as on this system."""
    name: str = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "_CODE", WITHOUT[name] + process._CODE)
        patch.setattr(pools, "_pool", pools.Pool())
        patch.delattr("os.memfd_create", raising=False)
        if name == "Windows":
            patch.setattr(process, "INHERITS_FILES", False)
            patch.delattr(select, "poll", raising=False)
            patch.setattr("got_runtime.sources.isolation.reader.OUT_OF_TIME", None)
        yield name
        pools.pool().end()


@pytest.mark.parametrize("source", [pdf_of("a", "b"), png_of(striped())], ids=["PDF", "PNG"])
def test_pages_are_those_of_other_systems(system: str, source: bytes) -> None:
    there, here = read(source), read(source, limits=Limits(isolate=False))
    assert [same(a.image, b.image) for a, b in zip(there, here, strict=True)] == [True] * len(there)
    assert [a.text_layer for a in there] == [b.text_layer for b in here]


def test_a_page_that_hangs_is_ended_and_the_next_file_is_read(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WALL_CLOCK_FACTOR", 1.2)
    page = only_page(glyphs_that_draw_glyphs(9), dpi=72, limits=Limits(max_seconds_per_page=1))
    assert isinstance(page.error, LimitExceeded)
    assert only_page(pdf_of("a")).text_layer == "a"


def test_what_libraries_report_is_a_warning(system: str) -> None:
    assert any("end of file in jpeg" in warning for warning in only_page(cut_jpeg_in_pdf(), dpi=20).warnings)
    assert only_page(pdf_of("a"), dpi=20).warnings == ()
