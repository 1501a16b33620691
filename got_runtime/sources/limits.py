"""Bounds on the pages, pixels, bytes and seconds of one source, and where its files are opened."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from got_runtime.errors import OptionError, nearest_hint

__all__ = ["RENDERING_SECONDS", "Limits"]

RENDERING_SECONDS = 60.0
"""Seconds for opening a file, and for rendering a page of it, if ``Limits.max_seconds_per_page`` is not set."""
MIN_RENDERING_SECONDS = 1.0
"""Least that rendering is given: a small limit is meant for decoding, and should not refuse sound pages."""
WALL_CLOCK_FACTOR = 4
"""Time on the clock in which a page must be rendered, as a multiple of its processor time.

It ends a page that waits rather than computes, and allows for other processes on the same processors.
"""


class Limits(BaseModel):
    """Upper bounds on one source; exceeding one raises ``LimitExceeded``.

    Raises:
        OptionError: an unknown limit (the message names the nearest one), or a value that is not above zero.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    if not TYPE_CHECKING:  # type checkers read the fields

        def __init__(self, **bounds: Any) -> None:
            try:
                super().__init__(**bounds)
            except ValidationError as error:
                wrong = error.errors()[0]
                name = "".join(f"{part}={wrong['input']!r}: " for part in wrong["loc"])
                raise OptionError(f"Limits: {name}{wrong['msg'].removeprefix('Value error, ')}") from error

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """The limits that were changed."""
        fields = type(self).model_fields
        return [(name, value) for name, value in super().__repr_args__() if value != fields[str(name)].default]

    max_pages: int = 5_000
    """Pages read from one document (pages selected, not pages it has)."""

    max_pixels: int = 89_478_485
    """Width × height of one page. The default is 2^28 bytes of RGB, where Pillow also warns of a decompression bomb."""

    max_side: int = 100_000
    """Width and height of one page in pixels. A picture of one column has a hundred bytes a pixel in memory."""

    max_bytes: int = 1 << 30
    """Size of a file, a byte string, or the bytes of a file object."""

    max_seconds_per_page: float | None = None
    """Seconds for rendering one page, for its text layer, and for opening its file; and again for decoding it, retries
    included. ``None`` is 60 for rendering and no bound for decoding, whose time depends on the device. Rendering is
    measured in processor time, so that other work on the machine refuses no page, and has at least one second; on the
    clock it may take four times as long, which alone counts on Windows. The start of the child process does not count.
    Decoding is measured on the clock. Rendering in this process (``isolate=False``) has no bound."""

    max_render_bytes: int = 2 << 30
    """Memory that rendering one page may take, where the system can limit it (Linux); not with ``isolate=False``."""

    isolate: bool = True
    """Whether files are opened and rendered in a child process, which can be ended when it hangs, crashes, or exceeds a
    bound. False renders in this process, for files from a trusted origin; what a library prints is printed then."""

    max_remote_bytes: int = 256 << 20
    """Size of a download, which is held in memory."""

    max_remote_seconds: float = 30.0
    """From the first connection to the last byte of a download, redirects included."""

    @property
    def rendering_seconds(self) -> float:
        """Seconds of processor time for opening a file, and for rendering one page."""
        return max(self.max_seconds_per_page or RENDERING_SECONDS, MIN_RENDERING_SECONDS)

    @property
    def waiting_seconds(self) -> float:
        """Seconds on the clock for the same."""
        return self.rendering_seconds * WALL_CLOCK_FACTOR

    @model_validator(mode="before")
    @classmethod
    def _are_known_numbers(cls, bounds: Any) -> Any:
        for name, value in bounds.items() if isinstance(bounds, dict) else ():
            if name not in cls.model_fields:
                raise ValueError(f"there is no limit {name!r}: {nearest_hint(str(name), cls.model_fields)}")
            if isinstance(value, bool) != (cls.model_fields[name].annotation is bool):
                if not isinstance(value, bool):
                    raise ValueError(f"{name}={value}: give True or False")
                raise ValueError(f"{name}={value}: give a number")
        return bounds

    @model_validator(mode="after")
    def _are_positive(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is not None and not isinstance(value, bool) and not value > 0:
                raise ValueError(f"{name}={value}: a limit must be above zero")
        return self
