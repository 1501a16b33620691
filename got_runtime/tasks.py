"""Tasks: GOT's OCR modes, each with its official query and decoding rules.

The queries equal the official ones character for character (``run_ocr_2.0.py``, ``run_ocr_2.0_crop.py``). The processor
of the transformers port is not used, because some of its queries differ (a leading space, two spaces after a colour).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from got_runtime.errors import TaskError

__all__ = ["Box", "Color", "Formatted", "MultiPage", "PageFrame", "Plain", "Query", "Task", "Tiles"]

NGRAM_BAN = 20
"""Length in tokens of the sequences that single-image tasks may not repeat. Tiles and several pages have no ban
(official demo code)."""
MAX_NEW_TOKENS = 4096
"""Default limit of decoded tokens for a page (official demo code)."""
TRAINED_CONTEXT = 8000
"""Tokens of prompt and completion in training of the official weights (``model_max_length`` of their tokenizer)."""


@dataclass(frozen=True)
class PageFrame:
    """The size of a page in pixels, and in PDF points where it has one."""

    width: int
    height: int
    size_pt: tuple[float, float] | None = None


@dataclass(frozen=True)
class Query:
    """The query of a task for one page.

    Attributes:
        text: the official query.
        warnings: adjustments of the task, such as a clipped box.
        crop: the part of the page to cut out first, in pixels, or None.
    """

    text: str
    warnings: tuple[str, ...] = ()
    crop: tuple[int, int, int, int] | None = None


class _Task(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    if not TYPE_CHECKING:  # type checkers know the fields from pydantic

        def __init__(self, **fields: Any) -> None:
            """Raises TaskError for an unknown field, or a value that a field cannot have."""
            try:
                super().__init__(**fields)
            except ValidationError as error:
                wrong = error.errors()[0]
                location = "".join(f"{part}: " for part in wrong["loc"])
                raise TaskError(location + wrong["msg"].removeprefix("Value error, ")) from error

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """As in the call that made it: neither ``kind`` nor defaults."""
        fields = type(self).model_fields
        return [(name, value) for name, value in super().__repr_args__() if value != fields[str(name)].default]

    @property
    def ngram_ban(self) -> int:
        """Length of token sequences that may not occur twice; 0 for none."""
        return NGRAM_BAN

    def query(self, frame: PageFrame) -> Query:
        """The official query for a page of this size."""
        raise NotImplementedError


def _mode(formatted: bool) -> str:
    return "OCR with format" if formatted else "OCR"


class Plain(_Task):
    """The page's text, line by line."""

    kind: Literal["plain"] = "plain"

    @property
    def formatted(self) -> bool:
        return False

    def query(self, frame: PageFrame) -> Query:
        return Query("OCR: ")


class Formatted(_Task):
    """The page in Mathpix-flavoured LaTeX: headings, formulas, tables."""

    kind: Literal["format"] = "format"

    @property
    def formatted(self) -> bool:
        return True

    def query(self, frame: PageFrame) -> Query:
        return Query("OCR with format: ")


