"""JPEG data that tell of their damage: libjpeg goes on after it, and neither Pillow nor MuPDF passes its messages on.

After damaged Huffman codes a decoder needs another number of bytes than there are. So the data are decoded in three
parts, and the picture must be complete with the second one: the last few bytes before the end marker. Of several scans
it is only known whether they are all there; damage between two restart markers ends at the second one, unnoticed.
"""

import io
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

from PIL import JpegImagePlugin

from got_runtime.sources.jpeg_segments import MARKER, SCAN, SEQUENTIAL, segments_of
from got_runtime.sources.jpeg_values import values_fault

__all__ = ["JpegFile", "jpeg_fault"]

TAIL_BYTES = 4
"""Bytes at the end without which no picture may be complete. Some encoders write one or two too many."""
PADDING = bytes(8)
"""libjpeg reads so many bytes ahead."""
MAX_BYTES = 64 << 20
"""Size of a file that is read at once."""
MAX_SEGMENTS = 100_000
RESTART = re.compile(rb"\xff[\xd0-\xd7]")
KNOWN = (*range(0xC0, 0xD0), *range(0xD8, 0xF0), 0xFE)
COEFFICIENTS = range(64)
"""Of a block."""


class JpegFile(JpegImagePlugin.JpegImageFile):
    """A JPEG file as Pillow opens it."""

    fault: str | None = None
    """A warning, if its data turned out to be damaged when they were decoded."""
    _is_at_end = True
    _parts: Iterator[bytes] | None = None
    _check: Callable[[], str | None] | None = None

    def load_read(self, read_bytes: int) -> bytes:
        """The next part of the data; Pillow has decoded those before it."""
        if self._parts is None:
            assert self.fp is not None
            self._parts = self._in_parts(self.fp.read(MAX_BYTES))
        return next(self._parts, b"") or super().load_read(read_bytes)

    def load_end(self) -> None:
        """Called when the picture is complete."""
        super().load_end()
        self._parts = None  # which refers to this image: in a circle it would wait for the garbage collector
        if not self._is_at_end:
            self._found("they go on after the picture")
        check, self._check = self._check, None
        if self.fault is None and check is not None and (what := check()) is not None:
            self._found(what)

    def _in_parts(self, data: bytes) -> Iterator[bytes]:
        segments = list(islice(segments_of(data), MAX_SEGMENTS))
        self._check = partial(values_fault, data, segments)
        scans = [header for marker, header, _ in segments if marker == SCAN]
        components = [layer[0] for layer in self.layer]
        if any(marker not in KNOWN for marker, *_ in segments):
            self._found("they hold an unknown marker")
        if not scans or len(segments) == MAX_SEGMENTS or len(data) == MAX_BYTES:
            yield data
        elif scans[0][0] == len(components) and any(marker in SEQUENTIAL for marker, *_ in segments):
            yield from self._to_the_end(data, next(end for marker, _, end in segments if marker == SCAN))
        else:
            drawn = {each for header in scans for each in _drawn(header)}
            if not drawn.issuperset((component, place) for component in components for place in COEFFICIENTS):
                self._found("scans are missing")
            yield data

    def _to_the_end(self, data: bytes, start: int) -> Iterator[bytes]:
        """The data of one scan, which begins at ``start``."""
        found = MARKER.search(data, start)
        whole = data[: found.start() if found else len(data)].rstrip(b"\xff")
        tail = max(len(whole) - TAIL_BYTES, start)
        restarts = RESTART.finditer(whole, start)
        if any(data[marker.start() + 1] & 7 != index % 8 for index, marker in enumerate(restarts)):
            self._found("a restart marker is missing")
        self._is_at_end = False
        yield whole[:tail]
        self._is_at_end = True
        yield whole[tail:] + PADDING
        self._found("they end before the picture does")
        yield data[len(whole) :]

    def _found(self, what: str) -> None:
        self.fault = self.fault or f"JPEG data are damaged ({what}): parts of the picture may be wrong"


def _drawn(header: bytes) -> Iterator[tuple[int, int]]:
    """Component and place of the coefficients of which a scan has the last bit (T.81, B.2.3 and G.1.1.1)."""
    count = header[0]
    first, last, bits = header[2 * count + 1 : 2 * count + 4]
    if bits & 15 == 0:
        yield from ((component, place) for component in header[1 : 2 * count : 2] for place in range(first, last + 1))


def jpeg_fault(data: bytes) -> str | None:
    """A warning, if JPEG data that another library draws are damaged.

    They are decoded in grey at an eighth of their resolution, in which most of the time goes into the Huffman codes.
    """
    try:
        image = JpegFile(io.BytesIO(data), "")
        image.draft("L", (1, 1))
    except Exception:  # noqa: BLE001 - what cannot be opened is reported by who draws it
        return None
    try:
        image.load()
    except OSError:
        image._found("they cannot be decoded to their end")
    except Exception:  # noqa: BLE001 - as above
        return None
    return image.fault
