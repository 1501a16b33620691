"""Memory that an engine process shares with the process that made it: the pixels of requests go through it.

Written to a pipe, a page of 3 MiB costs this process 5 ms, because a pipe holds 64 KiB. The memory has no name: the
kernel frees it when both processes have ended, however they ended.
"""

import math
import mmap
import os
import threading
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

__all__ = ["PixelMemory", "Place"]

BLOCK_BYTES = 3 << 20
"""One tile of 1024×1024 in uint8."""
BLOCKS = 16
"""More than the twelve tiles and the overview of one page. Blocks that were never used take no memory."""


class Place(NamedTuple):
    """Where an array lies in the memory.

    Attributes:
        first: its first block.
        dtype: numpy's name of its type.
        shape: of the array.
    """

    first: int
    dtype: str
    shape: tuple[int, ...]


class PixelMemory:
    """Blocks that one process writes and the other reads. Safe to use from several threads.

    It is handed over as an argument of a process that is spawned.

    Args:
        descriptor: of the memory, in the process that reads; None makes new memory. Without memory (the system refuses
            it, or is not Linux) :meth:`write` finds no place.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._lock = threading.Lock()
        self._map: mmap.mmap | None = None
        self._used = [False] * BLOCKS
        self._descriptor = descriptor
        if descriptor is not None:
            self._map = mmap.mmap(descriptor, BLOCKS * BLOCK_BYTES)
        elif (new := _new_memory()) is not None:
            self._descriptor, self._map = new

    def __reduce__(self) -> tuple[Any, ...]:
        if self._descriptor is None:
            return PixelMemory._attach, (None,)
        from multiprocessing.reduction import DupFd

        return PixelMemory._attach, (DupFd(self._descriptor),)

    @classmethod
    def _attach(cls, duplicate: Any) -> "PixelMemory | None":
        return None if duplicate is None else cls(duplicate.detach())

    def write(self, array: "np.ndarray[Any, Any]") -> Place | None:
        """Copy an array to free blocks; None where there are not enough of them in a row."""
        with self._lock:
            count = _blocks(array.nbytes)
            starts = range(BLOCKS - count + 1)
            first = next((start for start in starts if not any(self._used[start : start + count])), None)
            if first is None or self._map is None:
                return None
            place = Place(first, array.dtype.str, array.shape)
            np.copyto(self._array(place, self._map), array)
            self._used[first : first + count] = [True] * count
            return place

    def read(self, place: Place) -> "np.ndarray[Any, Any]":
        """A copy of the array in a place."""
        assert self._map is not None
        return self._array(place, self._map).copy()

    def free(self, place: Place) -> None:
        """The other process has read a place: it may be used again."""
        count = _blocks(np.dtype(place.dtype).itemsize * math.prod(place.shape))
        with self._lock:
            self._used[place.first : place.first + count] = [False] * count

    def close(self) -> None:
        """Release the memory in this process."""
        with self._lock:
            if self._map is not None and self._descriptor is not None:
                self._map.close()
                os.close(self._descriptor)
            self._map = self._descriptor = None

    @staticmethod
    def _array(place: Place, memory: mmap.mmap) -> "np.ndarray[Any, Any]":
        return np.ndarray(place.shape, place.dtype, memory, place.first * BLOCK_BYTES)


def _blocks(size: int) -> int:
    return max(1, -(-size // BLOCK_BYTES))


def _new_memory() -> tuple[int, mmap.mmap] | None:
    """Memory without a name, by its descriptor and mapped; None where the system refuses it, as some sandboxes do."""
    if not hasattr(os, "memfd_create"):
        return None
    with suppress(OSError):
        descriptor = os.memfd_create("got-ocr-requests", os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, BLOCKS * BLOCK_BYTES)
            return descriptor, mmap.mmap(descriptor, BLOCKS * BLOCK_BYTES)
        except OSError:
            os.close(descriptor)
    return None
