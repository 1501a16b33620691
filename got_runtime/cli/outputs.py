"""Files that a long command writes at its end."""

import os
from collections.abc import Mapping
from pathlib import Path

from got_runtime.errors import GotError

__all__ = ["check_outputs"]


def check_outputs(files: Mapping[str, Path | None]) -> None:
    """Before the long part: nothing is worse than a result that cannot be saved.

    Raises GotError for a file, by its option, that cannot be written.
    """
    for option, file in files.items():
        if file is None:
            continue
        folder = file.absolute().parent
        if file.is_dir() or not folder.is_dir() or not os.access(file if file.exists() else folder, os.W_OK):
            raise GotError(f"{option} {file}: name a file that can be written, in a folder that exists")
