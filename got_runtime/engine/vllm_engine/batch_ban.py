"""The n-gram ban of all rows of a batch at once, on the device, from the tokens that vLLM keeps there."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from got_runtime.engine.torch_engine.token_buffer import NO_TOKEN, banned

__all__ = ["BatchBan"]


class BatchBan:
    """The bans of vLLM's request slots.

    Args:
        requests: vLLM's ``LogitsProcRequestState``: tokens of each slot, ``(slots, capacity)``.
    """

    def __init__(self, requests: Any) -> None:
        self._requests = requests
        self._lengths = [0] * requests.max_num_reqs
        """Length of the ban of the request in each slot; 0 for none."""
        self._on_device: Tensor | None = None
        """The same, until a request enters a slot."""

    def set_length(self, slot: int, length: int) -> None:
        """A new request is in ``slot``."""
        if self._lengths[slot] != length:
            self._lengths[slot], self._on_device = length, None

    def apply(self, logits: Tensor, rows: Tensor, rows_on_host: list[int], positions: Tensor) -> Tensor:
        """Ban tokens, in place.

        Args:
            logits: ``(rows, vocabulary)``.
            rows: slot of each row, ``(rows,)``.
            rows_on_host: slots of all rows, in any order.
            positions: of the newest token of each row in its sequence, ``(rows,)``.
        """
        longest = max((self._lengths[slot] for slot in rows_on_host), default=0)
        if longest == 0:
            return logits
        device, rows = logits.device, rows.long()
        tokens = self._requests.all_token_ids.gpu[rows]
        total = positions.long() + 1
        # What follows is from an earlier request in the slot.
        tokens = tokens.masked_fill(torch.arange(tokens.shape[1], device=device) >= total[:, None], NO_TOKEN)
        context = max(1, longest - 1)
        # One more behind: the ban compares what precedes each token, the last one too.
        tokens = F.pad(tokens, (context, 1), value=NO_TOKEN)
        if self._on_device is None:
            self._on_device = torch.tensor(self._lengths, device=device)
        bans = banned(tokens, total, self._on_device[rows], context, logits.shape[1])
        return logits.masked_fill_(bans, float("-inf"))
