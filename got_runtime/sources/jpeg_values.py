"""JPEG data that have the right length, and wrong values: means beyond black and white, and blocks after the picture.

They are decoded once more in grey at an eighth of their size, a pixel a block, in which Huffman codes take most of the
time. In the copy that is decoded the means are halved, so that those out of range show, and the picture is longer by a
row of blocks, so that blocks after its end show: libjpeg leaves blocks without data in the middle of the range.
"""

import io
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import JpegImagePlugin

from got_runtime.sources.jpeg_segments import END, MARKER, SCAN, SEQUENTIAL, Segment

__all__ = ["values_fault"]

PROGRESSIVE, TABLES, QUANTA, RESTARTS = 0xC2, 0xC4, 0xDB, 0xDD
"""Markers: a frame of several scans, Huffman tables, quantization tables, and blocks between restarts."""
BLOCK = 8
"""Pixels of a side of a block; also how many times its mean is coded (ITU-T T.81, A.3.3)."""
MIDDLE = 128
LARGEST_MEAN = 1024
"""Of a block, as it is coded: of 8-bit samples less 128."""
MAX_HEIGHT = 65_500
"""Of libjpeg."""
PADDING_BITS = 7
"""After the last code, at most."""


def values_fault(data: bytes, segments: Sequence[Segment]) -> str | None:
    """What is wrong with the values of JPEG data that Pillow has decoded; None where that is not known."""
    frames = [each for each in segments if each.marker in (*SEQUENTIAL, PROGRESSIVE)]
    scans = [each for each in segments if each.marker == SCAN]
    if len(frames) != 1 or not scans:
        return None
    try:
        return _values_fault(bytearray(data), segments, frames[0], scans)
    except Exception:  # noqa: BLE001 - odd headers, with which libjpeg copes
        return None


def _values_fault(copy: bytearray, segments: Sequence[Segment], frame: Segment, scans: list[Segment]) -> str | None:
    height, count, sampling = int.from_bytes(frame.header[1:3]), frame.header[5], frame.header[7::3]
    across, down = (1, 1) if count == 1 else divmod(sampling[0], 16)  # blocks of the first component
    rows = -(-height // (BLOCK * down)) * down
    is_one_scan = (
        (len(scans), scans[0].header[0]) == (1, count)
        and frame.marker in SEQUENTIAL
        and (across, down) == (max(each >> 4 for each in sampling), max(each & 15 for each in sampling))
        and not any(each.marker == RESTARTS and any(each.header) for each in segments)
        and BLOCK * (rows + down) <= MAX_HEIGHT
    )
    furthest = _halved(copy, [each for each in segments if each.end < scans[0].end])
    if is_one_scan:
        place = frame.end - len(frame.header)
        copy[place + 1 : place + 3] = (BLOCK * (rows + down)).to_bytes(2)
        found = MARKER.search(copy, scans[0].end)
        copy[found.start() if found else len(copy) :] = bytes((0xFF, END))
    with JpegImagePlugin.JpegImageFile(io.BytesIO(copy)) as image:
        image.draft("L", (1, 1))
        if image.mode != "L" or image.height != (rows + down if is_one_scan else -(-height // BLOCK)):
            return None  # colours of print, or a small picture
        means = np.asarray(image).astype(np.int16) - MIDDLE
    if np.abs(means[:rows]).max() > furthest:
        return "their brightness is out of range"
    after = np.flatnonzero(means[rows:].any(axis=0))
    if after.size and after[-1] // across > _units_of_padding(segments, scans[0].header, frame.header):
        return "they go on after the picture"
    return None


def _halved(copy: bytearray, segments: Sequence[Segment]) -> float:
    """Halve the means of all components, and return how far from the middle a pixel may be.

    A table of quanta begins with that of means (T.81, B.2.4.1).
    """
    furthest = 0.0
    for segment in segments:
        place = segment.end - len(segment.header)
        while segment.marker == QUANTA and place < segment.end:
            size = 1 + (copy[place] >> 4)
            quantum = int.from_bytes(copy[place + 1 : place + 1 + size])
            less = max(1, quantum // 2)
            copy[place + 1 : place + 1 + size] = less.to_bytes(size)
            # Whoever coded it rounded the mean, and libjpeg rounds the pixel.
            furthest = max(furthest, (LARGEST_MEAN / max(quantum, 1) + 1.5) * less / BLOCK + 1)
            place += 1 + BLOCK * BLOCK * size
    return furthest


def _units_of_padding(segments: Sequence[Segment], scan: bytes, frame: bytes) -> int:
    """How many units of a scan the zeros after it may hold, which some encoders write instead of ones."""
    first = dict(_first_codes(segments))
    bits, count = 0, scan[0]
    sampling = {frame[place]: frame[place + 1] for place in range(6, 6 + 3 * count, 3)}
    for component, tables in zip(scan[1 : 2 * count : 2], scan[2 : 2 * count + 1 : 2], strict=True):
        (size, mean), (end_size, is_not_end) = first[tables >> 4], first[16 | tables & 15]
        if is_not_end:
            return 0
        across, down = (1, 1) if count == 1 else divmod(sampling[component], 16)
        bits += across * down * (size + mean + end_size)
    return PADDING_BITS // bits


def _first_codes(segments: Sequence[Segment]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Class and number of each Huffman table, and bits and value of its first code, all zeros (T.81, B.2.4.2)."""
    for segment in segments:
        table = segment.header if segment.marker == TABLES else b""
        while table:
            sizes = table[1:17]
            yield table[0], (next(bits for bits, codes in enumerate(sizes, 1) if codes), table[17])
            table = table[17 + sum(sizes) :]
