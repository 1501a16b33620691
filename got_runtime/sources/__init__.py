"""Sources: the pages of a path, address, byte string, file object, blob, image or array, one at a time.

for page in open_pages("paper.pdf", pages="1-3,-1"):
    page.image, page.number, page.label
"""

import os
from collections.abc import Iterator
from typing import Any, BinaryIO, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from got_runtime.errors import LimitExceeded, SourceUnsupported
from got_runtime.sources.content import Content, SupportsAsBytes, kind_of, read_content
from got_runtime.sources.folders import FolderListing, expand, is_folder, list_folder
from got_runtime.sources.images import array_page, file_pages, image_page
from got_runtime.sources.isolation import start_child
from got_runtime.sources.limits import Limits
from got_runtime.sources.names import is_address
from got_runtime.sources.page import FindKept, Rotation, SourcePage
from got_runtime.sources.pdf import pdf_pages
from got_runtime.sources.resolution import LONG_SIDE, auto_dpi
from got_runtime.sources.rgb import to_rgb
from got_runtime.sources.selection import Selection, select_pages
from got_runtime.sources.text_layer import needs_ocr, text_layer

__all__ = [
    "LONG_SIDE",
    "FindKept",
    "FolderListing",
    "Limits",
    "Rotation",
    "Selection",
    "Source",
    "SourcePage",
    "auto_dpi",
    "check_source",
    "expand",
    "is_folder",
    "list_folder",
    "needs_ocr",
    "open_pages",
    "select_pages",
    "start_child",
    "text_layer",
    "to_rgb",
]

Source = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryIO
    | Image.Image
    | npt.NDArray[Any]
    | SupportsAsBytes
    | Content
)

LOWEST_DPI, HIGHEST_DPI = 20, 1200


def open_pages(
    source: Source,
    *,
    pages: Selection | None = None,
    dpi: float | None = None,
    password: str | None = None,
    limits: Limits | None = None,
    allow_remote: bool = False,
    rotate: Rotation = 0,
    long_side: int = LONG_SIDE,
    find_kept: FindKept | None = None,
    threads: int = 1,
) -> Iterator[SourcePage]:
    """Iterate over the pages of one source; each page is decoded or rendered when the iterator reaches it.

    A page that fails is yielded with ``error`` set, and the pages after it follow. Errors are raised by the first
    ``next()``, not by the call. Files are closed when the iterator is exhausted, closed or garbage-collected.

    Args:
        source: a PDF, PNG, JPEG, WebP, BMP, TIFF or GIF file, identified by its bytes, each frame a page; a PIL image
            (its current frame); or a numpy array, H×W, H×W×3 or H×W×4.
        pages: ``"1-3,7,-1"``, a page number or several, counted from 1, or from -1 backwards from the end.
        dpi: resolution of PDF pages, 20 to 1200 dots per inch; ``None`` gives the longer side about ``long_side``
            pixels.
        password: of an encrypted PDF.
        limits: bounds on pages, pixels and bytes; :class:`Limits` by default.
        allow_remote: whether ``http://`` and ``https://`` addresses are downloaded; only from the public internet.
        rotate: clockwise rotation of every page in degrees.
        long_side: pixels of the longer side of a PDF page where ``dpi`` is ``None``.
        find_kept: returns what is known of a page from the SHA-256 of the source's bytes and its number. A page for
            which it returns something is yielded with that in ``kept`` and without ``image``. It is not called for
            images and arrays in memory. With several threads it is called in them.
        threads: pages of a PDF that are rendered at the same time, each in a child process, and as many that wait for
            the iterator.

    Raises:
        SourceNotFound: there is no such file or address.
        SourceUnsupported: the source is of another type or kind of file.
        SourceCorrupt: the file is damaged, or it is an image of one frame that cannot be decoded.
        SourceEncrypted: the PDF needs another password.
        SourceForbidden: the file may not be read, or the address not be downloaded.
        PageOutOfRange: ``pages`` selects a page that does not exist.
        LimitExceeded: the source exceeds one of ``limits``, or ``dpi`` or ``long_side`` is out of range.
    """
    _check(dpi, rotate, long_side)
    limits = limits or Limits()
    if isinstance(source, Image.Image):
        yield from image_page(source, pages=pages, rotate=rotate, limits=limits)
        return
    if isinstance(source, np.ndarray):
        yield from array_page(source, pages=pages, rotate=rotate, limits=limits)
        return
    content = read_content(source, limits, allow_remote=allow_remote)
    kind = kind_of(content)
    if kind == "PDF":
        yield from pdf_pages(
            content,
            pages=pages,
            dpi=dpi,
            long_side=long_side,
            password=password,
            rotate=rotate,
            limits=limits,
            find_kept=find_kept,
            threads=threads,
        )
    else:
        yield from file_pages(content, kind, pages=pages, rotate=rotate, limits=limits, find_kept=find_kept)


def check_source(source: Source, limits: Limits | None = None, *, allow_remote: bool = False) -> None:
    """Check what is quickly checked, for example before a model is loaded: that there is a file of a supported kind.

    A file is opened for its first bytes. Folders, blobs, file objects and addresses that will be downloaded are not
    opened.

    Args:
        source: as in :func:`open_pages`, or a folder.
        limits: bounds on bytes; :class:`Limits` by default.
        allow_remote: whether addresses will be downloaded; without it they are refused.

    Raises:
        SourceError: the error that :func:`open_pages` would raise.
    """
    opened_later = (
        isinstance(source, Image.Image | np.ndarray)
        or is_folder(source)
        or (allow_remote and is_address(source))
        or any(callable(getattr(source, method, None)) for method in ("as_bytes", "read"))
    )
    if not opened_later:
        kind_of(read_content(source, limits or Limits()))


def _check(dpi: float | None, rotate: int, long_side: int) -> None:
    if rotate not in get_args(Rotation):
        raise SourceUnsupported(f"a page cannot be rotated by {rotate!r}: use 0, 90, 180 or 270 degrees, clockwise")
    if dpi is not None and (not isinstance(dpi, int | float) or not LOWEST_DPI <= dpi <= HIGHEST_DPI):
        raise LimitExceeded(f"a resolution of {dpi!r} dpi is out of range: choose {LOWEST_DPI} to {HIGHEST_DPI}")
    if long_side < 1:
        raise LimitExceeded(f"a longer side of {long_side} pixels is out of range: choose one above zero")
