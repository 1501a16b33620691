"""Builds the tokenizer of ``qwen.tiktoken`` with the ``tokenizers`` library.

The file lists byte strings, one ``base64 rank`` a line; the rank is the token's id, and the lowest is merged first. The
ids of the special tokens follow in a fixed sequence (official ``tokenization_qwen.py`` of the checkpoint).
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.errors import CheckpointInvalid

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["PATTERN", "SPECIAL_TOKENS", "VOCABULARY_FILE", "build_tokenizer", "merge_of", "read_ranks"]

VOCABULARY_FILE = "qwen.tiktoken"

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    *(f"<|extra_{i}|>" for i in range(205)),
    *("<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>"),
)
"""In the order of their ids; the first is 151,643 with Qwen's vocabulary."""

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
r"""Splits text into words before merging (``tokenization_qwen.py``).

The port's converter splits numbers into ``\p{N}{1,3}``. That differs for two tokens only, the fullwidth １０ and ２０,
which GOT's training never used as one token. All prompts have the same tokens with both.
"""

_NO_TOKEN = 1 << 62
"""Rank of a byte string that is not a token."""


def read_ranks(folder: Path) -> dict[bytes, int]:
    """The ids of the ordinary tokens, by their bytes.

    Raises:
        CheckpointInvalid: the folder has no ``qwen.tiktoken``, or an incomplete one.
    """
    path = folder / VOCABULARY_FILE
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError as error:
        raise CheckpointInvalid(f"{folder} has no {VOCABULARY_FILE}: copy it from the original checkpoint") from error
    except OSError as error:
        raise CheckpointInvalid(f"{path} cannot be read ({error.strerror}): fetch the checkpoint again") from error
    try:
        pairs = [line.split() for line in lines if line]
        ranks = {base64.b64decode(token, validate=True): int(rank) for token, rank in pairs}
    except ValueError as error:
        raise CheckpointInvalid(f"{path} is not a list of 'base64 rank' lines ({error}): fetch it again") from error
    complete = sorted(ranks.values()) == list(range(len(pairs)))
    if not complete or any(bytes([byte]) not in ranks for byte in range(256)):
        raise CheckpointInvalid(f"{path} has gaps among its {len(pairs)} tokens: fetch the checkpoint again")
    return ranks


def build_tokenizer(ranks: Mapping[bytes, int]) -> "Tokenizer":
    """Build a byte-level BPE tokenizer with tiktoken's ids for every text.

    tiktoken has no list of merges: it joins the two neighbours whose union has the lowest rank. The last join that
    makes a token is the same in every text, because the joins inside a token do not depend on the text around it. One
    merge for each token (:func:`merge_of`), sorted by rank, is therefore equivalent. tiktoken does not merge a word
    that is itself a token, hence ``ignore_merges``.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    characters = _byte_characters()

    def encoded(token: bytes) -> str:
        return token.decode("latin-1").translate(characters)

    merges = [merge_of(token, ranks) for token in sorted(ranks, key=ranks.__getitem__) if len(token) > 1]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={encoded(token): rank for token, rank in ranks.items()},
            merges=[(encoded(pair[0]), encoded(pair[1])) for pair in merges if pair is not None],
            ignore_merges=True,
        )
    )
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    return tokenizer


def merge_of(token: bytes, ranks: Mapping[bytes, int]) -> tuple[bytes, bytes] | None:
    """The two tokens whose union is ``token`` (two bytes or more); None if merging never makes it."""
    parts = [token[i : i + 1] for i in range(len(token))]
    unions = [ranks.get(token[i : i + 2], _NO_TOKEN) for i in range(len(token) - 1)]
    while len(parts) > 2:
        lowest = min(unions)
        if lowest == _NO_TOKEN:
            return None
        at = unions.index(lowest)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
        del unions[at]
        if at > 0:
            unions[at - 1] = ranks.get(parts[at - 1] + parts[at], _NO_TOKEN)
        if at < len(unions):
            unions[at] = ranks.get(parts[at] + parts[at + 1], _NO_TOKEN)
    return parts[0], parts[1]


def _byte_characters() -> dict[int, str]:
    """The character of each byte in byte-level BPE (as in GPT-2): its own if printable, else one from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(0x100 + n) for n, byte in enumerate(others)}
