"""Search a folder of scans with LlamaIndex; hits have their file, page and box. No API key, no network.

python examples/rag/with_llama_index.py SCANS "How many steps has the tower?"
"""

import hashlib
from pathlib import Path

from citation import Citation
from command_line import search_from_command_line
from embedding import LlamaIndexMiniLM
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import QdrantClient

from got_loaders.llama_index import GotReader
from got_runtime.tasks import Plain

TASK = Plain()
"""Use ``Formatted()`` with weights that read tables and formulas; got-nano reads plain text."""
COLLECTION = "scans"


class Library:
    """A searchable folder of scans. The index is saved in the folder ``store``."""

    def __init__(self, store: Path) -> None:
        store.mkdir(parents=True, exist_ok=True)
        self._file = store / "documents.json"
        self._client = QdrantClient(path=str(store / "qdrant"))
        self._vectors = QdrantVectorStore(COLLECTION, client=self._client)
        self._documents = (
            SimpleDocumentStore.from_persist_path(str(self._file)) if self._file.exists() else SimpleDocumentStore()
        )

    def __enter__(self) -> "Library":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def add(self, folder: Path) -> int:
        """Read files that are new or have changed, delete their old chunks; returns the number of chunks added."""
        outdated: dict[str, list[str]] = {}
        for file in sorted(folder.glob("*.pdf")):
            digests = self._digests(file)
            if not digests or file_digest(file) not in digests.values():
                outdated[str(file)] = list(digests)
        if not outdated:
            return 0
        # The list rather than file by file: pages of all files are decoded together.
        documents = GotReader(mode="chunk", task=TASK, boxes=True, on_error="skip").load_data(list(outdated))
        pipeline = IngestionPipeline(
            transformations=[LlamaIndexMiniLM()],
            vector_store=self._vectors,
            docstore=self._documents,
            docstore_strategy=DocstoreStrategy.DUPLICATES_ONLY,
        )
        added = pipeline.run(documents=documents)
        # A file that could not be read keeps its old chunks.
        for file_path in {document.metadata["file_path"] for document in documents}:
            for node in outdated[file_path]:
                self._vectors.delete_nodes([node])
                self._documents.delete_document(node)
        self._documents.persist(str(self._file))
        return len(added)

    def _digests(self, file: Path) -> dict[str, str]:
        """The ids of a file's chunks, each with the SHA-256 of the file when it was read."""
        nodes = self._documents.docs.items()
        return {node: each.metadata["sha256"] for node, each in nodes if each.metadata["file_path"] == str(file)}

    def search(self, question: str, count: int = 3) -> list[Citation]:
        """The ``count`` chunks that are most similar to a question."""
        index = VectorStoreIndex.from_vector_store(
            self._vectors,
            embed_model=LlamaIndexMiniLM(),
            storage_context=StorageContext.from_defaults(vector_store=self._vectors),
        )
        found = index.as_retriever(similarity_top_k=count).retrieve(question)
        return [Citation.of(each.text, each.metadata, int(each.metadata["page_label"])) for each in found]


def file_digest(file: Path) -> str:
    """SHA-256 of a file's bytes, as in the metadata."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    search_from_command_line(Library, Path("rag-llama-index"), __doc__)
