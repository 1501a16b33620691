"""Files of a run by their names: below a local folder, or at an address of fsspec such as ``s3://bucket/run``."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from got_runtime.errors import ClusterError, OptionError
from got_runtime.sources.names import is_address, one_line

__all__ = ["Place", "check_bucket", "file_system"]

BUCKET_PROTOCOLS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "oss"})
"""Of object stores whose addresses begin with a bucket, which no write creates."""


def file_system(address: str) -> tuple[Any, str]:
    """The file system of fsspec for an address, and the path on it.

    Raises:
        ImportError: it needs a package that is not installed.
        ValueError: no file system serves this kind of address.
    """
    import fsspec

    protocol = address.partition("://")[0]
    settings = {"use_listings_cache": False} if protocol in BUCKET_PROTOCOLS else {}  # others write there too
    files, root = fsspec.core.url_to_fs(address, **settings)
    return files, root.rstrip("/")


def check_bucket(address: str, files: Any, root: str) -> None:
    """Raises FileNotFoundError if the address is of a bucket that does not exist."""
    bucket = root.partition("/")[0]
    if address.partition("://")[0] in BUCKET_PROTOCOLS and not files.exists(bucket):
        raise FileNotFoundError(f"there is no bucket {bucket!r}, or it may not be listed")


class Place:
    """Files that are there whole or not at all. Safe to use from several threads and processes.

    Args:
        address: a local folder, which is created with its first file, or an address.

    Raises:
        ClusterError: it is a file, there is no such bucket, or no file system serves the address.
        OptionError: it is empty.
    """

    def __init__(self, address: str) -> None:
        if not address:
            raise OptionError("the output has an empty name: check the variable or the quotes")
        self.name = address.rstrip("/") or "/"
        self._is_local = not is_address(address)
        self._folders: set[str] = set()
        self._lock = threading.Lock()
        with self._errors("used"):
            self._files, self._root = file_system(self.name)
            check_bucket(self.name, self._files, self._root)
            if self._files.isfile(self._root):
                raise ClusterError(f"{self.name} is a file: name a folder")

    @contextlib.contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, ClusterError) as error:
            if isinstance(error, ClusterError) or verb == "read":
                raise
            raise ClusterError(f"{self.name} cannot be {verb}: {one_line(str(error))}") from error
        except ImportError as error:
            raise ClusterError(f"{self.name} needs a further package: {one_line(str(error))}") from error
        except Exception as error:  # each file system of fsspec has errors of its own
            raise ClusterError(
                f"{self.name} cannot be {verb}: {one_line(str(error)) or type(error).__name__}"
            ) from error

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None if there is none. Raises ClusterError."""
        with contextlib.suppress(FileNotFoundError), self._errors("read"):
            return bytes(self._files.cat_file(self._path(name)))
        return None

    def write(self, name: str, value: bytes) -> None:
        """Write a file, or replace it. Raises ClusterError; nothing is left of it then."""
        path = self._path(name)
        with self._errors("written"):
            if not self._is_local:
                self._files.pipe_file(path, value)  # one request
                return
            self._make_folder(path.rpartition("/")[0])
            temporary = f"{path}.{uuid4().hex[:8]}.tmp"
            try:
                self._files.pipe_file(temporary, value)
                self._files.mv(temporary, path)
            except BaseException:
                with contextlib.suppress(Exception):
                    self._files.rm_file(temporary)
                raise

    def _make_folder(self, folder: str) -> None:
        with self._lock:
            if folder not in self._folders:
                self._files.makedirs(folder, exist_ok=True)
                self._folders.add(folder)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there. Raises ClusterError."""
        with contextlib.suppress(FileNotFoundError), self._errors("read"):
            self._files.rm_file(self._path(name))

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder, without the folder's. Raises ClusterError."""
        found: list[str] = []
        with contextlib.suppress(FileNotFoundError), self._errors("read"):
            found = self._files.ls(self._path(folder) if folder else self._root, detail=False)
        return sorted(name for path in found if not (name := path.rstrip("/").rpartition("/")[2]).endswith(".tmp"))
