"""The checksum at the end of deflate data, which libraries that need no more pixels do not look at."""

import zlib

__all__ = ["image_fault", "unpacked"]

PIECE_BYTES = 1 << 18
"""Bytes that are unpacked at once: they stay in the processor's cache."""
MAX_IMAGE_BYTES = 256 << 20
"""Unpacked bytes of an image that are looked at."""
OTHER_CHECKSUM = "incorrect data check"
"""In zlib's message."""


def unpacked(data: bytes, most: int) -> tuple[int, str | None]:
    """How many bytes deflate data unpack to, and what is wrong with them; at most so many bytes are looked at."""
    unpacking, size = zlib.decompressobj(), 0
    try:
        while not unpacking.eof and data and size <= most:
            size += len(unpacking.decompress(data, PIECE_BYTES))
            data = unpacking.unconsumed_tail
    except zlib.error as error:
        return size, str(error)
    return size, None if unpacking.eof or size > most else "the end is missing"


def image_fault(data: bytes) -> str | None:
    """A warning, if an image of a PDF has another checksum. MuPDF reports what keeps it from unpacking all pixels."""
    error = unpacked(data, MAX_IMAGE_BYTES)[1]
    if error is None or OTHER_CHECKSUM not in error:
        return None
    return "deflate data of an image are damaged (their checksum is another one): parts of it may be wrong"
