"""How much one source may ask for before it is refused."""

from dataclasses import dataclass, fields

from got_runtime.errors import LimitExceeded

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one source; ``None`` (seconds per page) means no bound.

    Raises ``LimitExceeded`` for a bound that is not positive, since nothing could be read under it.
    """

    max_pages: int = 5_000
    """Pages read from one document (pages selected, not pages it has)."""

    max_pixels: int = 89_478_485
    """Width × height of one page. 2^28 bytes of RGB: where Pillow too begins to suspect a decompression bomb."""

    max_bytes: int = 1 << 30
    """Size of a file, of a byte string, or of what a file object yields."""

    max_seconds_per_page: float | None = None
    """Carried for whoever decodes the page; opening and rendering do not look at it."""

    max_remote_bytes: int = 256 << 20
    """Size of a download, which is held in memory."""

    max_remote_seconds: float = 30.0
    """From the first connection to the last byte of a download, redirects included."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not value > 0:
                raise LimitExceeded(f"{field.name}={value} lets nothing through: a limit must be above zero")
