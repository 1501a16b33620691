"""A file that is opened in a child process, or in this one."""

import os
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from got_runtime import errors
from got_runtime.errors import LimitExceeded, SourceCorrupt, SourceError
from got_runtime.sources.answers import OpenedFile
from got_runtime.sources.content import Content, FileKind
from got_runtime.sources.isolation.pool import Opening, new_key, pool
from got_runtime.sources.isolation.process import ChildEnded
from got_runtime.sources.limits import Limits
from got_runtime.sources.opened import open_file

__all__ = ["FileReader", "Result", "error_of"]

KILLED = -9
"""Exit status of a process that the system ended when memory ran out."""

# MuPDF is not safe to call from two threads, even for two documents (PyMuPDF's manual, "Multiprocessing").
_MUPDF_LOCK = threading.RLock()


@dataclass(frozen=True)
class Result:
    """What a call gave: values, the page's image, and what libraries printed meanwhile, as warnings."""

    value: dict[str, Any]
    image: Image.Image | None = None
    messages: tuple[str, ...] = ()


class FileReader:
    """Calls methods of an opened file. Once closed, each call opens it again and closes it.

    Args:
        content: the file.
        kind: decides on the library that opens it.
        arguments: of ``PdfFile`` or ``ImageFile``.
        limits: of time and memory, and whether it is opened in a child process.
    """

    def __init__(self, content: Content, kind: FileKind, arguments: dict[str, Any], limits: Limits) -> None:
        self._content, self._kind, self._arguments, self._limits = content, kind, arguments, limits
        self._key = new_key()
        self._file: OpenedFile | None = None
        self._is_closed = False
        path = _path_for_others(content.path)
        self._opening = Opening(kind, content.name, path, content.read, arguments)

    def call(self, method: str, what: str, **arguments: Any) -> Result:
        """The result of a method of ``PdfFile`` or ``ImageFile``.

        Args:
            method: its name.
            what: is read, for messages, such as ``"page 3 of paper.pdf"``.
            arguments: values that JSON can carry.

        Raises:
            SourceError: what the method raised.
            LimitExceeded: it exceeded a limit of time or memory.
            SourceCorrupt: the library crashed.
        """
        try:
            return self._in_child(method, what, arguments) if self._limits.isolate else self._here(method, arguments)
        finally:
            if self._is_closed:
                self.close()

    def close(self) -> None:
        """Close the file."""
        self._is_closed = True
        if self._limits.isolate:
            pool().close(self._key)
        elif self._file is not None:
            with self._lock():
                file, self._file = self._file, None
                if file is not None:
                    file.close()

    def _in_child(self, method: str, what: str, arguments: dict[str, Any]) -> Result:
        limits = self._limits
        fields = {"method": method, "arguments": arguments, "what": what, "max_bytes": limits.max_render_bytes}
        try:
            reply = pool().request(self._key, fields, self._opening, limits.rendering_seconds)
        except ChildEnded as ended:
            raise _failure(ended, what, limits) from ended
        if reply.error is not None:
            raise error_of(*reply.error)
        return Result(reply.value, reply.image, reply.messages)

    def _here(self, method: str, arguments: dict[str, Any]) -> Result:
        with self._lock():
            if self._file is None:
                self._file = open_file(self._content, self._kind, self._arguments)
            answer = getattr(self._file, method)(**arguments)
            return Result(answer.value, answer.image)

    def _lock(self) -> Any:
        return _MUPDF_LOCK if self._kind == "PDF" else nullcontext()


def _path_for_others(path: Path | None) -> str | None:
    """The path by which another process opens the file; None if only this process can."""
    if path is None:
        return None
    absolute = os.path.abspath(path)
    return None if absolute.startswith(("/proc/", "/dev/fd/", "/dev/std")) else absolute


def error_of(name: str, message: str) -> SourceError:
    """The error of a class of :mod:`got_runtime.errors`."""
    kind = getattr(errors, name, None)
    return kind(message) if isinstance(kind, type) and issubclass(kind, SourceError) else SourceCorrupt(message)


def _failure(ended: ChildEnded, what: str, limits: Limits) -> SourceError:
    if ended.is_late:
        return LimitExceeded(
            f"{what} takes longer than {limits.rendering_seconds:g} seconds to open or render: leave it out, or raise "
            "Limits(max_seconds_per_page=…), --max-seconds"
        )
    if ended.status == KILLED:
        return LimitExceeded(f"{what} takes more memory than this machine has: leave it out, or free memory")
    return SourceCorrupt(
        f"{what} cannot be read (its library crashed): repair it with another program, or save it again"
    )
