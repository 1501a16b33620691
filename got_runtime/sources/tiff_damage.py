"""Damage of a TIFF that libtiff passes over in silence.

Fax data may end before the rows of their strip do, LZW and PackBits data after them. JPEG data are decoded a second
time. Deflate data have a checksum, which libtiff does not look at.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image
from PIL import TiffImagePlugin as Tiff

from got_runtime.sources.deflate import unpacked
from got_runtime.sources.jpeg import jpeg_fault
from got_runtime.sources.tiff_lengths import lzw_goes_on, packbits_goes_on

__all__ = ["Strips"]

FAX, JPEG = 4, 7
"""Values of the tag Compression (TIFF 6.0, page 49, and its Technical Note 2)."""
DEFLATE = (8, 32946)
"""The same, of Adobe's and the older one."""
COUNTED = {5: ("LZW", lzw_goes_on), 32773: ("PackBits", packbits_goes_on)}
"""The same, with their names, and whether data unpack to more than so many bytes."""
MAX_COUNTED = 4 << 20
"""Bytes of such data of a picture that are looked at; a MiB of LZW takes 30 ms."""
YCBCR = 6
"""Value of the tag PhotometricInterpretation, of which a row may have fewer bytes than samples."""
PLACES = (Tiff.STRIPOFFSETS, Tiff.STRIPBYTECOUNTS), (Tiff.TILEOFFSETS, Tiff.TILEBYTECOUNTS)
"""Tags of where the data of strips and of tiles are, and their sizes."""
DIFFERENCES = 2
"""Value of the tag Predictor (TIFF 6.0, page 64)."""
PLAIN = {("1", 1, 1, 1, 1), ("L", 1, 1, 1, 1), ("L", 2, 1, 1, 1), ("RGB", 1, 1, 1, 2), ("RGB", 2, 1, 1, 2)}
"""Pillow's mode and the tags Predictor, PlanarConfiguration, FillOrder and PhotometricInterpretation."""
MAX_SAMPLE_BYTES = 64
"""Bytes of a pixel, at most; a strip that unpacks to more is not unpacked to its end."""
LEAST_FIRST = 2
"""Value of the tag FillOrder."""
UPRIGHT = 1
"""Value of the tag Orientation."""
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
END = f"{0x001001:024b}"
"""After the last row (ITU-T T.6, 2.4.1.1)."""


