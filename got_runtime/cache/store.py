"""A store of small entries by their keys: a folder, or a place of an object store through fsspec.

An entry is written under a temporary name and renamed, so that a reader sees all of it or nothing. Processes may share
a store: two that write the same key write the same answer, and an entry that was just removed is a miss.
"""

import contextlib
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from got_runtime.errors import CacheError, OptionError
from got_runtime.sources.names import one_line

__all__ = ["MAX_BYTES", "FolderStore", "ObjectStore", "Store", "StoreInfo", "default_folder", "open_store"]

MAX_BYTES = 1 << 30
"""Size above which the entries that were used longest ago are removed: about 200,000 pages of text."""
_KEPT_FRACTION = 0.9
"""Of the size bound, what is left after a removal, so that not every write is followed by one."""
_SUFFIX = ".json"
_TEMPORARY = ".tmp"
_BUCKET_PROTOCOLS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "oss"})
"""Of object stores whose addresses begin with a bucket, which no write creates."""
_STALE_SECONDS = 3600
"""Age from which a temporary file is one that a killed process left."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoreInfo:
    """Number of entries, and their bytes."""

    entries: int
    bytes: int


class Store(Protocol):
    """Bytes by key; keys are hexadecimal digests."""

    @property
    def name(self) -> str:
        """Folder or address, for messages."""

    def get(self, key: str) -> bytes | None:
        """The entry, or None. Raises ``OSError`` if the store cannot be read."""

    def put(self, key: str, value: bytes) -> None:
        """Write an entry. Raises ``OSError`` if it cannot be written; nothing is left of it then."""

    def remove(self, key: str) -> None:
        """Remove an entry, if it is there and may be removed."""

    def info(self) -> StoreInfo:
        """Count the entries. Raises ``OSError``."""

    def prune(self, max_bytes: int) -> StoreInfo:
        """Remove the entries used longest ago until ``max_bytes`` are left; returns what was removed.

        Raises ``OSError`` if the store cannot be listed, and ``CacheError`` if this kind of store cannot tell.
        """

    def clear(self) -> StoreInfo:
        """Remove all entries; returns what was removed. Raises ``OSError``."""


def default_folder() -> Path:
    """Where results are kept if no folder is named: ``$XDG_CACHE_HOME/got-ocr/results``, else in ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "got-ocr" / "results"


def open_store(place: "str | os.PathLike[str]", max_bytes: int = MAX_BYTES) -> Store:
    """The store at a folder, or at an address of fsspec such as ``s3://bucket/readings``. A folder is created.

    Args:
        place: folder (``~`` is the home folder) or address.
        max_bytes: size bound of a folder. Object stores have rules of their own for the age of objects.

    Raises:
        CacheError: it is a file, cannot be created, or no file system serves the address.
        OptionError: it is neither.
    """
    if not isinstance(place, str | os.PathLike):
        raise OptionError(f"cache={place!r}: give a folder or an address such as 's3://bucket/readings'")
    text = os.fspath(place)
    if not text:
        raise CacheError("the folder of the cache has an empty name: check the variable or the quotes")
    if "://" in text:
        return ObjectStore(text)
    return FolderStore(Path(text).expanduser(), max_bytes)


