"""Datasets on disk: detects the layout of a path and loads its samples; folders of images beside text files.

Every loader yields :class:`~got_runtime.evaluation.samples.EvalSample`. A new layout of JSON files is one more entry in
:data:`LAYOUTS`.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from got_runtime.errors import SourceCorrupt, SourceError, SourceNotFound, SourceUnsupported
from got_runtime.evaluation.conversations import is_conversation, is_fox, load_conversations, load_fox
from got_runtime.evaluation.olmocr_bench import is_check, load_olmocr_bench
from got_runtime.evaluation.omnidocbench import is_annotated_page, load_omnidocbench
from got_runtime.evaluation.samples import EvalSample
from got_runtime.evaluation.text_files import read_text, split_pages

__all__ = ["LAYOUTS", "Layout", "load_folder", "load_samples"]

_MULTI_PAGE_SUFFIXES = frozenset({".apng", ".gif", ".pdf", ".tif", ".tiff", ".webp"})
"""Files that may have several pages or frames, and are opened to count them."""

_EXPECTED = (
    "give a folder of images beside .txt files, a .json in GOT's conversations layout, Fox's folder or one of its "
    ".json, OmniDocBench.json, or olmOCR-bench's folder or one of its .jsonl"
)

Rows = list[Any]
"""The entries of a JSON list or of a JSONL file."""


@dataclass(frozen=True)
class Layout:
    """A layout of JSON files.

    ``matches`` decides by the first entry of a file. ``load`` gives the samples of a file, from its path and entries.
    """

    matches: Callable[[Any], bool]
    load: Callable[[Path, Rows], Iterator[EvalSample]]


LAYOUTS = (
    Layout(is_check, load_olmocr_bench),
    Layout(is_annotated_page, load_omnidocbench),
    Layout(is_conversation, load_conversations),
)


def load_samples(path: Path) -> list[EvalSample]:
    """The samples of a dataset; its layout is detected from its files.

    References are read at once, so that a missing one is an error before the first page is read. Images are opened
    later, one by one.

    Raises:
        SourceUnsupported: a layout that is not known.
        SourceCorrupt, SourceNotFound: a file is broken or missing, or no page is left to score.
    """
    samples = list(_load(path))
    if not samples:
        raise SourceNotFound(f"{path} has no page to score: all its checks are marked as rejected")
    return samples


def _load(path: Path) -> Iterable[EvalSample]:
    if not path.exists():
        raise SourceNotFound(f"{path} does not exist: {_EXPECTED}")
    if path.is_file():
        return _load_file(path)
    if is_fox(path):
        return load_fox(path, load_rows)
    if check_files := sorted(path.glob("*.jsonl")):
        return [sample for file in check_files for sample in _load_file(file)]
    if (path / "OmniDocBench.json").is_file():
        return _load_file(path / "OmniDocBench.json")
    return load_folder(path)


def _load_file(path: Path) -> Iterator[EvalSample]:
    if path.suffix.lower() not in (".json", ".jsonl"):
        raise SourceUnsupported(f"{path} is not a dataset: {_EXPECTED}")
    rows = load_rows(path)
    for layout in LAYOUTS:
        if layout.matches(rows[0]):
            return layout.load(path, rows)
    raise SourceUnsupported(f"{path} has no known layout: {_EXPECTED}")


def load_rows(path: Path) -> Rows:
    """The entries of a JSON list, or of a JSONL file; at least one."""
    text = read_text(path)
    if path.suffix.lower() == ".jsonl":
        # Not splitlines(), which also splits at U+2028 and U+0085: JSON may contain both unescaped.
        lines = enumerate(text.split("\n"), start=1)
        rows = [_parse_json(path, line, number) for number, line in lines if line.strip()]
    else:
        rows = _parse_json(path, text)
    if not isinstance(rows, list) or not rows:
        raise SourceUnsupported(f"{path} holds no list of pages: {_EXPECTED}")
    return rows


def _parse_json(path: Path, text: str, first_line: int = 1) -> Any:
    """The JSON value ``text``, which begins in ``first_line`` of the file."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise SourceCorrupt(f"{path} is not JSON (line {first_line + error.lineno - 1}): save it again") from error


def load_folder(path: Path) -> Iterator[EvalSample]:
    r"""Images and PDFs in ``path`` and its subfolders, each beside a ``.txt`` of the same stem; a subfolder is a group.

    The text of a PDF, or of a TIFF or GIF of many frames, has one part a page, separated by form feeds (``\f``), as
    ``pdftotext`` writes it.

    Raises:
        SourceNotFound: an image has no text file, or the folder has no images.
        SourceCorrupt: a text file has another number of pages than its document.
    """
    from got_runtime.sources import expand

    for file in expand(path):
        name = file.relative_to(path).as_posix()
        group = file.parent.relative_to(path).as_posix() if file.parent != path else path.resolve().name
        text_file = file.with_suffix(".txt")
        if not text_file.exists():
            raise SourceNotFound(f"{text_file} is missing: write the text of {file.name} there, empty for a blank page")
        page_count = _count_pages(file)
        has_pages = file.suffix.lower() == ".pdf" or (page_count or 1) > 1
        references = split_pages(text_file, page_count) if has_pages else [read_text(text_file)]
        if page_count is not None and page_count != len(references):
            raise SourceCorrupt(
                f"{text_file} has {len(references)} parts and {file.name} {page_count} pages: "
                "put a form feed between two pages"
            )
        for number, reference in enumerate(references, start=1):
            yield EvalSample(name, file, reference, group, number if has_pages else None)


def _count_pages(file: Path) -> int | None:
    """Pages or frames; ``None`` for a file that cannot be opened, whose error is reported when it is read."""
    from got_runtime.sources import open_pages

    if file.suffix.lower() not in _MULTI_PAGE_SUFFIXES:
        return 1
    try:
        return next(open_pages(file, long_side=1)).total
    except SourceError:
        return None
