"""The directories of a TIFF file, found without decoding it.

Pillow parses every tag of every directory on the way to a page, and compares each with all before it: a file of
100,000 directories takes a minute.
"""

import io
import struct
from typing import BinaryIO, NamedTuple

__all__ = ["Directory", "FileFromDirectory", "directories"]

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_NO_PAGE, _MASK, _REDUCED = 0b101, 0b100, 2
_BIG = 43
"""Version of BigTIFF, whose offsets have eight bytes."""


class Directory(NamedTuple):
    """A directory: its offset in the file, and whether it is a page rather than a preview, smaller copy or mask.

    Those are marked by bits 0 and 2 of NewSubfileType (TIFF 6.0, page 36), or by the older SubfileType 2 (page 40).
    """

    offset: int
    is_page: bool
    is_mask: bool = False


def directories(file: BinaryIO) -> list[Directory]:
    """The directories in their order.

    A directory that cannot be read is the last one, and counts as a page.

    Raises:
        ValueError: the header is damaged.
    """
    layout = _Layout(file)
    found, seen = list[Directory](), set[int]()
    offset = layout.first
    while offset and offset not in seen:
        seen.add(offset)
        directory, offset_of_next = layout.read(offset)
        found.append(directory)
        offset = offset_of_next
    return found


class _Layout:
    """The byte order and sizes of a file."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        header = file.read(16)
        if len(header) < 8 or header[:2] not in (b"II", b"MM"):
            raise ValueError("the header is cut off")
        self._file = file
        self._order = "<" if header[:2] == b"II" else ">"
        self._is_big = struct.unpack(f"{self._order}H", header[2:4])[0] == _BIG
        self._count, self._entry, self._next = (
            struct.Struct(self._order + form) for form in (("Q", "HHQ8s", "Q") if self._is_big else ("H", "HHI4s", "I"))
        )
        if self._is_big and len(header) < 16:
            raise ValueError("the header is cut off")
        self.first: int = self._next.unpack(header[8:16] if self._is_big else header[4:8])[0]

    def read(self, offset: int) -> tuple[Directory, int]:
        """The directory at an offset, and the offset of the next one, or zero."""
        damaged = Directory(offset, is_page=True), 0
        try:
            self._file.seek(offset)
            (count,) = self._count.unpack(self._file.read(self._count.size))
            if count > 0xFFFF:
                return damaged
            entries = self._file.read(count * self._entry.size)
            if len(entries) < count * self._entry.size:
                return damaged
            following = self._file.read(self._next.size)
        except (OSError, ValueError, OverflowError, struct.error):
            return damaged
        kinds = {
            tag: self._number(kind, value)
            for tag, kind, _, value in self._entry.iter_unpack(entries)
            if tag in (_NEW_SUBFILE_TYPE, _SUBFILE_TYPE)
        }
        kind = kinds.get(_NEW_SUBFILE_TYPE, 0)
        is_page = not kind & _NO_PAGE and kinds.get(_SUBFILE_TYPE, 0) != _REDUCED
        offset_of_next = self._next.unpack(following)[0] if len(following) == self._next.size else 0
        return Directory(offset, is_page, bool(kind & _MASK)), offset_of_next

    def _number(self, kind: int, value: bytes) -> int:
        """The value of an entry of type BYTE, SHORT or LONG; zero for others."""
        form = {1: "B", 3: "H", 4: "I"}.get(kind)
        if form is None:
            return 0
        number: int = struct.unpack_from(self._order + form, value)[0]
        return number


class FileFromDirectory(io.RawIOBase):
    """A TIFF file whose header names another directory as the first one, so that Pillow begins there.

    Args:
        file: stays open.
        offset: of the directory.
    """

    def __init__(self, file: BinaryIO, offset: int) -> None:
        super().__init__()
        self._file = file
        file.seek(0)
        header = file.read(16)
        order = "<" if header[:2] == b"II" else ">"
        is_big = struct.unpack(f"{order}H", header[2:4])[0] == _BIG
        self._header = (
            header[:8] + struct.pack(f"{order}Q", offset) if is_big else (header[:4] + struct.pack(f"{order}I", offset))
        )
        file.seek(0)

    def read(self, size: int | None = -1) -> bytes:
        begin = self._file.tell()
        data = self._file.read(-1 if size is None else size)
        if begin >= len(self._header):
            return data
        return (self._header[begin:] + data[len(self._header) - begin :])[: len(data)]

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
