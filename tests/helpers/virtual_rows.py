"""An engine without a network: a request takes as many steps as its ``max_new_tokens``."""

from collections.abc import Collection

import torch

from got_runtime.engine.protocol import Request, Session
from got_runtime.engine.sequence import Sequence
from got_runtime.engine.shared import SharedBatch


class VirtualRows:
    """Counts steps and their rows. A step takes a virtual second; with ``error``, the next one raises it halfway."""

    def __init__(self, batch_size: int, prefill_seconds: float) -> None:
        self.batch_size, self.encode_batch = batch_size, 1
        self.prefill_seconds = prefill_seconds
        self.running: list[Sequence] = []
        self.begun: list[Sequence] = []
        self.rows_in_steps: list[int] = []
        self.error: BaseException | None = None
        self.recovered = 0
        self.closed = False
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def has_room(self, extra: bool) -> bool:
        return len(self.running) < self.batch_size + extra

    def begin(self, sequence: Sequence, upcoming: Collection[Sequence] = ()) -> None:
        self.begun.append(sequence)
        self.now += self.prefill_seconds
        self.running.append(sequence)

    def step(self) -> None:
        self.rows_in_steps.append(len(self.running))
        self.now += 1
        for number, sequence in enumerate(list(self.running)):
            if self.error is not None and number == len(self.running) // 2:
                error, self.error = self.error, None
                sequence.tokens.append(-1)  # without a probability: half done
                raise error
            sequence.append_token(len(sequence.tokens), 1.0)
            if len(sequence.tokens) == sequence.request.max_new_tokens:
                sequence.finish = "length"
                self.running.remove(sequence)

    def remove(self, sequence: Sequence) -> None:
        if sequence in self.running:
            self.running.remove(sequence)

    def recover(self, sequences: Collection[Sequence]) -> None:
        self.recovered += 1
        self.running = [sequence for sequence in sequences if not sequence.ended]
        for sequence in self.running:
            sequence.discard_interrupted_step()

    def close(self) -> None:
        self.closed = True


class VirtualEngine:
    """See :class:`got_runtime.engine.protocol.Engine`."""

    def __init__(self, batch_size: int, prefill_seconds: float = 1.0) -> None:
        self.rows = VirtualRows(batch_size, prefill_seconds)
        self.batch = SharedBatch(self.rows, self.rows.clock)

    def session(self, tokens: bool = True) -> Session:
        return self.batch.session(tokens)

    def close(self) -> None:
        self.batch.close()


def request_of(steps: int) -> Request:
    return Request((1, 2, 3), torch.zeros(1), steps, 0)
