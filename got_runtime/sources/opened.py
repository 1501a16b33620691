"""Opens a file with the library of its kind: in a child process, or in this one."""

from typing import Any

from got_runtime.sources.answers import OpenedFile
from got_runtime.sources.content import Content, FileKind
from got_runtime.sources.drawing import Memory

__all__ = ["open_file", "prepare"]


def open_file(content: Content, kind: FileKind, arguments: dict[str, Any], memory: Memory | None = None) -> OpenedFile:
    """The opened file.

    Args:
        content: its bytes.
        kind: decides on the library.
        arguments: of ``PdfFile`` or ``ImageFile``.
        memory: in which pages of a PDF are drawn, if it is there.

    Raises:
        SourceError: it cannot be opened.
    """
    if kind == "PDF":
        from got_runtime.sources.pdf_file import PdfFile

        return PdfFile(content, **arguments, memory=memory)
    from got_runtime.sources.image_file import ImageFile

    return ImageFile(content, kind, **arguments)


def prepare(kind: FileKind) -> None:
    """Import the library for a kind of file, which takes most of a second for PDF."""
    if kind == "PDF":
        import pymupdf  # noqa: F401
