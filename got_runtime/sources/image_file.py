"""An image file opened by Pillow: its frames that are pages. It runs in a child process, or in this one.

Pillow's plugins are called by name instead of through ``Image.open``: the kind is known, unused formats cannot be
reached, and :class:`Limits` replaces Pillow's guard against decompression bombs (a process-wide number and a warning).
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import BinaryIO, cast

from PIL import Image, PngImagePlugin, TiffImagePlugin, WebPImagePlugin
from PIL.ImageFile import ImageFile as PillowFile

from got_runtime.errors import LimitExceeded, SourceCorrupt, SourceError, SourceUnsupported
from got_runtime.sources.answers import Answer
from got_runtime.sources.content import Content, FileKind
from got_runtime.sources.image_faults import BmpFile, GifFile, palette_fault, png_fault, transparency_fault
from got_runtime.sources.jpeg import JpegFile
from got_runtime.sources.names import one_line
from got_runtime.sources.page import Rotation
from got_runtime.sources.pdf_faults import is_too_small
from got_runtime.sources.rgb import exif_is_damaged, page_picture, range_warning
from got_runtime.sources.tiff_damage import Strips
from got_runtime.sources.tiff_directories import FileFromDirectory, directories

__all__ = ["ImageFile", "check_pixels", "decoded", "image_warnings"]

# A JPEG may hold a second picture (MPO: a preview, a depth map, a stereo view), which is not a page. The JPEG plugin
# ignores it.
_PLUGINS: dict[FileKind, Callable[[BinaryIO, str], PillowFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "GIF": GifFile,
}

_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


class ImageFile:
    """An open image file. Its pages count from 1.

    Args:
        content: its bytes.
        kind: decides on the plugin.
        max_pixels, max_side: limits of a frame.
        rotate: clockwise rotation of every frame in degrees.
        copy: whether pictures must stay as they are when the next frame is decoded.

    Raises:
        SourceCorrupt: it is not a readable file of this kind.
        LimitExceeded: its canvas exceeds a limit.
    """

    def __init__(
        self, content: Content, kind: FileKind, max_pixels: int, max_side: int, rotate: Rotation, copy: bool
    ) -> None:
        self._content, self._kind, self._rotate, self._copy = content, kind, rotate, copy
        self._max_pixels, self._max_side = max_pixels, max_side
        self._file = content.open()
        try:
            self._frames = self._found_frames()
        except BaseException:
            self._file.close()
            raise

    def info(self) -> Answer:
        """``{"total": pages, "warnings": []}``."""
        return Answer({"total": len(self._frames), "warnings": []})

    def first(self) -> Answer:
        """:meth:`info`, and in a file of one frame that :meth:`frame`, which spares a request."""
        if len(self._frames) > 1:
            return self.info()
        only = self.frame(1)
        return Answer({"total": 1, **only.value}, only.picture)

    def close(self) -> None:
        self._file.close()

    def frame(self, number: int) -> Answer:
        """The picture of a page and its warnings.

        Raises:
            SourceCorrupt: the frame cannot be decoded.
            SourceUnsupported: its colours cannot be converted.
            LimitExceeded: it exceeds a limit.
        """
        name = self._content.name if len(self._frames) == 1 else f"frame {number} of {self._content.name}"
        try:
            image = self._frame(self._frames[number - 1])
        except EOFError as error:
            raise _corrupt(name, "not there", error) from error
        except Exception as error:
            raise _translated(error, name, "not there", self._max_pixels) from error
        strips = Strips.of(image) if self._kind == "TIFF" else None
        picture = decoded(image, name, self._rotate, self._max_pixels, self._max_side, self._copy)
        fault = strips.fault(image, self._file) if strips is not None else getattr(image, "fault", self._png_fault)
        # Of a palette, both may tell.
        return Answer({"warnings": [*dict.fromkeys((*image_warnings(image), *([fault] if fault else [])))]}, picture)

    @cached_property
    def _png_fault(self) -> str | None:
        return png_fault(self._file) if self._kind == "PNG" else None

    def _found_frames(self) -> Sequence[int]:
        """The indexes of the frames that are pages, in a TIFF the offsets of their directories; headers are read."""
        try:
            if self._kind == "TIFF":
                found = directories(self._file)
                # All frames but masks if each of them is marked as a preview.
                pictures = [each for each in found if not each.is_mask] or found
                frames = [each.offset for each in [each for each in pictures if each.is_page] or pictures]
                self._image = self._frame(frames[0])
                return frames
            self._image = image = _PLUGINS[self._kind](self._file, "")
            if self._kind == "BMP" and image.width >= 1 << 31:
                raise SourceCorrupt(f"{self._content.name} has a negative width: save or download it again")
            # The frames share a canvas, which seeking draws on.
            check_pixels(image.size, self._content.name, self._max_pixels, self._max_side)
            return range(_count(image))
        except Exception as error:
            what = f"not a readable {self._kind}"
            raise _translated(error, self._content.name, what, self._max_pixels) from error

    def _frame(self, place: int) -> PillowFile:
        if self._kind == "TIFF":
            return _PLUGINS["TIFF"](cast(BinaryIO, FileFromDirectory(self._file, place)), "")
        if len(self._frames) > 1:
            self._image.seek(place)
        return self._image


def _count(image: PillowFile) -> int:
    """Number of frames. A truncated file counts one more than can be reached, which is yielded with an error."""
    try:
        return getattr(image, "n_frames", 1)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - Pillow raises many types for broken files
        whole = 0
        with suppress(Exception):
            while True:
                image.seek(whole)
                whole += 1
        return whole + 1


def decoded(
    image: Image.Image, name: str, rotate: Rotation, max_pixels: int, max_side: int, copy: bool = True
) -> Image.Image:
    """The picture of an image in mode RGB or L: upright, turned, on white paper; the image itself is not changed.

    Args:
        image: open or decoded.
        name: for messages.
        rotate: clockwise, in degrees.
        max_pixels, max_side: limits of its size.
        copy: whether it must be another image.

    Raises:
        SourceCorrupt: it cannot be decoded.
        SourceUnsupported: its colours cannot be converted.
        LimitExceeded: it exceeds a limit.
    """
    check_pixels(image.size, name, max_pixels, max_side)
    try:
        return page_picture(image, rotate, copy)
    except Exception as error:
        raise _translated(error, name, "damaged or cut off", max_pixels) from error


def image_warnings(image: Image.Image) -> list[str]:
    """Warnings of a decoded image."""
    width, height = image.size
    found = []
    if is_too_small(width, height):
        found.append(f"the image is {width}×{height} pixels, too small to hold text")
    if exif_is_damaged(image):
        found.append("the EXIF block is damaged: the page may lie on its side (rotate turns it)")
    found += filter(None, (range_warning(image), palette_fault(image), transparency_fault(image)))
    return found


def check_pixels(size: tuple[int, int], name: str, max_pixels: int, max_side: int) -> None:
    """Check the size of an image in pixels.

    Raises:
        SourceCorrupt: it has none.
        LimitExceeded: it exceeds a limit.
    """
    width, height = size
    if width < 1 or height < 1:
        raise SourceCorrupt(f"{name} is {width}×{height} pixels: give an image with something in it")
    if width * height > max_pixels:
        raise _too_many_pixels(f"{name} ({width:,}×{height:,})", max_pixels)
    if max(size) > max_side:
        raise LimitExceeded(
            f"{name} ({width:,}×{height:,}) has more than {max_side:,} pixels on one side: cut or scale it, or raise "
            "Limits(max_side=…), --max-side"
        )


def _too_many_pixels(name: str, max_pixels: int) -> LimitExceeded:
    return LimitExceeded(
        f"{name} has more than {max_pixels:,} pixels: scale it down, or raise Limits(max_pixels=…), --max-pixels"
    )


def _translated(error: Exception, name: str, what: str, max_pixels: int) -> Exception:
    """The error of this package for what Pillow raised: OSError, SyntaxError, struct.error and a dozen others."""
    if isinstance(error, SourceError | MemoryError):
        return error
    if isinstance(error, _BOMBS):
        return _too_many_pixels(name, max_pixels)
    why = one_line(str(error))
    if "unknown pixel mode" in why:  # Pillow's of a TIFF whose samples it cannot read
        return SourceUnsupported(f"{name} has samples of a rare kind: save it with 8 or 16 bits per sample")
    if why.startswith("Unsupported BMP"):  # bit fields, compression, pixel depth
        return SourceUnsupported(f"{name} is a BMP of a rare kind ({why}): save it as PNG")
    return _corrupt(name, what, error)


def _corrupt(name: str, what: str, error: BaseException) -> SourceCorrupt:
    why = one_line(str(error)) or type(error).__name__
    return SourceCorrupt(f"{name} is {what} ({why}): save or download it again")
