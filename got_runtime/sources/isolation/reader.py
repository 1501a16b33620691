"""A file that is opened in a child process, or in this one."""

import os
import sys
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from got_runtime import errors
from got_runtime.errors import LimitExceeded, SourceCorrupt, SourceError
from got_runtime.sources.answers import OpenedFile
from got_runtime.sources.content import Content, FileKind
from got_runtime.sources.isolation.guards import OUT_OF_TIME
from got_runtime.sources.isolation.pool import Opening, Pending, Request, new_key, pool
from got_runtime.sources.isolation.process import ChildEnded
from got_runtime.sources.limits import Limits
from got_runtime.sources.opened import open_file

__all__ = ["Call", "FileReader", "Result", "error_of", "out_of_memory"]

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


@dataclass(frozen=True)
class Call:
    """A call of a method of ``PdfFile`` or ``ImageFile``."""

    method: str
    """Its name."""
    what: str
    """What is read, for messages, such as ``"page 3 of paper.pdf"``."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Values that JSON can carry."""


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
        self._ahead: tuple[Call, Pending] | None = None
        self._is_closed = False
        path = _path_for_others(content.path)
        self._opening = Opening(kind, content.name, path, content.read, arguments)

    def call(self, call: Call, following: Call | None = None) -> Result:
        """The result of a call.

        Args:
            call: what is called.
            following: the call after it, which a child process begins at once.

        Raises:
            SourceError: what the method raised.
            LimitExceeded: it exceeded a limit of time or memory.
            SourceCorrupt: the library crashed.
        """
        try:
            return self._in_child(call, following) if self._limits.isolate else self._here(call)
        finally:
            if self._is_closed:
                self.close()

    def close(self) -> None:
        """Close the file."""
        self._is_closed = True
        if self._limits.isolate:
            ahead, self._ahead = self._ahead, None
            if ahead is not None:
                ahead[1].leave()
            pool().close(self._key)
        elif self._file is not None and not sys.is_finalizing():  # at the end of the program, its library is gone
            with self._lock():
                file, self._file = self._file, None
                if file is not None:
                    file.close()

    def _in_child(self, call: Call, following: Call | None) -> Result:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == call:
            pending = ahead[1]
            pool().taken(pending)
        else:
            if ahead is not None:
                ahead[1].collect_quietly()  # the child is free for this call
                self._ahead = ahead
            pending = pool().send(self._request(call))
        then = following if self._ahead is None and not self._is_closed else None
        try:
            reply, image, begun = pending.collect(None if then is None else self._request(then))
        except ChildEnded as ended:
            raise _failure(ended, call.what, self._limits) from ended
        if then is not None and begun is not None:
            self._ahead = then, begun
        if reply.error is not None:
            raise error_of(*reply.error)
        return Result(reply.value, image, reply.messages)

    def _request(self, call: Call) -> Request:
        limits = self._limits
        fields = {
            "method": call.method,
            "arguments": call.arguments,
            "what": call.what,
            "max_bytes": limits.max_render_bytes,
        }
        return Request(self._key, fields, self._opening, limits.rendering_seconds, limits.waiting_seconds)

    def _here(self, call: Call) -> Result:
        with self._lock():
            if self._file is None:
                self._file = open_file(self._content, self._kind, self._arguments)
            try:
                answer = getattr(self._file, call.method)(**call.arguments)
                return Result(answer.value, answer.image)
            except MemoryError as error:
                raise out_of_memory(call.what) from error

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


def out_of_memory(what: str) -> LimitExceeded:
    """The error of what this machine has no memory for."""
    return LimitExceeded(f"{what} takes more memory than this machine has: leave it out, or free memory")


def _failure(ended: ChildEnded, what: str, limits: Limits) -> SourceError:
    if ended.is_late or (ended.status is not None and ended.status == OUT_OF_TIME):
        seconds = limits.waiting_seconds if ended.is_late else limits.rendering_seconds
        return LimitExceeded(
            f"{what} takes longer than {seconds:g} seconds to open or render: leave it out, or raise "
            "Limits(max_seconds_per_page=…), --max-seconds"
        )
    if ended.status == KILLED:
        return out_of_memory(what)
    return SourceCorrupt(
        f"{what} cannot be read (its library crashed): repair it with another program, or save it again"
    )
