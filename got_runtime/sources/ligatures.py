"""Ligatures that a PDF's fonts map to one of their letters: Ghostscript writes "speciic" for InDesign's "specific".

The code of the glyph ``/ffi`` has a ``ToUnicode`` entry of one letter there, "i", while the glyph's name tells all
three. Names of ligatures: https://github.com/adobe-type-tools/agl-specification, section 2.
"""

import logging
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["mend_ligatures"]

logger = logging.getLogger(__name__)

_NAMED = {"ff": "ff", "fi": "fi", "fl": "fl", "ffi": "ffi", "ffl": "ffl"}
_COMPOSED = re.compile(r"[A-Za-z](?:_[A-Za-z])+")
"""A ligature's name is that of its letters, joined by underscores: ``T_h``."""
_DIFFERENCES = re.compile(r"(\d+)|/([^\s/\[\]()<>]+)")
_RANGE = re.compile(rb"<\s*([0-9A-Fa-f]{2})\s*>\s*<\s*([0-9A-Fa-f]{2})\s*>\s*<\s*([0-9A-Fa-f]{4})\s*>")
_CHARACTER = re.compile(rb"<\s*([0-9A-Fa-f]{2})\s*>\s*<\s*([0-9A-Fa-f]{4})\s*>")
_MAX_BYTES = 65_536
"""Bytes of a ``ToUnicode`` stream above which it is left alone; with 256 codes it has less than 8,000."""


def mend_ligatures(document: Any, page: Any, seen: set[int]) -> bool:
    """Give the ligatures of a page's simple fonts all of their letters, before its text is extracted.

    Args:
        document: the page's ``pymupdf.Document``; its fonts get other ``ToUnicode`` streams in memory.
        page: a ``pymupdf.Page``.
        seen: numbers of the fonts that have been looked at; the page's are added.

    Returns:
        Whether a font was changed. MuPDF may still keep it as it was.
    """
    changed, streams = False, dict[int, tuple[bytes, dict[int, str]]]()
    for font in sorted({font[0] for font in page.get_fonts(full=True)} - seen - {0}):
        seen.add(font)
        try:
            changed |= _mend(document, font, streams)
        except Exception as error:  # noqa: BLE001 - PyMuPDF raises plain exceptions of MuPDF
            logger.debug("the ligatures of font %d cannot be looked at: %s", font, error)
    return changed


def _mend(document: Any, font: int, streams: dict[int, tuple[bytes, dict[int, str]]]) -> bool:
    """Give a font a stream of its own, as others may have the same one; whether it needed one.

    Streams that have been read are in ``streams``, with the letters of their codes.
    """
    ligatures = dict(_ligatures(document.xref_get_key(font, "Encoding/Differences")[1]))
    kind, value = document.xref_get_key(font, "ToUnicode")
    if not ligatures or kind != "xref":
        return False
    number = int(value.split()[0])
    if number not in streams:
        read: bytes = document.xref_stream(number) or b""
        streams[number] = read, _single_letters(read) if len(read) <= _MAX_BYTES else {}
    stream, single = streams[number]
    wrong = {code: letters for code, letters in ligatures.items() if single.get(code, " ") in letters}
    end = stream.rfind(b"endcmap")
    if not wrong or end < 0:
        return False
    lines = [f"{len(wrong)} beginbfchar"]
    lines += [f"<{code:02x}> <{letters.encode('utf-16-be').hex()}>" for code, letters in sorted(wrong.items())]
    addition = "\n".join([*lines, "endbfchar", ""]).encode()
    own = document.get_new_xref()
    document.update_object(own, "<<>>")
    document.update_stream(own, stream[:end] + addition + stream[end:])
    document.xref_set_key(font, "ToUnicode", f"{own} 0 R")
    return True


def _ligatures(differences: str) -> Iterator[tuple[int, str]]:
    """Code and letters of each ligature of an encoding's ``Differences``: a code, and the names that begin at it."""
    code = 0
    for number, name in _DIFFERENCES.findall(differences):
        if number:
            code = int(number)
            continue
        base = name.partition(".")[0]
        letters = _NAMED.get(base) or (base.replace("_", "") if _COMPOSED.fullmatch(base) else "")
        if letters and code < 256:
            yield code, letters
        code += 1


def _single_letters(stream: bytes) -> dict[int, str]:
    """The codes of one byte that a ``ToUnicode`` stream maps to one character each."""
    found: dict[int, str] = {}
    for section in stream.split(b"beginbf")[1:]:
        block = section.partition(b"endbf")[0]
        if block.startswith(b"range"):
            for first, last, character in _RANGE.findall(block):
                begin, start = int(first, 16), int(character, 16)
                found |= {code: chr(start + code - begin) for code in range(begin, int(last, 16) + 1)}
        elif block.startswith(b"char"):
            found |= {int(code, 16): chr(int(character, 16)) for code, character in _CHARACTER.findall(block)}
    return found
