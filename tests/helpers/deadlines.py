"""A deadline for actions that might hang: a hang fails the test."""

import threading
from collections.abc import Callable
from typing import Any

DEADLINE_S = 240.0


def in_time(action: Callable[[], Any]) -> Any:
    """Return what the action returns, or raise what it raises. Fails if it takes longer than :data:`DEADLINE_S`."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(action())
        except Exception as error:  # noqa: BLE001 - raised in the thread of the test
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(DEADLINE_S)
    assert results, f"no result after {DEADLINE_S:.0f} s"
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]
