"""Numbers of tokens of a text: words, the tokens of a tokenizer, or what a function returns."""

import operator
import re
from collections.abc import Callable, Sized
from typing import Protocol, SupportsIndex, runtime_checkable

from got_runtime.errors import OptionError

__all__ = ["CountTokens", "Tokenizer", "check_max_tokens", "count_words", "token_counter"]

CountTokens = Callable[[str], int]

_CHARACTER = re.compile("[\u2e80-\u9fff]")


@runtime_checkable
class HuggingFaceTokenizer(Protocol):
    """A tokenizer of Hugging Face's ``transformers`` or ``tokenizers``."""

    def encode(self, text: str, *, add_special_tokens: bool) -> Sized: ...


@runtime_checkable
class TiktokenEncoding(Protocol):
    """An encoding of ``tiktoken``."""

    def encode_ordinary(self, text: str) -> Sized: ...


Tokenizer = HuggingFaceTokenizer | TiktokenEncoding


def count_words(text: str) -> int:
    """Words separated by white space, plus one for each character from U+2E80 to U+9FFF (Chinese, Japanese).

    It needs no tokenizer; most tokenizers count more.
    """
    return len(text.split()) + (0 if text.isascii() else len(_CHARACTER.findall(text)))


def token_counter(count_tokens: CountTokens | Tokenizer | None, caller: str = "chunk") -> CountTokens:
    """A function from text to number of tokens. Special tokens of a tokenizer are not counted.

    Args:
        count_tokens: a function, a tokenizer, or ``None`` for :func:`count_words`.
        caller: the called function, for messages.

    Raises:
        OptionError: ``count_tokens`` is neither. The returned function raises it if it gets no whole number.
    """
    if count_tokens is None:
        return count_words
    if isinstance(count_tokens, TiktokenEncoding):
        encoding = count_tokens
        return lambda text: len(encoding.encode_ordinary(text))
    if isinstance(count_tokens, HuggingFaceTokenizer) and not isinstance(count_tokens, str):  # which has an encode too
        tokenizer = count_tokens
        return lambda text: _encoded(tokenizer, text)
    if callable(count_tokens):
        count = count_tokens
        return lambda text: _whole(count(text))
    raise OptionError(
        f"{caller}: count_tokens={count_tokens!r}: give a function from text to number of tokens, or a tokenizer such "
        "as AutoTokenizer.from_pretrained(…)"
    )


def check_max_tokens(max_tokens: object, caller: str = "chunk") -> None:
    """Raises OptionError for anything but a whole number from 1."""
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, SupportsIndex) or operator.index(max_tokens) < 1:
        raise OptionError(f"{caller}: max_tokens={max_tokens!r}: give at least 1")


def _encoded(tokenizer: HuggingFaceTokenizer, text: str) -> int:
    try:
        return len(tokenizer.encode(text, add_special_tokens=False))
    except TypeError as error:
        kind = type(tokenizer).__name__
        raise OptionError(
            f"count_tokens: encode of this {kind} cannot be used ({error}): give a function from text to number of "
            "tokens, such as lambda text: len(tokenizer.encode(text))"
        ) from error


def _whole(count: object) -> int:
    try:
        return operator.index(count)  # type: ignore[arg-type]
    except TypeError:
        raise OptionError(f"count_tokens= returned {count!r}: return a whole number") from None
