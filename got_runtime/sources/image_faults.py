"""Faults of image files that Pillow passes over in silence: checksums, colours without a value, no opacity."""

import os
import zlib
from typing import Any, BinaryIO, cast

from PIL import BmpImagePlugin, GifImagePlugin, Image

__all__ = ["BmpFile", "GifFile", "palette_fault", "png_fault", "transparency_fault"]

PNG_START, PNG_DATA, PNG_END = 8, (b"IDAT", b"fdAT"), b"IEND"
"""Bytes before the first chunk of a PNG, and names of chunks."""
PIECE_BYTES = 1 << 18
"""Bytes of a file that are read at once."""


class BmpFile(BmpImagePlugin.BmpImageFile):
    """A BMP file as Pillow opens it; an opacity that is zero everywhere is left out, as browsers do."""

    fault: str | None = None
    """A warning, set when it is decoded."""

    def load_end(self) -> None:
        """Called when the picture is complete."""
        super().load_end()
        if _is_transparent(self):
            self.im = self.im.convert("RGB", Image.Dither.NONE)
            self._mode = "RGB"
            self.fault = "the picture is transparent everywhere: its transparency is left out"


class GifFile(GifImagePlugin.GifImageFile):
    """A GIF file as Pillow opens it. Frames are drawn on a canvas, which tells nothing of their palettes."""

    _found: tuple[int, str] | None = None
    """The first frame with a fault, which later ones inherit, and the warning."""
    _last: int | None = None
    """The last frame, if the file ends after it without the marker of its end."""

    @property
    def fault(self) -> str | None:
        """A warning, if the frame that was decoded, or one under it, has a fault."""
        if self.tell() == self._last:
            return "the file ends without the marker of its end: frames may be missing"
        return self._found[1] if self._found is not None and self._found[0] <= self.tell() else None

    def _seek(self, frame: int, update_image: bool = True) -> None:
        """Go to a frame; Pillow raises EOFError after the last one."""
        try:
            super()._seek(frame, update_image)
        except EOFError:
            assert self.fp is not None
            self.fp.seek(-1, os.SEEK_CUR)
            self._last = None if self.fp.read(1) == b";" else frame - 1
            raise

    def load_end(self) -> None:
        """Called when a frame is complete, before it is drawn on the canvas."""
        fault = _palette_fault(self.im)
        if fault is not None and (self._found is None or self.tell() < self._found[0]):
            self._found = self.tell(), fault
        super().load_end()


def png_fault(file: BinaryIO) -> str | None:
    """A warning, if the data of a PNG have another checksum than the file states (PNG, 5.3); its place is kept."""
    place = file.tell()
    try:
        file.seek(PNG_START)
        while len(head := file.read(8)) == 8 and (kind := head[4:]) != PNG_END:
            left, checksum = int.from_bytes(head[:4]), zlib.crc32(kind)
            if kind not in PNG_DATA:
                file.seek(left + 4, os.SEEK_CUR)
                continue
            while left and (piece := file.read(min(left, PIECE_BYTES))):
                left, checksum = left - len(piece), zlib.crc32(piece, checksum)
            stated = file.read(4)
            if len(stated) == 4 and int.from_bytes(stated) != checksum:
                return "PNG data are damaged (their checksum is another one): parts of the picture may be wrong"
        return None
    finally:
        file.seek(place)


def palette_fault(image: Image.Image) -> str | None:
    """A warning, if a decoded image has colours that are not in its palette."""
    return _palette_fault(image.im)


def _palette_fault(pixels: Any) -> str | None:
    """The same, of the pixels as Pillow's C code keeps them."""
    if pixels.mode not in ("P", "PA"):
        return None
    colours = len(pixels.getpalette("RGB", "RGB")) // 3
    _, highest = pixels.getband(0).getextrema() if pixels.mode == "PA" else pixels.getextrema()
    if highest < colours:
        return None
    return f"some pixels have a colour that is not among the {colours} of the palette: they are shown as black"


def transparency_fault(image: Image.Image) -> str | None:
    """A warning, if a decoded image has content that is transparent everywhere, so that its page is empty."""
    if not _is_transparent(image) or all(low == high for low, high in map(_extrema, _colours(image))):
        return None
    return "the picture is transparent everywhere: the page is empty"


def _colours(image: Image.Image) -> list[Image.Image]:
    return [image] if image.mode == "P" else [image.getchannel(index) for index in range(len(image.getbands()) - 1)]


def _is_transparent(image: Image.Image) -> bool:
    if image.mode == "P":
        opacity = image.info.get("transparency")
        return isinstance(opacity, bytes) and not any(opacity) and _extrema(image)[1] < len(opacity)
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") and _extrema(image.getchannel(len(image.mode) - 1))[1] == 0


def _extrema(band: Image.Image) -> tuple[int, int]:
    return cast(tuple[int, int], band.getextrema())