class Box(_Task):
    """The text inside a box, or at a point: ``Box(x1, y1, x2, y2)`` or ``Box(x, y)``.

    ``unit`` is ``"px"`` (pixels of the page as given), ``"fraction"`` (0 to 1 of its sides) or ``"pt"`` (PDF points). A
    box that extends beyond the page is clipped with a warning. ``crop=True`` cuts the box out and reads it as a page of
    its own, which users of the official weights report as more reliable; with ``zoom="auto"`` boxes always are.
    """

    kind: Literal["box"] = "box"
    x1: FiniteFloat
    y1: FiniteFloat
    x2: FiniteFloat | None = None
    y2: FiniteFloat | None = None
    unit: Literal["px", "fraction", "pt"] = "px"
    formatted: bool = False
    crop: bool = False

    def __init__(self, *coordinates: float, **fields: Any) -> None:
        if len(coordinates) not in (0, 2, 4):
            raise TaskError(
                f"a box has 4 coordinates, a point 2; got {len(coordinates)}: Box(x1, y1, x2, y2) or Box(x, y)"
            )
        if any(isinstance(value, float) and not math.isfinite(value) for value in coordinates):
            raise TaskError(f"box {list(coordinates)} is not on any page: give finite numbers")
        super().__init__(**dict(zip(("x1", "y1", "x2", "y2"), coordinates, strict=False)), **fields)

    @model_validator(mode="after")
    def _check_corners(self) -> Self:
        if (self.x2 is None) != (self.y2 is None):
            raise TaskError("a box needs both x2 and y2, a point neither")
        if self.x2 is None and self.crop:
            raise TaskError("a point cannot be cropped: give a box of 4 coordinates, or leave crop off")
        return self

    def query(self, frame: PageFrame) -> Query:
        """Raises TaskError when the box is empty or outside the page."""
        pixels, warnings = self._in_pixels(frame)
        if self.crop:
            x1, y1, x2, y2 = pixels
            return Query(f"{_mode(self.formatted)}: ", warnings, (int(x1), int(y1), -int(-x2 // 1), -int(-y2 // 1)))
        sides = (frame.width, frame.height) * 2
        thousandths = [int(value / side * 1000) for value, side in zip(pixels, sides, strict=False)]
        return Query(f"{thousandths} {_mode(self.formatted)}: ", warnings)

    def _in_pixels(self, frame: PageFrame) -> tuple[list[float], tuple[str, ...]]:
        given = [self.x1, self.y1] if self.x2 is None or self.y2 is None else [self.x1, self.y1, self.x2, self.y2]
        scale = self._pixels_per_unit(frame) * 2
        scaled = [value * factor for value, factor in zip(given, scale, strict=False)]
        sides = (frame.width, frame.height) * 2
        clipped = [min(max(value, 0.0), float(side)) for value, side in zip(scaled, sides, strict=False)]
        empty = len(clipped) == 4 and (clipped[2] <= clipped[0] or clipped[3] <= clipped[1])
        outside = len(clipped) == 2 and clipped != scaled
        if empty or outside:
            raise TaskError(
                f"box {given} ({self.unit}) holds nothing of a page of {frame.width}×{frame.height} pixels: "
                "give x1 < x2 and y1 < y2 inside the page"
            )
        warning = f"box {given} ({self.unit}) was clipped to the page of {frame.width}×{frame.height} pixels"
        return clipped, (warning,) if clipped != scaled else ()

    def _pixels_per_unit(self, frame: PageFrame) -> tuple[float, float]:
        if self.unit == "px":
            return 1.0, 1.0
        if self.unit == "fraction":
            return float(frame.width), float(frame.height)
        if frame.size_pt is None:
            raise TaskError("a box in points needs a PDF page: give pixels or fractions for an image")
        return frame.width / frame.size_pt[0], frame.height / frame.size_pt[1]


class Color(_Task):
    """The text inside the frame of this colour."""

    kind: Literal["color"] = "color"
    color: Literal["red", "green", "blue"]
    formatted: bool = False

    def query(self, frame: PageFrame) -> Query:
        return Query(f"[{self.color}] {_mode(self.formatted)}: ")


class Tiles(_Task):
    """A high-resolution page, split into up to ``max_tiles`` tiles and a thumbnail.

    The official demo and evaluation use up to 6 tiles; the weights were trained with up to 12.
    """

    kind: Literal["tiles"] = "tiles"
    max_tiles: int = Field(default=6, ge=1, le=12, strict=True)
    formatted: bool = False

    @property
    def ngram_ban(self) -> int:
        return 0

    def query(self, frame: PageFrame) -> Query:
        return Query(f"{_mode(self.formatted)} upon the patch reference: ")


class MultiPage(_Task):
    """All pages of a document in one context.

    The network was trained with the formatted query only; the plain one follows its pattern. With ``zoom="auto"`` each
    page is read as a page of its own, and the texts are joined.
    """

    kind: Literal["pages"] = "pages"
    formatted: bool = True

    @property
    def ngram_ban(self) -> int:
        return 0

    def query(self, frame: PageFrame) -> Query:
        return Query(f"{_mode(self.formatted)} across multi pages: ")


Task = Annotated[Plain | Formatted | Box | Color | Tiles | MultiPage, Field(discriminator="kind")]
"""Any task; ``kind`` is the discriminator."""
