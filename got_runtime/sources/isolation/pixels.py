"""Memory that a child process shares with its parent, through which the pixels of pages return.

It has no name: the kernel frees it when both processes have ended, however they ended.
"""

import mmap
import os
import tempfile
from contextlib import suppress
from typing import Any

from PIL import Image

from got_runtime.sources.answers import Pixels

__all__ = ["SharedPixels"]

KEPT_BYTES = 64 << 20
"""Size up to which the memory is kept for the next page. Fresh memory costs 3 ms for an A4 page of 200 dpi."""
PIECE_BYTES = 256 << 10
"""Pixels of an image that are copied at once."""


class SharedPixels:
    """Memory behind a file descriptor, mapped by both processes.

    Args:
        descriptor: in the child, the number that it was started with; None makes new memory.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = _new_file() if descriptor is None else descriptor
        self._map: mmap.mmap | None = None

    def write(self, data: Any) -> None:
        """Copy a buffer to the beginning of the memory, which grows as needed."""
        with memoryview(data).cast("B") as view:
            self._grow(view.nbytes)
            self._mapped()[: view.nbytes] = view

    def write_image(self, image: Image.Image, pixels: Pixels) -> None:
        """Copy the pixels of an image, as they are described.

        ``Image.tobytes`` would copy them twice more; the pieces here stay in the processor's cache.
        """
        self._grow(pixels.size)
        memory, place, status = self._mapped(), 0, 0
        encoder = Image._getencoder(image.mode, "raw", (pixels.mode,))
        encoder.setimage(image.im, (0, 0, *image.size))
        while status == 0:
            _, status, piece = encoder.encode(max(PIECE_BYTES, 4 * image.width))
            memory[place : place + len(piece)] = piece
            place += len(piece)
        if status < 0 or place != pixels.size:
            raise ValueError(f"{place} bytes of pixels, not {pixels.size}")

    def _grow(self, size: int) -> None:
        if size > os.fstat(self.descriptor).st_size:
            os.ftruncate(self.descriptor, size)

    def read(self, size: int) -> memoryview:
        """The first ``size`` bytes, valid until :meth:`done`. Raises ValueError if there are fewer."""
        view = memoryview(self._mapped())
        if view.nbytes < size:
            raise ValueError(f"{size} bytes of pixels were announced, and there are {view.nbytes}")
        return view[:size]

    def done(self) -> None:
        """Free what a large page took."""
        if self._map is not None and len(self._map) > KEPT_BYTES:
            self._unmap()
            os.ftruncate(self.descriptor, 0)

    def close(self) -> None:
        """Release the memory in this process."""
        self._unmap()
        with suppress(OSError):
            os.close(self.descriptor)

    def _mapped(self) -> mmap.mmap:
        """The whole memory; the other process may have changed its size."""
        size = os.fstat(self.descriptor).st_size
        if self._map is None or len(self._map) != size:
            self._unmap()
            self._map = mmap.mmap(self.descriptor, size)
        return self._map

    def _unmap(self) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None


def _new_file() -> int:
    """A file descriptor without a name: memory on Linux, else a file that is removed already."""
    if hasattr(os, "memfd_create"):
        with suppress(OSError):  # refused by some sandboxes
            return os.memfd_create("got-ocr-pixels", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile(prefix="got-ocr-", buffering=0) as file:
        return os.dup(file.fileno())
