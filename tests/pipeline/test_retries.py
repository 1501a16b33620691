"""Pages whose decoding ran into a loop are retried with other images and tasks."""

import io
import threading
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.scripted_pages import Batches, all_at_once, inked
from PIL import Image

from got_runtime import GotRuntime
from got_runtime.engine.protocol import Completion, DecodeFinish, Request
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.markup import to_text
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.pipeline.retry import halves
from got_runtime.sources import Limits


class LoopsAtFirst(ScriptedEngine):
    """An engine whose first completions run into a loop."""

    def __init__(self, checkpoint: LoadedModel, loops: int) -> None:
        super().__init__(checkpoint.encode, ())
        self.checkpoint, self.left, self.tiles = checkpoint, loops, list[int]()

    def answer(self, number: int, request: Request) -> Completion | Exception:
        self.tiles.append(request.pixels.shape[0])
        self.left -= 1
        finish: DecodeFinish = "repetition" if self.left >= 0 else "stop"
        tokens = self.checkpoint.encode("la la" if self.left >= 0 else "song")
        return Completion(tokens, (0.9,) * len(tokens), finish, 1.0, 2.0)


@pytest.mark.parametrize(
    ("loops", "text", "methods"),
    [
        (1, "song\nsong", ["halves"]),
        (2, "song", ["halves", "369 dpi"]),
        (4, "song", ["halves", "369 dpi", "tiles"]),
        (9, "la la", ["halves", "369 dpi", "tiles"]),
    ],
)
def test_a_page_that_looped_is_retried_with_other_methods(
    checkpoint: LoadedModel, three_pages: Path, loops: int, text: str, methods: list[str]
) -> None:
    engine = LoopsAtFirst(checkpoint, loops)
    page = GotRuntime(checkpoint, engine).read(three_pages, pages="1").pages[0]
    assert page.text == text
    assert [attempt.method for attempt in page.attempts] == methods
    assert [attempt.method for attempt in page.attempts if attempt.chosen] == ([] if loops == 9 else methods[-1:])
    assert page.timings.decode == 2.0 * len(engine.tiles)
    assert page.finish_reason == ("repetition" if loops == 9 else "stop")
    assert engine.tiles == [1, 1, 1, 1, 7][: len(engine.tiles)]  # six tiles and the thumbnail


