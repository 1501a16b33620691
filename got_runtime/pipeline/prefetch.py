"""Makes requests in a thread, so that pages are opened, rendered and resized while others are decoded.

Where the network runs on the same cores, a prefetcher makes no further request while another one's caller waits for its
first page: the network has one thread less as long as a page is prepared.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator

from got_runtime.engine.threads import beside_the_network, network_is_here
from got_runtime.pipeline.page_task import Work

__all__ = ["MAX_WAITING_BYTES", "MAX_WAITING_REQUESTS", "Prefetcher"]

MAX_WAITING_BYTES = 128 << 20
"""Size of the requests that wait, with the page images kept for them: eight pages of 1024×1024 pixels."""
MAX_WAITING_REQUESTS = 64
REFILL_BELOW = 0.5
"""Part of both limits below which further requests are made. Made one by one, they would begin when a request is taken
and encoded, with one thread too many for the cores; made in turns, the network has all of them in between."""
CHECK_INTERVAL_S = 0.1
"""Time between two checks while nothing arrives."""
GIVE_WAY_INTERVAL_S = 0.02
"""Time between two checks whether another caller still waits for its first page."""
CLOSE_TIMEOUT_S = 5.0
"""Time that :meth:`Prefetcher.close` waits for a page that is being rendered."""


_without_result: "set[Prefetcher]" = set()
"""Prefetchers whose caller waits for its first page."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_without_result.clear)


class Prefetcher:
    """Requests in their order, made before they are needed as far as memory allows.

    At most :data:`MAX_WAITING_BYTES` and :data:`MAX_WAITING_REQUESTS` wait, besides the one that is being made. While
    another caller waits for its first page, and the network runs on the same cores, one waits.

    Args:
        source: runs in a thread of the prefetcher, and is closed there.
        check: called at intervals while the caller waits; may raise.
    """

    def __init__(self, source: Generator[Work, None, None], check: Callable[[], None]) -> None:
        self._source = source
        self._check = check
        self._waiting: deque[Work] = deque()
        self._waiting_bytes = 0
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._draw, name="got-ocr pages", daemon=True)
        _without_result.add(self)
        self._thread.start()

    def first_page_done(self) -> None:
        """The caller has its first page: others need not give way any more."""
        _without_result.discard(self)

    def take(self, wait: bool) -> Work | None:
        """The next request, or None if there is none.

        Args:
            wait: whether to wait for a request that is being made. Set when nothing else is left to do.

        Raises:
            BaseException: what the source raised, once every request before it was taken (only with ``wait``), or what
                the check raised.
        """
        with self._changed:
            while wait and not self._waiting and not self._ended:
                self._changed.wait(CHECK_INTERVAL_S)
                self._check()
            if self._waiting:
                work = self._waiting.popleft()
                self._waiting_bytes -= work.size
                self._changed.notify_all()
                return work
            if wait and self._error is not None:
                error, self._error = self._error, None
                raise error
            return None

    def close(self) -> None:
        """Stop making requests. Waits for the page that is being made, at most :data:`CLOSE_TIMEOUT_S`."""
        self.first_page_done()
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSE_TIMEOUT_S)

    def _next(self) -> Work | None:
        with beside_the_network():
            return next(self._source, None)

    def _is_above(self, part: float) -> bool:
        """Whether more waits than this part of what may."""
        return self._waiting_bytes > part * MAX_WAITING_BYTES or len(self._waiting) >= part * MAX_WAITING_REQUESTS

    def _gives_way(self) -> bool:
        """Whether the next request can wait until another caller has its first page."""
        others = len(_without_result - {self})
        return bool(others and self._waiting) and not self._closed and network_is_here()

    def _draw(self) -> None:
        try:
            while (work := self._next()) is not None:
                with self._changed:
                    if self._is_above(1.0):
                        while not self._closed and self._is_above(REFILL_BELOW):
                            self._changed.wait()
                    if self._closed:
                        break
                    self._waiting.append(work)
                    self._waiting_bytes += work.size
                    self._changed.notify_all()
                    while self._gives_way():
                        self._changed.wait(GIVE_WAY_INTERVAL_S)
        except BaseException as error:  # noqa: BLE001 - raised by take()
            self._error = error
        finally:
            self._source.close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()
