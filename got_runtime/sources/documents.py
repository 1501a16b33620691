"""A list of sources and folders → the pages of each document, errors in their place."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from got_runtime.errors import SourceError
from got_runtime.sources.content import is_address, one_line, visible
from got_runtime.sources.folders import expand
from got_runtime.sources.page import SourcePage

__all__ = ["display_name", "documents", "is_folder"]


def is_folder(source: object) -> bool:
    """Whether ``source`` is the path of a folder that is there."""
    return isinstance(source, str | os.PathLike) and not is_address(source) and os.path.isdir(source)


def documents(sources: Iterable[Any], opened: Callable[[Any], Iterator[SourcePage]]) -> Iterator[Iterator[SourcePage]]:
    """The pages of each source, folders walked; one that cannot be opened is a page with its error."""
    for source in sources:
        try:
            for document in expand(source):
                yield _guarded(document, opened)
        except SourceError as error:  # a folder without pages, or one that may not be listed
            yield iter([_failed(source, 1, error)])


def _guarded(source: Any, opened: Callable[[Any], Iterator[SourcePage]]) -> Iterator[SourcePage]:
    number = 0
    try:
        for page in opened(source):
            number = page.number
            yield page
    except SourceError as error:
        yield _failed(source, number + 1, error)


def _failed(source: Any, number: int, error: SourceError) -> SourcePage:
    return SourcePage(None, number, str(number), display_name(source), error=error)


def display_name(source: Any) -> str:
    """What a source is called in results: its path or address (without secrets), or ``<bytes>``, ``<image>`` …"""
    if is_address(source):
        from got_runtime.sources.remote import without_secrets

        return one_line(without_secrets(source))
    if isinstance(source, str | os.PathLike):
        return visible(str(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return "<bytes>"
    if isinstance(source, np.ndarray):
        return "<array>"
    is_image, is_blob = isinstance(source, Image.Image), callable(getattr(source, "as_bytes", None))
    named = "filename" if is_image else "source" if is_blob else "name"
    told = getattr(source, named, None)
    kind = "<image>" if is_image else "<blob>" if is_blob else "<file>"
    return one_line(str(told)) if told else kind