def test_pages_that_looped_are_retried_in_one_batch_and_stay_in_order(
    checkpoint: LoadedModel, three_pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_at_once(monkeypatch)
    engine = Batches(checkpoint, {0, 2})
    first, second, third = GotRuntime(checkpoint, engine).stream(three_pages)
    assert engine.batches == [[0, 1, 2], [3, 4, 5, 6]]
    assert (first.number, first.text) == (1, "request 5\nrequest 6")
    assert (second.number, second.text, second.attempts) == (2, "request 1", ())
    assert (third.number, third.text) == (3, "request 3\nrequest 4")


def test_pages_that_looped_are_retried_in_one_batch_with_the_pages_that_follow(
    checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_at_once(monkeypatch)
    engine = Batches(checkpoint, {1})
    pages = list(GotRuntime(checkpoint, engine).stream([inked(number) for number in range(12)]))
    assert engine.batches == [list(range(8)), list(range(8, 14))]
    assert [len(page.attempts) for page in pages] == [0, 1, *[0] * 10]


def test_completed_pages_are_yielded_before_an_error_of_the_engine_is_raised(
    checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Batches):
        def answer(self, number: int, request: Request) -> Completion:
            if number > 7:
                raise RuntimeError("the device is gone")
            return super().answer(number, request)

    all_at_once(monkeypatch)
    stream = GotRuntime(checkpoint, Failing(checkpoint, {0})).stream([inked() for _ in range(9)])
    assert [(page.finish_reason, page.text) for page in islice(stream, 2)] == [
        ("repetition", "la la"),
        ("stop", "request 1"),
    ]
    assert len(list(islice(stream, 6))) == 6
    with pytest.raises(RuntimeError, match="the device is gone"):
        next(stream)


def test_a_page_is_retried_while_the_next_one_is_not_available(checkpoint: LoadedModel) -> None:
    class Pipe(io.BytesIO):
        def read(self, *size: Any) -> bytes:
            assert written.wait(10), "the first page was not yielded before the second one was available"
            return super().read(*size)

    written, second = threading.Event(), io.BytesIO()
    inked().save(second, "PNG")
    stream = GotRuntime(checkpoint, LoopsAtFirst(checkpoint, 1)).stream([inked(), Pipe(second.getvalue())])
    assert next(stream).text == "song\nsong"
    written.set()
    assert next(stream).text == "song"


def test_a_loop_does_not_affect_the_pages_that_follow(checkpoint: LoadedModel) -> None:
    engine = LoopsAtFirst(checkpoint, 1)
    pages = list(GotRuntime(checkpoint, engine).stream([inked() for _ in range(5)]))
    assert [page.text for page in pages] == ["song\nsong", *["song"] * 4]
    assert [len(page.attempts) for page in pages] == [1, 0, 0, 0, 0]
    assert len(engine.tiles) == 5 + 2


def test_the_elements_are_those_of_the_chosen_text(checkpoint: LoadedModel, three_pages: Path) -> None:
    runtime = GotRuntime(checkpoint, LoopsAtFirst(checkpoint, 2))
    page = runtime.read(three_pages, pages="1", boxes=True).pages[0]
    [element] = page.elements
    assert to_text([element]).strip() == page.text == "song"


class LoopsOnce(LoopsAtFirst):
    """An engine that loops once and then returns the given texts with the given confidence, or exceptions."""

    def __init__(self, checkpoint: LoadedModel, *texts: tuple[str, float] | Exception) -> None:
        super().__init__(checkpoint, 1)
        self.texts = iter(texts)

    def answer(self, number: int, request: Request) -> Completion | Exception:
        completion = super().answer(number, request)
        assert isinstance(completion, Completion)
        scripted = next(self.texts) if completion.finish == "stop" else None
        if not isinstance(scripted, tuple):
            return scripted or completion
        tokens = self.checkpoint.encode(scripted[0])
        return Completion(tokens, (scripted[1],) * len(tokens), "stop", 0.0, 0.0)


def test_of_retries_with_low_confidence_the_best_is_chosen(checkpoint: LoadedModel) -> None:
    """A network that was not trained on tiles also ends them with the end token, whatever their text is."""
    page = GotRuntime(checkpoint, LoopsOnce(checkpoint, ("so", 0.7), ("ng", 0.7), ("blah", 0.4))).read(inked()).pages[0]
    assert page.text == "so\nng"
    assert [(attempt.method, attempt.chosen) for attempt in page.attempts] == [("halves", True), ("tiles", False)]
    assert page.confidence is not None
    assert page.confidence.mean == pytest.approx(0.7)


def test_a_retry_that_fails_is_recorded_and_the_next_method_is_used(checkpoint: LoadedModel) -> None:
    engine = LoopsOnce(checkpoint, ("so", 0.9), MemoryError("the lower half"), ("song", 0.9))
    page = GotRuntime(checkpoint, engine).read(inked()).pages[0]
    assert [attempt.finish_reason for attempt in page.attempts] == ["error", "stop"]
    assert page.text == "song"


def test_the_time_limit_of_a_page_covers_its_retries(checkpoint: LoadedModel) -> None:
    engine = LoopsAtFirst(checkpoint, 9)  # three seconds each
    page = GotRuntime(checkpoint, engine).read(inked(), limits=Limits(max_seconds_per_page=5)).pages[0]
    assert [attempt.method for attempt in page.attempts] == ["halves"]


def test_a_page_is_cut_between_its_lines() -> None:
    image = Image.new("L", (100, 200), 255)
    for top in range(5, 200, 20):
        image.paste(0, (10, top, 50, top + 14))
    upper, lower = halves(image)
    assert upper.height + lower.height == 200
    assert np.asarray(upper)[-1].min() == 255
    assert np.asarray(lower)[0].min() == 255
