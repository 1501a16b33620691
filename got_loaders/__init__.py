"""Adapters that turn what GOT reads into Documents of LangChain, LlamaIndex and Haystack."""

__all__: list[str] = []
