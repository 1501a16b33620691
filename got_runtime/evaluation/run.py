"""From cases to a report: read them batch by batch, or take what another tool wrote, and score every page."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from got_runtime.errors import GotError, SourceNotFound
from got_runtime.evaluation.datasets import Case, prediction
from got_runtime.evaluation.report import PageScore, Report

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["OnPage", "Read", "evaluate", "score_predictions"]

Read = Callable[[Sequence["Image.Image"]], Iterable[str]]
"""Reads page pictures and gives their texts in the same order."""

OnPage = Callable[[PageScore, Case], None]
"""Is told every page once it is scored, in the order of the cases."""

_PATIENCE = 2.0
"""Seconds before a progress bar appears."""


class _Outcome(NamedTuple):
    reading: str = ""
    error: str | None = None
    seconds: float | None = None


def evaluate(
    cases: Iterable[Case],
    read: Read,
    *,
    model: str,
    dataset: str,
    batch: int = 8,
    total: int | None = None,
    on_page: OnPage | None = None,
) -> Report:
    """Read every case, ``batch`` pictures at a time, and score the readings.

    A page that raises a :class:`GotError`, opened or read, counts as an empty reading and carries the message; when a
    batch fails its pages are read again one by one, so that one bad page costs no other. Any other error is a bug and
    is raised. Memory holds one batch of pictures. ``total`` is for the progress bar when ``cases`` has no length.
    """
    if batch < 1:
        raise ValueError(f"batch is 1 or more, got {batch}")
    pages: list[PageScore] = []
    seconds: dict[str, list[float]] = {}
    remaining = iter(cases)
    with _progress_bar(total or _length(cases)) as advance:
        while some := list(islice(remaining, batch)):
            for case, outcome in zip(some, _read_cases(some, read), strict=True):
                page = PageScore.of(case.label, case.group, case.truth, outcome.reading, outcome.error)
                pages.append(page)
                if outcome.seconds is not None:
                    seconds.setdefault(case.group, []).append(outcome.seconds)
                if on_page is not None:
                    on_page(page, case)
                advance()
    return Report.of(pages, model=model, dataset=dataset, seconds=seconds)


def score_predictions(
    cases: Iterable[Case], directory: Path, *, model: str, dataset: str, on_page: OnPage | None = None
) -> Report:
    """Score texts that some tool wrote under ``directory``, one file a case of the same stem.

    A case without a file counts as an empty reading. Raises :class:`SourceNotFound` when no case has one.
    """
    pages: list[PageScore] = []
    with _progress_bar(_length(cases)) as advance:
        for case in cases:
            outcome = _predicted(directory, case)
            pages.append(PageScore.of(case.label, case.group, case.truth, outcome.reading, outcome.error))
            if on_page is not None:
                on_page(pages[-1], case)
            advance()
    if pages and all(page.error for page in pages):
        raise SourceNotFound(f"{directory} holds no text for any page; {pages[0].error}")
    return Report.of(pages, model=model, dataset=dataset)


def _predicted(directory: Path, case: Case) -> _Outcome:
    try:
        return _Outcome(prediction(directory, case))
    except GotError as problem:
        return _Outcome(error=str(problem))


def _read_cases(cases: Sequence[Case], read: Read) -> list[_Outcome]:
    opened = [_open(case) for case in cases]
    read_pages = iter(_read([image for image in opened if not isinstance(image, _Outcome)], read))
    return [image if isinstance(image, _Outcome) else next(read_pages) for image in opened]


def _open(case: Case) -> "Image.Image | _Outcome":
    try:
        return case.open()
    except GotError as problem:
        return _Outcome(error=str(problem))


def _read(images: Sequence["Image.Image"], read: Read) -> list[_Outcome]:
    if not images:
        return []
    started = time.perf_counter()
    try:
        texts = list(read(images))
    except GotError as problem:
        if len(images) == 1:
            return [_Outcome(error=str(problem))]
        return [outcome for image in images for outcome in _read([image], read)]
    if len(texts) != len(images):
        raise ValueError(f"{len(images)} pages were given to read and {len(texts)} texts came back")
    share = (time.perf_counter() - started) / len(images)
    return [_Outcome(text, seconds=share) for text in texts]


def _length(cases: Iterable[Case]) -> int | None:
    return len(cases) if isinstance(cases, Sized) else None


@contextmanager
def _progress_bar(total: int | None) -> Iterator[Callable[[], None]]:
    """Gives a function to call after each page; a bar shows on a terminal's stderr once it takes long."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task("pages", total=total)
    shows_at = time.monotonic() + _PATIENCE

    def advance() -> None:
        bar.advance(task)
        if console.is_terminal and not bar.live.is_started and time.monotonic() > shows_at:
            bar.start()

    try:
        yield advance
    finally:
        if bar.live.is_started:
            bar.stop()
