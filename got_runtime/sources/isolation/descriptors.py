"""The descriptors of standard input, output and error, which a program may have closed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["standard_descriptors_taken"]

LAST_STANDARD = 2
"""Descriptor of standard error."""


@contextmanager
def standard_descriptors_taken() -> Iterator[None]:
    """Inside the ``with``, no file that is opened gets one of the descriptors 0 to 2.

    A child's own pipes would replace it there, and what a library prints in this process would be written to it.
    """
    taken = list[int]()
    try:
        while os.name == "posix" and (not taken or taken[-1] <= LAST_STANDARD):
            taken.append(os.open(os.devnull, os.O_RDWR))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
