"""Memory that a child process shares with its parent, through which the pixels of pages return.

It has no name: the kernel frees it when both processes have ended, however they ended.
"""

import mmap
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from PIL import Image

from got_runtime.sources.answers import Pixels

__all__ = ["SharedPixels", "image_in_strips", "is_large"]

KEPT_BYTES = 64 << 20
"""Size up to which the memory is kept for the next page. Fresh memory costs 3 ms for an A4 page of 200 dpi."""
PIECE_BYTES = 256 << 10
"""Pixels of an image that are copied at once."""
STRIP_BYTES = 1 << 20
"""Pixels of a large page that are in the memory of the parent twice, while they are copied."""


class SharedPixels:
    """Memory behind a file descriptor, mapped by both processes.

    Args:
        descriptor: in the child, the number that it was started with; None makes new memory.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = _new_file() if descriptor is None else descriptor
        self._map: mmap.mmap | None = None

    def room(self, size: int) -> memoryview | None:
        """The beginning of the memory, for :meth:`write`; None for what is too large to be kept."""
        if size > KEPT_BYTES:
            return None
        self._grow(size)
        return memoryview(self._mapped())[:size]

    def write(self, data: Any) -> None:
        """Copy a buffer to the beginning of the memory, which grows as needed, unless it is there (:meth:`room`)."""
        with memoryview(data).cast("B") as view:
            if view.obj is self._map:
                return
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

    def image(self, pixels: Pixels) -> Image.Image:
        """A copy of the pixels that are described, as an RGB image. What a large page took is freed.

        Raises:
            ValueError: there are fewer.
        """
        available = os.fstat(self.descriptor).st_size
        if available < pixels.size:
            raise ValueError(f"{pixels.size} bytes of pixels were announced, and there are {available}")
        if not is_large(pixels):
            with memoryview(self._mapped()) as view, view[: pixels.size] as data:
                return replace(pixels, data=data).image()
        self.unmap()
        with os.fdopen(os.dup(self.descriptor), "rb", buffering=0) as file:
            file.seek(0)
            image = image_in_strips(pixels, file.read)
        if available > KEPT_BYTES:
            os.ftruncate(self.descriptor, 0)
        return image

    def close(self) -> None:
        """Release the memory in this process."""
        self.unmap()
        with suppress(OSError):
            os.close(self.descriptor)

    def _mapped(self) -> mmap.mmap:
        """The whole memory; the other process may have changed its size."""
        size = os.fstat(self.descriptor).st_size
        if self._map is None or len(self._map) != size:
            self.unmap()
            self._map = mmap.mmap(self.descriptor, size)
        return self._map

    def unmap(self) -> None:
        """Let this process have the memory no more, until it is used again."""
        if self._map is not None:
            with suppress(BufferError):  # a picture is there, with which it goes
                self._map.close()
            self._map = None


def is_large(pixels: Pixels) -> bool:
    """Whether their image takes so much memory that they should not be in this process beside it."""
    return 4 * pixels.width * pixels.height > KEPT_BYTES


def image_in_strips(pixels: Pixels, read: Callable[[int], bytes | None]) -> Image.Image:
    """An RGB image of pixels that are described, whose rows ``read`` returns.

    Mapped or read at once, the pixels of the largest page would take 340 MiB beside those of the image.

    Raises:
        ValueError: there are fewer.
    """
    rows = max(1, STRIP_BYTES // (4 * pixels.width))
    image = Image.new("RGB", (pixels.width, pixels.height), None)
    for top in range(0, pixels.height, rows):
        strip = replace(pixels, height=min(rows, pixels.height - top))
        image.paste(replace(strip, data=read(strip.size) or b"").image(), (0, top))
    return image


def _new_file() -> int:
    """A file descriptor without a name: memory on Linux, else a file that is removed already."""
    if hasattr(os, "memfd_create"):
        with suppress(OSError):  # refused by some sandboxes
            return os.memfd_create("got-ocr-pixels", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile(prefix="got-ocr-", buffering=0) as file:
        return os.dup(file.fileno())
