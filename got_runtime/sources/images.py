"""Image files → pages, one for each frame that is one, decoded lazily; images and arrays in memory → a page."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy.typing as npt
from PIL import Image

from got_runtime.errors import SourceError
from got_runtime.sources.answers import Answer
from got_runtime.sources.content import Content, FileKind
from got_runtime.sources.image_file import check_pixels, decoded, image_warnings
from got_runtime.sources.isolation import Call, FileReader, Result, out_of_memory
from got_runtime.sources.limits import Limits
from got_runtime.sources.names import one_line
from got_runtime.sources.page import FindKept, Rotation, SourcePage, kept_of, with_next
from got_runtime.sources.rgb import from_array
from got_runtime.sources.selection import Selection, missing_pages, select_pages

__all__ = ["array_page", "file_pages", "image_page"]


def image_page(
    image: Image.Image, *, pages: Selection | None, rotate: Rotation, limits: Limits
) -> Iterator[SourcePage]:
    """The current frame of an open image as a page. The image itself is not changed."""
    filename = getattr(image, "filename", "")
    name = one_line(filename) if isinstance(filename, str) and filename else "<image>"
    select_pages(pages, 1, name)
    yield _page_in_memory(image, name, pages, rotate, limits)


def array_page(
    array: npt.NDArray[Any], *, pages: Selection | None, rotate: Rotation, limits: Limits
) -> Iterator[SourcePage]:
    """A numpy array as a page."""
    select_pages(pages, 1, "<array>")
    if array.ndim >= 2:
        check_pixels((array.shape[1], array.shape[0]), "the array", limits.max_pixels, limits.max_side)
    yield _page_in_memory(from_array(array), "<array>", pages, rotate, limits)


def _page_in_memory(
    image: Image.Image, name: str, pages: Selection | None, rotate: Rotation, limits: Limits
) -> SourcePage:
    try:
        picture = Answer({}, decoded(image, name, rotate, limits.max_pixels, limits.max_side)).image
        warnings = (*missing_pages(pages, 1), *image_warnings(image))
    except MemoryError as error:
        raise out_of_memory(name) from error
    return SourcePage(picture, 1, "1", name, total=1, warnings=warnings)


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
    sizes = {"max_pixels": limits.max_pixels, "max_side": limits.max_side}
    arguments = {**sizes, "rotate": rotate, "copy": not limits.isolate}
    with closing(FileReader(content, kind, arguments, limits)) as file:
        opened = file.call(Call("info" if find_kept is not None else "first", content.name))
        total: int = opened.value["total"]
        numbers = select_pages(pages, total, content.name, limits.max_pages)
        warnings = missing_pages(pages, total)
        if opened.image is None:
            warnings = (*opened.messages, *warnings)
        for number, following in with_next(numbers, find_kept):
            # In no variable, which would keep the page while the next one is decoded.
            yield _page(
                file, content, (number, following), total, kept_of(content, number, find_kept), opened
            ).with_file_warnings(warnings)
            warnings = ()  # of the whole file: the first page carries them


def _page(
    file: FileReader,
    content: Content,
    numbers: tuple[int, int | None],
    total: int,
    kept: object | None,
    opened: Result,
) -> SourcePage:
    number, following = numbers
    stem = content.stem
    label = "-".join(filter(None, [stem, str(number) if total > 1 or not stem else ""]))
    image: Image.Image | None = None
    warnings: tuple[str, ...] = ()
    failure: SourceError | None = None
    if kept is not None:
        return SourcePage(None, number, label, content.source, total=total, content=content, kept=kept)
    try:
        then = None if following is None else _frame(content, following, total)
        answer = opened if opened.image is not None else file.call(_frame(content, number, total), then)
        image, warnings = answer.image, tuple(answer.value["warnings"])
        # Pillow's words for a damaged EXIF block add nothing to ours.
        known = ("EXIF",) if any("EXIF" in warning for warning in warnings) else ()
        warnings = (*(each for each in answer.messages if not any(word in each for word in known)), *warnings)
    except SourceError as error:
        if total == 1:
            raise
        failure = error
    return SourcePage(
        image,
        number,
        label,
        content.source,
        total=total,
        warnings=warnings,
        error=failure,
        content=content,
        renderer=None if image is None else "Pillow",
    )


def _frame(content: Content, number: int, total: int) -> Call:
    what = content.name if total == 1 else f"frame {number} of {content.name}"
    return Call("frame", what, {"number": number})
