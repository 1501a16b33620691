"""The segments of JPEG data."""

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["END", "MARKER", "SCAN", "SEQUENTIAL", "Segment", "segments_of"]

MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""Any marker but those of restarts, which do not end a scan (ITU-T T.81, B.1.1.2)."""
SEQUENTIAL, START, END, SCAN = (0xC0, 0xC1), 0xD8, 0xD9, 0xDA
"""Frames of Huffman codes that are drawn row by row; start and end of the image; a scan."""


class Segment(NamedTuple):
    """One segment: its marker, its content, and where it ends in the data."""

    marker: int
    header: bytes
    end: int


def segments_of(data: bytes) -> Iterator[Segment]:
    """Those of the first image (T.81, B.1.1.4); codes between them are left out."""
    place = 0
    while (found := MARKER.search(data, place)) is not None:
        marker, place = data[found.end() - 1], found.end()
        if marker == END:
            return
        if marker != START:
            place += int.from_bytes(data[place : place + 2])
        yield Segment(marker, data[found.end() + 2 : place], place)
