"""Uploaded files that later requests name, kept on disk for a time."""

import secrets
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.serving.problems import Problem
from got_runtime.serving.state import expired, keep_source, read_json_file, write_json_file
from got_runtime.serving.uploads import Upload

if TYPE_CHECKING:
    from got_runtime.serving.settings import ServeSettings

__all__ = ["Files", "KeptFile"]


@dataclass(frozen=True)
class KeptFile:
    """A file that was uploaded."""

    id: str
    name: str
    bytes: int
    created: float
    owner: str
    """Digest of the key that uploaded it."""


class Files:
    """All uploaded files of a service.

    Args:
        folder: where they are.
        settings: how long and how much is kept.
    """

    def __init__(self, folder: Path, settings: "ServeSettings") -> None:
        self._folder = folder
        self._settings = settings
        self._files: dict[str, KeptFile] = {}
        for each in sorted(folder.iterdir()):
            record = read_json_file(each / "file.json")
            try:
                file = KeptFile(**record)
            except TypeError:
                shutil.rmtree(each, ignore_errors=True)
            else:
                self._files[file.id] = file

    def keep(self, upload: Upload, owner: str) -> KeptFile:
        """Keep an upload, whose own file is gone then. Raises Problem if too much is kept."""
        self._sweep()
        if sum(file.bytes for file in self._files.values()) > self._settings.max_kept_bytes:
            upload.remove()
            raise Problem(503, "StorageFull", "uploaded files fill the storage: delete some, or try again later")
        id = secrets.token_urlsafe(18)
        folder = self._folder / id
        folder.mkdir(mode=0o700)
        file = KeptFile(id, upload.name, keep_source(upload, folder / "source"), time.time(), owner)
        write_json_file(folder / "file.json", asdict(file))
        self._files[id] = file
        return file

    def all(self, owner: str) -> list[KeptFile]:
        """The files of an owner, the newest first."""
        self._sweep()
        return sorted((each for each in self._files.values() if each.owner == owner), key=lambda file: -file.created)

    def get(self, id: str, owner: str) -> KeptFile:
        """The file of this owner with this id. Raises Problem."""
        self._sweep()
        file = self._files.get(id)
        if file is None or file.owner != owner:
            raise Problem(404, "FileNotFound", "there is no file with this id: it was removed, or its time is over")
        return file

    def upload(self, id: str, owner: str) -> "LentUpload":
        """Its bytes, for reading. Raises Problem."""
        file = self.get(id, owner)
        return LentUpload(file.name, path=self._folder / file.id / "source")

    def remove(self, id: str, owner: str) -> None:
        """Remove a file. Raises Problem."""
        file = self.get(id, owner)
        del self._files[file.id]
        shutil.rmtree(self._folder / file.id, ignore_errors=True)

    def _sweep(self) -> None:
        for file in list(self._files.values()):
            if expired(file.created, self._settings.keep_seconds):
                del self._files[file.id]
                shutil.rmtree(self._folder / file.id, ignore_errors=True)


class LentUpload(Upload):
    """The bytes of a kept file, which stay after they were read."""

    def remove(self) -> None:
        """Does nothing."""
