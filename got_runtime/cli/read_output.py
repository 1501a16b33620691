"""Output of ``got-ocr read``: the formats of a document, the files they are written to, and notices."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.cli.common import write_whole
from got_runtime.errors import SourceForbidden

if TYPE_CHECKING:
    from got_runtime.markup import Element
    from got_runtime.results import DocumentResult, PageResult

__all__ = ["FORMATS", "ResultWriter", "notices", "render"]

_SUFFIXES = {"text": ".txt", "raw": ".mmd", "markdown": ".md", "html": ".html", "json": ".json"}
FORMATS = tuple(_SUFFIXES)

PAGE_END = "\n\f"
"""Ends a page of text that another one follows, as in the output of pdftotext."""
_PAGE_OF_SEVERAL = re.compile(r"page (\d+): (.*)", re.DOTALL)


def render(document: "DocumentResult", output_format: str) -> str:
    """``document`` in one of :data:`FORMATS`; JSON is one line."""
    match output_format:
        case "json":
            return document.model_dump_json()
        case "markdown":
            return _markdown(document)
        case "html":
            return document.html
        case "text":
            from got_runtime.markup import to_text
            from got_runtime.results import render_pages

            return PAGE_END.join(render_pages([page], to_text).rstrip("\n") for page in document.pages)
        case _:
            return document.text


def _markdown(document: "DocumentResult") -> str:
    """Markdown; where there are several pages, each begins with a comment that holds its number.

    Paragraphs and tables that continue on the next page are joined and stand on the page where they begin.
    """
    from got_runtime.markup import to_markdown

    if len(document.pages) < 2:
        return document.markdown
    pages = ((number, to_markdown(elements)) for number, elements in _elements_by_page(document))
    return "\n\n".join(f"<!-- page {number} -->\n\n{text}".strip() for number, text in pages)


def _elements_by_page(document: "DocumentResult") -> "Iterator[tuple[int, list[Element]]]":
    number = document.pages[0].number
    elements: list[Element] = []
    for element in document.elements:
        if element.kind == "page_break" and element.number not in (None, number):
            yield number, elements
            number, elements = int(element.number or 0), []
        else:
            elements.append(element)
    yield number, elements


def notices(document: "DocumentResult") -> Iterator[str]:
    """Warnings and errors of the pages, in their order; a notice of several pages is given once, with their numbers.

    A PDF that MuPDF had to repair, for example, has the same warning on each page.
    """
    from got_runtime.tasks import MultiPage

    pages_with: dict[str, list[int]] = {}
    errors: set[str] = set()
    for page in document.pages:
        for warning in (*page.warnings, *_stop_reason(page)):
            numbers, text = [page.number], warning
            if isinstance(page.task, MultiPage):  # of several pages, that one is named by the warning
                found = _PAGE_OF_SEVERAL.match(warning)
                numbers, text = ([int(found[1])], found[2]) if found is not None else ([], warning)
            pages_with.setdefault(text, []).extend(numbers)
        if page.error is not None:
            errors.add(page.error.message)
            pages_with.setdefault(page.error.message, []).append(page.number)
    for notice, numbers in pages_with.items():
        # An error names its source and page itself.
        where = f" {_page_ranges(numbers)}" if numbers else ""
        yield notice if notice in errors else f"{document.source}{where}: {notice}"


def _stop_reason(page: "PageResult") -> Iterator[str]:
    from got_runtime.pipeline.postprocess import TIME_IS_UP

    if any(warning.endswith(TIME_IS_UP) for warning in page.warnings):
        return
    if page.finish_reason == "length":
        yield "stopped early, the token budget ran out (--max-new-tokens)"
    elif page.finish_reason == "repetition":
        yield "stopped early, the text began to repeat itself"


def _page_ranges(numbers: list[int]) -> str:
    """``[1, 2, 3, 7]`` → ``pages 1-3, 7``."""
    from got_runtime.sources.selection import page_ranges

    return f"page{'' if len(numbers) == 1 else 's'} {', '.join(page_ranges(numbers))}"


class ResultWriter:
    """Writes results to files below a folder, one for each document and format; without a folder, to standard output.

    A file gets its name when it is complete, so that an interrupted run can be repeated to continue.

    Args:
        folder: where to write; ``None`` for standard output.
        formats: some of :data:`FORMATS`.
        overwrite: whether existing files are written again.
    """

    def __init__(self, folder: Path | None, formats: tuple[str, ...], overwrite: bool) -> None:
        self.folder = folder
        self._formats = formats
        self._overwrite = overwrite
        self._names: set[Path] = set()
        self._printed = False

    def missing_formats(self, name: Path) -> tuple[str, ...]:
        """Formats in which the document ``name`` has to be written: those without a file, or all with ``overwrite``.

        Raises:
            SourceForbidden: another document of this run has the same name, or no file can be written under it.
        """
        if self.folder is None:
            return self._formats
        if name in self._names:
            raise SourceForbidden(
                f"a second file would be written as {self.folder / name}: give their common folder, or another -o"
            )
        exists = [_exists(self._file(self.folder, name, each)) for each in self._formats]
        self._names.add(name)
        return tuple(
            each for each, is_there in zip(self._formats, exists, strict=True) if self._overwrite or not is_there
        )

    def write(self, name: Path, output_format: str, content: str, several: bool = False) -> None:
        """Write ``content`` to the document's file, or to standard output, with one line break at its end.

        Args:
            name: path of the document below the folder, without the suffix of the format.
            output_format: one of :data:`FORMATS`.
            content: the document in this format.
            several: whether there are other documents. On standard output each begins with its name in Markdown, and
                is separated from the one before by a form feed in text.

        Raises:
            SourceForbidden: the file cannot be written.
        """
        content = content.rstrip("\n")
        if self.folder is None:
            if several and output_format == "markdown":
                comment = name.as_posix().replace(">", "&gt;")  # neither "-->" nor "--!>" ends the comment
                content = f"<!-- {comment} -->\n\n{content}"
            separator = {"text": "\f", "markdown": "\n"}.get(output_format, "") if self._printed else ""
            print(f"{separator}{content}", flush=True)
            self._printed = True
            return
        target = self._file(self.folder, name, output_format)
        try:
            write_whole(target, content + "\n")
        except OSError as error:
            raise SourceForbidden(
                f"{target} cannot be written ({error.strerror}): choose another folder, -o"
            ) from error

    @staticmethod
    def _file(folder: Path, name: Path, output_format: str) -> Path:
        return folder / name.with_name(name.name + _SUFFIXES[output_format])


def _exists(file: Path) -> bool:
    # The system reports a name that is too long only in a folder that exists: the nearest one above the file.
    folder = next(parent for parent in file.parents if parent.is_dir())
    try:
        (folder / file.name).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        from got_runtime.sources.names import one_line

        raise SourceForbidden(
            f"{one_line(str(file))} cannot be written ({error.strerror}): give the source a shorter name, or another -o"
        ) from error
    return folder == file.parent
