"""Encoder, prefill and decoding step of one engine, measured separately, so that no long page has to be decoded."""

from collections.abc import Callable
from typing import Any, Protocol

import torch

from got_runtime.bench.hardware import timed
from got_runtime.bench.model_under_test import ModelUnderTest
from got_runtime.engine.torch_engine.allocator import keep_freed_memory
from got_runtime.engine.torch_engine.native.cache import bytes_per_token
from got_runtime.engine.torch_engine.native.decoder import NativeDecoder, PackedNetwork, check_int8_support
from got_runtime.engine.torch_engine.paged_cache import PAGE_TOKENS, pages_for
from got_runtime.engine.torch_engine.prefill import Prefill
from got_runtime.engine.torch_engine.torch_decoder import TorchDecoder

__all__ = ["Stages", "TorchStages", "TransformersStages"]

_WARM_UP_STEPS = 2
_MOST_STEPS = 64
"""Steps that are measured at once, at most, for the size of the KV cache."""
_SHORT_PROMPT = 16
"""Tokens that are prefilled before steps are measured; the other positions of the cache are never written."""


class Stages(Protocol):
    """The stages of one engine. Each method returns seconds.

    Attributes:
        name: for reports.
        batch_sizes: at which steps are measured.
    """

    name: str
    batch_sizes: tuple[int, ...]

    def encode(self) -> float:
        """The vision encoder, for one page of one tile."""
        ...

    def prefill(self) -> float:
        """One prompt."""
        ...

    def steps(self, batch_size: int, tokens: int, repeats: int) -> list[float]:
        """Decoding steps, including the choice of the tokens.

        Args:
            batch_size: sequences that are decoded together.
            tokens: of a completion; the sequences are spread evenly over its length.
            repeats: number of steps.
        """
        ...


class TorchStages:
    """The stages of :class:`~got_runtime.engine.torch_engine.engine.TorchEngine`.

    Args:
        tested: the network.
        batch_sizes: at which steps are measured.
        weight_dtype: as for the engine.
        kv_cache_dtype: as for the engine.

    Raises:
        EngineError: as the engine does.
    """

    def __init__(
        self, tested: ModelUnderTest, batch_sizes: tuple[int, ...], weight_dtype: str, kv_cache_dtype: str
    ) -> None:
        precisions = (("weights", weight_dtype), ("KV cache", kv_cache_dtype))
        self.name = ", ".join(["torch", *(f"{what} {dtype}" for what, dtype in precisions if dtype != "auto")])
        self.batch_sizes = batch_sizes
        self._tested = tested
        if tested.device.type == "cpu":
            keep_freed_memory()
        self._packed = PackedNetwork.pack(tested.model, int8=weight_dtype == "int8")
        self._prefill = Prefill(tested.model, tile_batch=1, packed=self._packed.encoder if self._packed else None)
        check_int8_support(self._packed, weight_dtype, kv_cache_dtype)
        self._int8_cache = kv_cache_dtype == "int8"
        self._pixels = _random_pixels(tested)
        width = tested.model.config.text_config.hidden_size
        self._prompt = torch.zeros(len(tested.prompt), width, device=tested.device, dtype=tested.dtype)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self._tested.device

    def _decoder(self, batch_size: int, tokens: int) -> NativeDecoder | TorchDecoder:
        unlimited = 1 << 40  # bytes: a CPU takes what the sequences need
        if self._packed is not None:
            return NativeDecoder(self._packed, unlimited, self._int8_cache)
        budget = unlimited if self.device.type == "cpu" else self.kv_cache_bytes(batch_size, tokens)
        return TorchDecoder(self._tested.model, batch_size, budget)

    def kv_cache_bytes(self, batch_size: int, tokens: int) -> int:
        """Memory that :meth:`steps` takes for keys and values, at most."""
        text, longest = self._tested.model.config.text_config, len(self._tested.prompt) + tokens
        heads, layers = text.num_key_value_heads, text.num_hidden_layers
        lengths = _spread_lengths(len(self._tested.prompt), tokens, batch_size)
        if self._packed is not None:
            return (sum(lengths) + longest) * bytes_per_token(layers, heads, self._int8_cache)
        width = text.hidden_size // text.num_attention_heads
        pages = sum(pages_for(length + _MOST_STEPS) for length in lengths)
        return int(pages * PAGE_TOKENS * 2 * layers * heads * width * self._tested.dtype.itemsize)

    @torch.inference_mode()
    def encode(self) -> float:
        return timed(lambda: self._prefill.encode(self._pixels), self._tested.device)

    @torch.inference_mode()
    def prefill(self) -> float:
        decoder = self._decoder(1, 0)
        return timed(lambda: decoder.prefill(0, self._prompt, len(self._prompt) + 1, None), self._tested.device)

    @torch.inference_mode()
    def steps(self, batch_size: int, tokens: int, repeats: int) -> list[float]:
        decoder = self._decoder(batch_size, tokens)
        lengths = _spread_lengths(len(self._tested.prompt), tokens, batch_size)
        asynchronous = decoder.async_steps
        added = _WARM_UP_STEPS + repeats  # tokens of asynchronous steps, which append to their sequences
        for slot, length in enumerate(lengths):
            decoder.prefill(slot, self._prompt[:_SHORT_PROMPT], length + 1 + added, None)
            if asynchronous is not None:
                asynchronous.set_tokens(slot, [1] * (length + 1), 0)

        def step() -> None:
            if asynchronous is not None:  # as the engine runs it, from a CUDA graph
                asynchronous.launch(batch_size)()
                return
            decoder.choose(decoder.step([1] * batch_size, lengths, [None] * batch_size), [()] * batch_size)

        return [timed(step, self._tested.device) for _ in range(_WARM_UP_STEPS + repeats)][_WARM_UP_STEPS:]