class FolderStore:
    """Entries as files of a local folder, ``ab/cdef….json`` for the key ``abcdef…``.

    The time of a file is that of its last use. Each process adds up what it wrote, and removes old entries when the
    folder may have grown beyond its bound.

    Raises:
        CacheError: the folder is a file, or cannot be created.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._size: int | None = None
        """Bytes of all entries, as far as this process knows; None until it writes."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if not folder.is_dir():
                reason = "it is a file" if folder.exists() else one_line(str(error))
                raise CacheError(f"the cache {folder} cannot be a folder ({reason}): name another one") from error

    @property
    def name(self) -> str:
        return str(self._folder)

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key[2:]}{_SUFFIX}"

    def get(self, key: str) -> bytes | None:
        file = self._file(key)
        try:
            value = file.read_bytes()
        except FileNotFoundError:
            return None
        with contextlib.suppress(OSError):  # a cache that may only be read
            os.utime(file)
        return value

    def put(self, key: str, value: bytes) -> None:
        file = self._file(key)
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, suffix=_TEMPORARY)
        try:
            with open(handle, "wb") as opened:
                opened.write(value)
            os.replace(temporary, file)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        self._grown(len(value))

    def _grown(self, size: int) -> None:
        with self._lock:
            if self._size is None:
                self._size = self.info().bytes
            else:
                self._size += size
            if self._size <= self._max_bytes:
                return
            removed = self.prune(int(self._max_bytes * _KEPT_FRACTION))
            self._size = self.info().bytes
        logger.info("cache %s: removed %d old entries, %d bytes", self._folder, removed.entries, removed.bytes)

    def remove(self, key: str) -> None:
        with contextlib.suppress(OSError):
            self._file(key).unlink()

    def _files(self) -> Iterator[os.DirEntry[str]]:
        """Entries and temporary files. Other processes may remove them in the meantime."""
        for folder in _listed(self._folder):
            if len(folder.name) == 2 and folder.is_dir(follow_symlinks=False):
                with contextlib.suppress(FileNotFoundError):
                    yield from _listed(folder.path)

    def _entries(self) -> list[tuple[float, int, str]]:
        """Time of the last use, size and path of each entry. Temporary files that a killed process left are removed."""
        found = []
        for file in self._files():
            with contextlib.suppress(FileNotFoundError):
                status = file.stat(follow_symlinks=False)
                if file.name.endswith(_SUFFIX):
                    found.append((status.st_mtime, status.st_size, file.path))
                elif file.name.endswith(_TEMPORARY) and status.st_mtime < time.time() - _STALE_SECONDS:
                    os.unlink(file.path)
        return found

    def info(self) -> StoreInfo:
        entries = self._entries()
        return StoreInfo(len(entries), sum(size for _, size, _ in entries))

    def prune(self, max_bytes: int) -> StoreInfo:
        entries = sorted(self._entries())
        left, removed, count = sum(size for _, size, _ in entries), 0, 0
        for _, size, path in entries:
            if left - removed <= max_bytes:
                break
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
                removed, count = removed + size, count + 1
        return StoreInfo(count, removed)

    def clear(self) -> StoreInfo:
        return self.prune(-1)


@contextlib.contextmanager
def _client_errors() -> Iterator[None]:
    """Errors of the client libraries of fsspec as ``OSError``."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # each library has errors of its own
        raise OSError(one_line(str(error))) from error


class ObjectStore:
    """Entries as objects below an address, in the layout of :class:`FolderStore`.

    Raises:
        CacheError: no file system serves the address, or it cannot be reached.
    """

    def __init__(self, address: str) -> None:
        import fsspec

        self.name = address.rstrip("/")
        try:
            self._files, self._root = fsspec.core.url_to_fs(self.name)
            bucket = self._root.partition("/")[0]
            found = self.name.partition("://")[0] not in _BUCKET_PROTOCOLS or self._files.exists(bucket)
        except ImportError as error:
            raise CacheError(f"the cache {address} needs a further package: {one_line(str(error))}") from error
        except Exception as error:  # each file system of fsspec has errors of its own
            raise CacheError(f"the cache {address} cannot be reached: {one_line(str(error))}") from error
        if not found:
            raise CacheError(f"the cache {address} has no bucket {bucket!r}, or it may not be listed: check its name")

    def _path(self, key: str) -> str:
        return f"{self._root}/{key[:2]}/{key[2:]}{_SUFFIX}"

    def get(self, key: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError), _client_errors():
            return bytes(self._files.cat_file(self._path(key)))
        return None

    def put(self, key: str, value: bytes) -> None:
        with _client_errors():
            self._files.pipe_file(self._path(key), value)  # one request: an object is there whole or not at all

    def remove(self, key: str) -> None:
        with contextlib.suppress(Exception):
            self._files.rm_file(self._path(key))

    def _sizes(self) -> dict[str, int]:
        found: dict[str, Any] = {}
        with contextlib.suppress(FileNotFoundError), _client_errors():
            self._files.invalidate_cache()
            found = self._files.find(self._root, detail=True)
        return {path: int(each["size"] or 0) for path, each in found.items() if path.endswith(_SUFFIX)}

    def info(self) -> StoreInfo:
        sizes = self._sizes()
        return StoreInfo(len(sizes), sum(sizes.values()))

    def prune(self, max_bytes: int) -> StoreInfo:
        raise CacheError(
            f"{self.name} does not record when an object was used: let the bucket's own lifecycle rules remove old ones"
        )

    def clear(self) -> StoreInfo:
        sizes = self._sizes()
        for path in sizes:
            with contextlib.suppress(FileNotFoundError), _client_errors():
                self._files.rm_file(path)
        return StoreInfo(len(sizes), sum(sizes.values()))


def _listed(folder: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as scan:  # closed also where reading it fails
        return list(scan)
