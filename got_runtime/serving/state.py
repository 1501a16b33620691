"""The folder in which the service keeps what it has accepted: jobs and uploaded files."""

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from got_runtime.errors import OptionError
from got_runtime.serving.uploads import Upload

__all__ = ["State", "claimed", "keep_source", "read_json_file", "write_json_file"]

_PRIVATE = 0o700


class State:
    """The folders below one folder, which only its owner may read.

    Args:
        folder: where; None for a temporary one that :meth:`close` removes.
    """

    def __init__(self, folder: Path | None) -> None:
        self._temporary = None if folder else tempfile.mkdtemp(prefix="got-ocr-")
        self.folder = folder or Path(str(self._temporary))
        self.jobs, self.files, self.uploads = (self.folder / name for name in ("jobs", "files", "uploads"))
        self.folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        shutil.rmtree(self.uploads, ignore_errors=True)  # of a process that was killed
        for each in (self.jobs, self.files, self.uploads):
            each.mkdir(exist_ok=True, mode=_PRIVATE)

    def close(self) -> None:
        """Remove uploads, and a temporary folder."""
        shutil.rmtree(self._temporary or self.uploads, ignore_errors=True)


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold the folder for this process. Raises OptionError if another process holds it, or it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        opened = (folder / "lock").open("w")
    except OSError as error:
        raise OptionError(f"--state {folder} cannot be written ({error.strerror}): name another folder") from error
    with opened:
        if not _lock(opened):
            raise OptionError(f"--state {folder} is in use by another service: name another folder")
        yield


def _lock(file: IO[str]) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: nothing is checked
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def write_json_file(file: Path, value: Any) -> None:
    """Write a file that is there whole or not at all, also after a power failure."""
    partial = file.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as opened:
        json.dump(value, opened, ensure_ascii=False)
        opened.flush()
        os.fsync(opened.fileno())
    partial.replace(file)


def read_json_file(file: Path) -> Any:
    """The value of a file; None if it is missing or damaged."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads(file.read_text(encoding="utf-8"))
    return None


def keep_source(upload: Upload, file: Path) -> int:
    """Put the bytes of an upload into ``file``, and return their number. Its own file is gone then."""
    if upload.path is not None:
        upload.path.replace(file)
    else:
        with file.open("wb") as opened:
            opened.write(upload.memory or b"")
            opened.flush()
            os.fsync(opened.fileno())
    return file.stat().st_size


def expired(finished: float | None, keep_seconds: float) -> bool:
    """Whether something that ended at ``finished`` (seconds since 1970) need no longer be kept."""
    return finished is not None and time.time() - finished > keep_seconds