class TransformersStages:
    """The stages of transformers' network, one page at a time as its users run it."""

    name = "transformers"
    batch_sizes: tuple[int, ...] = (1,)

    def __init__(self, tested: ModelUnderTest) -> None:
        self._tested = tested
        self._pixels = _random_pixels(tested)

    @torch.inference_mode()
    def encode(self) -> float:
        features: Callable[..., Any] = self._tested.model.get_image_features
        return timed(lambda: features(self._pixels, return_dict=True), self._tested.device)

    @torch.inference_mode()
    def prefill(self) -> float:
        return timed(lambda: self._filled_cache(len(self._tested.prompt)), self._tested.device)

    @torch.inference_mode()
    def steps(self, batch_size: int, tokens: int, repeats: int) -> list[float]:
        length = len(self._tested.prompt) + tokens // 2
        cache = self._filled_cache(length)
        newest = torch.ones(1, 1, dtype=torch.long, device=self._tested.device)

        def step() -> None:
            # As generate() does: positions and mask are given, and the token is chosen from float32 logits.
            mask = torch.ones(1, length + 1, dtype=torch.long, device=self._tested.device)
            out = self._tested.model(input_ids=newest, past_key_values=cache, attention_mask=mask, use_cache=True)
            out.logits[:, -1].float().argmax(-1)
            cache.crop(-1)

        return [timed(step, self._tested.device) for _ in range(_WARM_UP_STEPS + repeats)][_WARM_UP_STEPS:]

    def _filled_cache(self, length: int) -> Any:
        """The KV cache after a prompt of ``length`` tokens without images."""
        from transformers import DynamicCache

        cache = DynamicCache(config=self._tested.model.config.text_config)
        ids = torch.ones(1, length, dtype=torch.long, device=self._tested.device)
        self._tested.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return cache


def _random_pixels(tested: ModelUnderTest) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    side = tested.image_size
    return torch.randn(1, 3, side, side, generator=generator).to(tested.device, tested.dtype)


def _spread_lengths(prompt: int, tokens: int, batch_size: int) -> list[int]:
    """Lengths of sequences that are spread evenly over completions of ``tokens`` tokens: a batch in steady state."""
    return [prompt + tokens * (2 * index + 1) // (2 * batch_size) for index in range(batch_size)]
