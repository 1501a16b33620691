"""Segments of JBIG2 data, as a PDF embeds them."""

import struct
from collections.abc import Iterator
from contextlib import suppress

__all__ = ["has_combined_halftone"]

HALFTONE_REGIONS = (20, 22, 23)
"""Types of JBIG2 segments (ITU-T T.88, 7.3)."""


def has_combined_halftone(data: bytes) -> bool:
    """Whether embedded JBIG2 data hold a halftone region whose patterns are combined otherwise than by OR."""
    for kind, start in _segments(data):
        # After the region's size, place and operator: bits 4 to 6 are the operator of its patterns (T.88, 7.4.5.1.1).
        if kind in HALFTONE_REGIONS and start + 17 < len(data) and data[start + 17] >> 4 & 7:
            return True
    return False


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Type of each segment and where its data start (T.88, 7.2)."""
    place = 0
    with suppress(struct.error, IndexError):
        while place + 11 <= len(data):
            number, flags, referred = struct.unpack_from(">IBB", data, place)
            place += 6
            count = referred >> 5
            if count == 7:
                (count,) = struct.unpack_from(">I", data, place - 1)
                count &= (1 << 29) - 1
                place += 3 + (count + 8) // 8
            place += count * (1 if number <= 256 else 2 if number <= 65536 else 4) + (4 if flags & 0x40 else 1)
            (size,) = struct.unpack_from(">I", data, place)
            place += 4
            yield flags & 63, place
            place += size
