"""What libraries print while a page is rendered, as warnings of the page.

libtiff, libjpeg and others write to standard error from C. In the child process standard error is therefore a pipe,
which the process itself reads after each request.
"""

import os
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from got_runtime.sources.names import one_line

__all__ = ["CapturedOutput", "as_warnings"]

MAX_WARNINGS = 4
"""Different messages of a page that become warnings of their own; the others are counted."""
READ_BYTES = 1 << 16


class CapturedOutput:
    """Standard output and error of this process, which nobody else sees.

    What exceeds the size of a pipe (64 KiB on Linux) is dropped, so that a library that prints without end does not
    wait for a reader. Windows before Python 3.12 has only pipes that wait: there the output goes to a file.
    """

    def __init__(self) -> None:
        self._read, write = os.pipe()
        self._file: BinaryIO | None = None
        try:
            for end in (self._read, write):
                os.set_blocking(end, False)
        except (OSError, AttributeError):
            self._file = tempfile.TemporaryFile(prefix="got-ocr-", buffering=0)  # noqa: SIM115 - as below
            write = os.dup(self._file.fileno())
        os.dup2(write, 1)
        os.dup2(write, 2)
        os.close(write)
        # Python's own streams would raise BlockingIOError where the pipe is full.
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for the whole process

    @contextmanager
    def lines(self) -> Iterator[list[str]]:
        """A list that is filled with the lines printed, and the warnings issued, when the ``with`` ends."""
        found: list[str] = []
        self._drain()
        with warnings.catch_warnings(record=True) as issued:
            warnings.simplefilter("always")
            try:
                yield found
            finally:
                found += self._drain().decode("utf-8", "replace").splitlines()
                found += [str(each.message) for each in issued]

    def _drain(self) -> bytes:
        if self._file is not None:
            self._file.seek(0)
            printed = self._file.read(READ_BYTES)
            self._file.seek(0)
            self._file.truncate()
            return printed
        parts = list[bytes]()
        with suppress(BlockingIOError):
            while part := os.read(self._read, READ_BYTES):
                parts.append(part)
        return b"".join(parts)


def as_warnings(lines: Iterable[str], library: str) -> list[str]:
    """A warning for each different message, and for those beyond :data:`MAX_WARNINGS` their number."""
    different = list(dict.fromkeys(filter(None, (one_line(line) for line in lines))))
    found = [f"{library} reports: {line}" for line in different[:MAX_WARNINGS]]
    if len(different) > MAX_WARNINGS:
        found.append(f"{library} reports {len(different) - MAX_WARNINGS} more problems of this page")
    return found
