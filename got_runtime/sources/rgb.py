"""Decoded images and arrays → 8-bit RGB, upright, transparency on white."""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from got_runtime.errors import SourceUnsupported
from got_runtime.sources.page import Rotation

__all__ = [
    "exif_is_damaged",
    "from_array",
    "page_picture",
    "range_warning",
    "rgb_or_grey",
    "rotated",
    "to_rgb",
    "upright",
    "without_equal_channels",
]

EMPTY_EXIF_BYTES = 20
"""``Exif\\0\\0``, the TIFF header, a count of no tags, and no next directory."""

SIGNED = 2
"""Value of the TIFF tag SampleFormat."""

SIGNED_WHITE = 32767.0
"""Largest value of a sample of 16 bits with a sign."""

_TURNS = {
    90: Image.Transpose.ROTATE_270,  # Pillow counts counter-clockwise, ``rotate`` clockwise
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
_UPRIGHT = {  # EXIF 2.3, tag 0x0112
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def page_picture(image: Image.Image, rotate: Rotation = 0, copy: bool = True) -> Image.Image:
    """An image for a page: upright, RGB or L, rotated clockwise, without metadata.

    It is a new one, or, if it may be without a ``copy``, perhaps ``image`` itself.
    """
    page = rotated(rgb_or_grey(upright(image)), rotate)
    if page is image:
        if not copy:
            return page
        page = image.copy()
    page.info = {}  # with its EXIF orientation, another reader would rotate the page again
    return page


def rotated(image: Image.Image, rotate: Rotation) -> Image.Image:
    """``image`` rotated clockwise by ``rotate`` degrees."""
    return image.transpose(_TURNS[rotate]) if rotate else image


def upright(image: Image.Image) -> Image.Image:
    """``image`` with its EXIF orientation applied; unreadable EXIF counts as none."""
    image.load()  # TIFF applies its own orientation here and removes the tag
    orientation = _exif(image).get(ExifTags.Base.Orientation, 1)
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def exif_is_damaged(image: Image.Image) -> bool:
    """Whether ``image`` has an EXIF block of which no tag can be read, so that its orientation is unknown."""
    return len(image.info.get("exif") or b"") > EMPTY_EXIF_BYTES and not _exif(image)


def _exif(image: Image.Image) -> dict[int, Any]:
    try:
        return dict(image.getexif())
    except (SyntaxError, ValueError, LookupError, TypeError, OSError, ArithmeticError, struct.error, UserWarning):
        # A truncated or damaged EXIF block is common and does not affect the pixels.
        return {}


def to_rgb(image: Image.Image) -> Image.Image:
    """``image`` in mode RGB: alpha over white, more than 8 bits scaled (not clipped); RGB unchanged.

    The official code's ``convert("RGB")`` makes transparency black, which hides black text. ICC profiles are ignored,
    as there.

    Raises:
        SourceUnsupported: Pillow cannot convert the mode to RGB.
    """
    picture = rgb_or_grey(image)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def without_equal_channels(image: Image.Image) -> Image.Image:
    """``image`` in mode L, if it is RGB and every pixel is grey: what is done to it later costs a third."""
    if image.mode != "RGB":
        return image
    red, green, blue = image.split()
    plane = red.tobytes()
    return red if plane == green.tobytes() and plane == blue.tobytes() else image


def rgb_or_grey(image: Image.Image) -> Image.Image:
    """``image`` in mode RGB, or in mode L if it has no colours; see :func:`to_rgb`."""
    if image.mode.startswith("I") or image.mode == "F" or _is_signed_byte(image):
        return Image.fromarray(_scaled(image))
    try:
        if image.has_transparency_data:
            return _over_white(image)
        return image if image.mode in ("RGB", "L") else image.convert("L" if image.mode == "1" else "RGB")
    except (ValueError, TypeError) as error:
        raise SourceUnsupported(
            f"an image of mode {image.mode} cannot be converted to RGB: convert it to RGB first"
        ) from error


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode == "La":  # Pillow cannot convert premultiplied grey directly
        image = image.convert("LA")
    layer = image.convert("RGBA")
    paper = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(paper, layer).convert("RGB")


def _scaled(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Grey values of more than 8 bits, scaled to 8.

    Pillow applies the TIFF tag "zero is white" only up to 8 bits, so it is applied here.
    """
    grey = np.nan_to_num(_values(image).astype(np.float64), posinf=0.0, neginf=0.0)
    black, white, _ = _range(image, float(grey.min(initial=0.0)), float(grey.max(initial=0.0)))
    scaled = np.rint((grey.clip(black, white) - black) * (255.0 / (white - black))).astype(np.uint8)
    return 255 - scaled if _tags(image).get(ExifTags.Base.PhotometricInterpretation) == 0 else scaled


def range_warning(image: Image.Image) -> str | None:
    """A warning, if black and white of a decoded image of more than 8 bits had to be guessed from its values."""
    if image.mode not in ("I", "F") and not _is_signed_byte(image):
        return None
    values = _values(image)
    grey = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    black, white, is_guess = _range(image, float(grey.min(initial=0)), float(grey.max(initial=0)))
    found = []
    if not np.isfinite(values).all():
        found.append("some grey values are no numbers: they are taken as 0")
    if is_guess:
        found.append(f"grey values have no agreed range: {black:g} is shown as black, and {white:g} as white")
    return "; ".join(found) or None


def _range(image: Image.Image, darkest: float, brightest: float) -> tuple[float, float, bool]:
    """The values of black and white, and whether they are guessed from the darkest and the brightest value.

    White is 65535 for 16-bit modes, 32767 for signed ones, 4095 for a TIFF of 12 bits. Pillow uses modes I and F for
    any depth: there white is the smallest usual maximum that no value exceeds. Signed values that leave most of their
    range empty are heights, temperatures …
    """
    bits, is_signed = _depth(image)
    if image.mode not in ("I", "F", "L"):
        return 0.0, 4095.0 if bits == 12 else 65535.0, False
    usual: tuple[float, ...] = (1.0, 255.0, 65535.0)
    if image.mode != "F":
        usual = (127.0,) if image.mode == "L" else (255.0, 32767.0 if is_signed and bits == 16 else 65535.0)
    white = next((white for white in usual if brightest <= white), brightest)
    is_dark = white == SIGNED_WHITE and brightest < SIGNED_WHITE / 4
    is_guess = darkest < 0 or white not in usual or is_dark
    return min(darkest, 0.0), brightest if is_guess and brightest > min(darkest, 0.0) else white, is_guess


def _values(image: Image.Image) -> npt.NDArray[Any]:
    """The grey values as the file holds them: Pillow's modes have neither signed bytes nor 32 bits without a sign."""
    values = np.asarray(image)
    if _is_signed_byte(image):
        return values.view(np.int8)
    unsigned = image.mode == "I" and image.format == "TIFF" and _depth(image) == (32, False)
    return values.view(np.uint32) if unsigned else values


def _is_signed_byte(image: Image.Image) -> bool:
    return image.mode == "L" and _depth(image) == (8, True)


def _depth(image: Image.Image) -> tuple[int, bool]:
    """Bits of a sample and whether it has a sign, as a TIFF says; (0, False) for others."""
    tags = _tags(image)
    bits = (*tags.get(ExifTags.Base.BitsPerSample, ()), 0)[0]
    return bits, set(tags.get(ExifTags.Base.SampleFormat, ())) == {SIGNED}


def _tags(image: Image.Image) -> Any:
    return getattr(image, "tag_v2", {})


def from_array(array: npt.NDArray[Any]) -> Image.Image:
    """A numpy array as an RGB image: H×W or H×W×1 (grey), ×3 (RGB), ×4 (RGBA); uint8, uint16, bool, float 0..1.

    Raises:
        SourceUnsupported: another shape, type or range, which would have to be guessed.
    """
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or array.size == 0:
        hint = "transpose it: array.transpose(1, 2, 0)" if array.ndim == 3 else "give H×W, H×W×3 or H×W×4"
        raise SourceUnsupported(f"an array of shape {array.shape} is not a page: {hint}")
    return to_rgb(Image.fromarray(np.ascontiguousarray(_eight_bits(array))))


def _eight_bits(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        # n / 257, rounded: 65535 = 255 × 257
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if array.dtype.kind != "f":
        raise SourceUnsupported(
            f"an array of {array.dtype} has no agreed range: convert it to uint8 (0..255), uint16, bool or float (0..1)"
        )
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
        raise SourceUnsupported("a float array must lie in 0..1, without NaN: divide by its white value")
    return np.rint(array.astype(np.float64) * 255).astype(np.uint8)
