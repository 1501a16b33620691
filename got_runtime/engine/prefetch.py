"""Draws requests in a thread, so that pages are opened, rendered and resized while others are decoded."""

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator

from got_runtime.engine.protocol import Request, RequestSource

__all__ = ["MAX_WAITING_BYTES", "MAX_WAITING_REQUESTS", "Prefetcher"]

MAX_WAITING_BYTES = 128 << 20
"""Size of the requests that wait, with the page images kept for them: eight pages of 1024×1024 pixels."""
MAX_WAITING_REQUESTS = 64
CHECK_INTERVAL_S = 0.1
"""Time between two calls of :meth:`RequestSource.check` while nothing arrives."""
CLOSE_TIMEOUT_S = 5.0
"""Time that :meth:`Prefetcher.close` waits for a page that is being rendered."""


class Prefetcher:
    """Requests in their order, drawn before they are needed as far as memory allows.

    At most :data:`MAX_WAITING_BYTES` and :data:`MAX_WAITING_REQUESTS` wait, besides the one that is being made.

    Args:
        requests: drawn in a thread of the prefetcher. The methods of a :class:`RequestSource` are called as described
            there.
    """

    def __init__(self, requests: Iterable[Request | None]) -> None:
        self._source = requests if isinstance(requests, RequestSource) else _IterableSource(requests)
        self._waiting: deque[Request | None] = deque()
        self._waiting_bytes = 0
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._draw, name="got-ocr pages", daemon=True)
        self._thread.start()

    def take(self, wait: bool) -> tuple[Request | None] | None:
        """The next request in a tuple of one, or None if there is none.

        Args:
            wait: whether to wait for a request that is being made. Set when nothing else is left to do.

        Raises:
            BaseException: what the iterable raised, once every request before it was taken (only with ``wait``), or
                what :meth:`RequestSource.check` raised.
        """
        with self._changed:
            while wait and not self._waiting and not self._ended:
                self._changed.wait(CHECK_INTERVAL_S)
                self._source.check()
            if self._waiting:
                request = self._waiting.popleft()
                self._waiting_bytes -= _size(request)
                self._changed.notify_all()
                return (request,)
            if wait and self._error is not None:
                error, self._error = self._error, None
                raise error
            return None

    @property
    def exhausted(self) -> bool:
        """Whether every request was taken and no error is left to raise."""
        with self._changed:
            return self._ended and not self._waiting and self._error is None

    def close(self) -> None:
        """Stop drawing requests. Waits for the page that is being made, at most :data:`CLOSE_TIMEOUT_S`."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        self._source.wake()
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSE_TIMEOUT_S)

    def _draw(self) -> None:
        try:
            for request in self._source:
                with self._changed:
                    while not self._closed and (
                        self._waiting_bytes > MAX_WAITING_BYTES or len(self._waiting) >= MAX_WAITING_REQUESTS
                    ):
                        self._changed.wait()
                    if self._closed:
                        break
                    self._waiting.append(request)
                    self._waiting_bytes += _size(request)
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - raised by take()
            self._error = error
        finally:
            self._source.close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()


class _IterableSource(RequestSource):
    """Any iterable as a source. A generator is closed after the last request."""

    def __init__(self, requests: Iterable[Request | None]) -> None:
        self._requests: Iterator[Request | None] = iter(requests)

    def __next__(self) -> Request | None:
        return next(self._requests)

    def close(self) -> None:
        if isinstance(self._requests, Generator):
            self._requests.close()


def _size(request: Request | None) -> int:
    return 0 if request is None else request.pixels.nbytes + request.kept_bytes
