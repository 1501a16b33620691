"""Whatever a file holds: pages, a warning that names the trouble, or one typed error; and the next file is read."""

import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from helpers.hostile_files import HOSTILE
from helpers.source_files import only_page, png_of, striped

from got_runtime.errors import GotError
from got_runtime.sources import Limits, open_pages

LIMITS = Limits(max_seconds_per_page=1)
MAX_HELD_SECONDS = 3.0
"""The goal is half a second; a machine that runs other tests meanwhile is slower (``examples/check_sources.py``)."""


@pytest.fixture(autouse=True)
def nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def nap() -> Iterator[list[float]]:
    """The longest time that a thread which sleeps a tenth of a second was held."""
    longest, done = [0.0], threading.Event()

    def sleep() -> None:
        while not done.is_set():
            begin = time.monotonic()
            time.sleep(0.1)
            longest[0] = max(longest[0], time.monotonic() - begin)

    thread = threading.Thread(target=sleep)
    thread.start()
    yield longest
    done.set()
    thread.join()


def said(source: bytes) -> tuple[list[Any], str]:
    """The pages, and what errors and warnings say."""
    try:
        pages = list(open_pages(source, limits=LIMITS, long_side=500))
    except GotError as error:
        return [], f"{type(error).__name__}: {error}"
    errors = [f"{type(page.error).__name__}: {page.error}" for page in pages if page.error is not None]
    return pages, "\n".join([*errors, *(warning for page in pages for warning in page.warnings)])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_read_or_refused_and_the_next_one_is_read(name: str, nap: list[float]) -> None:
    make, expected = HOSTILE[name]
    pages, text = said(make())
    assert re.search(expected, text) if expected else text == ""
    if "LimitExceeded" not in expected and "SourceCorrupt" not in expected:
        assert all(page.image is not None for page in pages)
    assert only_page(png_of(striped())).image is not None
    assert nap[0] < MAX_HELD_SECONDS
