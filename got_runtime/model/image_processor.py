"""Converts page images to pixels as in the network's training (the image transform of the official ``run_ocr_2.0.py``).

Sizes are (width, height) in pixels throughout, as in Pillow; tensors are (n, 3, height, width).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from got_runtime.errors import CheckpointInvalid
from got_runtime.sources.rgb import rgb_or_grey

if TYPE_CHECKING:
    import torch

__all__ = ["ImageProcessor", "Size", "resized"]

Size = tuple[int, int]

_CONFIGS = ("processor_config.json", "preprocessor_config.json")


@dataclass(frozen=True)
class ImageProcessor:
    """Resizes and normalises page images: ``(RGB / 255 - mean) / std``. The aspect ratio is not kept.

    Attributes:
        size: width and height of the network's input in pixels (1024×1024 with the official weights).
        mean: of each colour channel, from 0 to 1.
        std: of each colour channel.
    """

    size: Size
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def from_checkpoint(cls, folder: str | Path) -> Self:
        """The image processor of a checkpoint folder.

        Args:
            folder: has ``processor_config.json`` or ``preprocessor_config.json``. Every value must be there:
                transformers' default of 384×384 pixels fits no GOT weights.

        Raises:
            CheckpointInvalid: a value is missing or malformed, or describes another transform than this one.
        """
        settings, file = _image_settings(Path(folder))
        try:
            size = (_positive(settings["size"]["width"]), _positive(settings["size"]["height"]))
            mean, std = _three(settings["image_mean"]), _three(settings["image_std"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            wanted = "size (width, height), image_mean and image_std (three numbers each)"
            raise CheckpointInvalid(f"{file} does not state {wanted}: take it from the original checkpoint") from error
        if min(std) <= 0 or settings.get("resample", Image.Resampling.BICUBIC) != Image.Resampling.BICUBIC:
            raise CheckpointInvalid(f"{file} has a std of 0 or a resampling that is not bicubic (3): correct it")
        return cls(size, mean, std)

    def pixels(self, images: Sequence[Image.Image]) -> "torch.Tensor":
        """``images`` resized (bicubic) and normalised: float32 of shape (n, 3, height, width)."""
        import torch

        planes = self.resized_pixels(images).numpy()
        batch = np.empty(planes.shape, dtype=np.float32)
        for channel in range(3):
            np.take(self._levels[channel], planes[:, channel], out=batch[:, channel])
        return torch.from_numpy(batch)

    def resized_pixels(self, images: Sequence[Image.Image]) -> "torch.Tensor":
        """``images`` resized (bicubic): uint8 of shape (n, 3, height, width). :attr:`levels` normalises them."""
        import torch

        width, height = self.size
        batch = np.empty((len(images), 3, height, width), dtype=np.uint8)
        for planes, image in zip(batch, images, strict=True):
            pixels = np.asarray(resized(rgb_or_grey(image), self.size))
            planes[:] = pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)  # one channel is like the others
        return torch.from_numpy(batch)

    @property
    def levels(self) -> "torch.Tensor":
        """The normalised value of each value of each channel: float32 of shape (3, 256)."""
        import torch

        return torch.from_numpy(self._levels)

    @cached_property
    def _levels(self) -> npt.NDArray[np.float32]:
        # Each is computed in double precision and rounded once.
        levels = np.arange(256) / 255
        normalised: npt.NDArray[np.float64] = (levels - np.array(self.mean)[:, None]) / np.array(self.std)[:, None]
        return normalised.astype(np.float32)


def resized(image: Image.Image, size: Size) -> Image.Image:
    """``image`` resized to ``size`` (bicubic); the same object if it has that size already."""
    return image if image.size == size else image.resize(size, Image.Resampling.BICUBIC)


def _image_settings(folder: Path) -> tuple[dict[str, Any], Path]:
    """The image settings and the file they were found in; the nested form comes first, as in transformers."""
    for name in _CONFIGS:
        file = folder / name
        try:
            settings = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise CheckpointInvalid(f"{file} is not readable JSON: download it again") from error
        if name == "processor_config.json" and isinstance(settings, dict):
            settings = settings.get("image_processor")
            if settings is None:
                continue
        if not isinstance(settings, dict):
            raise CheckpointInvalid(f"{file} is not a JSON object with settings: take it from the original checkpoint")
        return settings, file
    raise CheckpointInvalid(f"{folder} has no image settings: add the checkpoint's preprocessor_config.json")


def _positive(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(value)
    return value


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
