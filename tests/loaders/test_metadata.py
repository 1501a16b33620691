"""Metadata is flat, primitive and deterministic, and every vector store accepts it as it is."""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from helpers.loader_files import SOUP, Scripted
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding

from got_loaders.config import ChunkMode
from got_loaders.haystack import GotConverter
from got_loaders.langchain import GotLoader
from got_loaders.llama_index import GotReader
from got_loaders.metadata import KEYS
from got_loaders.runtimes import ModelConfig, close_runtimes, shared_runtime
from got_runtime import Formatted
from got_runtime.errors import EngineError
from got_runtime.model.checkpoint import LoadedModel

MODES: tuple[ChunkMode, ...] = ("page", "document", "element", "chunk")


@pytest.fixture
def documents(scripted: Scripted, three_pages: Path, ten_files: Path) -> list[Document]:
    """Every kind of Document: a page with typed elements and a file that failed, in each mode."""
    sources = [three_pages, ten_files / "4.pdf"]
    return [
        document
        for mode in MODES
        for document in GotLoader(
            sources, mode=mode, pages="1", dpi=36, task=Formatted(), runtime=scripted(SOUP)
        ).lazy_load()
    ]


def test_metadata_is_flat_primitive_and_documented(
    scripted: Scripted, three_pages: Path, documents: list[Document]
) -> None:
    reader = GotReader(mode="element", task=Formatted(), runtime=scripted(SOUP))
    converter = GotConverter(mode="element", task=Formatted(), runtime=scripted(SOUP))
    found: dict[str, list[dict[str, Any]]] = {
        "langchain": [document.metadata for document in documents],
        "llama_index": [document.metadata for document in reader.load_data(three_pages)],
        "haystack": [document.meta for document in converter.run([three_pages])["documents"]],
    }
    types: dict[tuple[str, str], type] = {
        (key.name, framework): key.type for key in KEYS for framework in key.available_in
    }
    for framework, all_metadata in found.items():
        for metadata in all_metadata:
            assert {name: type(value) for name, value in metadata.items()} == {
                name: types[name, framework] for name in metadata
            }
            assert json.loads(json.dumps(metadata)) == metadata


def test_qdrant_accepts_it(documents: list[Document]) -> None:
    from langchain_qdrant import QdrantVectorStore

    store = QdrantVectorStore.from_documents(documents, DeterministicFakeEmbedding(size=4), location=":memory:")
    assert_equal_documents(documents, store.similarity_search("peas", k=len(documents)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_faiss_accepts_it(documents: list[Document]) -> None:
    from langchain_community.vectorstores import FAISS

    store = FAISS.from_documents(documents, DeterministicFakeEmbedding(size=4))
    assert_equal_documents(documents, store.similarity_search("peas", k=len(documents)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_chroma_accepts_it(documents: list[Document], tmp_path: Path) -> None:
    from langchain_chroma import Chroma

    store = Chroma.from_documents(documents, DeterministicFakeEmbedding(size=4), persist_directory=str(tmp_path / "c"))
    assert_equal_documents(documents, store.similarity_search("peas", k=len(documents)))


def test_lancedb_accepts_it_and_more_of_it_later(scripted: Scripted, three_pages: Path, tmp_path: Path) -> None:
    """LanceDB takes its columns from the first rows, so a table or an error on a later page must not add a key."""
    import lancedb

    def rows(mode: ChunkMode, answer: str | Exception) -> list[dict[str, Any]]:
        loader = GotLoader(
            three_pages, mode=mode, pages="1", dpi=36, task=Formatted(), boxes=True, runtime=scripted(answer)
        )
        return [
            {"vector": [0.1, 0.2], "text": document.page_content, "metadata": document.metadata}
            for document in loader.lazy_load()
        ]

    for mode in MODES:
        batches = [rows(mode, answer) for answer in ("Just words.", SOUP, RuntimeError("out of memory"))]
        table = lancedb.connect(tmp_path).create_table(mode, batches[0])
        for batch in batches[1:]:
            table.add(batch)
        assert [row["metadata"] for row in table.to_arrow().to_pylist()] == [
            row["metadata"] for batch in batches for row in batch
        ]


def assert_equal_documents(documents: list[Document], found: list[Document]) -> None:
    """Every store returns the text and the metadata; Qdrant adds two keys of its own."""

    def key(document: Document) -> str:
        own = {name: value for name, value in document.metadata.items() if not name.startswith("_")}
        return json.dumps([document.page_content, own], sort_keys=True)

    assert sorted(map(key, found)) == sorted(map(key, documents))


def test_loaders_of_one_model_share_one_runtime() -> None:
    settings = ModelConfig(device="cpu", dtype="float32")
    first = shared_runtime(settings)
    assert shared_runtime(settings) is first
    assert GotLoader("x.pdf", device="cpu", dtype="float32")._runtime() is first
    assert GotReader(device="cpu", dtype="float32")._runtime() is first
    close_runtimes(settings)
    assert shared_runtime(settings) is not first


def test_a_runtime_that_is_closed_while_it_is_loaded_does_not_stay_in_memory(
    monkeypatch: pytest.MonkeyPatch, checkpoint: LoadedModel
) -> None:
    loading, go_on = threading.Event(), threading.Event()

    def load(*_: object, **__: object) -> LoadedModel:
        loading.set()
        assert go_on.wait(30)
        return checkpoint

    monkeypatch.setattr("got_runtime.model.checkpoint.load", load)
    settings = ModelConfig(device="cpu", batch_size=3)
    with ThreadPoolExecutor(2) as pool:
        runtime = pool.submit(shared_runtime, settings)
        assert loading.wait(30)
        closing = pool.submit(close_runtimes, settings)
        with pytest.raises(TimeoutError):
            closing.result(0.2)
        go_on.set()
        closing.result(30)
        with pytest.raises(EngineError, match="closed"):
            runtime.result(30).read("a.png")


def test_importing_the_loaders_loads_neither_torch_nor_a_framework() -> None:
    heavy = "'torch', 'langchain_core', 'llama_index', 'haystack', 'numpy', 'pydantic'"
    modules = "got_loaders.metadata, got_loaders.chunks, got_loaders.config, got_loaders.runtimes"
    code = f"import sys, {modules}; print([m for m in ({heavy}) if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("adapter", "package", "extra"),
    [
        ("langchain", "langchain_core", "langchain"),
        ("llama_index", "llama_index", "llama-index"),
        ("haystack", "haystack", "haystack"),
    ],
)
def test_the_error_of_a_missing_framework_names_the_package_to_install(adapter: str, package: str, extra: str) -> None:
    """On a machine without the extra, which is simulated by an import finder that hides the package."""
    code = f"""
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == {package!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
try:
    import got_loaders.{adapter}
except ImportError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MissingExtra ")
    assert f"pip install 'got-ocr[{extra}]'" in done.stdout
