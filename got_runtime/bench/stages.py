"""Encoder, prefill and decoding step of one engine, measured apart, so that a long page need not be waited for."""

from collections.abc import Callable
from typing import Any, Protocol

import torch

from got_runtime.bench.hardware import timed
from got_runtime.bench.model_under_test import Subject
from got_runtime.engine.torch_engine.allocator import keep_freed_memory
from got_runtime.engine.torch_engine.native.decoder import NativeDecoder, PackedNetwork, check_int8_support
from got_runtime.engine.torch_engine.prefill import Prefill
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder

__all__ = ["Stages", "TorchStages", "TransformersStages"]

_WARM_UP = 2


class Stages(Protocol):
    """An engine in parts. Each method returns seconds."""

    name: str
    rows: tuple[int, ...]
    """Rows together at which steps are measured."""

    def encode(self) -> float:
        """One page's pixels to image tokens."""
        ...

    def prefill(self) -> float:
        """One prompt."""
        ...

    def steps(self, rows: int, tokens: int, repeats: int) -> list[float]:
        """Steps, choice of token included, of rows that are evenly spread over answers of ``tokens`` tokens."""
        ...


class TorchStages:
    """Ours; ``weights``, ``cache`` and errors as in :class:`~got_runtime.engine.torch_engine.engine.TorchEngine`."""

    def __init__(self, subject: Subject, rows: tuple[int, ...], weights: str, cache: str) -> None:
        options = [f"{what} {kind}" for what, kind in (("weights", weights), ("cache", cache)) if kind != "auto"]
        self.name = ", ".join(["torch", *options])
        self.rows = rows
        self._subject = subject
        if subject.device.type == "cpu":
            keep_freed_memory()
        self._prefill = Prefill(subject.model, tile_batch=1)
        self._packed = PackedNetwork.pack(subject.model, int8=weights == "int8")
        check_int8_support(self._packed, weights, cache)
        self._int8_cache = cache == "int8"
        self._pixels = _pixels(subject)
        width = subject.model.config.text_config.hidden_size
        self._prompt = torch.zeros(len(subject.prompt), width, device=subject.device, dtype=subject.dtype)

    def _decoder(self, rows: int) -> NativeDecoder | TorchDecoder:
        budget = 1 << 40
        if self._packed is not None:
            return NativeDecoder(self._packed, budget, self._int8_cache)
        return TorchDecoder(self._subject.model, rows, budget)

    @torch.inference_mode()
    def encode(self) -> float:
        return timed(lambda: self._prefill.encode(self._pixels), self._subject.device)

    @torch.inference_mode()
    def prefill(self) -> float:
        decoder = self._decoder(1)
        return timed(lambda: decoder.prefill(0, self._prompt, len(self._prompt) + 1, None), self._subject.device)

    @torch.inference_mode()
    def steps(self, rows: int, tokens: int, repeats: int) -> list[float]:
        decoder = self._decoder(rows)
        lengths = _spread(len(self._subject.prompt), tokens, rows)
        for slot, length in enumerate(lengths):
            decoder.prefill(slot, self._prompt[:16], length + 1, None)

        def step() -> None:
            decoder.choose(decoder.step([1] * rows, lengths, [None] * rows), [()] * rows)

        return [timed(step, self._subject.device) for _ in range(_WARM_UP + repeats)][_WARM_UP:]


class TransformersStages:
    """The port, one page at a time as its users run it."""

    name = "transformers"
    rows: tuple[int, ...] = (1,)

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._pixels = _pixels(subject)

    @torch.inference_mode()
    def encode(self) -> float:
        features: Callable[..., Any] = self._subject.model.get_image_features
        return timed(lambda: features(self._pixels, return_dict=True), self._subject.device)

    @torch.inference_mode()
    def prefill(self) -> float:
        return timed(lambda: self._filled(len(self._subject.prompt)), self._subject.device)

    @torch.inference_mode()
    def steps(self, rows: int, tokens: int, repeats: int) -> list[float]:
        length = len(self._subject.prompt) + tokens // 2
        cache = self._filled(length)
        newest = torch.ones(1, 1, dtype=torch.long, device=self._subject.device)

        def step() -> None:
            # As generate() does: positions and mask are given, the logits are float32 for the choice.
            mask = torch.ones(1, length + 1, dtype=torch.long, device=self._subject.device)
            out = self._subject.model(input_ids=newest, past_key_values=cache, attention_mask=mask, use_cache=True)
            out.logits[:, -1].float().argmax(-1)
            cache.crop(-1)

        return [timed(step, self._subject.device) for _ in range(_WARM_UP + repeats)][_WARM_UP:]

    def _filled(self, length: int) -> Any:
        """The cache after a prompt of ``length`` tokens without pictures."""
        from transformers import DynamicCache

        cache = DynamicCache(config=self._subject.model.config.text_config)
        ids = torch.ones(1, length, dtype=torch.long, device=self._subject.device)
        self._subject.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return cache


def _pixels(subject: Subject) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    side = subject.image_size
    return torch.randn(1, 3, side, side, generator=generator).to(subject.device, subject.dtype)


def _spread(prompt: int, tokens: int, rows: int) -> list[int]:
    """Lengths of rows that came one after the other: a batch in full swing."""
    return [prompt + tokens * (2 * row + 1) // (2 * rows) for row in range(rows)]
