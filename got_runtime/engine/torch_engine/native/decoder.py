"""The decoder in bfloat16 on a CPU: products on weights laid out once, ``step.c`` for what lies between."""

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from got_runtime.engine.torch_engine.attention_trace import AttentionTrace
from got_runtime.engine.torch_engine.decoder import OutOfRoom
from got_runtime.engine.torch_engine.native.cache import WIDTH, RowCache, bytes_per_token
from got_runtime.engine.torch_engine.native.head import BfloatHead, Head, Int8Head
from got_runtime.engine.torch_engine.native.library import load
from got_runtime.engine.torch_engine.native.linear import Linear, lay_out
from got_runtime.errors import EngineError
from got_runtime.model.decoder import causal, rotate
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
    """The port's text decoder, its weights laid out for steps of a few rows."""

    language: Any
    library: ctypes.CDLL
    layers: tuple[_Layer, ...]
    head: Head
    heads: int
    key_heads: int

    @classmethod
    @torch.no_grad()  # else what is made of parameters remembers how, at eight bytes a weight
    def pack(cls, model: Any, int8: bool) -> Self | None:
        """Lay out the weights once; None where this road is closed: another device or dtype, a CPU without 16-bit
        instructions (AVX-512), no C compiler.

        With ``int8`` the products are rounded to 8 bits; the choice between the likeliest tokens is not.
        """
        language = model.model.language_model
        weight = model.lm_head.weight
        attention = language.layers[0].self_attn
        fits = weight.device.type == "cpu" and weight.dtype == torch.bfloat16 and attention.head_dim == WIDTH
        # Without 16-bit instructions oneDNN multiplies bf16, but does not lay it out.
        library = load() if fits and has_bf16_products() else None
        if library is None:
            return None
        linear = functools.partial(lay_out, library, int8=int8)
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
        return cls(language, library, tuple(layers), head, heads, key_heads)

    def split(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``(tokens, (heads + 2 key heads) · 64)`` → queries, keys and values, ``(heads, tokens, 64)`` each."""
        query, key, value = (
            qkv.view(len(qkv), -1, WIDTH).transpose(0, 1).split([self.heads, self.key_heads, self.key_heads])
        )
        return query, key, value


def check_int8_support(packed: PackedNetwork | None, weights: str, cache: str) -> None:
    """Raises EngineError where weights, or keys and values, are to be kept in 8 bits and the road to them is closed."""
    if packed is None and "int8" in (weights, cache):
        raise EngineError(
            "8 bits need bfloat16 on a CPU with 16-bit instructions (AVX-512), Linux and a C compiler: choose "
            "device cpu and dtype bfloat16, or leave int8 out"
        )


class NativeDecoder:
    """See :class:`got_runtime.engine.torch_engine.decoder.Decoder`.

    Args:
        network: the packed weights, which decoders share.
        budget: bytes that keys and values may take.
        int8: keep keys and values in 8 bits, at half the memory and half the time of attention.
    """

    ahead = None

    def __init__(self, network: PackedNetwork, budget: int, int8: bool) -> None:
        self._network = network
        self._int8 = int8
        self._epsilon = float(network.language.config.rms_norm_eps)
        self._rows: list[RowCache] = []
        self.room = budget // bytes_per_token(len(network.layers), network.key_heads, int8)

    def fits(self, tokens: int) -> bool:
        return sum(row.capacity for row in self._rows) + tokens <= self.room

    def prefill(self, slot: int, embedded: Tensor, room: int, alignment: AttentionTrace | None) -> Tensor:
        network = self._network
        row = RowCache(len(network.layers), network.key_heads, self._int8)
        if self._rows and not self.fits(room):
            raise OutOfRoom(self.room)
        row.reserve(max(room, len(embedded)))
        hidden = embedded.clone()
        cosine, sine = network.language.rotary_emb(hidden, torch.arange(len(hidden))[None])
        normed, delta = torch.empty_like(hidden), None
        for index, layer in enumerate(network.layers):
            self._norm(hidden, delta, layer.norm, normed)
            query, key, value = network.split(layer.qkv(normed))
            query, key = rotate(query, cosine, sine), rotate(key, cosine, sine)
            row.write_prompt(index, key, value)
            if alignment is not None:
                alignment.show(key)
                alignment.record(index, query[:, -1])
            attended = causal(query[None], key[None], value[None])[0]
            self._norm(hidden, layer.out(attended.transpose(0, 1).flatten(1)), layer.mlp_norm, normed)
            delta = self._mlp(layer, normed)
        self._norm(hidden, delta, network.language.norm.weight, normed)
        self._rows[slot:] = [row]
        return normed[-1:].clone()

    def step(
        self, tokens: Sequence[int], lengths: Sequence[int], alignments: Sequence[AttentionTrace | None]
    ) -> Tensor:
        network, library = self._network, self._network.library
        for row, length in zip(self._rows, lengths, strict=True):
            if length >= row.capacity and not self.fits(row.capacity // 4 + 16) and len(self._rows) > 1:
                raise OutOfRoom(self.room)
            row.reserve(length + 1)
        table = torch.tensor([[*row.pointers(), n] for row, n in zip(self._rows, lengths, strict=True)])
        hidden = network.language.embed_tokens(torch.tensor(tokens))
        count = len(hidden)
        cosine, sine = (x[0] for x in network.language.rotary_emb(hidden, torch.tensor(lengths)[None]))
        cosine_32, sine_32 = cosine.float(), sine.float()
        normed, attended = torch.empty_like(hidden), hidden.new_empty(count, network.heads * WIDTH)
        delta: Tensor | None = None
        for index, layer in enumerate(network.layers):
            self._norm(hidden, delta, layer.norm, normed)
            qkv = layer.qkv(normed)
            library.attend_step(
                qkv.data_ptr(), cosine_32.data_ptr(), sine_32.data_ptr(), table.data_ptr(), attended.data_ptr(),
                count, network.heads, network.key_heads, index,
            )  # fmt: skip
            self._align(index, qkv, cosine, sine, alignments)
            self._norm(hidden, layer.out(attended), layer.mlp_norm, normed)
            delta = self._mlp(layer, normed)
        self._norm(hidden, delta, network.language.norm.weight, normed)
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

    def _align(
        self, layer: int, qkv: Tensor, cosine: Tensor, sine: Tensor, alignments: Sequence[AttentionTrace | None]
    ) -> None:
        for index, alignment in enumerate(alignments):
            if alignment is not None:
                query = qkv[index, : self._network.heads * WIDTH].view(-1, WIDTH)
                alignment.record(layer, rotate(query, cosine[index], sine[index]))

    def choose(self, hidden: Tensor, banned: Sequence[Sequence[int]]) -> tuple[list[int], list[float]]:
        tokens, probabilities, logits = self._network.head(hidden)
        for index, bans in enumerate(banned):
            if tokens[index] in bans:  # rarely: look again without the banned ones
                row = logits(index)
                given = torch.softmax(row, dim=-1)
                row[list(bans)] = float("-inf")
                tokens[index] = int(row.argmax())
                probabilities[index] = float(given[tokens[index]])
        return tokens, probabilities

    def wipe(self, slot: int) -> None:
        """Nothing to do: no row reads another's memory."""

    def move(self, source: int, target: int, length: int) -> None:
        self._rows[target] = self._rows[source]

    def release(self, slot: int) -> None:
        del self._rows[slot:]
