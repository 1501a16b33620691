"""The folder whose files assistants may read and write; nothing outside it can be named."""

import os
from dataclasses import dataclass
from pathlib import Path

from got_runtime.errors import OptionError, SourceForbidden, SourceNotFound
from got_runtime.sources.content import Content
from got_runtime.sources.names import is_address, one_line

__all__ = ["Folder", "FolderFile"]

_MOST_NAMES = 30


@dataclass(frozen=True)
class FolderFile(Content):
    """A document of the folder. Results and messages have its path within the folder, never the server's."""

    @property
    def source(self) -> str:
        return self.name

    @property
    def file(self) -> Path:
        """Where it is."""
        assert self.path is not None
        return self.path


class Folder:
    """Files below a folder, by relative or absolute path.

    Args:
        root: the folder. Raises OptionError if it is none.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise OptionError(f"--root {root}: there is no such folder")
        self.root = root.resolve()

    def source(self, name: str) -> FolderFile:
        """The file to read.

        Raises:
            SourceForbidden: it is not in the folder, links followed, or is an address.
            SourceNotFound: there is no such file; the message names those that there are.
        """
        path = self._inside(name)
        if not path.is_file():
            raise SourceNotFound(f"there is no file {one_line(name)}; there are: {self._names()}")
        return FolderFile(one_line(self.name(path)), path)

    def target(self, name: str, *, overwrite: bool) -> Path:
        """The file to write.

        Raises:
            SourceForbidden: it is not in the folder, or hidden: such files configure programs.
            OptionError: it exists and may not be replaced.
        """
        path = self._inside(name)
        if any(part.startswith(".") for part in path.relative_to(self.root).parts):
            raise SourceForbidden(f"{one_line(name)} is hidden: choose a name that does not begin with a dot")
        if path.exists() and not (overwrite and path.is_file()):
            raise OptionError(f"{one_line(name)} exists: choose another name, or overwrite=true for a file")
        return path

    def name(self, path: Path) -> str:
        """The path as assistants see it."""
        return path.relative_to(self.root).as_posix()

    def _inside(self, name: str) -> Path:
        if is_address(name):
            raise SourceForbidden(f"{one_line(name)} is an address: only files in the folder are read")
        try:
            path = (self.root / Path(name).expanduser()).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, no home folder, a NUL
            raise SourceForbidden(f"{one_line(name)} is no path: {one_line(str(error))}") from error
        if not path.is_relative_to(self.root):
            raise SourceForbidden(f"{one_line(name)} is not in the folder of this server: give a path inside it")
        return path

    def _names(self) -> str:
        """The first files of the folder, for messages."""
        names: list[str] = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(each for each in folders if not each.startswith("."))
            base = Path(folder)
            shown = (base / each for each in sorted(files) if not each.startswith("."))
            names += [one_line(self.name(each)) for each in shown if self._holds(each)]
            if len(names) > _MOST_NAMES:
                return ", ".join(names[:_MOST_NAMES]) + ", …"
        return ", ".join(names) or "none"

    def _holds(self, path: Path) -> bool:
        try:
            return path.resolve().is_relative_to(self.root)
        except (OSError, RuntimeError):  # a loop of links
            return False
