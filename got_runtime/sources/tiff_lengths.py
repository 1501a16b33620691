"""How much PackBits and LZW data of a TIFF unpack to: damaged data mostly unpack to more than their strip needs.

libtiff leaves what is too much without a word. Data that are too short it reports.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["lzw_goes_on", "packbits_goes_on"]

SPARE_BYTES = 2
"""Bytes after the last code that are allowed: some programs write strips of an even length."""
CLEAR, END, FIRST = 256, 257, 258
"""Codes of LZW (TIFF 6.0, section 13): empty the table, end of the data, first entry of the table."""
MAX_CODES = 4096
"""Between two clear codes: table entries of 12 bits."""
MAX_TABLES = 10_000
"""Tables of a strip, which programs begin anew when they are full, after 4 to 6 KB of data."""
WIDTHS = np.select([np.arange(MAX_CODES) < most for most in (254, 766, 1790)], [9, 10, 11], 12)
"""Bits of each code after a clear code. They grow one code early."""
OFFSETS = np.cumsum(WIDTHS) - WIDTHS
LITERALS = np.r_[np.ones(CLEAR, np.int64), 0, 0]
"""Bytes that a code without an entry stands for."""


def packbits_goes_on(data: bytes, size: int) -> bool:
    """Whether PackBits data (TIFF 6.0, section 9) hold more than ``size`` bytes."""
    place = unpacked = 0
    while place < len(data) and unpacked < size:
        head = data[place]
        if head < 128:
            place, unpacked = place + head + 2, unpacked + head + 1
        elif head > 128:
            place, unpacked = place + 2, unpacked + 257 - head
        else:
            place += 1
    return unpacked > size or place + SPARE_BYTES < len(data)


def lzw_goes_on(data: bytes, size: int) -> bool:
    """Whether LZW data hold more than ``size`` bytes. The older kind, whose bits are reversed, is not looked at."""
    if data[:1] == b"\0" or not size:
        return False
    values = np.frombuffer(data + bytes(3 + 2 * MAX_CODES), np.uint8)
    place, left = 0, size
    for _ in range(MAX_TABLES):
        if place >= 8 * len(data):
            break
        bits = place + OFFSETS
        start = np.minimum(bits >> 3, len(data) + 2 * MAX_CODES)
        high, middle, low = (values[start + byte].astype(np.int64) for byte in range(3))
        words = high << 16 | middle << 8 | low
        codes = words >> (24 - (bits & 7) - WIDTHS) & ((1 << WIDTHS) - 1)
        ends = np.flatnonzero((codes == CLEAR) | (codes == END))
        count = int(ends[0]) if ends.size else MAX_CODES
        if (codes[:count] >= FIRST + np.arange(count)).any():  # which libtiff reports
            return False
        unpacked = np.cumsum(_lengths(codes[:count]))
        last = int(np.searchsorted(unpacked, left))
        if last < count:
            if unpacked[last] != left:
                return True
            spare = len(data) - -(-(place + int(OFFSETS[last] + WIDTHS[last])) // 8)
            ends_here = last + 1 == count < MAX_CODES and codes[count] == END
            return not ends_here and spare > 3 + SPARE_BYTES  # an end code and perhaps a clear code before it
        if count == MAX_CODES or codes[count] == END:
            return False
        left -= int(unpacked[-1]) if count else 0
        place += int(OFFSETS[count] + WIDTHS[count])
    return False


def _lengths(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Bytes of each code after a clear code. An entry is one byte longer than the code that it was made at."""
    lengths = np.r_[LITERALS, np.ones(codes.size, np.int64), 0]
    root = lengths.size - 1
    parents = np.r_[np.full(FIRST, root), codes, root]
    while (parents != root).any():
        lengths += lengths[parents]
        parents = parents[parents]
    result: npt.NDArray[np.int64] = lengths[codes]
    return result
