"""Sources and folders → the pages of each document; a source that fails becomes a page with an error."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from got_runtime.errors import SourceError
from got_runtime.sources.folders import expand
from got_runtime.sources.names import display_name
from got_runtime.sources.page import SourcePage

__all__ = ["documents"]


def documents(sources: Iterable[Any], opened: Callable[[Any], Iterator[SourcePage]]) -> Iterator[Iterator[SourcePage]]:
    """The pages of each source, or of each file of a folder; a failed source is one page with its error."""
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
