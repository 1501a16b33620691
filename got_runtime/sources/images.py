"""Image files → pages, one for each frame that is one, decoded lazily.

Pillow's plugins are called by name instead of through ``Image.open``: the kind is known, unused formats cannot be
reached, and :class:`Limits` replaces Pillow's guard against decompression bombs (a process-wide number and a warning).
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, BinaryIO

import numpy.typing as npt
from PIL import BmpImagePlugin, GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin
from PIL.ImageFile import ImageFile

from got_runtime.errors import LimitExceeded, SourceCorrupt, SourceError
from got_runtime.sources.content import Content, FileKind
from got_runtime.sources.limits import Limits
from got_runtime.sources.names import one_line
from got_runtime.sources.page import FindKept, Rotation, SourcePage, kept_of
from got_runtime.sources.rgb import exif_is_damaged, from_array, page_image
from got_runtime.sources.selection import Selection, missing_pages, select_pages

__all__ = ["array_page", "file_pages", "image_page"]

SMALLEST_SIDE = 8
"""Pixels; an image with a smaller side holds no legible character."""

# Tags of TIFF, and values of theirs.
_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_NO_PAGE, _REDUCED = 0b101, 2

# A JPEG may hold a second picture (MPO: a preview, a depth map, a stereo view), which is not a page. The JPEG plugin
# ignores it.
_PLUGINS: dict[FileKind, Callable[[BinaryIO, str], ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "GIF": GifImagePlugin.GifImageFile,
}

# Raised by Pillow's decoders for broken files; UserWarning only if the caller turned warnings into errors.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,
    AssertionError,
    struct.error,
    zlib.error,
    UserWarning,
)
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def image_page(
    image: Image.Image, *, pages: Selection | None, rotate: Rotation, limits: Limits
) -> Iterator[SourcePage]:
    """The current frame of an open image as a page. The image itself is not changed."""
    filename = getattr(image, "filename", "")
    name = one_line(filename) if isinstance(filename, str) and filename else "<image>"
    select_pages(pages, 1, name)
    warnings = (*missing_pages(pages, 1), *_warnings(image))
    yield SourcePage(_decoded(image, name, rotate, limits), 1, "1", name, total=1, warnings=warnings)


def array_page(
    array: npt.NDArray[Any], *, pages: Selection | None, rotate: Rotation, limits: Limits
) -> Iterator[SourcePage]:
    """A numpy array as a page."""
    select_pages(pages, 1, "<array>")
    if array.ndim >= 2:
        _check_pixels((array.shape[1], array.shape[0]), "the array", limits)
    image = page_image(from_array(array), rotate)
    warnings = (*missing_pages(pages, 1), *_warnings(image))
    yield SourcePage(image, 1, "1", "<array>", total=1, warnings=warnings)


def file_pages(
    content: Content,
    kind: FileKind,
    *,
    pages: Selection | None,
    rotate: Rotation,
    limits: Limits,
    find_kept: FindKept | None = None,
) -> Iterator[SourcePage]:
    """The frames of an image file, each decoded when the iterator reaches it.

    A broken frame among several is yielded with its error.

    Raises:
        SourceCorrupt: a file of one frame cannot be decoded.
        PageOutOfRange, LimitExceeded: see :func:`got_runtime.sources.open_pages`.
    """
    with content.open() as file:
        image, frames = _opened(file, kind, content, limits)
        numbers = select_pages(pages, len(frames), content.name, limits.max_pages)
        warnings = missing_pages(pages, len(frames))
        for number in numbers:
            page = _frame(image, number, frames, content, rotate, limits, kept_of(content, number, find_kept))
            yield page.with_file_warnings(warnings)
            warnings = ()  # of the whole file: the first page carries them


def _opened(file: BinaryIO, kind: FileKind, content: Content, limits: Limits) -> tuple[ImageFile, Sequence[int]]:
    """The image and the indexes of the frames that are pages; only headers have been read."""
    try:
        image = _PLUGINS[kind](file, "")
        if kind != "TIFF":  # its frames differ in size; in other formats they share a canvas, which seeking draws on
            _check_pixels(image.size, content.name, limits)
        return image, _tiff_pages(image) if kind == "TIFF" else range(_count(image))
    except _BOMBS as error:
        raise _too_many_pixels(content.name, limits) from error
    except _BROKEN as error:
        raise _corrupt(content.name, f"not a readable {kind}", error) from error


def _count(image: ImageFile) -> int:
    """Number of frames. A truncated file counts one more than can be reached, which is yielded with an error."""
    try:
        return getattr(image, "n_frames", 1)
    except _BROKEN:
        whole = 0
        with suppress(*_BROKEN):
            while True:
                image.seek(whole)
                whole += 1
        return whole + 1


def _tiff_pages(image: ImageFile) -> list[int]:
    """The frames that are no preview, smaller copy or mask of another one; all frames if each of them is.

    They are marked by bits 0 and 2 of NewSubfileType (TIFF 6.0, page 36), or by the older SubfileType 2 (page 40).
    """
    pages: list[int] = []
    count = 0
    try:
        while True:
            image.seek(count)
            tags: Any = getattr(image, "tag_v2", {})
            if not tags.get(_NEW_SUBFILE_TYPE, 0) & _NO_PAGE and tags.get(_SUBFILE_TYPE, 0) != _REDUCED:
                pages.append(count)
            count += 1
    except EOFError:
        pass
    except _BROKEN:  # a page that cannot be reached, which is yielded with an error
        pages.append(count)
        count += 1
    return pages or list(range(count))


def _frame(
    image: ImageFile,
    number: int,
    frames: Sequence[int],
    content: Content,
    rotate: Rotation,
    limits: Limits,
    kept: object | None = None,
) -> SourcePage:
    stem, total = content.stem, len(frames)
    label = "-".join(filter(None, [stem, str(number) if total > 1 or not stem else ""]))
    name = content.name if total == 1 else f"frame {number} of {content.name}"
    pixels: Image.Image | None = None
    warnings: tuple[str, ...] = ()
    failure: SourceError | None = None
    if kept is not None:
        return SourcePage(None, number, label, content.source, total=total, content=content, kept=kept)
    try:
        if total > 1 or image.tell() != frames[0]:
            _seek(image, frames[number - 1], name)
        pixels, warnings = _decoded(image, name, rotate, limits), _warnings(image)
    except SourceError as error:
        if total == 1:
            raise
        failure = error
    return SourcePage(
        pixels, number, label, content.source, total=total, warnings=warnings, error=failure, content=content
    )


def _seek(image: ImageFile, index: int, name: str) -> None:
    try:
        image.seek(index)
    except _BROKEN as error:
        raise _corrupt(name, "not there", error) from error


def _decoded(image: Image.Image, name: str, rotate: Rotation, limits: Limits) -> Image.Image:
    _check_pixels(image.size, name, limits)
    try:
        return page_image(image, rotate)
    except _BOMBS as error:
        raise _too_many_pixels(name, limits) from error
    except _BROKEN as error:
        raise _corrupt(name, "damaged or cut off", error) from error


def _warnings(image: Image.Image) -> tuple[str, ...]:
    width, height = image.size
    found = []
    if min(width, height) < SMALLEST_SIDE:
        found.append(f"the image is {width}×{height} pixels, too small to hold text")
    if exif_is_damaged(image):
        found.append("the EXIF block is damaged: the page may lie on its side (rotate turns it)")
    return tuple(found)


def _check_pixels(size: tuple[int, int], name: str, limits: Limits) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise SourceCorrupt(f"{name} is {width}×{height} pixels: give an image with something in it")
    if width * height > limits.max_pixels:
        raise _too_many_pixels(f"{name} ({width:,}×{height:,})", limits)


def _too_many_pixels(name: str, limits: Limits) -> LimitExceeded:
    return LimitExceeded(
        f"{name} has more than {limits.max_pixels:,} pixels: scale it down, or raise Limits(max_pixels=…), --max-pixels"
    )


def _corrupt(name: str, what: str, error: BaseException) -> SourceCorrupt:
    why = one_line(str(error)) or type(error).__name__
    return SourceCorrupt(f"{name} is {what} ({why}): save or download it again")
