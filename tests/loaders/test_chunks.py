"""Size of chunks, and functions that replace the counting or the splitting."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from helpers.loader_files import SOUP, Scripted
from langchain_core.documents import Document
from tokenizers import Tokenizer, models, pre_tokenizers

from got_loaders.config import Chunker
from got_loaders.langchain import GotLoader
from got_runtime.errors import OptionError
from got_runtime.markup import Chunk, Element, chunk, to_markdown
from got_runtime.markup.token_count import CountTokens
from got_runtime.markup.token_count import Tokenizer as AnyTokenizer

SENTENCES = "One two three. Four five six. Seven eight nine."


def load(
    scripted: Scripted,
    file: Path,
    answer: str,
    *,
    max_tokens: int = 512,
    chunker: Chunker | None = None,
    count_tokens: CountTokens | AnyTokenizer | None = None,
) -> list[Document]:
    return GotLoader(
        file,
        mode="chunk",
        pages="1",
        task="format",
        max_tokens=max_tokens,
        chunker=chunker,
        count_tokens=count_tokens,
        runtime=scripted(answer),
    ).load()


def texts(documents: Sequence[Document]) -> list[str]:
    return [document.page_content for document in documents]


def test_words_are_counted_by_default(scripted: Scripted, three_pages: Path) -> None:
    assert texts(load(scripted, three_pages, SENTENCES, max_tokens=4)) == [
        "One two three.",
        "Four five six.",
        "Seven eight nine.",
    ]


def test_count_tokens_may_be_a_function(scripted: Scripted, three_pages: Path) -> None:
    documents = load(scripted, three_pages, SENTENCES, max_tokens=35, count_tokens=len)
    assert texts(documents) == ["One two three. Four five six.", "Seven eight nine."]


def test_a_hugging_face_tokenizer_counts_its_tokens(scripted: Scripted, three_pages: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")  # a token for each character
    documents = load(scripted, three_pages, SENTENCES, max_tokens=35, count_tokens=tokenizer)
    assert texts(documents) == ["One two three. Four five six.", "Seven eight nine."]


def test_a_tiktoken_encoding_counts_its_tokens(scripted: Scripted, three_pages: Path) -> None:
    characters = {bytes([byte]): byte for byte in range(256)}
    encoding = tiktoken.Encoding("characters", pat_str=".", mergeable_ranks=characters, special_tokens={"<|end|>": 256})
    documents = load(scripted, three_pages, SENTENCES, max_tokens=35, count_tokens=encoding)
    assert texts(documents) == ["One two three. Four five six.", "Seven eight nine."]
    load(scripted, three_pages, "A text with <|end|> in it.", count_tokens=encoding)


def test_another_tokenizer_is_an_error_that_shows_how_to_use_it(scripted: Scripted, three_pages: Path) -> None:
    class Pieces:
        def encode(self, text: str) -> list[str]:
            return text.split()

    wrong: Any = Pieces()
    with pytest.raises(OptionError, match=r"encode of this Pieces .* lambda text: len\(tokenizer.encode\(text\)\)"):
        load(scripted, three_pages, SENTENCES, count_tokens=wrong)


def test_a_chunker_returns_texts(scripted: Scripted, three_pages: Path) -> None:
    documents = load(scripted, three_pages, SOUP, chunker=lambda elements: to_markdown(elements).split("\n\n")[:2])
    assert texts(documents) == ["# Soup", "## Peas"]
    assert documents[0].metadata["category"] == ""
    assert len({document.metadata["element_id"] for document in documents}) == 2


def test_a_chunker_returns_chunks_that_keep_the_metadata_of_their_elements(
    scripted: Scripted, three_pages: Path
) -> None:
    def tables(elements: Sequence[Element]) -> list[Chunk]:
        return [each for each in chunk(elements, by="element") if each.kinds == ("table",)]

    [table] = load(scripted, three_pages, SOUP, chunker=tables)
    assert table.metadata["category"] == "table"
    assert table.metadata["header_path"] == "Soup > Peas"
    assert table.metadata["text_as_html"].startswith("<table>")


def test_a_chunker_that_returns_one_str_is_an_error(scripted: Scripted, three_pages: Path) -> None:
    with pytest.raises(OptionError, match="return a list"):
        load(scripted, three_pages, SOUP, chunker=to_markdown)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"count_tokens": lambda text: len(text) / 4}, "count_tokens= returned [0-9.]+: return a whole number"),
        ({"count_tokens": str.split}, "count_tokens= returned .*: return a whole number"),
        ({"chunker": lambda elements: None}, "chunker= returned an object of type NoneType"),
        ({"chunker": list}, "chunker= returned an object of type .* in its list: return texts or chunks"),
    ],
)
def test_a_function_that_returns_something_else_is_an_error(
    scripted: Scripted, three_pages: Path, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        load(scripted, three_pages, SOUP, **wrong)
