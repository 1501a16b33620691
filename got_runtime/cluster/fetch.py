"""Documents of object stores, as sources of the runtime. Consecutive slices of a document fetch it once."""

import threading
from collections import OrderedDict
from typing import Any

from got_runtime.cluster.find import is_web_address
from got_runtime.cluster.place import file_system
from got_runtime.errors import LimitExceeded, SourceForbidden, SourceNotFound
from got_runtime.sources.limits import Limits
from got_runtime.sources.names import is_address, one_line, without_secrets

__all__ = ["DocumentFetcher", "RemoteDocument"]

MAX_KEPT_BYTES = 512 << 20
"""Of documents that are kept for their next slices, beside those that are being read."""


class RemoteDocument:
    """The bytes of a document at an address; a source of the runtime."""

    def __init__(self, address: str, value: bytes) -> None:
        self.source = one_line(without_secrets(address))
        self._value = value

    def as_bytes(self) -> bytes:
        """All bytes."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)


class DocumentFetcher:
    """Turns a path or address into a source. Safe to use from several threads.

    Args:
        limits: ``max_bytes`` bounds a document.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, RemoteDocument] = OrderedDict()

    def get(self, source: str) -> Any:
        """The path of a local file, a web address as it is, or the fetched document.

        Raises:
            SourceNotFound, SourceForbidden, LimitExceeded: an object that cannot be fetched.
        """
        if not is_address(source) or is_web_address(source):
            return source
        with self._lock:  # two slices of one document do not fetch it twice
            document = self._kept.get(source) or self._fetched(source)
            self._kept[source] = document
            self._kept.move_to_end(source)
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > MAX_KEPT_BYTES:
                self._kept.popitem(last=False)
            return document

    def _fetched(self, source: str) -> RemoteDocument:
        name = one_line(without_secrets(source))
        try:
            files, path = file_system(source)
            size = int(files.info(path).get("size") or 0)
            if size > self._limits.max_bytes:
                raise LimitExceeded(
                    f"{name} is larger than {self._limits.max_bytes:,} bytes: raise Limits(max_bytes=…), --max-bytes"
                )
            return RemoteDocument(source, bytes(files.cat_file(path)))
        except LimitExceeded:
            raise
        except FileNotFoundError as error:
            raise SourceNotFound(f"there is no {name}: check the address") from error
        except PermissionError as error:
            raise SourceForbidden(f"{name} may not be read: check the credentials") from error
        except Exception as error:  # each file system of fsspec has errors of its own
            raise SourceNotFound(f"{name} cannot be fetched ({one_line(str(error))}): check the connection") from error
