"""The reader in LlamaIndex."""

import asyncio
import pickle
from pathlib import Path

import fsspec
import pytest
from helpers.loader_files import SOUP, CountingEngine, Scripted, inked
from llama_index.core import SimpleDirectoryReader
from llama_index.core.schema import Document, ImageDocument, MetadataMode, NodeRelationship
from PIL import Image

from got_loaders.llama_index import GotReader
from got_runtime import Formatted, GotRuntime
from got_runtime.errors import SourceCorrupt
from got_runtime.options import ErrorPolicy


def test_documents_come_page_by_page(counting: tuple[GotRuntime, CountingEngine], three_pages: Path) -> None:
    runtime, engine = counting
    documents = GotReader(runtime=runtime).lazy_load_data(three_pages)
    assert next(iter(documents)).text == "one"
    assert engine.received == 1


def test_extra_info_is_copied_to_each_page(scripted: Scripted, three_pages: Path) -> None:
    extra = {"project": "peas"}
    documents = GotReader(runtime=scripted("text")).load_data(three_pages, extra_info=extra)
    assert [document.metadata["page_label"] for document in documents] == ["1", "2", "3"]
    documents[0].metadata["project"] = "changed"
    assert documents[1].metadata["project"] == extra["project"] == "peas"


def test_pages_are_linked(scripted: Scripted, three_pages: Path) -> None:
    first, second, third = GotReader(runtime=scripted("text")).load_data(three_pages)
    assert second.prev_node is not None
    assert second.next_node is not None
    assert (second.prev_node.node_id, second.next_node.node_id) == (first.id_, third.id_)
    assert NodeRelationship.PREVIOUS not in first.relationships


def test_ids_are_stable(scripted: Scripted, three_pages: Path) -> None:
    ids = [[each.id_ for each in GotReader(runtime=scripted("text")).load_data(three_pages)] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3


def test_boxes_and_html_are_excluded_from_prompts_and_embeddings(scripted: Scripted, three_pages: Path) -> None:
    reader = GotReader(mode="element", task=Formatted(), pages="1", runtime=scripted(SOUP))
    table = next(document for document in reader.load_data(three_pages) if document.metadata["category"] == "table")
    for mode in (MetadataMode.EMBED, MetadataMode.LLM):
        shown = table.get_content(mode)
        assert "Soup > Peas" in shown
        assert "<table>" not in shown
        assert "sha256" not in shown


def test_a_reader_is_saved_as_its_options(scripted: Scripted, three_pages: Path) -> None:
    reader = GotReader(mode="chunk", task=Formatted(), pages="1-2", dpi=90, runtime=scripted("text"))
    again = pickle.loads(pickle.dumps(reader))
    assert again.to_dict() == reader.to_dict()
    assert GotReader.from_dict(reader.to_dict()).task == Formatted()
    assert GotReader.class_name() == "GotReader"
    assert len(reader.load_data(three_pages)) == 2


def test_in_a_directory_reader(scripted: Scripted, ten_files: Path) -> None:
    reader = GotReader(runtime=scripted("fine"))
    with pytest.raises(Exception, match="Error loading file") as raised:
        SimpleDirectoryReader(
            str(ten_files), file_extractor={".pdf": reader, ".png": reader}, raise_on_error=True
        ).load_data()
    assert isinstance(raised.value.__cause__, SourceCorrupt)
    documents = SimpleDirectoryReader(str(ten_files), file_extractor={".pdf": reader, ".png": reader}).load_data()
    assert len(documents) == 9  # it prints the error of the tenth
    assert all("file_size" in document.metadata for document in documents)  # the directory reader's own


def test_one_corrupt_file_among_ten(scripted: Scripted, ten_files: Path) -> None:
    def load(on_error: ErrorPolicy) -> list[Document]:
        return GotReader(on_error=on_error, runtime=scripted("fine")).load_data(ten_files)

    with pytest.raises(SourceCorrupt, match=r"4\.pdf"):
        load("raise")
    assert len(load("skip")) == 9
    assert [bool(document.metadata["error"]) for document in load("keep")].count(True) == 1


def test_two_worker_processes_read_with_got_nano(tmp_path: Path) -> None:
    """The reader is pickled to processes that load their own weights."""
    for number in range(2):
        inked(tmp_path / f"{number}.png", "12")
    reader = GotReader(max_new_tokens=8, dtype="float32")
    documents = SimpleDirectoryReader(str(tmp_path), file_extractor={".png": reader}).load_data(num_workers=2)
    assert [document.metadata["model"] for document in documents] == ["got-nano"] * 2
    assert all(document.text for document in documents)


def test_many_files_at_once_share_one_runtime(scripted: Scripted, ten_files: Path) -> None:
    reader = GotReader(runtime=scripted("fine", latency=0.001))

    async def read() -> list[list[Document] | BaseException]:
        files = sorted(ten_files.iterdir())
        return await asyncio.gather(*(reader.aload_data(file) for file in files), return_exceptions=True)

    loaded = asyncio.run(read())
    assert [type(each) for each in loaded].count(SourceCorrupt) == 1
    assert [len(each) for each in loaded if isinstance(each, list)] == [1] * 9


def test_a_file_on_another_file_system(scripted: Scripted, three_pages: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/scans/three.pdf", three_pages.read_bytes())
    documents = GotReader(runtime=scripted("text")).load_data("/scans/three.pdf", fs=memory)
    assert [document.metadata["file_path"] for document in documents] == ["/scans/three.pdf"] * 3


def test_page_images_beside_the_text(scripted: Scripted, three_pages: Path) -> None:
    reader = GotReader(image_documents=True, pages="2", runtime=scripted("text"))
    [document] = reader.load_data(three_pages)
    assert isinstance(document, ImageDocument)
    assert document.text == "text"
    assert document.resolve_image().getvalue().startswith(b"\x89PNG")


def test_page_images_of_a_folder(scripted: Scripted, three_pages: Path, ten_files: Path) -> None:
    reader = GotReader(image_documents=True, on_error="skip", mode="element", runtime=scripted(SOUP))
    documents = reader.load_data(ten_files)
    pictures = [(d.metadata["file_name"], d) for d in documents if isinstance(d, ImageDocument)]
    sizes = {(name, Image.open(picture.resolve_image()).size) for name, picture in pictures}
    assert len(sizes) == 9
