"""Ctrl-C on a run that is worth keeping."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = ["Stoppable", "stopping_gently"]


class Stoppable(Protocol):
    """A run that ends after the step in progress once ``stopping`` is set."""

    stopping: bool


@contextmanager
def stopping_gently(run: Stoppable) -> Iterator[None]:
    """The first Ctrl-C ends ``run`` after the step in progress, a second one at once."""
    previous = signal.getsignal(signal.SIGINT)

    def stop(*_: Any) -> None:
        run.stopping = True
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
