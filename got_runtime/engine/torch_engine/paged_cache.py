"""Keys and values of all sequences in one pool of pages, for steps that stay on the device."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from got_runtime.engine.torch_engine.kv_cache import AttendStep, length_mask
from got_runtime.model.decoder import masked

__all__ = ["PAGE_TOKENS", "PagedCache", "Written", "pages_for"]

PAGE_TOKENS = 256
"""Tokens of a page: flash attention takes multiples of this."""


class Written(NamedTuple):
    """Where tokens are written: a page and an index in it for each, ``(tokens,)``."""

    pages: Tensor
    offsets: Tensor


class PagedCache:
    """A pool of pages of :data:`PAGE_TOKENS` tokens, and a table of the pages of each slot.

    The memory is taken once. A long sequence takes the pages that it needs, wherever they are. Steps need no number of
    the host: they can be captured as CUDA graphs, and moving a sequence to another slot copies no keys. Page 0 belongs
    to no sequence: the free slots of a step of fixed size write there.

    Args:
        layers: of the decoder.
        heads: key heads.
        width: of a head.
        like: a tensor of the cache's device and precision.
        slots: sequences at most.
    """

    def __init__(self, layers: int, heads: int, width: int, like: Tensor, slots: int) -> None:
        self._empty = like.new_empty(0, PAGE_TOKENS, heads, width)
        self.slots = slots
        self.keys: list[Tensor] = [self._empty] * layers
        """For each layer, ``(pages, PAGE_TOKENS, heads, head width)``."""
        self.values: list[Tensor] = [self._empty] * layers
        self.table = torch.zeros(slots, 0, dtype=torch.int32, device=like.device)
        """For each slot its pages in the order of its tokens, then 0; ``(slots, pages of a sequence)``."""
        self._pages: list[list[int]] = [[] for _ in range(slots)]
        self._free: list[int] = []

    @property
    def pages(self) -> int:
        """Pages of the pool that sequences can have."""
        return max(0, len(self.keys[0]) - 1)

    @property
    def free_pages(self) -> int:
        """Pages that no sequence has."""
        return len(self._free)

    @property
    def capacity(self) -> int:
        """Tokens that one sequence can have."""
        return self.table.shape[1] * PAGE_TOKENS

    def allocate(self, pages: int, pages_of_a_sequence: int) -> None:
        """Take memory, or give it back (0 pages). What sequences have is kept unless the pool becomes smaller.

        Each layer is copied by itself, so that old and new keys of one layer alone are held together. Where memory runs
        out, the cache is empty afterwards.
        """
        before = self.pages
        try:
            if pages < before:
                self._clear()
            elif pages > before:
                self._enlarge(pages)
        except BaseException:
            self._clear()
            raise
        table = self.table.new_zeros(self.slots, pages_of_a_sequence)
        both = min(pages_of_a_sequence, self.table.shape[1])
        table[:, :both] = self.table[:, :both]
        self.table = table

    def _enlarge(self, pages: int) -> None:
        kept = len(self.keys[0])
        for tensors in (self.keys, self.values):
            for layer, old in enumerate(tensors):
                tensors[layer] = self._empty.new_zeros((pages + 1, *self._empty.shape[1:]))
                tensors[layer][:kept] = old
        self._free += range(max(1, kept), pages + 1)

    def _clear(self) -> None:
        self.keys, self.values = [self._empty] * len(self.keys), [self._empty] * len(self.keys)
        self._free, self._pages = [], [[] for _ in range(self.slots)]
        self.table = self.table.new_zeros(self.slots, 0)

    def reserve(self, slot: int, tokens: int) -> bool:
        """Give a slot the pages that ``tokens`` tokens need; False, and nothing, if there are too few."""
        used = self._pages[slot]
        more = pages_for(tokens) - len(used)
        if more > len(self._free) or pages_for(tokens) > self.table.shape[1]:
            return False
        if more > 0:
            for page in [self._free.pop() for _ in range(more)]:
                self.table[slot, len(used)] = page  # a number: the host does not wait until a tensor is copied
                used.append(page)
        return True

    def release(self, slot: int) -> None:
        """Free the pages of a slot."""
        self._free += self._pages[slot]
        self._pages[slot] = []
        self.table[slot] = 0

    def move(self, source: int, target: int) -> None:
        """Let the sequence in slot ``source`` be in slot ``target``, whose own one is freed."""
        self.release(target)
        self._pages[target], self._pages[source] = self._pages[source], []
        self.table[target] = self.table[source]
        self.table[source] = 0

    def zero(self, slot: int) -> None:
        """Fill the pages of a slot with zeros."""
        pages = torch.tensor(self._pages[slot], dtype=torch.long, device=self.table.device)
        for tensor in (*self.keys, *self.values):
            tensor[pages] = 0

    def prompt(self, slot: int, tokens: int) -> Written:
        """Where the first tokens of a slot are."""
        positions = torch.arange(tokens, device=self.table.device)
        return Written(self.table[slot, positions // PAGE_TOKENS].long(), positions % PAGE_TOKENS)

    def step_tokens(self, slots: Tensor, lengths: Tensor) -> Written:
        """Where the next token of each slot is; both are ``(sequences,)``."""
        return Written(self.table[slots, lengths // PAGE_TOKENS].long(), lengths % PAGE_TOKENS)

    def write(self, layer: int, where: Written, key: Tensor, value: Tensor) -> None:
        """Write tokens, ``(tokens, heads, head width)`` each."""
        self.keys[layer][where.pages, where.offsets] = key
        self.values[layer][where.pages, where.offsets] = value

    def gather(self, layer: int, table: Tensor) -> tuple[Tensor, Tensor]:
        """A copy of the pages in ``table`` ``(sequences, pages)``.

        Returns:
            Keys and values, ``(sequences, heads, pages · PAGE_TOKENS, head width)`` each.
        """
        keys, values = (x[layer][table].flatten(1, 2).transpose(1, 2) for x in (self.keys, self.values))
        return keys, values

    def step(self, lengths: Sequence[int]) -> AttendStep:
        """A step of the first sequences, which have ``lengths`` tokens before it and pages for one more."""
        cached = torch.tensor(lengths, device=self.table.device)
        where = self.step_tokens(torch.arange(len(lengths), device=cached.device), cached)
        table = self.table[: len(lengths), : pages_for(max(lengths) + 1)].long()
        mask = length_mask(cached + 1, table.shape[1] * PAGE_TOKENS)

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            self.write(layer, where, key[:, :, 0], value[:, :, 0])
            return masked(query, *self.gather(layer, table), mask)

        return attend


def pages_for(tokens: int) -> int:
    """Pages that so many tokens need."""
    return -(-tokens // PAGE_TOKENS)
