"""Ask a folder of scans with LangChain: the answer's file, page and place on it. No key, no network.

python examples/rag/with_langchain.py SCANS "How many steps has the tower?"

The vector store is Qdrant in local mode: of the stores that run inside the process and keep a folder on disk it is the
smallest (27 MB installed, where Chroma takes 220 and LanceDB 360), and it has its own packages for both frameworks.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path

from citation import Citation
from command_line import ask_from_command_line
from embedding import DIMENSIONS, LangChainMiniLM
from langchain_classic.indexes import SQLRecordManager
from langchain_core.documents import Document
from langchain_core.indexing import index
from langchain_qdrant import QdrantVectorStore
from qdrant_client import QdrantClient
from qdrant_client.models import Distance, VectorParams

from got_loaders.langchain import GotLoader
from got_runtime.tasks import Plain

TASK = Plain()
"""``Formatted()`` with weights that read tables and formulas; got-nano reads plain text."""
COLLECTION = "scans"


class Library:
    """A folder of scans, read once and searchable; what was read is kept in ``store``."""

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
        """Read what is new or has changed; the number of passages added."""
        unread = [file for file in sorted(folder.glob("*.pdf")) if not self._is_read(file)]
        done = index(
            self._passages(unread),
            self.records,
            self.vectors,
            cleanup="incremental",
            source_id_key="source",
            key_encoder=_key,
        )
        return int(done["num_added"])

    def ask(self, question: str, count: int = 3) -> list[Citation]:
        """The passages nearest to a question."""
        found = self.vectors.similarity_search(question, k=count)
        return [Citation.of(each.page_content, each.metadata, each.metadata["page"] + 1) for each in found]

    def _passages(self, files: list[Path]) -> Iterator[Document]:
        yield from GotLoader(files, mode="chunk", task=TASK, boxes=True).lazy_load()

    def _is_read(self, file: Path) -> bool:
        return bool(self.records.list_keys(group_ids=[str(file)], after=file.stat().st_mtime, limit=1))


def _key(document: Document) -> str:
    """Qdrant wants UUIDs: one of the place, which is the same every time, and the text."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{document.metadata['element_id']}{document.page_content}"))


if __name__ == "__main__":
    ask_from_command_line(Library, Path("rag-langchain"), __doc__)
