"""The answers for pages in a store: what is kept, and when a kept one may be used."""

import hashlib
import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from got_runtime.cache.key import Network, key_of, page_parts
from got_runtime.results import PageResult
from got_runtime.sources.names import one_line

if TYPE_CHECKING:
    from got_runtime.cache.store import Store
    from got_runtime.options import ReadOptions

__all__ = ["PageCache"]

_OF_THE_SOURCE = {"source", "label", "total", "cached"}
"""Fields that depend on where the bytes came from."""

logger = logging.getLogger(__name__)


class PageCache:
    """The kept answers of one network. Safe to use from several threads.

    A store that fails never fails a page. The first failure of reading, and of writing, is logged as a warning; after a
    failed write nothing more is written.

    Args:
        store: where they are.
        network: what answers.
    """

    def __init__(self, store: "Store", network: Network) -> None:
        self._store = store
        self._network = network
        self._writable = True
        self._warned = False

    def get(self, options: "ReadOptions", sha256: str, numbers: Sequence[int]) -> PageResult | None:
        """The kept answer for a page, with ``cached`` set and ``source`` empty; None if there is none.

        Args:
            options: how the page is read.
            sha256: digest of the source's bytes.
            numbers: the page, or the pages of one context.
        """
        if not _may_keep(options):
            return None
        parts = page_parts(self._network, options, sha256, numbers)
        key = key_of(parts)
        try:
            value = self._store.get(key)
        except OSError as error:
            if not self._warned:
                logger.warning("the cache %s cannot be read (%s): pages are read anew", self._store.name, error)
                self._warned = True
            return None
        if value is None:
            return None
        result = _decoded(value, parts)
        if result is None:
            logger.warning("an entry of the cache %s is damaged, and is read anew", self._store.name)
            self._store.remove(key)
        return result

    def put(self, options: "ReadOptions", sha256: str, numbers: Sequence[int], result: PageResult) -> None:
        """Keep the answer for a page."""
        if not self._writable or not _may_keep(options):
            return
        parts = page_parts(self._network, options, sha256, numbers)
        try:
            self._store.put(key_of(parts), _encoded(parts, result))
        except OSError as error:
            self._writable = False
            logger.warning(
                "the cache %s cannot be written (%s): what is read from now on is not kept",
                self._store.name,
                one_line(str(error)),
            )


def _may_keep(options: "ReadOptions") -> bool:
    """Text of a document that is opened with a password is not written to another place."""
    return options.password is None


def _encoded(parts: dict[str, Any], result: PageResult) -> bytes:
    page = result.model_dump_json(exclude=_OF_THE_SOURCE)
    digest = hashlib.sha256(page.encode()).hexdigest()
    return json.dumps({"key": parts, "sha256": digest, "page": page}, ensure_ascii=False).encode()


def _decoded(value: bytes, parts: dict[str, Any]) -> PageResult | None:
    """The answer; None if the entry is damaged, or of another key."""
    try:
        entry = json.loads(value)
        page = entry["page"]
        if entry["key"] != parts or hashlib.sha256(page.encode()).hexdigest() != entry["sha256"]:
            return None
        return PageResult.model_validate({**json.loads(page), "source": "", "label": "", "cached": True})
    except (ValueError, TypeError, KeyError, AttributeError, ValidationError):
        return None
