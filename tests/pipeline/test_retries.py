"""Pages whose decoding ran into a loop are retried with other images and tasks."""

import io
import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.scripted_pages import inked
from PIL import Image

from got_runtime import GotRuntime
from got_runtime.engine.prefetch import Prefetcher
from got_runtime.engine.protocol import Completion, DecodeFinish, OnToken, Request
from got_runtime.markup import to_text
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.pipeline.retry import halves
from got_runtime.sources import Limits


class LoopsAtFirst:
    """An engine whose first completions run into a loop."""

    def __init__(self, checkpoint: LoadedModel, loops: int) -> None:
        self.checkpoint, self.left, self.tiles = checkpoint, loops, list[int]()

    def close(self) -> None:
        """There is nothing to release."""

    def generate(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        for request in requests:
            assert request is not None
            self.tiles.append(request.pixels.shape[0])
            self.left -= 1
            finish: DecodeFinish = "repetition" if self.left >= 0 else "stop"
            tokens = self.checkpoint.encode("la la" if self.left >= 0 else "song")
            yield Completion(tokens, (0.9,) * len(tokens), finish, 1.0, 2.0)


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


class OneBatch:
    """An engine that draws all requests before it returns completions; in its first call, some run into a loop."""

    def __init__(self, checkpoint: LoadedModel, looping: set[int]) -> None:
        self.checkpoint, self.looping, self.calls = checkpoint, looping, list[int]()

    def close(self) -> None:
        """There is nothing to release."""

    def generate(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        drawn = list(requests)
        self.calls.append(len(drawn))
        for index, request in enumerate(drawn):
            assert request is not None
            loops = len(self.calls) == 1 and index in self.looping
            tokens = self.checkpoint.encode("la la" if loops else f"call {len(self.calls)} request {index}")
            yield Completion(tokens, (0.9,) * len(tokens), "repetition" if loops else "stop", 1.0, 2.0)


def test_pages_that_looped_are_retried_in_one_batch_and_stay_in_order(
    checkpoint: LoadedModel, three_pages: Path
) -> None:
    engine = OneBatch(checkpoint, {0, 2})
    first, second, third = GotRuntime(checkpoint, engine).stream(three_pages)
    assert engine.calls == [3, 4]
    assert (first.number, first.text) == (1, "call 2 request 0\ncall 2 request 1")
    assert (second.number, second.text, second.attempts) == (2, "call 1 request 1", ())
    assert (third.number, third.text) == (3, "call 2 request 2\ncall 2 request 3")


def test_completed_pages_are_yielded_before_an_error_of_the_engine_is_raised(checkpoint: LoadedModel) -> None:
    class Failing(OneBatch):
        def generate(self, *given: Any) -> Iterator[Completion | Exception | None]:
            yield from islice(super().generate(*given), 2)
            raise RuntimeError("the device is gone")

    stream = GotRuntime(checkpoint, Failing(checkpoint, {0})).stream([inked() for _ in range(4)])
    assert [(page.finish_reason, page.text) for page in islice(stream, 2)] == [
        ("repetition", "la la"),
        ("stop", "call 1 request 1"),
    ]
    with pytest.raises(RuntimeError, match="the device is gone"):
        next(stream)


def test_a_page_is_retried_while_the_next_one_is_not_available(checkpoint: LoadedModel) -> None:
    class Prefetching(LoopsAtFirst):
        def generate(self, requests: Iterable[Request | None], *given: Any) -> Iterator[Completion | Exception | None]:
            prefetcher = Prefetcher(requests)
            try:
                yield from super().generate(taken[0] for taken in iter(lambda: prefetcher.take(wait=True), None))
            finally:
                prefetcher.close()

    class Pipe(io.BytesIO):
        def read(self, *size: Any) -> bytes:
            assert written.wait(10), "the first page was not yielded before the second one was available"
            return super().read(*size)

    written, second = threading.Event(), io.BytesIO()
    inked().save(second, "PNG")
    stream = GotRuntime(checkpoint, Prefetching(checkpoint, 1)).stream([inked(), Pipe(second.getvalue())])
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

    def generate(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        for completion in super().generate(requests, on_token):
            assert isinstance(completion, Completion)
            scripted = next(self.texts) if completion.finish == "stop" else None
            if not isinstance(scripted, tuple):
                yield scripted or completion
                continue
            tokens = self.checkpoint.encode(scripted[0])
            yield Completion(tokens, (scripted[1],) * len(tokens), "stop", 0.0, 0.0)


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
