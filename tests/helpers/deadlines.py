"""A hang is a failure: what a test demands must come about in time."""

import threading
from collections.abc import Callable
from typing import Any

DEADLINE = 240.0


def in_time(action: Callable[[], Any]) -> Any:
    """What an action returns, or its exception; fails when it takes longer than the deadline."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(action())
        except Exception as error:  # noqa: BLE001 - handed to the thread that asserts
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(DEADLINE)
    assert found, "it hangs"
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]
