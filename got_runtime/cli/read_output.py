"""Where ``got-ocr read`` writes a document, and in which format."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.errors import SourceForbidden

if TYPE_CHECKING:
    from got_runtime.results import DocumentResult

__all__ = ["FORMATS", "Targets", "render"]

_SUFFIXES = {"text": ".txt", "raw": ".mmd", "markdown": ".md", "html": ".html", "json": ".json"}
FORMATS = tuple(_SUFFIXES)


def render(document: "DocumentResult", form: str) -> str:
    """``document`` in one of :data:`FORMATS`; JSON is one line."""
    match form:
        case "json":
            return document.model_dump_json()
        case "markdown":
            return document.markdown
        case "html":
            return document.html
        case "text":
            from got_runtime.markup import to_text
            from got_runtime.results import render_pages

            return render_pages(document.pages, to_text)
        case _:
            return document.text


class Targets:
    """Files to be written below ``folder``, one a document and format; without a folder, standard output.

    A file appears under its name when it is whole: a run that was broken off can be repeated to go on.
    """

    def __init__(self, folder: Path | None, forms: tuple[str, ...], overwrite: bool) -> None:
        self.folder = folder
        self._forms = forms
        self._overwrite = overwrite
        self._taken: set[Path] = set()

    def wanted(self, name: Path) -> tuple[str, ...]:
        """Formats in which the document called ``name`` is still to be written.

        Raises SourceForbidden when another document of this run is written under the same name, or nothing can be.
        """
        if self.folder is None:
            return self._forms
        if name in self._taken:
            raise SourceForbidden(
                f"a second file would be written as {self.folder / name}: give their common folder, or another -o"
            )
        there = [_exists(self._file(self.folder, name, form)) for form in self._forms]
        self._taken.add(name)
        return tuple(form for form, is_there in zip(self._forms, there, strict=True) if self._overwrite or not is_there)

    def write(self, name: Path, form: str, content: str) -> None:
        """``content`` to its file, or to standard output.

        Raises SourceForbidden when the file cannot be written.
        """
        if self.folder is None:
            print(content, flush=True)
            return
        target = self._file(self.folder, name, form)
        # No longer than the name itself may be, and another run's is another.
        partial = target.with_name(f".{os.getpid()}.partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(content + "\n", encoding="utf-8")
            partial.replace(target)
        except OSError as error:
            raise SourceForbidden(
                f"{target} cannot be written ({error.strerror}): choose another folder, -o"
            ) from error

    @staticmethod
    def _file(folder: Path, name: Path, form: str) -> Path:
        return folder / name.with_name(name.name + _SUFFIXES[form])


def _exists(file: Path) -> bool:
    # A folder that is yet to be made says nothing of the names it can hold; the one it is made in does.
    there = next(folder for folder in file.parents if folder.is_dir())
    try:
        (there / file.name).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        from got_runtime.sources.names import one_line

        raise SourceForbidden(
            f"{one_line(str(file))} cannot be written ({error.strerror}): give the source a shorter name, or another -o"
        ) from error
    return there == file.parent
