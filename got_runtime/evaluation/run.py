"""From cases to a report: read them batch by batch, or take what another tool wrote, and score every page."""

import io
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from got_runtime.errors import EngineError, GotError, SourceNotFound
from got_runtime.evaluation.report import PageScore, Report
from got_runtime.evaluation.samples import Case, Question, prediction
from got_runtime.evaluation.scoring import score
from got_runtime.markup import parse, to_markdown
from got_runtime.tasks import MAX_NEW_TOKENS, Task

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.results import PageResult
    from got_runtime.runtime import GotRuntime

__all__ = ["Interrupted", "OnPage", "Read", "evaluate", "reader_of", "score_predictions"]

Read = Callable[[Sequence[Question]], Iterable[str]]
"""Reads what it is asked and gives the texts in the same order."""

OnPage = Callable[[PageScore, Case], None]
"""Is told every page once it is scored, in the order of the cases."""

_PATIENCE = 2.0
"""Seconds before a progress bar appears."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C after some pages: ``report`` is of those that were scored; its ``dataset`` says how many of how many."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.dataset)
        self.report = report


class _Outcome(NamedTuple):
    reading: str = ""
    error: str | None = None
    seconds: float | None = None
    one_view: str | None = None


def reader_of(runtime: "GotRuntime", max_new_tokens: int = MAX_NEW_TOKENS) -> Read:
    """A reader that asks ``runtime``; questions with the same task are read together."""

    def read(questions: Sequence[Question]) -> list[str]:
        texts: dict[int, str] = {}
        by_task: dict[Task, list[int]] = {}
        for index, question in enumerate(questions):
            if len(question.images) > 1:
                source = _in_one_file(question.images)
                (page,) = runtime.read(source, task=question.task, max_new_tokens=max_new_tokens).pages
                texts[index] = _text(page)
            else:
                by_task.setdefault(question.task, []).append(index)
        for task, indices in by_task.items():
            images = [questions[index].images[0] for index in indices]
            pages = runtime.stream(images, task=task, max_new_tokens=max_new_tokens)
            texts |= {index: _text(page) for index, page in zip(indices, pages, strict=True)}
        return [texts[index] for index in range(len(questions))]

    return read


def _in_one_file(images: "Sequence[Image.Image]") -> bytes:
    """Several pages as one source, which is what a task over pages takes; TIFF loses nothing."""
    target = io.BytesIO()
    images[0].save(target, "TIFF", save_all=True, append_images=list(images[1:]))
    return target.getvalue()


def _text(page: "PageResult") -> str:
    if page.error is not None:
        raise EngineError(page.error.message)
    return page.text


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
    """Read every case, ``batch`` at a time, each with its own task, and score the readings.

    A page that raises a :class:`GotError`, opened or read, counts as an empty reading and carries the message; when a
    batch fails its pages are read again one by one, so that one bad page costs no other. Any other error is a bug and
    is raised; Ctrl-C is :class:`Interrupted` once a page is scored. Memory holds one batch of pictures. ``total`` is
    for the progress bar when ``cases`` has no length. Pages of which single facts are known are checked in Markdown, as
    a user would take them.
    """
    if batch < 1:
        raise ValueError(f"batch is 1 or more, got {batch}")
    pages: list[PageScore] = []
    seconds: dict[str, list[float]] = {}
    remaining = iter(cases)
    with _keeping(pages, total or _length(cases), model, dataset, seconds) as advance:
        while some := list(islice(remaining, batch)):
            for case, outcome in zip(some, _read_cases(some, read), strict=True):
                reading = to_markdown(parse(outcome.reading)) if case.checks else outcome.reading
                page = score(case, reading, outcome.error, one_view=outcome.one_view)
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

    A case without a file counts as an empty reading. Raises :class:`SourceNotFound` when no case has one, and
    :class:`Interrupted` as :func:`evaluate` does.
    """
    pages: list[PageScore] = []
    with _keeping(pages, _length(cases), model, dataset) as advance:
        for case in cases:
            outcome = _predicted(directory, case)
            pages.append(score(case, outcome.reading, outcome.error))
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
    asked = [_questions(case) for case in cases]
    answers = iter(_read([question for each in asked if not isinstance(each, _Outcome) for question in each], read))
    outcomes: list[_Outcome] = []
    for each in asked:
        if isinstance(each, _Outcome):
            outcomes.append(each)
            continue
        first, *others = [next(answers) for _ in each]
        outcomes.append(first._replace(one_view=others[0].reading) if others else first)
    return outcomes


def _questions(case: Case) -> Sequence[Question] | _Outcome:
    try:
        return case.questions()
    except GotError as problem:
        return _Outcome(error=str(problem))


def _read(questions: Sequence[Question], read: Read) -> list[_Outcome]:
    if not questions:
        return []
    started = time.perf_counter()
    try:
        texts = list(read(questions))
    except GotError as problem:
        if len(questions) == 1:
            return [_Outcome(error=str(problem))]
        return [outcome for question in questions for outcome in _read([question], read)]
    if len(texts) != len(questions):
        raise ValueError(f"{len(questions)} pages were given to read and {len(texts)} texts came back")
    share = (time.perf_counter() - started) / len(questions)
    return [_Outcome(text, seconds=share) for text in texts]


def _length(cases: Iterable[Case]) -> int | None:
    return len(cases) if isinstance(cases, Sized) else None


@contextmanager
def _keeping(
    pages: list[PageScore], total: int | None, model: str, dataset: str, seconds: dict[str, list[float]] | None = None
) -> Iterator[Callable[[], None]]:
    """A progress bar's function; on Ctrl-C the ``pages`` scored so far go along as their report."""
    try:
        with _progress_bar(total) as advance:
            yield advance
    except KeyboardInterrupt:
        if not pages:
            raise
        several = f"{dataset}, the first {len(pages)} pages" + (f" of {total}" if total else "")
        raise Interrupted(Report.of(pages, model=model, dataset=several, seconds=seconds)) from None


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
