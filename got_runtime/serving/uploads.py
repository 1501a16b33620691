"""What clients send: bytes in memory or in a temporary file, under a name that is only shown."""

import tempfile
from collections.abc import AsyncIterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from got_runtime.errors import LimitExceeded
from got_runtime.sources.content import Content
from got_runtime.sources.names import one_line

__all__ = ["Spool", "Upload", "shown_name"]

MEMORY_BYTES = 1 << 20
"""Larger uploads are written to a file."""
LONGEST_NAME = 200


@dataclass(frozen=True)
class Upload(Content):
    """The bytes of one document. Results and messages have the client's name for it, never the path of the file."""

    @property
    def source(self) -> str:
        return self.name

    @property
    def stem(self) -> str:
        return one_line(PurePosixPath(self.name).stem)

    @property
    def size(self) -> int:
        """Bytes; 0 after its file was removed."""
        if self.path is None:
            return len(self.memory or b"")
        with suppress(OSError):
            return self.path.stat().st_size
        return 0

    def remove(self) -> None:
        """Remove its file, if it has one."""
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink()


def shown_name(name: str | None) -> str:
    """The client's name for a file: without folders, on one line, of limited length. No path is ever made of it."""
    last = (name or "").replace("\\", "/").rsplit("/", 1)[-1]
    return one_line(last, LONGEST_NAME).strip() or "upload"


class Spool:
    """Collects the bytes of an upload: in memory first, then in a file.

    Args:
        folder: where the file is made.
        max_bytes: bound on the upload.
        name: for messages and the result.
    """

    def __init__(self, folder: Path, max_bytes: int, name: str | None) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._name = shown_name(name)
        self._parts = bytearray()
        self._size = 0
        self._file: BinaryIO | None = None
        self._path: Path | None = None

    def write(self, part: bytes) -> None:
        """Add bytes. Raises LimitExceeded."""
        self._size += len(part)
        if self._size > self._max_bytes:
            self.discard()
            raise LimitExceeded(f"{self._name} is larger than {self._max_bytes:,} bytes: split it")
        if self._file is None and self._size > MEMORY_BYTES:
            handle, path = tempfile.mkstemp(dir=self._folder, prefix="upload-")
            self._file, self._path = open(handle, "wb"), Path(path)  # noqa: SIM115 - closed by finish() or discard()
            self._file.write(self._parts)
            self._parts.clear()
        if self._file is None:
            self._parts += part
        else:
            self._file.write(part)

    def finish(self) -> Upload:
        """The upload, whose file the caller removes."""
        if self._file is None:
            return Upload(self._name, memory=bytes(self._parts))
        self._file.close()
        return Upload(self._name, path=self._path)

    def discard(self) -> None:
        """Remove what was written."""
        if self._file is not None and self._path is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)

    async def take(self, parts: AsyncIterable[bytes]) -> Upload:
        """All parts as an upload. Raises LimitExceeded, and what the parts raise; nothing is left then."""
        try:
            async for part in parts:
                self.write(part)
            return self.finish()
        except BaseException:
            self.discard()
            raise
