"""The loader and the blob parser in LangChain."""

import asyncio
import io
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import pytest
from helpers.loader_files import SOUP, CountingEngine, Scripted, inked
from langchain_core.document_loaders import Blob
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.load import dumps, loads
from langchain_core.vectorstores import InMemoryVectorStore
from PIL import Image

from got_loaders.config import ChunkMode
from got_loaders.langchain import GotBlobParser, GotLoader
from got_runtime import Formatted, GotRuntime
from got_runtime.errors import SourceCorrupt
from got_runtime.options import ErrorPolicy

Counting = tuple[GotRuntime, CountingEngine]


def test_each_page_is_one_document_by_default(scripted: Scripted, three_pages: Path) -> None:
    documents = GotLoader(three_pages, runtime=scripted("one", "two", "three")).load()
    assert [document.page_content for document in documents] == ["one", "two", "three"]
    assert [document.metadata["page"] for document in documents] == [0, 1, 2]
    assert documents[0].metadata["source"] == str(three_pages)


def test_the_first_document_comes_before_page_2_is_rendered(counting: Counting, three_pages: Path) -> None:
    runtime, engine = counting
    documents = GotLoader(three_pages, runtime=runtime).lazy_load()
    assert engine.received == 0
    assert next(documents).page_content == "one"
    assert engine.received == 1


def test_the_first_document_comes_early_in_async_too(counting: Counting, three_pages: Path) -> None:
    runtime, engine = counting

    async def first() -> Document:
        documents = GotLoader(three_pages, runtime=runtime).alazy_load()
        document = await anext(documents)
        await documents.aclose()  # type: ignore[attr-defined]
        return document

    assert asyncio.run(first()).page_content == "one"
    assert engine.received == 1


def test_a_loader_can_be_read_again(scripted: Scripted, three_pages: Path) -> None:
    loader = GotLoader(three_pages, runtime=scripted("always"))
    assert loader.load() == loader.load() == asyncio.run(loader.aload())


def test_files_whose_names_differ_in_spaces_stay_distinct(scripted: Scripted, tmp_path: Path) -> None:
    names = ["a  b.png", "a b.png", "a\u202fb.png", "c" * 240 + ".png"]
    for name in names:
        picture().save(tmp_path / name)
    documents = GotLoader(tmp_path, runtime=scripted("text"), mode="document").load()
    assert sorted(document.metadata["file_path"] for document in documents) == sorted(
        str(tmp_path / name) for name in names
    )


def picture() -> Image.Image:
    image = Image.new("RGB", (200, 100), "white")
    image.paste("black", (20, 20, 150, 60))
    return image


def as_png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "source", [as_png(picture()), np.asarray(picture()), picture()], ids=["bytes", "array", "image"]
)
def test_a_source_without_a_name_is_named_by_its_kind(scripted: Scripted, source: Any) -> None:
    [document] = GotLoader(source, runtime=scripted("text")).load()
    assert document.metadata["source"] in ("<bytes>", "<array>", "<image>")
    assert document.metadata["file_path"] == ""


def test_an_address_is_named_without_its_secrets(scripted: Scripted) -> None:
    address = "https://user:secret@127.0.0.1/a.pdf"
    [document] = GotLoader([address], runtime=scripted("text")).load()
    assert document.metadata["source"].startswith("https://127.0.0.1/a.pdf")
    assert "secret" not in str(document.metadata)


def test_text_layers_and_formatted_pages_mix_in_one_document(scripted: Scripted, tmp_path: Path) -> None:
    file = tmp_path / "cover.pdf"
    with pymupdf.open() as pdf:
        pdf.new_page().insert_text((72, 72), "Cover {draft} of the report, with a text layer", fontsize=20)
        pdf.new_page().insert_image(pymupdf.Rect(0, 0, 595, 842), stream=as_png(picture()))
        pdf.save(file)
    runtime = scripted("\\section{Peas}")
    [document] = GotLoader(file, mode="document", task=Formatted(), ocr="auto", runtime=runtime).load()
    assert document.page_content == "Cover {draft} of the report, with a text layer\n\n## Peas"


def test_modes(scripted: Scripted, three_pages: Path) -> None:
    def load(mode: ChunkMode) -> list[Document]:
        runtime = scripted(SOUP, "Second page.", "Third page.")
        return GotLoader(three_pages, mode=mode, task=Formatted(), runtime=runtime).load()

    [whole] = load("document")
    assert whole.page_content.startswith("# Soup\n\n## Peas\n\nPeas are green.")
    assert whole.page_content.endswith("Third page.")
    assert "page" not in whole.metadata
    assert [page.page_content[:6] for page in load("page")] == ["# Soup", "Second", "Third "]
    elements = load("element")
    assert [element.metadata["category"] for element in elements] == [
        *("heading", "heading", "paragraph", "formula", "table", "paragraph", "paragraph")
    ]
    assert elements[3].metadata["latex"] == "a^2"
    assert elements[4].metadata["text_as_html"].startswith("<table>")
    assert elements[5].metadata["header_path"] == "Soup > Peas"  # the headings of page 1 hold on page 2
    chunks = load("chunk")
    assert [chunk.metadata["page"] for chunk in chunks] == [0, 0, 1, 2]
    assert chunks[1].metadata["category"] == "heading,paragraph,formula,table"


def test_ids_are_the_same_every_time_and_never_twice(scripted: Scripted, three_pages: Path) -> None:
    def ids() -> list[str | None]:
        return [each.id for each in GotLoader(three_pages, mode="element", runtime=scripted("Same.\n\nSame.")).load()]

    assert ids() == ids()
    assert len(set(ids())) == len(ids())


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
def test_documents_can_be_serialised(scripted: Scripted, three_pages: Path) -> None:
    documents = GotLoader(three_pages, mode="element", task=Formatted(), runtime=scripted(SOUP)).load()
    assert loads(dumps(documents), allowed_objects="core") == documents
    assert pickle.loads(pickle.dumps(documents)) == documents


