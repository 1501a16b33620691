"""Engines that replay texts, and a page for them."""

import pytest
from PIL import Image

from got_runtime import GotRuntime
from got_runtime.engine.protocol import Completed, Completion, Event, Request, Session
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.pipeline.page_task import Work
from got_runtime.pipeline.prefetch import Prefetcher


def scripted(checkpoint: LoadedModel, *answers: str | Exception, latency: float = 0.0) -> GotRuntime:
    return GotRuntime(checkpoint, ScriptedEngine(checkpoint.encode, answers, latency))


def inked(number: int = 0) -> Image.Image:
    """A page that is not blank."""
    image = Image.new("RGB", (200, 100), "white")
    image.paste("black", (10 + number, 10, 150, 60))
    return image


class Batches(ScriptedEngine):
    """An engine that decodes up to eight requests together, and completes the last one first; some run into a loop."""

    def __init__(self, checkpoint: LoadedModel, looping: set[int]) -> None:
        super().__init__(checkpoint.encode, ())
        self.checkpoint, self.looping = checkpoint, looping
        self.batches: list[list[int]] = []

    def session(self, tokens: bool = True) -> Session:
        return BatchSession(self)

    def answer(self, number: int, request: Request) -> Completion:
        loops = number in self.looping
        tokens = self.checkpoint.encode("la la" if loops else f"request {number}")
        return Completion(tokens, (0.9,) * len(tokens), "repetition" if loops else "stop", 1.0, 2.0)


class BatchSession:
    batch_size = 8

    def __init__(self, engine: Batches) -> None:
        self.engine, self.added = engine, 0
        self.batch: list[tuple[int, int, Request]] = []
        self.ready: list[Event] = []

    def has_room(self) -> bool:
        return len(self.batch) < self.batch_size

    def add(self, id: int, request: Request) -> None:
        self.batch.append((id, self.added, request))
        self.added += 1

    def step(self) -> list[Event]:
        if not self.ready:
            batch, self.batch = self.batch, []
            self.engine.batches.append([number for _, number, _ in batch])
            self.ready = [Completed(id, self.engine.answer(number, request)) for id, number, request in batch]
        return [self.ready.pop()]

    def cancel(self, id: int) -> None:
        self.batch = [each for each in self.batch if each[0] != id]

    def close(self) -> None:
        self.batch.clear()


def all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every page be available before the first request is sent."""
    take = Prefetcher.take

    def wait_for_all(prefetcher: Prefetcher, wait: bool) -> Work | None:
        prefetcher._thread.join()
        return take(prefetcher, wait)

    monkeypatch.setattr(Prefetcher, "take", wait_for_all)
    for limit in ("MAX_WAITING_BYTES", "MAX_WAITING_REQUESTS"):
        monkeypatch.setattr(f"got_runtime.pipeline.prefetch.{limit}", 1 << 40)
