"""A function of many items in several threads, with the results in the order of the items."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_order"]

Item = TypeVar("Item")
Made = TypeVar("Made")


def in_order(function: Callable[[Item], Made], items: Iterable[Item], threads: int) -> Generator[Made, None, None]:
    """``function`` of each item. As many results as there are threads wait, at most, besides those being made.

    Args:
        function: called in several threads, if there are several, else when its result is wanted.
        items: drawn in the caller's thread. An error of theirs is raised after the results of the earlier items.
        threads: at least 1.
    """
    if threads == 1:
        yield from map(function, items)
        return
    executor = ThreadPoolExecutor(threads, "got-ocr pages")
    waiting: deque[Future[Made]] = deque()
    try:
        try:
            for item in items:
                waiting.append(executor.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
        except GeneratorExit:
            raise
        except BaseException:
            while waiting:
                yield waiting.popleft().result()
            raise
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
