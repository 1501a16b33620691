"""Runs an evaluation: predicts samples batch by batch, or loads another tool's predictions, and scores every page."""

import io
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from got_runtime.errors import EngineError, GotError, SourceNotFound
from got_runtime.evaluation.predictions import load_prediction
from got_runtime.evaluation.report import PageScore, Report
from got_runtime.evaluation.samples import TEXT_LAYER, EvalPrompt, EvalSample
from got_runtime.evaluation.scoring import score
from got_runtime.markup import parse, to_markdown, to_text
from got_runtime.tasks import MAX_NEW_TOKENS, Task

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.results import PageResult
    from got_runtime.runtime import GotRuntime

__all__ = ["Interrupted", "OnPage", "Predictor", "evaluate", "runtime_predictor", "score_predictions"]

_log = logging.getLogger(__name__)

Predictor = Callable[[Sequence[EvalPrompt]], Iterable[str]]
"""Gives one text for each prompt, in the same sequence."""

OnPage = Callable[[PageScore, EvalSample], None]
"""Called after each page is scored, in the sequence of the samples."""

_PROGRESS_BAR_DELAY_S = 2.0
"""Shorter evaluations show no progress bar."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C after at least one page. ``report`` has the pages scored so far; its ``dataset`` includes their number."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.dataset)
        self.report = report


class _Prediction(NamedTuple):
    text: str = ""
    error: str | None = None
    seconds: float | None = None
    one_view: str | None = None


def runtime_predictor(runtime: "GotRuntime", max_new_tokens: int = MAX_NEW_TOKENS) -> Predictor:
    """A predictor that uses ``runtime``; prompts of the same task are decoded together."""

    def predict(prompts: Sequence[EvalPrompt]) -> list[str]:
        texts: dict[int, str] = {}
        by_task: dict[Task, list[int]] = {}
        for index, prompt in enumerate(prompts):
            if len(prompt.images) > 1:
                source = _to_tiff(prompt.images)
                (page,) = runtime.read(source, task=prompt.task, max_new_tokens=max_new_tokens).pages
                texts[index] = _page_text(page)
            else:
                by_task.setdefault(prompt.task, []).append(index)
        for task, indices in by_task.items():
            images = [prompts[index].images[0] for index in indices]
            pages = runtime.stream(images, task=task, max_new_tokens=max_new_tokens)
            texts |= {index: _page_text(page) for index, page in zip(indices, pages, strict=True)}
        return [texts[index] for index in range(len(prompts))]

    return predict


def _to_tiff(images: "Sequence[Image.Image]") -> bytes:
    """Several pages as one source, which a task over several pages needs; TIFF is lossless."""
    target = io.BytesIO()
    images[0].save(target, "TIFF", save_all=True, append_images=list(images[1:]))
    return target.getvalue()


def _page_text(page: "PageResult") -> str:
    if page.error is not None:
        raise EngineError(page.error.message)
    return page.text


def evaluate(
    samples: Iterable[EvalSample],
    predict: Predictor,
    *,
    model: str,
    dataset: str,
    batch_size: int = 8,
    total: int | None = None,
    on_page: OnPage | None = None,
) -> Report:
    """Predict every sample with its own task, and score the predictions.

    A page that raises a :class:`GotError` when it is opened or read counts as an empty prediction and keeps the
    message. When a batch fails, its pages are read again one by one, so that one bad page does not affect the others.
    Any other error is raised. Predictions for samples with checks are converted to Markdown first, and formatted ones
    for text layers to text. Images of one batch are in memory at a time.

    Args:
        batch_size: samples passed to ``predict`` at a time.
        total: number of samples, for the progress bar; needed only if ``samples`` has no length.
        on_page: called after each page.

    Raises:
        Interrupted: Ctrl-C after at least one page was scored.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is 1 or more, got {batch_size}")
    pages: list[PageScore] = []
    seconds: dict[str, list[float]] = {}
    remaining = iter(samples)
    with _report_on_interrupt(pages, total or _length(samples), model, dataset, seconds) as advance:
        while batch := list(islice(remaining, batch_size)):
            for sample, prediction in zip(batch, _predict_batch(batch, predict), strict=True):
                page = score(
                    sample, _as_users_get_it(prediction.text, sample), prediction.error, one_view=prediction.one_view
                )
                pages.append(page)
                if prediction.seconds is not None:
                    seconds.setdefault(sample.group, []).append(prediction.seconds)
                if on_page is not None:
                    on_page(page, sample)
                advance()
    return Report.of(pages, model=model, dataset=dataset, seconds=seconds)


