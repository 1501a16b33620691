"""The same with LlamaIndex.

python examples/rag/with_llama_index.py SCANS "How many steps has the tower?"
"""

import hashlib
from pathlib import Path

from citation import Citation
from command_line import ask_from_command_line
from embedding import LlamaIndexMiniLM
from llama_index.core import SimpleDirectoryReader, StorageContext, VectorStoreIndex
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import QdrantClient

from got_loaders.llama_index import GotReader
from got_runtime.tasks import Plain

TASK = Plain()
COLLECTION = "scans"


class Library:
    """A folder of scans, read once and searchable; what was read is kept in ``store``."""

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
        """Read what is new or has changed, and drop what a changed file said before; the number of passages added."""
        stale: dict[Path, list[str]] = {}
        for file in sorted(folder.glob("*.pdf")):
            known = self._passages_of(file)
            if not known or file_digest(file) not in known.values():
                stale[file] = list(known)
        if not stale:
            return 0
        reader = GotReader(mode="chunk", task=TASK, boxes=True)
        passages = SimpleDirectoryReader(input_files=list(stale), file_extractor={".pdf": reader}).load_data()
        pipeline = IngestionPipeline(
            transformations=[LlamaIndexMiniLM()],
            vector_store=self._vectors,
            docstore=self._documents,
            docstore_strategy=DocstoreStrategy.DUPLICATES_ONLY,
        )
        added = pipeline.run(documents=passages)
        # Only now, so that a file that cannot be read keeps what was read of it.
        for node in (node for nodes in stale.values() for node in nodes):
            self._vectors.delete_nodes([node])
            self._documents.delete_document(node)
        self._documents.persist(str(self._file))
        return len(added)

    def _passages_of(self, file: Path) -> dict[str, str]:
        """Ids of what was read of a file, each with the digest of the bytes it was read from."""
        read = self._documents.docs.items()
        return {node: each.metadata["sha256"] for node, each in read if each.metadata["file_path"] == str(file)}

    def ask(self, question: str, count: int = 3) -> list[Citation]:
        """The passages nearest to a question."""
        index = VectorStoreIndex.from_vector_store(
            self._vectors,
            embed_model=LlamaIndexMiniLM(),
            storage_context=StorageContext.from_defaults(vector_store=self._vectors),
        )
        found = index.as_retriever(similarity_top_k=count).retrieve(question)
        return [Citation.of(each.text, each.metadata, int(each.metadata["page_label"])) for each in found]


def file_digest(file: Path) -> str:
    """SHA-256 of its bytes, as the passages' metadata has it."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    ask_from_command_line(Library, Path("rag-llama-index"), __doc__)
