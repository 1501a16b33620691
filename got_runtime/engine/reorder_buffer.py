"""Returns completions in the order of their requests, although short ones finish before long ones."""

from collections.abc import Iterator

from got_runtime.engine.prefetch import MAX_WAITING_BYTES, MAX_WAITING_REQUESTS
from got_runtime.engine.protocol import Completion, Request

__all__ = ["ReorderBuffer"]


class ReorderBuffer:
    """Gives each request an index and keeps finished completions until all earlier ones are finished.

    The caller keeps the page image of a completion that waits. As many may wait as the batch has free positions, and
    more as far as memory allows; otherwise the batch would run empty behind one long page.
    """

    def __init__(self) -> None:
        self.finished: dict[int, Completion | Exception | None] = {}
        """Results by the index of their request; engines add to it."""
        self._kept_bytes: dict[int, int] = {}
        self._next_index = self._added = 0

    def add(self, request: Request | None) -> int:
        """The index of the next request."""
        index, self._added = self._added, self._added + 1
        self._kept_bytes[index] = 0 if request is None else request.kept_bytes
        return index

    @property
    def first_pending(self) -> bool:
        """Whether the first result has not been returned yet."""
        return self._next_index == 0

    @property
    def all_returned(self) -> bool:
        """Whether the result of every request added so far has been returned."""
        return self._next_index == self._added

    def has_room(self, running: int, batch_size: int) -> bool:
        """Whether to add another request to ``running`` ones; never while a result can be returned."""
        if self._next_index in self.finished or running >= batch_size:
            return False
        waiting = [self._kept_bytes[index] for index in self.finished]
        return running + len(waiting) < batch_size or (
            len(waiting) < MAX_WAITING_REQUESTS and sum(waiting) < MAX_WAITING_BYTES
        )

    def pop_ready(self) -> Iterator[Completion | Exception | None]:
        """The results that can be returned now."""
        while self._next_index in self.finished:
            del self._kept_bytes[self._next_index]
            self._next_index += 1
            yield self.finished.pop(self._next_index - 1)
