"""From samples to a report: read them batch by batch, or take what another tool wrote, and score every page."""

import io
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from got_runtime.errors import EngineError, GotError, SourceNotFound
from got_runtime.evaluation.report import PageScore, Report
from got_runtime.evaluation.samples import EvalPrompt, EvalSample, load_prediction
from got_runtime.evaluation.scoring import score
from got_runtime.markup import parse, to_markdown
from got_runtime.tasks import MAX_NEW_TOKENS, Task

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.results import PageResult
    from got_runtime.runtime import GotRuntime

__all__ = ["Interrupted", "OnPage", "Predictor", "evaluate", "runtime_predictor", "score_predictions"]

Predictor = Callable[[Sequence[EvalPrompt]], Iterable[str]]
"""Reads what it is asked and gives the texts in the same order."""

OnPage = Callable[[PageScore, EvalSample], None]
"""Is told every page once it is scored, in the order of the samples."""

_PATIENCE = 2.0
"""Seconds before a progress bar appears."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C after some pages: ``report`` is of those that were scored; its ``dataset`` says how many of how many."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.dataset)
        self.report = report


class _Outcome(NamedTuple):
    prediction: str = ""
    error: str | None = None
    seconds: float | None = None
    one_view: str | None = None


def runtime_predictor(runtime: "GotRuntime", max_new_tokens: int = MAX_NEW_TOKENS) -> Predictor:
    """A reader that asks ``runtime``; prompts with the same task are read together."""

    def read(prompts: Sequence[EvalPrompt]) -> list[str]:
        texts: dict[int, str] = {}
        by_task: dict[Task, list[int]] = {}
        for index, prompt in enumerate(prompts):
            if len(prompt.images) > 1:
                source = _in_one_file(prompt.images)
                (page,) = runtime.read(source, task=prompt.task, max_new_tokens=max_new_tokens).pages
                texts[index] = _text(page)
            else:
                by_task.setdefault(prompt.task, []).append(index)
        for task, indices in by_task.items():
            images = [prompts[index].images[0] for index in indices]
            pages = runtime.stream(images, task=task, max_new_tokens=max_new_tokens)
            texts |= {index: _text(page) for index, page in zip(indices, pages, strict=True)}
        return [texts[index] for index in range(len(prompts))]

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
    samples: Iterable[EvalSample],
    read: Predictor,
    *,
    model: str,
    dataset: str,
    batch: int = 8,
    total: int | None = None,
    on_page: OnPage | None = None,
) -> Report:
    """Read every sample, ``batch`` at a time, each with its own task, and score the predictions.

    A page that raises a :class:`GotError`, opened or read, counts as an empty prediction and carries the message; when
    a
    batch fails its pages are read again one by one, so that one bad page costs no other. Any other error is a bug and
    is raised; Ctrl-C is :class:`Interrupted` once a page is scored. Memory holds one batch of pictures. ``total`` is
    for the progress bar when ``samples`` has no length. Pages of which single facts are known are checked in Markdown,
    as
    a user would take them.
    """
    if batch < 1:
        raise ValueError(f"batch is 1 or more, got {batch}")
    pages: list[PageScore] = []
    seconds: dict[str, list[float]] = {}
    remaining = iter(samples)
    with _keeping(pages, total or _length(samples), model, dataset, seconds) as advance:
        while some := list(islice(remaining, batch)):
            for sample, outcome in zip(some, _read_cases(some, read), strict=True):
                prediction = to_markdown(parse(outcome.prediction)) if sample.checks else outcome.prediction
                page = score(sample, prediction, outcome.error, one_view=outcome.one_view)
                pages.append(page)
                if outcome.seconds is not None:
                    seconds.setdefault(sample.group, []).append(outcome.seconds)
                if on_page is not None:
                    on_page(page, sample)
                advance()
    return Report.of(pages, model=model, dataset=dataset, seconds=seconds)


def score_predictions(
    samples: Iterable[EvalSample], directory: Path, *, model: str, dataset: str, on_page: OnPage | None = None
) -> Report:
    """Score texts that some tool wrote under ``directory``, one file a sample of the same stem.

    A sample without a file counts as an empty prediction. Raises :class:`SourceNotFound` when no sample has one, and
    :class:`Interrupted` as :func:`evaluate` does.
    """
    pages: list[PageScore] = []
    with _keeping(pages, _length(samples), model, dataset) as advance:
        for sample in samples:
            outcome = _predicted(directory, sample)
            pages.append(score(sample, outcome.prediction, outcome.error))
            if on_page is not None:
                on_page(pages[-1], sample)
            advance()
    if pages and all(page.error for page in pages):
        raise SourceNotFound(f"{directory} holds no text for any page; {pages[0].error}")
    return Report.of(pages, model=model, dataset=dataset)


def _predicted(directory: Path, sample: EvalSample) -> _Outcome:
    try:
        return _Outcome(load_prediction(directory, sample))
    except GotError as problem:
        return _Outcome(error=str(problem))


def _read_cases(samples: Sequence[EvalSample], read: Predictor) -> list[_Outcome]:
    asked = [_questions(sample) for sample in samples]
    answers = iter(_read([prompt for each in asked if not isinstance(each, _Outcome) for prompt in each], read))
    outcomes: list[_Outcome] = []
    for each in asked:
        if isinstance(each, _Outcome):
            outcomes.append(each)
            continue
        first, *others = [next(answers) for _ in each]
        outcomes.append(first._replace(one_view=others[0].prediction) if others else first)
    return outcomes


def _questions(sample: EvalSample) -> Sequence[EvalPrompt] | _Outcome:
    try:
        return sample.prompts()
    except GotError as problem:
        return _Outcome(error=str(problem))


def _read(prompts: Sequence[EvalPrompt], read: Predictor) -> list[_Outcome]:
    if not prompts:
        return []
    started = time.perf_counter()
    try:
        texts = list(read(prompts))
    except GotError as problem:
        if len(prompts) == 1:
            return [_Outcome(error=str(problem))]
        return [outcome for prompt in prompts for outcome in _read([prompt], read)]
    if len(texts) != len(prompts):
        raise ValueError(f"{len(prompts)} pages were given to read and {len(texts)} texts came back")
    share = (time.perf_counter() - started) / len(prompts)
    return [_Outcome(text, seconds=share) for text in texts]


def _length(samples: Iterable[EvalSample]) -> int | None:
    return len(samples) if isinstance(samples, Sized) else None


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
