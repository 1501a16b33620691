"""Damage of a TIFF that libtiff passes over in silence: fax and JPEG data that end before the rows of their strip do.

JPEG data are decoded a second time only where the picture ends flat: data that are too long are not noticed.
"""

import re
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image
from PIL import TiffImagePlugin as Tiff

from got_runtime.sources.jpeg import jpeg_fault

__all__ = ["Strips"]

FAX, JPEG = 4, 7
"""Values of the tag Compression (TIFF 6.0, page 49, and its Technical Note 2)."""
LEAST_FIRST = 2
"""Value of the tag FillOrder."""
UPRIGHT = 1
"""Value of the tag Orientation."""
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
END = f"{0x001001:024b}"
"""After the last row (ITU-T T.6, 2.4.1.1)."""
BLOCK = 8
"""Pixels of a side of a block of JPEG."""
END_OF_JPEG = re.compile(rb"\xff\xd9\0*\Z")


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
        offsets, sizes = self.tags.get(Tiff.STRIPOFFSETS), self.tags.get(Tiff.STRIPBYTECOUNTS)
        if compression not in (FAX, JPEG) or not offsets or not sizes or rows < 1 or not is_upright:
            return None
        for index, (offset, size) in enumerate(zip(offsets, sizes, strict=False)):
            top = index * rows
            if top >= image.height:
                break
            strip = image.crop((0, top, image.width, min(top + rows, image.height)))
            file.seek(offset)
            if compression == JPEG:
                fault = self._jpeg_fault(strip, file.read(size))
            else:
                fault = self._fax_fault(strip, file.read(size))
            if fault is not None:
                return fault
        return None

    def _jpeg_fault(self, strip: Image.Image, data: bytes) -> str | None:
        """Data that ended too early leave a flat picture; only those are decoded once more."""
        corner = strip.crop((max(0, strip.width - BLOCK), max(0, strip.height - BLOCK), *strip.size))
        is_flat = all(low == high for low, high in np.reshape(corner.getextrema(), (-1, 2)))
        if not is_flat and END_OF_JPEG.search(data):
            return None
        tables: bytes = self.tags.get(Tiff.JPEGTABLES, b"")
        return jpeg_fault(tables[:-2] + data[2:] if tables else data)

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
