"""Pages whose decoding ran into a loop are decoded again in other ways."""

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

from got_runtime import (
    GotRuntime,
)
from got_runtime.engine.prefetch import Prefetcher
from got_runtime.engine.protocol import Completion, FinishReason, OnToken, Request
from got_runtime.markup import to_text
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.pipeline.retry import halves
from got_runtime.sources import Limits


class LoopsAtFirst:
    """An engine whose first answers run into a loop."""

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
            finish: FinishReason = "repetition" if self.left >= 0 else "stop"
            answer = self.checkpoint.encode("la la" if self.left >= 0 else "song")
            yield Completion(answer, (0.9,) * len(answer), finish, 1.0, 2.0)


@pytest.mark.parametrize(
    ("loops", "text", "ways"),
    [
        (1, "song\nsong", ["halves"]),
        (2, "song", ["halves", "369 dpi"]),
        (4, "song", ["halves", "369 dpi", "tiles"]),
        (9, "la la", ["halves", "369 dpi", "tiles"]),
    ],
)
def test_a_loop_is_tried_again_in_other_ways(
    checkpoint: LoadedModel, three_pages: Path, loops: int, text: str, ways: list[str]
) -> None:
    engine = LoopsAtFirst(checkpoint, loops)
    page = GotRuntime(checkpoint, engine).read(three_pages, pages="1").pages[0]
    assert page.text == text
    assert [attempt.method for attempt in page.attempts] == ways
    assert [attempt.method for attempt in page.attempts if attempt.chosen] == ([] if loops == 9 else ways[-1:])
    assert page.timings.decode == 2.0 * len(engine.tiles)
    assert page.finish_reason == ("repetition" if loops == 9 else "stop")
    assert engine.tiles == [1, 1, 1, 1, 7][: len(engine.tiles)]  # six tiles and the thumbnail


class AllAtOnce:
    """An engine that takes in all it is offered before it answers: looping at first, then well."""

    def __init__(self, checkpoint: LoadedModel, looping: set[int]) -> None:
        self.checkpoint, self.looping, self.calls = checkpoint, looping, list[int]()

    def close(self) -> None:
        """There is nothing to release."""

    def generate(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        offered = list(requests)
        self.calls.append(len(offered))
        for place, request in enumerate(offered):
            assert request is not None
            loops = len(self.calls) == 1 and place in self.looping
            tokens = self.checkpoint.encode("la la" if loops else f"call {len(self.calls)} place {place}")
            yield Completion(tokens, (0.9,) * len(tokens), "repetition" if loops else "stop", 1.0, 2.0)


def test_pages_that_looped_are_tried_again_together_and_keep_their_places(
    checkpoint: LoadedModel, three_pages: Path
) -> None:
    engine = AllAtOnce(checkpoint, {0, 2})
    first, second, third = GotRuntime(checkpoint, engine).stream(three_pages)
    assert engine.calls == [3, 4]
    assert (first.number, first.text) == (1, "call 2 place 0\ncall 2 place 1")
    assert (second.number, second.text, second.attempts) == (2, "call 1 place 1", ())
    assert (third.number, third.text) == (3, "call 2 place 2\ncall 2 place 3")


def test_when_the_engine_gives_up_what_it_has_read_is_handed_on(checkpoint: LoadedModel) -> None:
    class GivesUp(AllAtOnce):
        def generate(self, *given: Any) -> Iterator[Completion | Exception | None]:
            yield from islice(super().generate(*given), 2)
            raise RuntimeError("the device is gone")

    stream = GotRuntime(checkpoint, GivesUp(checkpoint, {0})).stream([inked() for _ in range(4)])
    assert [(page.finish_reason, page.text) for page in islice(stream, 2)] == [
        ("repetition", "la la"),
        ("stop", "call 1 place 1"),
    ]
    with pytest.raises(RuntimeError, match="the device is gone"):
        next(stream)


def test_a_page_is_tried_again_while_the_next_is_long_in_coming(checkpoint: LoadedModel) -> None:
    class DrawsAhead(LoopsAtFirst):
        def generate(self, requests: Iterable[Request | None], *given: Any) -> Iterator[Completion | Exception | None]:
            ahead = Prefetcher(requests)
            try:
                yield from super().generate(taken[0] for taken in iter(lambda: ahead.take(wait=True), None))
            finally:
                ahead.close()

    class Pipe(io.BytesIO):
        def read(self, *size: Any) -> bytes:
            assert written.wait(10), "nobody writes the second page before the first is read"
            return super().read(*size)

    written, second = threading.Event(), io.BytesIO()
    inked().save(second, "PNG")
    stream = GotRuntime(checkpoint, DrawsAhead(checkpoint, 1)).stream([inked(), Pipe(second.getvalue())])
    assert next(stream).text == "song\nsong"
    written.set()
    assert next(stream).text == "song"


def test_a_page_that_looped_leaves_those_that_follow_alone(checkpoint: LoadedModel) -> None:
    engine = LoopsAtFirst(checkpoint, 1)
    pages = list(GotRuntime(checkpoint, engine).stream([inked() for _ in range(5)]))
    assert [page.text for page in pages] == ["song\nsong", *["song"] * 4]
    assert [len(page.attempts) for page in pages] == [1, 0, 0, 0, 0]
    assert len(engine.tiles) == 5 + 2


def test_the_elements_are_those_of_the_answer_that_was_chosen(checkpoint: LoadedModel, three_pages: Path) -> None:
    runtime = GotRuntime(checkpoint, LoopsAtFirst(checkpoint, 2))
    page = runtime.read(three_pages, pages="1", boxes=True).pages[0]
    [element] = page.elements
    assert to_text([element]).strip() == page.text == "song"


class Singer(LoopsAtFirst):
    """Loops once; then each answer has the next text and sureness."""

    def __init__(self, checkpoint: LoadedModel, *songs: tuple[str, float] | Exception) -> None:
        super().__init__(checkpoint, 1)
        self.songs = iter(songs)

    def generate(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Completion | Exception | None]:
        for answer in super().generate(requests, on_token):
            assert isinstance(answer, Completion)
            song = next(self.songs) if answer.finish == "stop" else None
            if not isinstance(song, tuple):
                yield song or answer
                continue
            tokens = self.checkpoint.encode(song[0])
            yield Completion(tokens, (song[1],) * len(tokens), "stop", 0.0, 0.0)


def test_the_surest_of_doubtful_readings_is_kept(checkpoint: LoadedModel) -> None:
    """Tiles that a network was not trained on end well too, with anything in them."""
    page = GotRuntime(checkpoint, Singer(checkpoint, ("so", 0.7), ("ng", 0.7), ("blah", 0.4))).read(inked()).pages[0]
    assert page.text == "so\nng"
    assert [(attempt.method, attempt.chosen) for attempt in page.attempts] == [("halves", True), ("tiles", False)]
    assert page.confidence is not None
    assert page.confidence.mean == pytest.approx(0.7)


def test_a_way_that_fails_is_recorded_and_the_next_is_tried(checkpoint: LoadedModel) -> None:
    singer = Singer(checkpoint, ("so", 0.9), MemoryError("the lower half"), ("song", 0.9))
    page = GotRuntime(checkpoint, singer).read(inked()).pages[0]
    assert [attempt.finish_reason for attempt in page.attempts] == ["error", "stop"]
    assert page.text == "song"


def test_the_time_limit_of_a_page_covers_its_retries(checkpoint: LoadedModel) -> None:
    engine = LoopsAtFirst(checkpoint, 9)  # three seconds a go
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
