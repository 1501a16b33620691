"""Loops are detected while decoding, with and without the n-gram ban; legitimate repeats are not."""

import random

import pytest
import torch

from got_runtime.engine.protocol import Request
from got_runtime.engine.sequence import Sequence

PROMPT = tuple([7] * 256 + [1, 2, 3])
END = frozenset({0})


def empty_sequence(ngram_ban: int) -> Sequence:
    return Sequence.of(0, Request(PROMPT, torch.zeros(1), 4096, ngram_ban))


def decode(decoding: Sequence, wanted: list[int]) -> Sequence:
    """Decode what a network generates that prefers ``wanted``; after a banned token it continues with ``wanted``."""
    other_tokens = random.Random(0)
    for token in wanted:
        banned = decoding.ban.banned() if decoding.ban is not None else []
        decoding.append_token(token if token not in banned else other_tokens.randrange(5000, 6000), 0.9)
        decoding.check_finished(END)
        if decoding.finish is not None:
            break
    return decoding


def prose(length: int, seed: int) -> list[int]:
    return [random.Random(seed * 10_000 + i).randrange(10, 4000) for i in range(length)]


@pytest.mark.parametrize("ngram_ban", [0, 20, 80])
@pytest.mark.parametrize("period", [1, 12, 90, 150])
def test_a_loop_is_stopped_and_cut_back_to_its_first_occurrence(ngram_ban: int, period: int) -> None:
    opening, cycle = prose(100, 1), prose(period, 2)
    decoded = decode(empty_sequence(ngram_ban), opening + cycle * (3000 // period))
    assert decoded.finish == "repetition"
    assert decoded.tokens[:100] == opening
    assert decoded.tokens[100 : 100 + period] == cycle[: len(decoded.tokens) - 100]
    assert len(decoded.tokens) <= 100 + max(2 * period, 2 * ngram_ban, 12)


@pytest.mark.parametrize("ngram_ban", [0, 20])
def test_a_refrain_and_a_table_are_not_loops(ngram_ban: int) -> None:
    refrain = prose(25, 3)
    song = [token for verse in range(4) for token in (*prose(120, 10 + verse), *refrain)]
    assert decode(empty_sequence(ngram_ban), song).finish is None
    table = [token for line in range(60) for token in (50, 51, 1000 + line, 52, 2000 + line, 53, 54)]
    assert decode(empty_sequence(ngram_ban), table).finish is None
