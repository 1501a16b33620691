"""Degradation of a clean page, as by a scanner, a copier or a phone: tone, tilt, blur, noise and JPEG."""

import io
from functools import cache

import numpy as np
from PIL import Image, ImageFilter


def tint(mask: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Ink coverage (mode L, 255 = ink) → RGB with a random ink and paper tone; one page in twelve is light on dark."""
    paper = rng.integers(205, 256, size=3) if rng.random() < 0.5 else np.full(3, rng.integers(225, 256))
    ink = rng.integers(0, 70, size=3) if rng.random() < 0.5 else np.full(3, rng.integers(0, 60))
    if rng.random() < 0.08:
        paper, ink = ink, paper
    ramp = np.linspace(0.0, 1.0, 256)
    bands = [
        mask.point(list((p + (int(i) - int(p)) * ramp).round().astype(int))) for p, i in zip(paper, ink, strict=True)
    ]
    return Image.merge("RGB", bands)


def tilt(mask: Image.Image, boxes: np.ndarray, rng: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """Rotate by up to ±1.5° about the centre; a box keeps its size and moves with its centre."""
    degrees = float(np.clip(rng.normal(0.0, 0.6), -1.5, 1.5))
    return mask.rotate(degrees, resample=Image.Resampling.BILINEAR), turned(boxes, degrees, mask.size)


def turned(boxes: np.ndarray, degrees: float, size: tuple[int, int]) -> np.ndarray:
    """Boxes ``(n, 4)`` on a picture of ``size`` that is turned about its centre (counter-clockwise, as PIL turns)."""
    angle = np.deg2rad(degrees)
    centre = np.array([size[0] / 2, size[1] / 2])
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 - centre
    # PIL turns counter-clockwise in a frame whose y axis points down.
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = middle @ rotation + centre
    return np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)


@cache
def _grain() -> np.ndarray:
    """Gaussian noise of unit deviation, made once: new noise for each page would cost more than the page."""
    return np.random.default_rng(0).normal(size=(2048, 2048)).astype(np.float32)


_SCAN_DEGREES = 1.5
_SCAN_BLUR = 0.8
_SCAN_QUALITY = 40


def scanned(image: Image.Image) -> Image.Image:
    """``image`` as a plain scanner gives it, the same each time: turned by 1.5° to the left, blurred, JPEG.

    The blur has a radius of 0.8 pixels, the JPEG file quality 40. Corners that come into view are white; the picture
    grows so that nothing is cut off.
    """
    turned = image.rotate(_SCAN_DEGREES, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    return _through_jpeg(turned.filter(ImageFilter.GaussianBlur(_SCAN_BLUR)), _SCAN_QUALITY)


def _through_jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    buffer.seek(0)
    return Image.open(buffer).convert("RGB")


def degrade(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Blur, noise and JPEG, each slight and with probability 0.25: 42 % of the pages stay clean."""
    if rng.random() < 0.25:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.0))))
    if rng.random() < 0.25:
        height, width = image.height, image.width
        grain = _grain()
        y, x = (int(rng.integers(0, max(1, 2048 - side))) for side in (height, width))
        window = np.resize(grain[y : y + height, x : x + width], (height, width)) * rng.uniform(2, 9)
        noisy = np.asarray(image, dtype=np.float32) + window[..., None]
        image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.25:
        image = _through_jpeg(image, int(rng.integers(35, 90)))
    return image
