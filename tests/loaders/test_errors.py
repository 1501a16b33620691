"""A file or page that fails: kept by default, left out with a warning, or raised; the same in every loader."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from haystack.dataclasses import ByteStream
from helpers.loader_files import Scripted, inked
from langchain_core.document_loaders import Blob

from got_loaders.haystack import GotConverter
from got_loaders.langchain import GotBlobParser, GotLoader
from got_loaders.llama_index import GotReader
from got_loaders.pymupdf4llm import GotOcr
from got_runtime.errors import (
    EngineError,
    SourceCorrupt,
    SourceError,
    SourceForbidden,
    SourceNotFound,
    SourceUnsupported,
)


def test_a_file_that_is_loaded_alone_and_cannot_be_opened_raises(scripted: Scripted, tmp_path: Path) -> None:
    runtime = scripted("never")
    with pytest.raises(SourceNotFound):
        GotLoader(tmp_path / "typo.pdf", runtime=runtime).load()
    with pytest.raises(SourceNotFound):
        GotReader(runtime=runtime).load_data(tmp_path / "typo.pdf")


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("typo.pdf", SourceNotFound),
        ("", SourceNotFound),
        ("https://example.org/a.pdf", SourceForbidden),
        (b"plain text", SourceUnsupported),
        (7, SourceUnsupported),
    ],
    ids=str,
)
def test_a_source_that_cannot_be_read_is_reported_before_weights_are_loaded(
    source: Any, kind: type[SourceError]
) -> None:
    weights: dict[str, Any] = {"model": "nobody/nothing", "local_files_only": True}  # their error would come first
    with pytest.raises(kind):
        GotLoader(source, **weights).load()
    with pytest.raises(kind):
        asyncio.run(GotLoader([source], on_error="raise", **weights).aload())
    with pytest.raises(kind):
        GotReader(**weights).load_data(source)
    if isinstance(source, str) and source:
        with pytest.raises(kind):
            GotConverter(on_error="raise", **weights).run([source])


def test_a_file_of_a_list_that_cannot_be_opened_is_kept_with_its_error(scripted: Scripted, ten_files: Path) -> None:
    runtime = scripted("never")
    corrupt = ten_files / "4.pdf"
    [loaded] = GotLoader([corrupt], runtime=runtime).load()
    [read] = GotReader(runtime=runtime).load_data([corrupt])
    [converted] = GotConverter(runtime=runtime).run([corrupt])["documents"]
    [parsed] = GotBlobParser(runtime=runtime).parse(Blob.from_path(corrupt))
    for metadata in (loaded.metadata, read.metadata, converted.meta, parsed.metadata):
        assert metadata["error"].startswith("SourceCorrupt: ")
        assert metadata["file_path"] == str(corrupt)


def test_a_page_that_fails_does_not_affect_other_pages(scripted: Scripted, three_pages: Path) -> None:
    runtime = scripted("one", RuntimeError("out of memory"), "three")
    documents = GotLoader(three_pages, runtime=runtime).load()
    assert [document.page_content for document in documents] == ["one", "", "three"]
    assert "out of memory" in documents[1].metadata["error"]


def test_skipped_pages_and_files_are_logged_with_their_name_and_error(
    scripted: Scripted, ten_files: Path, three_pages: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = scripted("one", RuntimeError("out of memory"), "three")
    with caplog.at_level(logging.WARNING):
        documents = GotLoader([ten_files / "4.pdf", three_pages], on_error="skip", runtime=runtime).load()
    assert [document.metadata["page"] for document in documents] == [0, 2]
    warnings = "\n".join(record.getMessage() for record in caplog.records)
    assert str(ten_files / "4.pdf") in warnings
    assert f"{three_pages} page 2" in warnings
    assert "out of memory" in warnings


def test_the_error_that_ends_a_folder_names_the_file(scripted: Scripted, ten_files: Path) -> None:
    with pytest.raises(SourceCorrupt, match=r"4\.pdf"):
        GotLoader(ten_files, on_error="raise", runtime=scripted("fine")).load()
    with pytest.raises(EngineError, match=r"2\.png page 1"):
        GotLoader(ten_files, on_error="raise", runtime=scripted("fine", RuntimeError("out of memory"))).load()


def test_the_ocr_function_raises_with_on_error_raise(scripted: Scripted, tmp_path: Path) -> None:
    def scan() -> pymupdf.Document:
        document = pymupdf.open()
        page = document.new_page(width=200, height=100)
        page.insert_image(page.rect, filename=inked(tmp_path / "in.png", "7"))
        return document

    with scan() as document:
        GotOcr(scripted(RuntimeError("out of memory")))(document[0])
        assert document[0].get_text() == ""
    with scan() as document, pytest.raises(EngineError, match="out of memory"):
        GotOcr(scripted(RuntimeError("out of memory")), on_error="raise")(document[0])


def test_each_source_of_a_converter_keeps_its_own_meta(scripted: Scripted, ten_files: Path, three_pages: Path) -> None:
    """Although all are read in one stream: a folder, a file that fails, the same file twice."""
    sources: list[str | Path | ByteStream] = [
        ten_files / "1.png",
        ten_files / "4.pdf",
        ten_files,
        three_pages,
        three_pages,
    ]
    meta = [{"source_number": number} for number in range(5)]
    documents = GotConverter(pages="1", runtime=scripted("text")).run(sources, meta=meta)["documents"]
    numbers = [document.meta["source_number"] for document in documents]
    assert numbers == [0, 1, *[2] * 10, 3, 4]
    assert documents[1].meta["error"]
