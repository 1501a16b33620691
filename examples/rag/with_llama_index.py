"""The same with LlamaIndex.

python examples/rag/with_llama_index.py SCANS "How many steps has the tower?"
"""

import argparse
from pathlib import Path

from citation import Citation
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
        """Read what is new; the number of passages added."""
        read = {document.metadata["file_path"] for document in self._documents.docs.values()}
        unread = [file for file in sorted(folder.glob("*.pdf")) if str(file) not in read]
        if not unread:
            return 0
        reader = GotReader(mode="chunk", task=TASK, boxes=True)
        passages = SimpleDirectoryReader(input_files=unread, file_extractor={".pdf": reader}).load_data()
        pipeline = IngestionPipeline(
            transformations=[LlamaIndexMiniLM()],
            vector_store=self._vectors,
            docstore=self._documents,
            docstore_strategy=DocstoreStrategy.DUPLICATES_ONLY,
        )
        added = pipeline.run(documents=passages)
        self._documents.persist(str(self._file))
        return len(added)

    def ask(self, question: str, count: int = 3) -> list[Citation]:
        """The passages nearest to a question."""
        index = VectorStoreIndex.from_vector_store(
            self._vectors,
            embed_model=LlamaIndexMiniLM(),
            storage_context=StorageContext.from_defaults(vector_store=self._vectors),
        )
        found = index.as_retriever(similarity_top_k=count).retrieve(question)
        return [Citation.of(each.text, each.metadata, int(each.metadata["page_label"])) for each in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", type=Path)
    parser.add_argument("question", nargs="?", default="How many steps has the tower?")
    parser.add_argument("--store", type=Path, default=Path("rag-llama-index"))
    asked = parser.parse_args()
    with Library(asked.store) as library:
        print(f"{library.add(asked.scans)} passages added")
        for place, citation in enumerate(library.ask(asked.question), start=1):
            print(f"{place}. {citation}")
            print(f"   {citation.draw(asked.store / f'hit-{place}.png')}")


if __name__ == "__main__":
    main()
