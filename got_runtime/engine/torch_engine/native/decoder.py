"""The decoder in bfloat16 on a CPU: matrix products on packed weights, and ``step.c`` for everything between them."""

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from got_runtime.engine.threads import adapt_threads
from got_runtime.engine.torch_engine.attention_trace import AttentionTrace, record_attention
from got_runtime.engine.torch_engine.decoder import KvCacheFull, StepResult
from got_runtime.engine.torch_engine.native.cache import BLOCK_TOKENS, HEAD_WIDTH, SequenceCache, bytes_per_token
from got_runtime.engine.torch_engine.native.head import BfloatHead, Head, Int8Head
from got_runtime.engine.torch_engine.native.library import load, load_products
from got_runtime.engine.torch_engine.native.linear import Linear, PackedLinear, pack_encoder
from got_runtime.errors import EngineError
from got_runtime.model.decoder import causal, rotate
from got_runtime.model.encoder import Packed
from got_runtime.model.native.build import has_bf16_products

__all__ = ["NativeDecoder", "PackedNetwork", "check_int8_support"]


@dataclass(frozen=True)
class _Layer:
    norm: Tensor
    qkv: Linear
    out: Linear
    mlp_norm: Tensor
    gate_up: Linear
    down: Linear


@dataclass(frozen=True)
class PackedNetwork:
    """The weights, packed: those of the text decoder, and on some machines those of the vision encoder."""

    language: Any
    library: ctypes.CDLL
    layers: tuple[_Layer, ...]
    head: Head
    heads: int
    key_heads: int
    encoder: Packed

    @classmethod
    @torch.no_grad()  # otherwise tensors made of parameters keep what gradients need, eight bytes a weight
    def pack(cls, model: Any, int8: bool) -> Self | None:
        """Pack the weights.

        Args:
            model: transformers' ``GotOcr2ForConditionalGeneration``.
            int8: quantise weights and activations of the products to 8 bits. The choice between the most probable
                tokens is still made in bfloat16.

        Returns:
            None where this is not supported: another device or dtype, a CPU without AVX2, no C compiler.
        """
        language = model.model.language_model
        weight = model.lm_head.weight
        attention = language.layers[0].self_attn
        supported = weight.device.type == "cpu" and weight.dtype == torch.bfloat16 and attention.head_dim == HEAD_WIDTH
        library = load() if supported and load_products() is not None else None
        if library is None:
            return None
        linear = functools.partial(PackedLinear, library, int8=int8)
        layers = []
        for layer in language.layers:
            attention, mlp = layer.self_attn, layer.mlp
            projections = (attention.q_proj, attention.k_proj, attention.v_proj)
            layers.append(
                _Layer(
                    layer.input_layernorm.weight,
                    linear(torch.cat([p.weight for p in projections]), torch.cat([p.bias for p in projections])),
                    linear(attention.o_proj.weight),
                    layer.post_attention_layernorm.weight,
                    linear(torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])),
                    linear(mlp.down_proj.weight),
                )
            )
        config = language.config
        heads, key_heads = config.num_attention_heads, config.num_key_value_heads
        head = Int8Head(library, weight) if int8 else BfloatHead(library, weight)
        return cls(language, library, tuple(layers), head, heads, key_heads, pack_encoder(model, library))

    def split(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``(tokens, (heads + 2 key heads) · 64)`` → queries, keys and values, ``(heads, tokens, 64)`` each."""
        query, key, value = (
            qkv.view(len(qkv), -1, HEAD_WIDTH).transpose(0, 1).split([self.heads, self.key_heads, self.key_heads])
        )
        return query, key, value


def check_int8_support(packed: PackedNetwork | None, weight_dtype: str, kv_cache_dtype: str) -> None:
    """Check that int8 is supported, if it is chosen for weights, or for keys and values.

    Raises:
        EngineError: int8 is chosen and not supported.
    """
    if packed is None and "int8" in (weight_dtype, kv_cache_dtype):
        raise EngineError(
            "8 bits need bfloat16 on a CPU with AVX2, Linux and a C compiler: choose device cpu and dtype bfloat16, or "
            "leave int8 out"
        )


class NativeDecoder:
    """See :class:`got_runtime.engine.torch_engine.decoder.Decoder`.

    Args:
        network: the packed weights, which several decoders may use.
        budget: bytes of KV cache.
        int8: keep keys and values in 8 bits: half the memory, and half the time of attention.
    """

    async_steps = None

    def __init__(self, network: PackedNetwork, budget: int, int8: bool) -> None:
        self._network = network
        self._int8 = int8
        self._epsilon = float(network.language.config.rms_norm_eps)
        self._caches: list[SequenceCache] = []
        self.max_tokens = budget // bytes_per_token(len(network.layers), network.key_heads, int8)

    def has_room(self, tokens: int) -> bool:
        return sum(cache.capacity for cache in self._caches) + tokens <= self.max_tokens

    def prefill(self, slot: int, embedded: Tensor, capacity: int, attention_trace: AttentionTrace | None) -> Tensor:
        network = self._network
        cache = SequenceCache(len(network.layers), network.key_heads, self._int8)
        if self._caches and not self.has_room(capacity):
            raise KvCacheFull(self.max_tokens)
        cache.reserve(max(capacity, len(embedded)))
        hidden = embedded.clone()
        # Without 16-bit instructions torch multiplies bfloat16 in a plain loop.
        precision = hidden.dtype if has_bf16_products() else torch.float32
        cosine, sine = network.language.rotary_emb(hidden, torch.arange(len(hidden))[None])
        normed, delta = torch.empty_like(hidden), None
        newest = []
        for index, layer in enumerate(network.layers):
            self._norm(hidden, delta, layer.norm, normed)
            query, key, value = network.split(layer.qkv(normed))
            query, key = rotate(query, cosine, sine), rotate(key, cosine, sine)
            cache.write_prompt(index, key, value)
            if attention_trace is not None:
                attention_trace.add_prompt_keys(key)
                newest.append(query[:, -1])
            attended = causal(*(each[None].to(precision) for each in (query, key, value)))[0].to(hidden.dtype)
            self._norm(hidden, layer.out(attended.transpose(0, 1).flatten(1)), layer.mlp_norm, normed)
            delta = self._mlp(layer, normed)
        self._norm(hidden, delta, network.language.norm.weight, normed)
        if attention_trace is not None:
            attention_trace.record(torch.stack(newest))
        self._caches[slot:] = [cache]
        return normed[-1:].clone()

    def step(
        self, tokens: Sequence[int], lengths: Sequence[int], attention_traces: Sequence[AttentionTrace | None]
    ) -> Tensor:
        adapt_threads()
        network, library = self._network, self._network.library
        for cache, length in zip(self._caches, lengths, strict=True):
            growth = cache.capacity // 4 + BLOCK_TOKENS
            if length >= cache.capacity and not self.has_room(growth) and len(self._caches) > 1:
                raise KvCacheFull(self.max_tokens)
            cache.reserve(length + 1)
        sequences = torch.tensor([[*cache.pointers(), n] for cache, n in zip(self._caches, lengths, strict=True)])
        hidden = network.language.embed_tokens(torch.tensor(tokens))
        batch_size = len(hidden)
        cosine, sine = (x[0] for x in network.language.rotary_emb(hidden, torch.tensor(lengths)[None]))
        cosine_32, sine_32 = cosine.float(), sine.float()
        normed, attended = torch.empty_like(hidden), hidden.new_empty(batch_size, network.heads * HEAD_WIDTH)
        delta: Tensor | None = None
        queries = []
        for index, layer in enumerate(network.layers):
            self._norm(hidden, delta, layer.norm, normed)
            qkv = layer.qkv(normed)
            library.attend_step(
                qkv.data_ptr(), cosine_32.data_ptr(), sine_32.data_ptr(), sequences.data_ptr(), attended.data_ptr(),
                batch_size, network.heads, network.key_heads, index,
            )  # fmt: skip
            queries.append(qkv[:, : network.heads * HEAD_WIDTH])
            self._norm(hidden, layer.out(attended), layer.mlp_norm, normed)
            delta = self._mlp(layer, normed)
        self._norm(hidden, delta, network.language.norm.weight, normed)
        if any(attention_traces):
            together = torch.stack(queries, dim=1).unflatten(-1, (-1, HEAD_WIDTH))
            record_attention(attention_traces, rotate(together, cosine[:, None, None], sine[:, None, None]))
        return normed

    def _mlp(self, layer: _Layer, normed: Tensor) -> Tensor:
        gate_up = layer.gate_up(normed)
        inner = normed.new_empty(len(normed), gate_up.shape[1] // 2)
        self._network.library.silu_mul(gate_up.data_ptr(), inner.data_ptr(), *inner.shape)
        return layer.down(inner)

    def _norm(self, hidden: Tensor, delta: Tensor | None, weight: Tensor, out: Tensor) -> None:
        """Add ``delta`` to the hidden states, in place, and write their RMS norm to ``out``."""
        added = delta.data_ptr() if delta is not None else None
        self._network.library.add_rms_norm(
            hidden.data_ptr(), added, weight.data_ptr(), out.data_ptr(), *hidden.shape, self._epsilon
        )

    def choose(self, hidden: Tensor, banned: Sequence[Sequence[int]]) -> StepResult:
        tokens, probabilities, logits_of = self._network.head(hidden)
        for index, bans in enumerate(banned):
            if tokens[index] in bans:  # rare: choose again without the banned tokens
                logits = logits_of(index)
                softmax = torch.softmax(logits, dim=-1)
                logits[list(bans)] = float("-inf")
                tokens[index] = int(logits.argmax())
                probabilities[index] = float(softmax[tokens[index]])
        return tokens, probabilities

    def zero(self, slot: int) -> None:
        """Nothing to do: no sequence reads another one's memory."""

    def move(self, source: int, target: int, length: int) -> None:
        self._caches[target] = self._caches[source]

    def release(self, slot: int) -> None:
        del self._caches[slot:]
