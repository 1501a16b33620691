"""One page to read and what it says, from wherever it comes; and the text another tool wrote for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.errors import SourceCorrupt, SourceNotFound
from got_runtime.tasks import Plain, Task

if TYPE_CHECKING:
    from PIL import Image

    from got_runtime.evaluation.checks import Check

__all__ = ["EvalPrompt", "EvalSample", "load_prediction", "name_below", "parts_of", "text_of"]

_TEXT_SUFFIXES = (".txt", ".md", ".mmd")
_PLAIN = Plain()


@dataclass(frozen=True)
class EvalPrompt:
    """What a reader is asked: the picture of a page, or the pages of one context, and the task."""

    images: "tuple[Image.Image, ...]"
    task: Task


@dataclass(frozen=True)
class EvalSample:
    """One page to read and what it says.

    ``image`` is a picture or the path of a file, of which ``page`` (from 1) is meant where it has several;
    ``following`` are further pages of the same context. ``name`` is the file's path below its collection, or any name
    for a picture. ``group`` is the report's row that it counts in. ``task`` is what is asked; ``compare`` is asked too,
    and its error reported beside (a page cut into tiles is also read in one). ``kind`` chooses what is scored beyond
    characters (:data:`got_runtime.evaluation.scoring.SCORERS`). ``reference`` is ``None`` for a page of which only
    single
    facts are known: its ``checks``.
    """

    name: str
    image: "Path | Image.Image"
    reference: str | None
    group: str
    page: int | None = None
    task: Task = _PLAIN
    kind: str = "plain"
    following: "tuple[Image.Image, ...]" = ()
    compare: Task | None = None
    checks: "tuple[Check, ...]" = ()

    @property
    def label(self) -> str:
        """The name as a person would say it: ``scans/paper.pdf p. 3``."""
        return self.name if self.page is None else f"{self.name} p. {self.page}"

    def open(self) -> "Image.Image":
        """The page's picture. Raises a ``SourceError`` when the file cannot be read."""
        if not isinstance(self.image, Path):
            return self.image
        from got_runtime.sources import open_pages

        for page in open_pages(self.image, pages=str(self.page or 1)):
            if page.error is not None:
                raise page.error
            if page.image is not None:
                return page.image
        raise SourceCorrupt(f"{self.label} has no picture: save it again")

    def prompts(self) -> Sequence[EvalPrompt]:
        """What to ask: ``task``, then ``compare`` where there is one. Raises as :meth:`open` does."""
        images = (self.open(), *self.following)
        return [EvalPrompt(images, task) for task in (self.task, self.compare) if task is not None]


def name_below(path: str) -> str:
    """The name of a sample from the path that a collection gives: its last part where it is absolute, without ``..``.

    Otherwise the look-up of predictions would be led out of their folder. Empty where nothing is left.
    """
    given = Path(path)
    return given.name if given.is_absolute() else "/".join(part for part in given.parts if part != "..")


def load_prediction(directory: Path, sample: EvalSample) -> str:
    """What another tool wrote for ``sample``: ``directory``'s file of its name or stem (``.txt``, ``.md`` or ``.mmd``).

    The name comes first (``paper.pdf.txt``, as ``got-ocr read -o`` writes), since the stem's file may be the
    reference. A
    page of several may also have a file of its own, named as olmOCR-bench does: ``paper_pg3_repeat1.md``. Where
    no text has its pages parted, ``paper.pdf.json`` is taken, a :class:`~got_runtime.results.DocumentResult`. Raises
    :class:`SourceNotFound` when there is nothing, or nothing for the sample's page; :class:`SourceCorrupt` for a file
    that is neither.
    """
    base = directory / sample.name
    for file in (base.with_name(f"{base.stem}_pg{sample.page}_repeat1{suffix}") for suffix in _TEXT_SUFFIXES):
        if file.is_file():
            return text_of(file)
    result = base.with_name(f"{base.name}.json")
    for name in (base.name, base.stem):
        for file in (base.with_name(name + suffix) for suffix in _TEXT_SUFFIXES):
            if not file.is_file():
                continue
            if sample.page is None:
                return text_of(file)
            parts = parts_of(file, sample.page)
            if len(parts) == 1 and result.is_file():  # got-ocr parts the pages of its JSON alone
                continue
            if sample.page > len(parts):
                count = len(parts)
                raise SourceNotFound(
                    f"{file} has no page {sample.page}: part its {count} pages by form feeds, or give JSON"
                )
            return parts[sample.page - 1]
        if result.is_file():
            return _page_of(result, sample.page or 1)
    raise SourceNotFound(f"no text for {sample.label}: expected {base.with_suffix('.txt')} or {base}.txt")


def _page_of(file: Path, number: int) -> str:
    """The text of a page in what ``got-ocr read --to json`` wrote."""
    from pydantic import ValidationError

    from got_runtime.results import DocumentResult

    try:
        document = DocumentResult.model_validate_json(text_of(file))
    except ValidationError as error:
        raise SourceCorrupt(f"{file} is not what got-ocr read --to json writes: read the page again") from error
    for page in document.pages:
        if page.number == number:
            if page.error is not None:
                raise SourceCorrupt(page.error.message)
            return page.text
    raise SourceNotFound(f"{file} has no page {number}: read all pages, with --overwrite")


def text_of(file: Path) -> str:
    """A UTF-8 file's text. Raises ``SourceCorrupt`` or ``SourceNotFound``."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceCorrupt(f"{file} is not UTF-8: save it as UTF-8") from error
    except OSError as error:
        raise SourceNotFound(f"{file} cannot be read: {error.strerror}") from error


def parts_of(file: Path, count: int | None = None) -> list[str]:
    r"""A text's pages, parted by form feeds (``\f``); ``pdftotext`` ends the last one with a form feed too.

    So what follows the last form feed is a page only if it holds text, or if it is the blank one of ``count`` pages.
    """
    parts = text_of(file).split("\f")
    if len(parts) > 1 and len(parts) != count and not parts[-1].strip("\n"):
        parts.pop()
    return parts
