"""Search a folder of scans with LangChain; hits have their file, page and box. No API key, no network.

python examples/rag/with_langchain.py SCANS "How many steps has the tower?"

The vector store is Qdrant in local mode. Of the stores that run inside the process and save to a folder it is the
smallest (27 MB installed; Chroma 220 MB, LanceDB 360 MB), and both frameworks have a package for it.
"""

from pathlib import Path

from citation import Citation
from command_line import search_from_command_line
from embedding import DIMENSIONS, LangChainMiniLM
from langchain_classic.indexes import SQLRecordManager
from langchain_core.indexing import index
from langchain_qdrant import QdrantVectorStore
from qdrant_client import QdrantClient
from qdrant_client.models import Distance, VectorParams

from got_loaders.langchain import GotLoader
from got_runtime.tasks import Plain

TASK = Plain()
"""Use ``Formatted()`` with weights that read tables and formulas; got-nano reads plain text."""
COLLECTION = "scans"


class Library:
    """A searchable folder of scans. The index is saved in the folder ``store``."""

    def __init__(self, store: Path) -> None:
        store.mkdir(parents=True, exist_ok=True)
        client = QdrantClient(path=str(store / "qdrant"))
        if not client.collection_exists(COLLECTION):
            client.create_collection(COLLECTION, VectorParams(size=DIMENSIONS, distance=Distance.COSINE))
        self.vectors = QdrantVectorStore(client, COLLECTION, LangChainMiniLM())
        self.records = SQLRecordManager(COLLECTION, db_url=f"sqlite:///{store / 'records.sqlite'}")
        self.records.create_schema()

    def __enter__(self) -> "Library":
        return self

    def __exit__(self, *_: object) -> None:
        self.vectors.client.close()

    def add(self, folder: Path) -> int:
        """Read the files that are new or have changed; returns the number of chunks added."""
        unread = [file for file in sorted(folder.glob("*.pdf")) if not self._is_indexed(file)]
        # A page that fails is left out and read again in the next run.
        loader = GotLoader(unread, mode="chunk", task=TASK, boxes=True, on_error="skip")
        done = index(
            loader,
            self.records,
            self.vectors,
            cleanup="incremental",
            source_id_key="source",
            key_encoder=lambda document: str(document.id),  # a UUID, which Qdrant requires
        )
        return int(done["num_added"])

    def search(self, question: str, count: int = 3) -> list[Citation]:
        """The ``count`` chunks that are most similar to a question."""
        found = self.vectors.similarity_search(question, k=count)
        return [Citation.of(each.page_content, each.metadata, each.metadata["page"] + 1) for each in found]

    def _is_indexed(self, file: Path) -> bool:
        return bool(self.records.list_keys(group_ids=[str(file)], after=file.stat().st_mtime, limit=1))


if __name__ == "__main__":
    search_from_command_line(Library, Path("rag-langchain"), __doc__)
