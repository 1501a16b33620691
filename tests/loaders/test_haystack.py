"""The converter in Haystack."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from haystack import Document, Pipeline
from haystack.components.preprocessors import DocumentSplitter
from haystack.components.writers import DocumentWriter
from haystack.dataclasses import ByteStream
from haystack.document_stores.in_memory import InMemoryDocumentStore
from helpers.loader_files import Scripted

from got_loaders.haystack import GotConverter
from got_runtime import Formatted
from got_runtime.errors import OptionError, SourceCorrupt
from got_runtime.options import ErrorPolicy


def test_sources_and_their_meta(scripted: Scripted, three_pages: Path) -> None:
    stream = ByteStream(three_pages.read_bytes(), meta={"file_path": "in/memory.pdf"})
    converter = GotConverter(pages="1", runtime=scripted("text"))
    first, second = converter.run([three_pages, stream], meta=[{"mine": 1}, {"mine": 2}])["documents"]
    assert (first.content, first.meta["mine"], first.meta["page_number"]) == ("text", 1, 1)
    assert (second.meta["file_path"], second.meta["mine"]) == ("in/memory.pdf", 2)


def test_a_path_that_is_not_in_a_list_is_an_error(scripted: Scripted, three_pages: Path) -> None:
    wrong: Any
    for wrong in (str(three_pages), three_pages, ByteStream(b"")):
        with pytest.raises(OptionError, match="sources= is a list"):
            GotConverter(runtime=scripted("never")).run(wrong)


def test_a_pipeline_can_be_saved_and_run(scripted: Scripted, three_pages: Path) -> None:
    saved = Pipeline()
    saved.add_component("got", GotConverter(mode="chunk", task=Formatted(), dpi=90, dtype="float32"))
    again = Pipeline.loads(saved.dumps(), allowed_modules=["got_loaders.haystack"])
    assert again.to_dict() == saved.to_dict()

    store = InMemoryDocumentStore()
    pipeline = Pipeline()
    pipeline.add_component("got", GotConverter(runtime=scripted("one", "two", "three")))
    pipeline.add_component("writer", DocumentWriter(store))
    pipeline.connect("got.documents", "writer.documents")
    pipeline.run({"got": {"sources": [str(three_pages)]}})
    assert sorted(str(document.content) for document in store.filter_documents()) == ["one", "three", "two"]


def test_a_splitter_behind_whole_documents_knows_their_pages(scripted: Scripted, three_pages: Path) -> None:
    runtime = scripted("First page\ftext ends here.", "", "Third page text ends here.")
    documents = GotConverter(mode="document", runtime=runtime).run([three_pages])["documents"]
    assert [document.content for document in documents] == ["First page\ntext ends here.\f\fThird page text ends here."]
    words, each_page = (
        DocumentSplitter(split_by="word", split_length=4),
        DocumentSplitter(split_by="page", split_length=1),
    )
    for splitter in (words, each_page):
        pieces = splitter.run(documents=documents)["documents"]
        assert [piece.meta["page_number"] for piece in pieces if str(piece.content).strip()] == [1, 3]


def test_without_blocking_the_event_loop(scripted: Scripted, three_pages: Path) -> None:
    done = asyncio.run(GotConverter(runtime=scripted("text")).run_async([three_pages]))
    assert len(done["documents"]) == 3


def test_one_corrupt_file_among_ten(scripted: Scripted, ten_files: Path) -> None:
    sources: list[str | Path | ByteStream] = [*sorted(ten_files.iterdir())]

    def convert(on_error: ErrorPolicy) -> list[Document]:
        return GotConverter(on_error=on_error, runtime=scripted("fine")).run(sources)["documents"]

    with pytest.raises(SourceCorrupt):
        convert("raise")
    assert len(convert("skip")) == 9
    assert [bool(document.meta["error"]) for document in convert("keep")].count(True) == 1
