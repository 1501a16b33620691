"""The default engine: requests of different length decoded together in slots, on the port's weights.

Prefill a request into a free slot, make one step for all live slots, hand on what is finished, again. The tokens are
``generate()``'s: the arithmetic is the port's, only its order of execution is ours.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from got_runtime.engine.alignment import Alignment
from got_runtime.engine.cache import SlotCache, length_mask
from got_runtime.engine.ngram import NgramBan
from got_runtime.engine.protocol import Answer, Finish, OnToken, Request
from got_runtime.engine.repetition import CHECK_EVERY, loop_period, trim_loop
from got_runtime.model.decoder import causal, forward
from got_runtime.model.encoder import encode


@dataclass(eq=False)
class _Row:
    """A request in a slot."""

    order: int
    request: Request
    ban: NgramBan | None
    encode_seconds: float
    started: float
    alignment: Alignment | None = None
    tokens: list[int] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    finish: Finish | None = None

    @property
    def length(self) -> int:
        """Tokens whose keys and values are in the cache: all but the newest."""
        return len(self.request.prompt) + len(self.tokens) - 1

    def answer(self) -> Answer:
        now = time.perf_counter()
        probabilities = tuple(self.probabilities[: len(self.tokens)])
        decode_seconds = now - self.started
        looks = self.alignment.looks(len(self.tokens)) if self.alignment is not None else ()
        finish = self.finish or "stop"
        return Answer(tuple(self.tokens), probabilities, finish, self.encode_seconds, decode_seconds, looks)


class TorchEngine:
    """Decodes up to ``slots`` requests together. Its state lives in each :meth:`answer`: any thread may call.

    Args:
        model: the port's ``GotOcr2ForConditionalGeneration``, in evaluation mode, on its device.
        end_tokens: ids that end an answer.
        slots: rows decoded together.
        tile_batch: tiles encoded together (memory grows with it).
    """

    def __init__(self, model: Any, end_tokens: frozenset[int], slots: int = 8, tile_batch: int = 2) -> None:
        self._model = model
        self._language = model.model.language_model
        self._end_tokens = end_tokens
        self._slots = slots
        self._tile_batch = tile_batch

    def answer(
        self, requests: Iterable[Request | None], on_token: OnToken | None = None
    ) -> Iterator[Answer | Exception | None]:
        """See :class:`got_runtime.engine.protocol.Engine`."""
        waiting = enumerate(requests)
        live: list[_Row] = []
        done: dict[int, Answer | Exception | None] = {}
        cache = self._new_cache()
        turn, exhausted = 0, False
        while live or not exhausted:
            # Finished answers that wait for an earlier one count as taken slots: what is held back stays bounded.
            while not exhausted and len(live) + len(done) < self._slots:
                order, request = next(waiting, (-1, None))
                if order < 0:
                    exhausted = True
                elif request is None:
                    done[order] = None
                else:
                    try:
                        live.append(self._prefill(order, request, cache, len(live)))
                        self._settle(live[-1], on_token)
                    except Exception as error:  # noqa: BLE001 - a failed request is answered with its error
                        done[order] = error
                if turn in done:
                    break
            self._retire(live, done, cache)
            while turn in done:
                yield done.pop(turn)
                turn += 1
            if live:
                self._step(live, cache)
                for row in live:
                    self._settle(row, on_token)
                self._retire(live, done, cache)
        while turn in done:
            yield done.pop(turn)
            turn += 1

    def _new_cache(self) -> SlotCache:
        config = self._language.config
        heads = config.num_key_value_heads
        width = self._language.layers[0].self_attn.head_dim
        return SlotCache(config.num_hidden_layers, self._slots, heads, width, self._language.embed_tokens.weight)

    def _settle(self, row: _Row, on_token: OnToken | None) -> None:
        """Decide on the newest token whether the row ends."""
        token = row.tokens[-1]
        if token in self._end_tokens:
            row.tokens.pop()
            row.finish = "stop"
            return
        if on_token is not None:
            on_token(row.order, token)
        if len(row.tokens) >= row.request.max_new_tokens:
            row.finish = "length"
        elif row.request.max_seconds is not None and time.perf_counter() - row.started > row.request.max_seconds:
            row.finish = "time"
        elif len(row.tokens) % CHECK_EVERY == 0 and (period := loop_period(row.tokens)):
            row.tokens = trim_loop(row.tokens, period)
            row.finish = "repetition"

    @torch.inference_mode()
    def _retire(self, live: list[_Row], done: dict[int, Answer | Exception | None], cache: SlotCache) -> None:
        """Move finished rows out; the last live row fills each hole."""
        slot = 0
        while slot < len(live):
            if live[slot].finish is None:
                slot += 1
                continue
            done[live[slot].order] = live[slot].answer()
            last = live.pop()
            if slot < len(live):
                cache.move(len(live), slot, last.length)
                live[slot] = last

    @torch.inference_mode()
    def _prefill(self, order: int, request: Request, cache: SlotCache, slot: int) -> _Row:
        """Encode the tiles, run the prompt, choose the first token."""
        began = time.perf_counter()
        weight = self._language.embed_tokens.weight
        image = self._encode(request.pixels.to(weight.device, weight.dtype))
        ids = torch.tensor(request.prompt, device=weight.device)
        embedded = self._language.embed_tokens(ids)
        pads = ids == self._model.config.image_token_index
        if int(pads.sum()) != image.shape[0]:
            raise ValueError(f"the prompt has {int(pads.sum())} image pads for {image.shape[0]} image tokens")
        embedded[pads] = image
        encoded = time.perf_counter()
        length = len(request.prompt)
        cache.reserve(length + min(request.max_new_tokens, 256))

        alignment = Alignment(pads.nonzero()[:, 0], len(self._language.layers)) if request.align else None

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            cache.write_prompt(layer, slot, key, value)
            if alignment is not None:
                alignment.record(query[0, :, -1], key[0])
            return causal(query, key, value)

        hidden = forward(self._language, embedded[None], torch.arange(length, device=ids.device)[None], attend)
        ban = NgramBan(request.ngram_ban, request.prompt) if request.ngram_ban else None
        row = _Row(order, request, ban, encoded - began, encoded, alignment)
        self._choose([row], hidden[:, -1])
        return row

    def _encode(self, pixels: Tensor) -> Tensor:
        """Image tokens ``(pads, width)`` of all tiles, a few tiles at a time."""
        core = self._model.model
        parts = [
            encode(core.vision_tower, core.multi_modal_projector, tiles)[0].flatten(0, 1)
            for tiles in torch.split(pixels, self._tile_batch)
        ]
        return torch.cat(parts)

    @torch.inference_mode()
    def _step(self, live: list[_Row], cache: SlotCache) -> None:
        """One more token for every live row."""
        device = self._language.embed_tokens.weight.device
        lengths = torch.tensor([row.length for row in live], device=device)
        longest = max(row.length for row in live) + 1
        cache.reserve(longest)
        rows = torch.arange(len(live), device=device)
        # Rows of one length need no mask, and without one the kernel is the one generate() uses.
        mask = length_mask(lengths + 1, longest) if any(row.length + 1 != longest for row in live) else None

        watched = [(index, row.alignment) for index, row in enumerate(live) if row.alignment is not None]

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            cache.write_step(layer, rows, lengths, key, value)
            keys, values = cache.view(layer, len(live), longest)
            for index, alignment in watched:
                alignment.record(query[index, :, 0], keys[index])
            grouped = query.shape[1] != keys.shape[1]
            return F.scaled_dot_product_attention(query, keys, values, attn_mask=mask, enable_gqa=grouped)

        newest = torch.tensor([[row.tokens[-1]] for row in live], device=device)
        hidden = forward(self._language, self._language.embed_tokens(newest), lengths[:, None], attend)
        self._choose(live, hidden[:, -1])

    def _choose(self, rows: list[_Row], hidden: Tensor) -> None:
        """Greedy choice after the n-gram ban, in float32 as ``generate()`` does."""
        logits = self._model.lm_head(hidden).float()
        probabilities = torch.softmax(logits, dim=-1)
        for index, row in enumerate(rows):
            if row.ban is not None and (banned := row.ban.banned()):
                logits[index, banned] = float("-inf")
        chosen = logits.argmax(dim=-1, keepdim=True)
        given = probabilities.gather(1, chosen)
        for row, token, probability in zip(rows, chosen[:, 0].tolist(), given[:, 0].tolist(), strict=True):
            row.tokens.append(token)
            row.probabilities.append(probability)
            if row.ban is not None:
                row.ban.add(token)