def test_indexing_twice_adds_nothing(scripted: Scripted, three_pages: Path) -> None:
    records = InMemoryRecordManager("scans")
    records.create_schema()
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=4))
    loader = GotLoader(three_pages, mode="chunk", runtime=scripted("one", "two", "three"))

    def run() -> int:
        again = GotLoader(three_pages, mode="chunk", runtime=scripted("one", "two", "three"))
        done = index(again, records, store, cleanup="full", source_id_key="source", key_encoder="sha256")
        return int(done["num_added"])

    assert len(loader.load()) == 3
    assert [run(), run()] == [3, 0]


def test_a_full_cleanup_deletes_the_chunks_of_deleted_files(scripted: Scripted, ten_files: Path) -> None:
    records = InMemoryRecordManager("scans")
    records.create_schema()
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=4))

    def run() -> tuple[int, int]:
        loader = GotLoader(ten_files, mode="chunk", on_error="raise", runtime=scripted("fine"))
        done = index(
            loader,
            records,
            store,
            cleanup="full",
            source_id_key="source",
            key_encoder=lambda document: str(document.id),
        )
        return done["num_added"], done["num_deleted"]

    with pytest.raises(SourceCorrupt):
        run()
    assert len(store.store) == 0
    (ten_files / "4.pdf").unlink()
    assert run() == (9, 0)
    (ten_files / "1.png").unlink()
    assert run() == (0, 1)


@pytest.mark.parametrize("mode", ["page", "element"])
def test_one_corrupt_file_among_ten(scripted: Scripted, ten_files: Path, mode: ChunkMode) -> None:
    def load(on_error: ErrorPolicy) -> list[Document]:
        return GotLoader(ten_files, mode=mode, on_error=on_error, runtime=scripted("fine")).load()

    with pytest.raises(SourceCorrupt, match=r"4\.pdf"):
        load("raise")
    assert [Path(document.metadata["source"]).name for document in load("skip")] == [
        f"{n}.png" for n in (1, 2, 3, 5, 6, 7, 8, 9, 10)
    ]
    kept = load("keep")
    assert len(kept) == 10
    assert kept[3].page_content == ""
    assert kept[3].metadata["error"].startswith("SourceCorrupt: ")
    assert kept[3].metadata["file_path"] == str(ten_files / "4.pdf")


def test_a_blank_page_is_an_empty_page_and_no_element(scripted: Scripted, blank_page: Path) -> None:
    [page] = GotLoader(blank_page, runtime=scripted("never")).load()
    assert (page.page_content, page.metadata["finish_reason"]) == ("", "blank")
    assert GotLoader(blank_page, mode="chunk", runtime=scripted("never")).load() == []


def test_reading_eight_files_does_not_block_the_event_loop(scripted: Scripted, tmp_path: Path) -> None:
    files = [inked(tmp_path / f"{number}.png", str(number)) for number in range(8)]
    runtime = scripted("twenty letters long.", latency=0.01)
    gaps: list[float] = []

    async def heartbeat() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            gaps.append(time.perf_counter() - began)

    async def read() -> list[list[Document]]:
        beating = asyncio.create_task(heartbeat())
        read = await asyncio.gather(*(GotLoader(file, runtime=runtime).aload() for file in files))
        beating.cancel()
        return read

    assert [len(documents) for documents in asyncio.run(read())] == [1] * 8
    assert len(gaps) > 10
    assert sorted(gaps)[-3] < 0.2  # each file alone takes that long


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_in_a_generic_loader(scripted: Scripted, ten_files: Path) -> None:
    from langchain_community.document_loaders.generic import GenericLoader

    loader = GenericLoader.from_filesystem(ten_files, suffixes=[".png"], parser=GotBlobParser(runtime=scripted("fine")))
    documents = loader.load()
    assert len(documents) == 9
    assert {document.metadata["source"] for document in documents} == {str(file) for file in ten_files.glob("*.png")}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_as_the_images_parser_of_a_pdf_loader(scripted: Scripted, three_pages: Path, tmp_path: Path) -> None:
    import pymupdf
    from langchain_community.document_loaders import PyMuPDFLoader

    file = tmp_path / "picture.pdf"
    with pymupdf.open() as document:
        page = document.new_page(width=300, height=200)
        page.insert_image(page.rect, filename=inked(tmp_path / "in.png", "7"))
        document.save(file)
    parser = GotBlobParser(runtime=scripted("seven"))
    [document] = PyMuPDFLoader(str(file), extract_images=True, images_parser=parser).load()  # type: ignore[arg-type]
    assert "seven" in document.page_content


def test_a_blob_gives_at_least_one_document_and_keeps_its_metadata(scripted: Scripted) -> None:
    file = io.BytesIO()
    np.save(file, np.full((40, 60), 255, np.uint8))
    blob = Blob.from_data(file.getvalue(), mime_type="application/x-npy", metadata={"source": "in.pdf", "mine": 1})
    [document] = GotBlobParser(mode="chunk", runtime=scripted("never")).parse(blob)
    assert document == Document(page_content="", metadata={"source": "in.pdf", "mine": 1})


def test_the_name_of_a_blob_without_a_name_does_not_contain_its_bytes(scripted: Scripted) -> None:
    blob = Blob.from_data(as_png(picture()), mime_type="image/png")
    [document] = GotBlobParser(runtime=scripted("text")).parse(blob)
    assert document.metadata["source"] == "<blob>"
