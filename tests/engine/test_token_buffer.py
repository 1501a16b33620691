"""The n-gram ban on the device is the host's, token for token."""

import random

import pytest
import torch

from got_runtime.engine.ngram_ban import NgramBan
from got_runtime.engine.torch_engine.token_buffer import TokenBuffer


@pytest.mark.parametrize("seed", range(40))
def test_what_is_banned_on_the_device_is_what_is_banned_here(seed: int) -> None:
    """Rows with bans of unlike length, or none; few tokens, so that much is repeated; the sizes grow on the way."""
    rng = random.Random(seed)
    bans = [rng.choice([0, 1, 2, 3, 5]) for _ in range(rng.randint(1, 4))]
    said, here = TokenBuffer(len(bans) + 1, 60, max(bans), torch.device("cpu")), []
    for slot, ban in enumerate(bans):
        text = [rng.randrange(4) for _ in range(rng.randint(1, 30))]
        said.tell(slot, text, ban)
        here.append(NgramBan(ban, text) if ban else None)
    logits = torch.zeros(len(bans), 4)
    for number in range(25):
        # The likeliest token is banned where it may be: what is chosen instead is not.
        logits = torch.randn(logits.shape)
        chosen, given = said.choose(logits)
        for row, banned in enumerate(here):
            allowed = [token for token in range(4) if banned is None or token not in banned.banned()]
            best = max(allowed, key=lambda token: float(logits[row, token])) if allowed else 0
            assert int(chosen[row]) == best
            assert float(given[row]) == pytest.approx(float(logits[row].softmax(0)[best]), rel=1e-5)
            if banned is not None:
                banned.add(best)
        said.add(chosen)
        if number == 10:
            said = said.resized(len(bans) + 2, 90, max(bans) + 1)


def test_a_row_takes_its_text_along() -> None:
    said = TokenBuffer(3, 20, 2, torch.device("cpu"))
    said.tell(0, [7, 8], 2)
    said.tell(1, [1, 2, 1], 2)
    said.move(1, 0)
    said.leave(1)
    logits = torch.tensor([[0.0, 1.0, 5.0]])
    assert said.choose(logits)[0].tolist() == [1]  # 1 2 has been said
    said.add(torch.tensor([1]))
    assert said.choose(logits)[0].tolist() == [0]  # and now 1 1 too
