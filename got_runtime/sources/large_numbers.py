"""Numbers in a page's content with which MuPDF cannot compute: it leaves out a shift of 3e37 without a word."""

import re
import zlib
from contextlib import suppress
from typing import Any

__all__ = ["has_large_number"]

MAX_BYTES = 4 << 10
"""Data of a stream that is looked at; in more it would take longer than a tenth of a millisecond."""
MAX_UNPACKED_BYTES = 16 << 10
DIGITS = 30
"""Of a number that is too large: MuPDF computes in single precision, up to 3.4e38, and with products of numbers."""
AS_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
NUMBER = re.compile(rb"(?:^|[\s+-])\d{%d,}(?:\.\d*)?\s" % DIGITS)


def has_large_number(document: Any, content: Any) -> bool:
    """Whether a short content stream of a ``pymupdf.Document`` has a number of 30 digits before its point."""
    if not content.pdf_is_stream() or content.pdf_dict_gets("Length").pdf_to_int() > MAX_BYTES:
        return False
    data, name = document.xref_stream_raw(content.pdf_to_num()), content.pdf_dict_gets("Filter")
    if name.pdf_is_array() and name.pdf_array_len() == 1:
        name = name.pdf_array_get(0)
    if name.pdf_to_name() == "FlateDecode":
        with suppress(zlib.error):  # which MuPDF reports
            data = zlib.decompressobj().decompress(data, MAX_UNPACKED_BYTES)
    # Most content has no such digits at all, which a search for zeros tells in a twentieth of the time.
    return b"0" * DIGITS in data.translate(AS_ZEROS) and NUMBER.search(data) is not None
