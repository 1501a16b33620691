"""Bounds how many pages are prepared at once, by all callers of the process together."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from got_runtime.engine.memory import free_memory
from got_runtime.engine.threads import allowed_threads, network_is_here, reading_threads

__all__ = ["ANALYSIS_BYTES", "MEMORY_FRACTION", "most_pages", "preparing"]

ANALYSIS_BYTES = 20
"""Memory for each pixel of a page while its lines are looked for."""
MEMORY_FRACTION = 0.25
"""Part of the free memory that pages may take together; a single page may take more."""
_LEAST_PAGES = 2
"""A caller's page is prepared although one of a document is."""


class _InHand:
    """What is being prepared; ``changed`` guards the numbers."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.pages = self.pixels = 0


_in_hand = _InHand()


def _after_fork() -> None:
    """A page that another thread prepares at this moment is never finished in the child."""
    global _in_hand
    _in_hand = _InHand()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def most_pages() -> int:
    """Pages that may be prepared at once, by the cores that the process may use.

    Where a network runs on them, a quarter of the cores prepare pages: they wait for the network in any case.
    """
    most = reading_threads("cuda")
    return max(_LEAST_PAGES, min(most, allowed_threads() // 4) if network_is_here() else most)


@contextmanager
def preparing(pixels: int) -> Iterator[None]:
    """Wait until there is room for a page of so many ``pixels``, and keep it."""
    in_hand = _in_hand
    with in_hand.changed:
        while not _has_room(in_hand, pixels):
            in_hand.changed.wait()
        in_hand.pages += 1
        in_hand.pixels += pixels
    try:
        yield
    finally:
        with in_hand.changed:
            in_hand.pages -= 1
            in_hand.pixels -= pixels
            in_hand.changed.notify_all()


def _has_room(in_hand: _InHand, pixels: int) -> bool:
    import torch

    if not in_hand.pages:
        return True
    # Those in hand have taken a part of their memory already, so this is on the safe side.
    room = MEMORY_FRACTION * free_memory(torch.device("cpu"))
    return in_hand.pages < most_pages() and (in_hand.pixels + pixels) * ANALYSIS_BYTES <= room
