"""PyMuPDF without its output: calls whose exceptions become errors of this package, and passwords."""

import logging
import re
import stringprep
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from got_runtime.errors import GotError, LimitExceeded, SourceCorrupt, SourceEncrypted
from got_runtime.sources.content import Content
from got_runtime.sources.names import one_line

__all__ = ["encrypts_attachments_alone", "library", "messages", "mupdf_calls", "open_document"]

logger = logging.getLogger(__name__)

_OUT_OF_MEMORY = re.compile(r"\b(m|c|re)alloc\b|bad_alloc|out of memory", re.IGNORECASE)

_REPEATED = re.compile(r"\.\.\. repeated \d+ times\.\.\.")


def library() -> Any:
    """PyMuPDF, whose types are incomplete."""
    import pymupdf  # takes most of a second with its models, so only when a PDF is opened

    return pymupdf


@contextmanager
def mupdf_calls(failing: str) -> Iterator[Any]:
    """PyMuPDF without messages; its exceptions become ``SourceCorrupt`` ("{failing} (why)")."""
    pymupdf = library()
    tools = pymupdf.TOOLS
    errors, warnings = tools.mupdf_display_errors(), tools.mupdf_display_warnings()
    tools.mupdf_display_errors(False)
    tools.mupdf_display_warnings(False)
    tools.mupdf_warnings()  # also ends a message that MuPDF holds back to count its repetitions
    try:
        yield pymupdf
    except (GotError, MemoryError):
        raise
    except Exception as error:  # PyMuPDF raises MuPDF's errors, RuntimeError, ValueError … and plain Exception
        raise _translated(failing, error) from error
    finally:
        tools.mupdf_display_errors(errors)
        tools.mupdf_display_warnings(warnings)


def messages() -> list[str]:
    """MuPDF's messages since ``mupdf_calls`` was entered. Raises MemoryError if one says that memory was refused."""
    lines: list[str] = library().TOOLS.mupdf_warnings(reset=0).splitlines()
    found = [line for line in lines if not _REPEATED.fullmatch(line)]
    if any(_OUT_OF_MEMORY.search(line) for line in found):
        raise MemoryError
    return found


def _translated(failing: str, error: BaseException) -> GotError:
    why = one_line(str(error.__cause__ or error))
    if _OUT_OF_MEMORY.search(why):
        return LimitExceeded(f"{failing}: it takes more memory than may be used ({why})")
    if "encryption" in why:
        return SourceEncrypted(f"{failing} ({why}): decrypt it with the program that made it")
    return SourceCorrupt(f"{failing} ({why}): save or download it again, or repair it with another PDF program")


def open_document(content: Content, password: str | None) -> Any:
    """The ``pymupdf.Document``.

    Raises:
        SourceEncrypted: it needs another password.
    """
    pymupdf = library()
    path = content.path
    if path is not None and str(path).isprintable():
        document = pymupdf.open(path, filetype="pdf")  # MuPDF reads from the file as needed
    else:  # in memory, or a file name that is not text, which MuPDF does not accept
        document = pymupdf.open(stream=content.read(), filetype="pdf")
    # "Owner" passwords restrict printing and editing, not reading: MuPDF opens those without a password.
    if document.needs_pass and not _authenticated(document, password) and not _opened_without(document):
        document.close()
        problem = "the password is wrong" if password else "it is encrypted"
        raise SourceEncrypted(
            f"{content.name} cannot be opened, {problem}: pass password='…' (--password on the command line)"
        )
    return document


def _authenticated(document: Any, password: str | None) -> bool:
    if not password or "\0" in password:  # C ends a text at a zero: another password would be tried
        return False
    for form in dict.fromkeys((password, _prepared(password))):
        # An unpaired surrogate, which no password of a PDF can hold.
        with suppress(UnicodeEncodeError, TypeError):
            if document.authenticate(form):
                return True
    return False


def _prepared(password: str) -> str:
    """The password as revision 6 of PDF encryption stores it: SASLprep (RFC 4013), without its prohibitions."""
    mapped = (
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    return unicodedata.normalize("NFKC", "".join(mapped))


def _opened_without(document: Any) -> bool:
    """Open a document of which only the attachments are encrypted."""
    if not encrypts_attachments_alone(document):
        return False
    document.is_encrypted = False
    document.init_doc()
    return True


def encrypts_attachments_alone(document: Any) -> bool:
    """Whether a document's attachments alone are encrypted (ISO 32000-1, 7.6.5: EFF beside Identity)."""
    trailer = -1
    if document.xref_get_key(trailer, "Encrypt")[0] not in ("xref", "dict"):
        return False
    version, streams, strings = (document.xref_get_key(trailer, f"Encrypt/{name}")[1] for name in ("V", "StmF", "StrF"))
    return version in ("4", "5") and not {streams, strings} - {"/Identity", "null"}
