"""Predictions that ``got-ocr read`` or another tool wrote to a folder: which file belongs to a sample."""

from pathlib import Path

from got_runtime.errors import SourceCorrupt, SourceNotFound
from got_runtime.evaluation.samples import EvalSample
from got_runtime.evaluation.text_files import read_text, split_pages

__all__ = ["load_prediction"]

_TEXT_SUFFIXES = (".txt", ".md", ".mmd")


def load_prediction(directory: Path, sample: EvalSample) -> str:
    """The text that a tool wrote for ``sample`` under ``directory``.

    Candidates, the first that exists (``.md`` and ``.mmd`` as well as ``.txt``):

    1. ``paper_pg3_repeat1.txt``: a file for the page alone, named as olmOCR-bench does
    2. ``paper.pdf.txt``: the sample's name, as ``got-ocr read -o`` writes it
    3. ``paper.txt``: the sample's stem; after 2., because in the dataset's own folder it is the reference
    4. ``paper.pdf.json``: a :class:`~got_runtime.results.DocumentResult`; before 2. and 3. if their text is not divided
       into pages by form feeds

    Raises:
        SourceNotFound: no file, or the file does not have the sample's page.
        SourceCorrupt: a text file that is not UTF-8, a JSON file of another format, or a page that failed there.
    """
    base = directory / sample.name
    for file in (base.with_name(f"{base.stem}_pg{sample.page}_repeat1{suffix}") for suffix in _TEXT_SUFFIXES):
        if file.is_file():
            return read_text(file)
    result = base.with_name(f"{base.name}.json")
    for name in (base.name, base.stem):
        for file in (base.with_name(name + suffix) for suffix in _TEXT_SUFFIXES):
            if not file.is_file():
                continue
            if sample.page is None:
                return read_text(file)
            pages = split_pages(file, sample.page)
            if len(pages) == 1 and result.is_file():  # got-ocr separates pages in its JSON only
                continue
            if sample.page > len(pages):
                raise SourceNotFound(
                    f"{file} has no page {sample.page}: separate its {len(pages)} pages by form feeds, or give JSON"
                )
            return pages[sample.page - 1]
        if result.is_file():
            return _page_text(result, sample.page or 1)
    raise SourceNotFound(f"no text for {sample.label}: expected {base.with_suffix('.txt')} or {base}.txt")


def _page_text(file: Path, number: int) -> str:
    """The text of a page in a file that ``got-ocr read --to json`` wrote."""
    from pydantic import ValidationError

    from got_runtime.results import DocumentResult

    try:
        document = DocumentResult.model_validate_json(read_text(file))
    except ValidationError as error:
        raise SourceCorrupt(f"{file} is not what got-ocr read --to json writes: read the page again") from error
    for page in document.pages:
        if page.number == number:
            if page.error is not None:
                raise SourceCorrupt(page.error.message)
            return page.text
    raise SourceNotFound(f"{file} has no page {number}: read all pages, with --overwrite")
