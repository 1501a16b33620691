"""Sources → their bytes and a name, and the kind of file from its first bytes.

File suffixes are not used: they are often wrong, and byte strings have none.
"""

import hashlib
import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, cast

from got_runtime.errors import LimitExceeded, SourceCorrupt, SourceForbidden, SourceNotFound, SourceUnsupported
from got_runtime.sources.limits import Limits
from got_runtime.sources.names import is_address, one_line, printable, without_secrets

__all__ = ["Content", "FileKind", "SupportsAsBytes", "kind_of", "read_content"]

FileKind = Literal["PDF", "PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"]

SUPPORTED = "PDF, PNG, JPEG, WebP, BMP, TIFF or GIF"

_HEAD_BYTES = 1024  # the PDF header may be anywhere in these (ISO 32000-1, annex H.3.4.1)

_SIGNATURES: tuple[tuple[FileKind, re.Pattern[bytes]], ...] = (
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("WEBP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]")),
    # "BM" alone also begins ordinary text; byte 14 is the size of one of seven info headers.
    ("BMP", re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL)),
    ("PDF", re.compile(rb".{0,1019}%PDF-", re.DOTALL)),
)
_ZIP = b"PK\x03\x04"
_TAR = re.compile(rb".{257}ustar", re.DOTALL)
_OTHERS: tuple[tuple[str, str, re.Pattern[bytes]], ...] = (
    ("gzip-compressed", "unpack it first", re.compile(rb"\x1f\x8b")),
    ("a 7z or RAR archive", "unpack it first", re.compile(rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07")),
    ("a HEIC or AVIF image", "save it as PNG or JPEG", re.compile(rb"....ftyp", re.DOTALL)),
    ("a JPEG 2000 image", "save it as PNG or JPEG", re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51")),
    ("a JPEG XL image", "save it as PNG or JPEG", re.compile(rb"\xff\x0a|\0\0\0\x0cJXL ")),
    ("a DjVu document", "convert it to PDF", re.compile(rb"AT&TFORM")),
    ("PostScript", "convert it to PDF", re.compile(rb"%!PS")),
    ("a web page", "print it to PDF", re.compile(rb"\s*<(!doctype html|html|head|body)", re.IGNORECASE)),
    ("SVG or XML", "export it to PDF or PNG", re.compile(rb"\s*<(\?xml|svg)")),
    ("plain text", "it needs no OCR", re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]+\Z")),
)


class SupportsAsBytes(Protocol):
    """An object like a LangChain ``Blob``."""

    def as_bytes(self) -> bytes: ...


@dataclass(frozen=True)
class Content:
    """The bytes of one document: a file on disk, or bytes in memory."""

    name: str
    """For messages: one printable line of limited length."""
    path: Path | None = None
    memory: bytes | None = field(default=None, repr=False)

    @property
    def source(self) -> str:
        """For results: the full path of a file, else the name."""
        return self.name if self.path is None else printable(str(self.path))

    @property
    def stem(self) -> str:
        """The file name without folder and suffix; empty for bytes in memory."""
        return one_line(self.path.stem) if self.path is not None else ""

    def open(self) -> BinaryIO:
        """A new file object, which the caller closes."""
        return io.BytesIO(self.memory or b"") if self.path is None else _opened(self.path)

    def head(self) -> bytes:
        """The first bytes, enough to identify the kind of file."""
        with self._reading() as file:
            return file.read(_HEAD_BYTES)

    def read(self) -> bytes:
        """All bytes."""
        if self.memory is not None:
            return self.memory
        with self._reading() as file:
            return file.read()

    @cached_property
    def sha256(self) -> str:
        """Hexadecimal digest of all bytes, computed at first access."""
        with self._reading() as file:
            return hashlib.file_digest(cast(io.BufferedReader, file), "sha256").hexdigest()

    @contextmanager
    def _reading(self) -> Iterator[BinaryIO]:
        with self.open() as file:
            try:
                yield file
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise SourceNotFound(f"{self.name} cannot be read ({reason}): check its disk or connection") from error


def kind_of(content: Content) -> FileKind:
    """The kind of file, from its first bytes.

    Raises:
        SourceCorrupt: the file is empty.
        SourceUnsupported: the kind is none of :data:`FileKind`.
    """
    head = content.head()
    if not head:
        raise SourceCorrupt(f"{content.name} is empty (0 bytes): check that it was copied or downloaded completely")
    if head.startswith(_ZIP):  # before PDF: a stored PDF stands in it as it is
        raise SourceUnsupported(_about_zip(content))
    if _TAR.match(head):  # as above
        raise SourceUnsupported(f"{content.name} is a TAR archive: unpack it first, or give a {SUPPORTED}")
    for kind, signature in _SIGNATURES:
        if signature.match(head):
            return kind
    for what, remedy, signature in _OTHERS:
        if signature.match(head):
            raise SourceUnsupported(
                f"{content.name} is {what}, whatever its name says: {remedy}, or give a {SUPPORTED}"
            )
    raise SourceUnsupported(f"{content.name} is no supported kind of file: give a {SUPPORTED}")


def _about_zip(content: Content) -> str:
    try:
        with content.open() as file, zipfile.ZipFile(file) as archive:
            inner = next((name for name in archive.namelist() if name.lower().endswith(".pdf")), None)
    except Exception:  # noqa: BLE001 - zipfile raises many types for a damaged archive
        inner = None
    if inner is not None:
        return f"{content.name} is a ZIP archive that holds a PDF ({one_line(inner)}): unpack it first"
    return (
        f"{content.name} is a ZIP container (EPUB, XPS, DOCX …), whatever its name says: export it to PDF, or give a "
        f"{SUPPORTED}"
    )


def read_content(source: Any, limits: Limits, *, allow_remote: bool = False) -> Content:
    """The content of a path, address, byte string, binary file object or blob. File objects are read, not closed.

    Raises:
        SourceNotFound: there is no such file or address.
        SourceForbidden: it may not be read.
        SourceUnsupported: ``source`` is of another type, a folder, a pipe or a device.
        LimitExceeded: it is larger than ``limits.max_bytes``.
    """
    if isinstance(source, Content):  # of the service, which names uploads itself
        return _checked(source, limits)
    if is_address(source):
        from got_runtime.sources import remote  # loads http and TLS, which local files do not need

        name = one_line(without_secrets(source))
        remote.check(source)
        if not allow_remote:
            raise SourceForbidden(
                f"{name} is a remote address: pass allow_remote=True (--allow-remote on the command line), "
                "or give a local file"
            )
        return Content(name, memory=remote.fetch(source, limits))
    if isinstance(source, str | os.PathLike):
        return _file(source, limits)
    if isinstance(source, bytes | bytearray | memoryview):
        return _in_memory("<bytes>", bytes(source), limits)
    if callable(getattr(source, "as_bytes", None)):
        return _blob(source, limits)
    if callable(getattr(source, "read", None)):
        return _file_object(source, limits)
    remedy = "give one source at a time" if isinstance(source, list | tuple | set | dict) else f"give a {SUPPORTED}"
    raise SourceUnsupported(
        f"an object of type {type(source).__name__} is not a source: {remedy} (path, bytes, file, image or array)"
    )


def _file(source: str | os.PathLike[str], limits: Limits) -> Content:
    if source == "":
        raise SourceNotFound("the path of the source is empty: check the variable")
    path = Path(source)
    name = one_line(str(path))
    try:
        status = path.stat()
    except PermissionError as error:
        raise SourceForbidden(f"{name} may not be read: give this user permission to it") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte, or text that no file system can encode
        raise SourceNotFound(f"there is no file {name}: check the path") from error
    if stat.S_ISDIR(status.st_mode):
        raise SourceUnsupported(f"{name} is a folder: list it with got_runtime.sources.expand(), or name one file")
    if not stat.S_ISREG(status.st_mode):
        raise SourceUnsupported(f"{name} is a pipe or device, not a file: open it yourself and pass the file object")
    if status.st_size > limits.max_bytes:
        raise _too_large(name, limits)
    return Content(name, path=path)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except PermissionError as error:
        raise SourceForbidden(f"{one_line(str(path))} may not be read: give this user permission to it") from error
    except OSError as error:
        raise SourceNotFound(f"{one_line(str(path))} cannot be opened: check that it is still there") from error


def _blob(blob: SupportsAsBytes, limits: Limits) -> Content:
    origin = getattr(blob, "source", None) or getattr(blob, "path", None)
    name = one_line(str(origin)) if origin else "<blob>"
    try:
        memory = blob.as_bytes()
    except OSError as error:
        raise SourceNotFound(f"the blob {name} cannot be read: check its path ({one_line(str(error))})") from error
    except Exception as error:  # what a blob of another library raises
        why = one_line(str(error)) or type(error).__name__
        raise SourceUnsupported(f"the blob {name} gives no bytes: {why}; make it of a file") from error
    if not isinstance(memory, bytes | bytearray):
        raise SourceUnsupported(f"as_bytes() of {name} returned type {type(memory).__name__}: it must give bytes")
    return _in_memory(name, bytes(memory), limits)


def _file_object(file: Any, limits: Limits) -> Content:
    named = getattr(file, "name", None)
    name = one_line(named) if isinstance(named, str) and named else "<file>"
    parts: list[bytes] = []
    size = 0
    while size <= limits.max_bytes:
        try:
            part = file.read(min(limits.max_bytes + 1 - size, 1 << 24))
        except Exception as error:  # ValueError: a closed file; others: what the object's library raises
            why = one_line(str(error)) or type(error).__name__
            raise SourceUnsupported(
                f"{name} cannot be read ({why}): pass a file open for reading, mode 'rb'"
            ) from error
        if isinstance(part, str):
            raise SourceUnsupported(f"{name} is open as text: open it in binary mode, open(…, 'rb')")
        if not part:
            break
        parts.append(cast(bytes, part))
        size += len(part)
    if not parts:
        raise SourceCorrupt(
            f"{name} has no bytes left to read: pass it rewound, file.seek(0), or check that it is not empty"
        )
    return _in_memory(name, b"".join(parts), limits)


def _in_memory(name: str, memory: bytes, limits: Limits) -> Content:
    return _checked(Content(name, memory=memory), limits)


def _checked(content: Content, limits: Limits) -> Content:
    try:
        size = len(content.memory or b"") if content.path is None else content.path.stat().st_size
    except OSError as error:
        raise SourceNotFound(f"{content.name} is no longer there: send it again") from error
    if size > limits.max_bytes:
        raise _too_large(content.name, limits)
    return content


def _too_large(name: str, limits: Limits) -> LimitExceeded:
    return LimitExceeded(
        f"{name} is larger than {limits.max_bytes:,} bytes: raise Limits(max_bytes=…), --max-bytes, or split it"
    )
