"""Text files of references and predictions: UTF-8, one part a page."""

from pathlib import Path

from got_runtime.errors import SourceCorrupt, SourceNotFound

__all__ = ["read_text", "split_pages"]


def read_text(file: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    Raises:
        SourceCorrupt: the file is not UTF-8.
        SourceNotFound: the file does not exist or cannot be opened.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceCorrupt(f"{file} is not UTF-8: save it as UTF-8") from error
    except OSError as error:
        raise SourceNotFound(f"{file} cannot be read: {error.strerror}") from error


def split_pages(file: Path, page_count: int | None = None) -> list[str]:
    r"""The pages of a text file, separated by form feeds (``\f``).

    ``pdftotext`` writes a form feed after the last page too. Text after the last form feed is therefore a page only if
    it is not empty, or if the document has exactly that many pages (the last one is then blank).

    Args:
        page_count: number of pages of the document; ``None`` if unknown.

    Raises:
        SourceCorrupt, SourceNotFound: as :func:`read_text` does.
    """
    pages = read_text(file).split("\f")
    if len(pages) > 1 and len(pages) != page_count and not pages[-1].strip("\n"):
        pages.pop()
    return pages
