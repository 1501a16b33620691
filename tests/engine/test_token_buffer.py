"""The n-gram ban on the device bans the same tokens as the one on the host."""

import random
from types import SimpleNamespace

import pytest
import torch

from got_runtime.engine.ngram_ban import NgramBan
from got_runtime.engine.torch_engine.token_buffer import TokenBuffer
from got_runtime.engine.vllm_engine.batch_ban import BatchBan


@pytest.mark.parametrize("seed", range(40))
def test_the_device_bans_the_same_tokens_as_the_host(seed: int) -> None:
    """Sequences with bans of different length, or none; few distinct tokens, so that many repeat; the buffer grows."""
    rng = random.Random(seed)
    bans = [rng.choice([0, 1, 2, 3, 5]) for _ in range(rng.randint(1, 4))]
    buffer, host_bans = TokenBuffer(len(bans) + 1, 60, max(bans), torch.device("cpu")), []
    for slot, ban in enumerate(bans):
        text = [rng.randrange(4) for _ in range(rng.randint(1, 30))]
        buffer.set_tokens(slot, text, ban)
        host_bans.append(NgramBan(ban, text) if ban else None)
    logits = torch.zeros(len(bans), 4)
    for number in range(25):
        # Where the most probable token is banned, the best of the others is chosen.
        logits = torch.randn(logits.shape)
        chosen, given = buffer.choose(logits)
        for index, host_ban in enumerate(host_bans):
            allowed = [token for token in range(4) if host_ban is None or token not in host_ban.banned()]
            best = max(allowed, key=lambda token: float(logits[index, token])) if allowed else 0
            assert int(chosen[index]) == best
            assert float(given[index]) == pytest.approx(float(logits[index].softmax(0)[best]), rel=1e-5)
            if host_ban is not None:
                host_ban.add(best)
        buffer.append(chosen)
        if number == 10:
            buffer = buffer.resized(len(bans) + 2, 90, max(bans) + 1)


def test_a_sequence_is_moved_with_its_tokens() -> None:
    buffer = TokenBuffer(3, 20, 2, torch.device("cpu"))
    buffer.set_tokens(0, [7, 8], 2)
    buffer.set_tokens(1, [1, 2, 1], 2)
    buffer.move(1, 0)
    buffer.clear(1)
    logits = torch.tensor([[0.0, 1.0, 5.0]])
    assert buffer.choose(logits)[0].tolist() == [1]  # 1 2 has occurred
    buffer.append(torch.tensor([1]))
    assert buffer.choose(logits)[0].tolist() == [0]  # and now 1 1 has too


@pytest.mark.parametrize("seed", range(20))
def test_bans_of_the_tokens_that_vllm_keeps_are_the_same(seed: int) -> None:
    """Rows are in another order than slots, slots hold tokens of earlier requests, and some requests have no ban."""
    rng = random.Random(seed)
    slots, capacity, vocabulary = 5, 40, 4
    kept = torch.randint(vocabulary, (slots, capacity), dtype=torch.int32)
    state = SimpleNamespace(max_num_reqs=slots, all_token_ids=SimpleNamespace(gpu=kept))
    batch = BatchBan(state)
    for _ in range(4):
        order = rng.sample(range(slots), 3)
        lengths = [rng.randint(1, capacity) for _ in order]
        bans = [rng.choice([0, 1, 2, 5]) for _ in order]
        for slot, ban in zip(order, bans, strict=True):
            batch.set_length(slot, ban)
        logits = torch.zeros(3, vocabulary)
        rows, positions = torch.tensor(order, dtype=torch.int32), torch.tensor(lengths) - 1
        found = batch.apply(logits, rows, rng.sample(order, 3), positions).isinf()
        for row, (slot, length, ban) in enumerate(zip(order, lengths, bans, strict=True)):
            expected = set(NgramBan(ban, kept[slot, :length].tolist()).banned()) if ban else set()
            assert set(found[row].nonzero()[:, 0].tolist()) == expected
