"""Admission and threads of ``POST /v1/pages``."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from got_runtime.serving.problems import Problem

__all__ = ["MOST_REQUESTS", "PictureDesk"]

_THREADS = 2
"""Not those that open documents for the readers: pictures must not keep documents from being read."""
MOST_REQUESTS = 64
_RETRY_S = 2


class PictureDesk:
    """The threads that make pictures, a page of each request in turn, and how many requests there are."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "got-ocr pictures")
        self._requests = 0

    def enter(self) -> None:
        """Admit a request, for which :meth:`leave` is called at its end. Raises Problem."""
        if self._requests >= MOST_REQUESTS:
            message = f"{self._requests} documents wait for their pictures: try again in {_RETRY_S} s"
            headers = {"Retry-After": str(_RETRY_S)}
            raise Problem(429, "Busy", message, headers=headers, retry_after=_RETRY_S)
        self._requests += 1

    def leave(self) -> None:
        """A request has ended."""
        self._requests -= 1

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def close(self) -> None:
        """Wait for the pages that are being made."""
        self._threads.shutdown(cancel_futures=True)
