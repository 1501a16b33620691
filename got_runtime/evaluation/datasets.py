"""Collections of pages on disk with their reference: which layout a path has, and folders of images beside texts.

Every reader yields :class:`~got_runtime.evaluation.samples.EvalSample`. A new layout is one more entry in
:data:`LAYOUTS`.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from got_runtime.errors import SourceCorrupt, SourceError, SourceNotFound, SourceUnsupported
from got_runtime.evaluation.conversations import conversations, fox, is_conversation, is_fox
from got_runtime.evaluation.olmocr_bench import is_check, olmocr_bench
from got_runtime.evaluation.omnidocbench import is_annotated_page, omnidocbench
from got_runtime.evaluation.samples import EvalSample, parts_of, text_of

__all__ = ["LAYOUTS", "Layout", "folder", "load_samples"]

_PAGED_SUFFIXES = frozenset({".apng", ".gif", ".pdf", ".tif", ".tiff", ".webp"})
"""Files that may hold several pages and are asked for their number."""

_EXPECTED = (
    "give a folder of images beside .txt files, a .json in GOT's conversations layout, Fox's folder or one of its "
    ".json, OmniDocBench.json, or olmOCR-bench's folder or one of its .jsonl"
)

Rows = list[Any]
"""The entries of a JSON or JSONL file."""


@dataclass(frozen=True)
class Layout:
    """A layout of JSON files: ``takes`` looks at the first entry, ``read`` gives the samples of a file and its rows."""

    takes: Callable[[Any], bool]
    read: Callable[[Path, Rows], Iterator[EvalSample]]


LAYOUTS = (
    Layout(is_check, olmocr_bench),
    Layout(is_annotated_page, omnidocbench),
    Layout(is_conversation, conversations),
)


def load_samples(path: Path) -> list[EvalSample]:
    """The samples of a collection; its layout is told from its files.

    Files are listed and references read at once, so that a missing reference is known before the first page is read;
    pictures
    are opened one by one. Raises ``SourceUnsupported`` for a layout that is not known, ``SourceCorrupt`` or
    ``SourceNotFound`` for one that is broken or has no page left to score.
    """
    samples = list(_cases(path))
    if not samples:
        raise SourceNotFound(f"{path} has no page to score: all its checks are marked as rejected")
    return samples


def _cases(path: Path) -> Iterable[EvalSample]:
    if not path.exists():
        raise SourceNotFound(f"{path} does not exist: {_EXPECTED}")
    if path.is_file():
        return _of_file(path)
    if is_fox(path):
        return fox(path, rows_of)
    if benches := sorted(path.glob("*.jsonl")):
        return [sample for file in benches for sample in _of_file(file)]
    if (path / "OmniDocBench.json").is_file():
        return _of_file(path / "OmniDocBench.json")
    return folder(path)


def _of_file(path: Path) -> Iterator[EvalSample]:
    if path.suffix.lower() not in (".json", ".jsonl"):
        raise SourceUnsupported(f"{path} is no collection: {_EXPECTED}")
    rows = rows_of(path)
    for layout in LAYOUTS:
        if layout.takes(rows[0]):
            return layout.read(path, rows)
    raise SourceUnsupported(f"{path} has no known layout: {_EXPECTED}")


def rows_of(path: Path) -> Rows:
    """The entries of a JSON list or of a file with one JSON value a line; at least one."""
    text = text_of(path)
    if path.suffix.lower() == ".jsonl":
        # Not splitlines(): JSON may hold U+2028 and its like unescaped.
        lines = enumerate(text.split("\n"), start=1)
        rows = [_value(path, line, number) for number, line in lines if line.strip()]
    else:
        rows = _value(path, text)
    if not isinstance(rows, list) or not rows:
        raise SourceUnsupported(f"{path} holds no list of pages: {_EXPECTED}")
    return rows


def _value(path: Path, text: str, line: int = 1) -> Any:
    """A JSON value that begins at ``line`` of a file."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise SourceCorrupt(f"{path} is not JSON (line {line + error.lineno - 1}): save it again") from error


def folder(path: Path) -> Iterator[EvalSample]:
    r"""Images and PDFs anywhere below ``path``, each beside a ``.txt`` of the same stem; a subfolder is a group.

    The text of a PDF, or of a TIFF or GIF of many frames, has one part a page, parted by form feeds (``\f``), as
    ``pdftotext`` writes it.
    """
    from got_runtime.sources import expand

    for file in expand(path):
        name = file.relative_to(path).as_posix()
        group = file.parent.relative_to(path).as_posix() if file.parent != path else path.resolve().name
        source = file.with_suffix(".txt")
        if not source.exists():
            raise SourceNotFound(f"{source} is missing: write the text of {file.name} there, empty for a blank page")
        count = _page_count(file)
        paged = file.suffix.lower() == ".pdf" or (count or 1) > 1
        references = parts_of(source, count) if paged else [text_of(source)]
        if count is not None and count != len(references):
            raise SourceCorrupt(
                f"{source} has {len(references)} parts and {file.name} {count} pages: put a form feed between two pages"
            )
        for number, reference in enumerate(references, start=1):
            yield EvalSample(name, file, reference, group, number if paged else None)


def _page_count(file: Path) -> int | None:
    """Pages or frames; ``None`` for a file that cannot be opened, which is for its prediction to say."""
    from got_runtime.sources import open_pages

    if file.suffix.lower() not in _PAGED_SUFFIXES:
        return 1
    try:
        return next(open_pages(file, long_side=1)).total
    except SourceError:
        return None