def _as_users_get_it(text: str, sample: EvalSample) -> str:
    """The prediction in the form of the reference: Markdown for checks, text for a text layer."""
    if sample.checks:
        return to_markdown(parse(text))
    return to_text(parse(text)) if sample.kind == TEXT_LAYER and sample.task.formatted else text


def score_predictions(
    samples: Iterable[EvalSample], directory: Path, *, model: str, dataset: str, on_page: OnPage | None = None
) -> Report:
    """Score the predictions that a tool wrote under ``directory``
    (:func:`~got_runtime.evaluation.predictions.load_prediction`).

    A sample without a file counts as an empty prediction.

    Raises:
        SourceNotFound: no sample has a file.
        Interrupted: Ctrl-C after at least one page was scored.
    """
    pages: list[PageScore] = []
    with _report_on_interrupt(pages, _length(samples), model, dataset) as advance:
        for sample in samples:
            prediction = _load(directory, sample)
            pages.append(score(sample, prediction.text, prediction.error))
            if on_page is not None:
                on_page(pages[-1], sample)
            advance()
    if pages and all(page.error for page in pages):
        raise SourceNotFound(f"{directory} holds no text for any page; {pages[0].error}")
    return Report.of(pages, model=model, dataset=dataset)


def _load(directory: Path, sample: EvalSample) -> _Prediction:
    try:
        return _Prediction(load_prediction(directory, sample))
    except GotError as error:
        return _Prediction(error=str(error))


def _predict_batch(samples: Sequence[EvalSample], predict: Predictor) -> list[_Prediction]:
    """One prediction a sample; that of a sample with two prompts has ``one_view``."""
    opened = [_open(sample) for sample in samples]
    prompts = [prompt for each in opened if not isinstance(each, _Prediction) for prompt in each]
    outputs = iter(_predict(prompts, predict))
    predictions: list[_Prediction] = []
    for each in opened:
        if isinstance(each, _Prediction):
            predictions.append(each)
            continue
        first, *others = [next(outputs) for _ in each]
        predictions.append(first._replace(one_view=others[0].text) if others else first)
    return predictions


def _open(sample: EvalSample) -> Sequence[EvalPrompt] | _Prediction:
    """The prompts of a sample, or the error of a page that cannot be opened."""
    try:
        return sample.prompts()
    except GotError as error:
        return _Prediction(error=str(error))


def _predict(prompts: Sequence[EvalPrompt], predict: Predictor) -> list[_Prediction]:
    if not prompts:
        return []
    started = time.perf_counter()
    try:
        texts = list(predict(prompts))
    except GotError as error:
        if len(prompts) == 1:
            return [_Prediction(error=str(error))]
        _log.info("a batch of %d prompts failed and is repeated one by one: %s", len(prompts), error)
        return [prediction for prompt in prompts for prediction in _predict([prompt], predict)]
    if len(texts) != len(prompts):
        raise ValueError(f"the predictor got {len(prompts)} prompts and gave {len(texts)} texts")
    seconds = (time.perf_counter() - started) / len(prompts)
    return [_Prediction(text, seconds=seconds) for text in texts]


def _length(samples: Iterable[EvalSample]) -> int | None:
    return len(samples) if isinstance(samples, Sized) else None


@contextmanager
def _report_on_interrupt(
    pages: list[PageScore], total: int | None, model: str, dataset: str, seconds: dict[str, list[float]] | None = None
) -> Iterator[Callable[[], None]]:
    """Shows a progress bar and gives the function that advances it; turns Ctrl-C into :class:`Interrupted`."""
    try:
        with _progress_bar(total) as advance:
            yield advance
    except KeyboardInterrupt:
        if not pages:
            raise
        partial = f"{dataset}, the first {len(pages)} pages" + (f" of {total}" if total else "")
        raise Interrupted(Report.of(pages, model=model, dataset=partial, seconds=seconds)) from None


@contextmanager
def _progress_bar(total: int | None) -> Iterator[Callable[[], None]]:
    """Gives a function to call after each page; the bar appears after a delay, and only on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task("pages", total=total)
    shows_at = time.monotonic() + _PROGRESS_BAR_DELAY_S

    def advance() -> None:
        bar.advance(task)
        if console.is_terminal and not bar.live.is_started and time.monotonic() > shows_at:
            bar.start()

    try:
        yield advance
    finally:
        if bar.live.is_started:
            bar.stop()
