"""What an opened file answers: values that JSON can carry, and pixels."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from PIL import Image

__all__ = ["Answer", "OpenedFile", "Pixels"]


@dataclass(frozen=True)
class Pixels:
    """Pixels of a page, row by row without padding: three bytes each in mode RGB, one in L, four in RGBX.

    RGBX is how Pillow keeps RGB in memory: it copies that in half the time.
    """

    mode: str
    width: int
    height: int
    data: Any
    """A buffer of bytes."""
    owner: Any = field(default=None, repr=False)
    """What the buffer belongs to, and is freed with."""

    @property
    def size(self) -> int:
        """Bytes of the data."""
        return self.width * self.height * len(self.mode)

    def image(self) -> Image.Image:
        """A new RGB image. Raises ValueError if the data are too short."""
        is_grey = self.mode == "L"
        image = Image.new("L" if is_grey else "RGB", (self.width, self.height), None)  # without first filling it
        image.frombytes(self.data, "raw", self.mode)
        return image.convert("RGB") if is_grey else image

    @classmethod
    def of(cls, image: Image.Image) -> "Pixels":
        """The pixels of an image in mode RGB or L."""
        pixels = cls.described(image)
        return cls(pixels.mode, *image.size, image.tobytes("raw", pixels.mode))

    @classmethod
    def described(cls, image: Image.Image) -> "Pixels":
        """Mode and size of :meth:`of`, without data."""
        return cls("L" if image.mode == "L" else "RGBX", *image.size, None)


@dataclass(frozen=True)
class Answer:
    """What a method of an opened file returns."""

    value: dict[str, Any]
    picture: Pixels | Image.Image | None = None
    """In mode RGB or L."""

    @property
    def image(self) -> Image.Image | None:
        """The picture as an RGB image."""
        if isinstance(self.picture, Pixels):
            return self.picture.image()
        return self.picture.convert("RGB") if self.picture is not None and self.picture.mode != "RGB" else self.picture


class OpenedFile(Protocol):
    """A file that a library has opened. Other methods return an :class:`Answer`; all may raise ``GotError``."""

    def info(self) -> Answer:
        """``{"total": pages, "warnings": of the whole file}``."""
        ...

    def close(self) -> None: ...
