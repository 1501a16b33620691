"""Draws requests in a thread of its own, so that pages are opened, rendered and resized while others are decoded."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator

from got_runtime.engine.protocol import Request

__all__ = ["Prefetcher"]

HELD_BYTES = 128 << 20
"""Of requests that wait, with the pages they are of, beyond the one being made: eight pages of 1024×1024."""
HELD_REQUESTS = 64
POLL = 0.1
"""Seconds between two looks whether to stop."""
PATIENCE = 5.0
"""Seconds to wait at the end for a page that is being made."""


class Prefetcher:
    """Requests in their order, drawn ahead of their use as far as memory allows.

    What the iterable raises comes out of :meth:`take` after everything drawn before it has been dealt with. An iterator
    that may wait long has a method ``wake``, called from another thread when nothing more is wanted; one that may be
    told to stop has a method ``check``, which raises then and is called while :meth:`take` waits.
    """

    def __init__(self, requests: Iterable[Request | None]) -> None:
        self._source: Iterator[Request | None] = iter(requests)
        self._check = getattr(self._source, "check", None)
        self._waiting: deque[Request | None] = deque()
        self._held = 0
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._draw, name="got-ocr pages", daemon=True)
        self._thread.start()

    def take(self, wait: bool) -> tuple[Request | None] | None:
        """The next request in a tuple of one; None if there is none (or, without ``wait``, none yet).

        With ``wait``, which says that nothing else is left to do, also raises what the iterable raised.
        """
        with self._changed:
            while wait and not self._waiting and not self._ended:
                self._changed.wait(POLL)
                if self._check is not None:
                    self._check()
            if self._waiting:
                request = self._waiting.popleft()
                self._held -= _size(request)
                self._changed.notify_all()
                return (request,)
            if wait and self._error is not None:
                error, self._error = self._error, None
                raise error
            return None

    @property
    def exhausted(self) -> bool:
        """Whether nothing will come any more."""
        with self._changed:
            return self._ended and not self._waiting and self._error is None

    def close(self) -> None:
        """Draw no more; returns when the page being made is made, or (a source that hangs) after a few seconds."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        wake = getattr(self._source, "wake", None)
        if wake is not None:
            wake()
        if threading.current_thread() is not self._thread:
            self._thread.join(PATIENCE)

    def _draw(self) -> None:
        try:
            for request in self._source:
                with self._changed:
                    while not self._closed and (self._held > HELD_BYTES or len(self._waiting) >= HELD_REQUESTS):
                        self._changed.wait()
                    if self._closed:
                        break
                    self._waiting.append(request)
                    self._held += _size(request)
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - handed on to whoever takes
            self._error = error
        finally:
            close = getattr(self._source, "close", None)
            if close is not None:
                close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()


def _size(request: Request | None) -> int:
    return 0 if request is None else request.pixels.nbytes + request.kept_bytes
