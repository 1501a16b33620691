"""Turns a request into the embeddings of its prompt: encodes the tiles and inserts the image tokens."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from got_runtime.engine.protocol import Request
from got_runtime.engine.threads import adapt_threads
from got_runtime.model.encoder import Packed, encode

__all__ = ["Prefill"]


class Prefill:
    """Embeds prompts.

    Args:
        model: transformers' ``GotOcr2ForConditionalGeneration``.
        tile_batch: tiles that are encoded together.
        packed: products of the encoder on packed weights.
    """

    def __init__(self, model: Any, tile_batch: int, packed: Packed | None = None) -> None:
        self._packed = packed
        self._core = model.model
        self._language = model.model.language_model
        self._image_pad = model.config.image_token_index
        self._tile_batch = tile_batch
        self.layers = len(self._language.layers)

    def embed(self, request: Request) -> tuple[Tensor, Tensor]:
        """The prompt's embeddings ``(tokens, width)``, and the positions of its image tokens ``(image tokens,)``.

        Raises:
            ValueError: the prompt has more or fewer image pads than there are image tokens.
        """
        adapt_threads()
        weight = self._language.embed_tokens.weight
        return self._embedded(request, self.encode(request.network_pixels(weight.device, weight.dtype)))

    def embed_together(self, requests: Sequence[Request]) -> list[tuple[Tensor, Tensor]]:
        """:meth:`embed` of several requests of one tile, which are encoded at once."""
        weight = self._language.embed_tokens.weight
        pixels = torch.cat([request.network_pixels(weight.device, weight.dtype) for request in requests])
        core = self._core
        tokens = encode(core.vision_tower, core.multi_modal_projector, pixels, packed=self._packed)[0]
        return [self._embedded(request, each) for request, each in zip(requests, tokens, strict=True)]

    def _embedded(self, request: Request, image_tokens: Tensor) -> tuple[Tensor, Tensor]:
        weight = self._language.embed_tokens.weight
        ids = torch.tensor(request.prompt, device=weight.device)
        embedded = self._language.embed_tokens(ids)
        pads = (ids == self._image_pad).nonzero()[:, 0]
        if len(pads) != len(image_tokens):
            raise ValueError(f"the prompt has {len(pads)} image pads for {len(image_tokens)} image tokens")
        embedded[pads] = image_tokens
        return embedded, pads

    def encode(self, pixels: Tensor) -> Tensor:
        """Image tokens ``(image tokens, width)`` of all tiles, from pixels ``(tiles, 3, height, width)``."""
        core = self._core
        parts = [
            encode(core.vision_tower, core.multi_modal_projector, tiles, packed=self._packed)[0].flatten(0, 1)
            for tiles in torch.split(pixels, self._tile_batch)
        ]
        return torch.cat(parts)

    def extend(self, embedded: Tensor, tokens: list[int]) -> Tensor:
        """A prompt's embeddings followed by those of ``tokens``."""
        if not tokens:
            return embedded
        return torch.cat([embedded, self._language.embed_tokens(torch.tensor(tokens, device=embedded.device))])
