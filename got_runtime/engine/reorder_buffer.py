"""Answers in the order of their requests, though short ones are finished before long ones."""

from collections.abc import Iterator

from got_runtime.engine.prefetch import HELD_BYTES, HELD_REQUESTS
from got_runtime.engine.protocol import Completion, Request

__all__ = ["ReorderBuffer"]


class ReorderBuffer:
    """Numbers requests, and keeps what is finished until everything before it is.

    A page whose answer waits is kept with it. That many may wait as slots are free, and more as far as memory allows:
    behind one long page the slots would else be idle.
    """

    def __init__(self) -> None:
        self.done: dict[int, Completion | Exception | None] = {}
        self._kept: dict[int, int] = {}
        self._turn = self._drawn = 0

    def number(self, request: Request | None) -> int:
        """The place of the request drawn next."""
        order, self._drawn = self._drawn, self._drawn + 1
        self._kept[order] = 0 if request is None else request.kept_bytes
        return order

    @property
    def first(self) -> bool:
        """Whether nothing has been handed on yet."""
        return self._turn == 0

    @property
    def handed_on(self) -> bool:
        """Whether every request drawn so far is answered."""
        return self._turn == self._drawn

    def room(self, live: int, slots: int) -> bool:
        """Whether to draw another request beside ``live`` ones; never while an answer could be handed on."""
        if self._turn in self.done or live >= slots:
            return False
        waiting = [self._kept[order] for order in self.done]
        return live + len(waiting) < slots or (len(waiting) < HELD_REQUESTS and sum(waiting) < HELD_BYTES)

    def ready(self) -> Iterator[Completion | Exception | None]:
        """What can be handed on."""
        while self._turn in self.done:
            del self._kept[self._turn]
            self._turn += 1
            yield self.done.pop(self._turn - 1)