@dataclass(frozen=True)
class Strips:
    """Where the data of an image are, taken before it is decoded, which drops its orientation."""

    tags: dict[int, Any]

    @classmethod
    def of(cls, image: Any) -> "Strips":
        """Those of an open image."""
        return cls(dict(image.tag_v2))

    def fault(self, image: Image.Image, file: BinaryIO) -> str | None:
        """A warning, if the data of the decoded image are damaged."""
        compression, rows = self.tags.get(Tiff.COMPRESSION), self.tags.get(Tiff.ROWSPERSTRIP, image.height)
        is_upright = self.tags.get(ExifTags.Base.Orientation, UPRIGHT) == UPRIGHT
        if compression in DEFLATE:
            is_plain = is_upright and self._holds_what_is_decoded(image.mode)
            return self._deflate_fault(image, file, rows if is_plain else None)
        if compression == JPEG:
            return self._jpeg_fault(file)
        if compression in COUNTED:
            with suppress(LookupError, TypeError):  # odd tags, with which libtiff has coped
                return self._length_fault(file, *COUNTED[compression])
            return None
        offsets, sizes = self.tags.get(Tiff.STRIPOFFSETS), self.tags.get(Tiff.STRIPBYTECOUNTS)
        if compression != FAX or not offsets or not sizes or rows < 1 or not is_upright:
            return None
        for index, (offset, size) in enumerate(zip(offsets, sizes, strict=False)):
            top = index * rows
            if top >= image.height:
                break
            strip = image.crop((0, top, image.width, min(top + rows, image.height)))
            file.seek(offset)
            fault = self._fax_fault(strip, file.read(size))
            if fault is not None:
                return fault
        return None

    def _data(self, file: BinaryIO) -> Iterator[bytes]:
        """The data of each strip or tile."""
        for of_offsets, of_sizes in PLACES:
            for offset, size in zip(self.tags.get(of_offsets, ()), self.tags.get(of_sizes, ()), strict=False):
                file.seek(offset)
                yield file.read(size)

    def _holds_what_is_decoded(self, mode: str) -> bool:
        """Whether the data of a strip are the pixels as Pillow has them, or the differences between neighbours."""
        default = {
            Tiff.PREDICTOR: 1,
            Tiff.PLANAR_CONFIGURATION: 1,
            Tiff.FILLORDER: 1,
            Tiff.PHOTOMETRIC_INTERPRETATION: 0,
        }
        found = tuple(self.tags.get(tag, value) for tag, value in default.items())
        return (mode, *found) in PLAIN

    def _deflate_fault(self, image: Image.Image, file: BinaryIO, rows: int | None) -> str | None:
        """Data of strips or tiles whose checksum is another one (RFC 1950, 2.2).

        It is compared with that of the decoded strips, of so many ``rows``, or unpacking the data once more tells.
        """
        left = MAX_SAMPLE_BYTES * image.width * image.height
        for index, data in enumerate(self._data(file)):
            if not data or (rows and int.from_bytes(data[-4:]) == self._checksum(image, index * rows, rows)):
                continue
            size, error = unpacked(data, left)
            left -= size
            if error is not None:
                return "deflate data are damaged (their checksum is another one): parts of the picture may be wrong"
        return None

    def _checksum(self, image: Image.Image, top: int, rows: int) -> int:
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        if self.tags.get(Tiff.PREDICTOR) != DIFFERENCES:
            return zlib.adler32(strip.tobytes())
        values = np.array(strip)
        values[:, 1:] -= values[:, :-1].copy()
        return zlib.adler32(values.tobytes())

    def _jpeg_fault(self, file: BinaryIO) -> str | None:
        tables: bytes = self.tags.get(Tiff.JPEGTABLES, b"")
        faults = (jpeg_fault(tables[:-2] + data[2:] if tables else data) for data in self._data(file))
        return next(filter(None, faults), None)

    def _length_fault(self, file: BinaryIO, name: str, goes_on: Callable[[bytes, int], bool]) -> str | None:
        """Data that unpack to more than a strip or tile has."""
        tags, left = self.tags, MAX_COUNTED
        if tags.get(Tiff.PLANAR_CONFIGURATION, 1) != 1 or tags.get(Tiff.PHOTOMETRIC_INTERPRETATION) == YCBCR:
            return None
        is_tiled = Tiff.STRIPOFFSETS not in tags
        width, height = tags[Tiff.TILEWIDTH if is_tiled else Tiff.IMAGEWIDTH], tags[Tiff.IMAGELENGTH]
        bits, samples = tags.get(Tiff.BITSPERSAMPLE, (1,)), tags.get(Tiff.SAMPLESPERPIXEL, 1)
        row = -(-width * (sum(bits) if len(bits) == samples else bits[0] * samples) // 8)
        rows = tags[Tiff.TILELENGTH] if is_tiled else tags.get(Tiff.ROWSPERSTRIP, height)
        for index, data in enumerate(self._data(file)):
            left -= len(data)
            if left < 0 or rows < 1 or (not is_tiled and index * rows >= height):
                break
            if goes_on(data, row * (rows if is_tiled else min(rows, height - index * rows))):
                return f"{name} data are damaged (they go on after the picture): parts of it may be wrong"
        return None

    def _fax_fault(self, strip: Image.Image, data: bytes) -> str | None:
        """Each of the white rows at the end takes a bit, which is 1, but for the first one (ITU-T T.6, 2.2.3)."""
        if strip.mode != "1":
            return None
        white = self.tags.get(Tiff.PHOTOMETRIC_INTERPRETATION, 0) == 0
        others = np.flatnonzero((np.asarray(strip) != white).any(axis=1))
        blank = strip.height - 1 - int(others[-1]) if others.size else strip.height
        data = data.rstrip(b"\0")[-(blank // 8 + 8) :]
        if self.tags.get(Tiff.FILLORDER) == LEAST_FIRST:
            data = data.translate(REVERSED)
        bits = f"{int.from_bytes(data):0{8 * len(data)}b}".rstrip("0").removesuffix(END)
        ones = len(bits) - len(bits.rstrip("1"))
        if ones >= blank - 1:
            return None
        return "fax data are damaged (they end before the picture does): parts of the picture are missing"
