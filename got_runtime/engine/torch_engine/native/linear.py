"""Matrix products with weights that are packed once, in bfloat16 or int8: by compiled C."""

import ctypes
from collections.abc import Mapping
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from got_runtime.engine.torch_engine.allocator import advise_huge_pages
from got_runtime.engine.torch_engine.native.library import load_products
from got_runtime.errors import EngineError
from got_runtime.model.encoder import is_gelu
from got_runtime.model.native.build import INSTRUCTIONS

__all__ = ["Linear", "PackedLinear", "pack_encoder", "quantize"]

_TILE_ROWS = 16
"""Rows of an AMX tile."""
_INPUTS = 64
"""Inputs are padded with zeros to a multiple of this: in int8, the bytes of a row of a tile."""


class Linear(Protocol):
    """``(rows, inputs)`` in bfloat16 → ``(rows, outputs)`` in bfloat16 or float32. A row is a token."""

    def __call__(self, x: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor: ...


class PackedLinear:
    """The product of ``products.c``, in matrix tiles or in vectors.

    The layers' products of a full-size step of 32 sequences take 29 ms in bf16 and 16 in int8 in matrix tiles; with
    oneDNN, 35 and 26. In vectors (AVX-512 bf16) they run at 97 % of the processor's peak; those of oneDNN at 85 %.

    Args:
        library: ``step.c``, loaded.
        weight: ``(outputs, inputs)``, in bfloat16.
        bias: ``(outputs,)``, if any.
        int8: quantise weights and inputs to 8 bits.

    Raises:
        EngineError: ``products.c`` cannot be compiled, or the CPU lacks AVX2.
    """

    def __init__(self, library: ctypes.CDLL, weight: Tensor, bias: Tensor | None = None, *, int8: bool = False) -> None:
        products = load_products()
        if products is None:
            raise EngineError("packed products need AVX2, Linux and a C compiler")
        self._library, self._products = library, products
        self._outputs = len(weight)
        added = -len(weight) % (2 * _TILE_ROWS)
        self._row_tiles = _TILE_ROWS if products.instructions() == len(INSTRUCTIONS) - 1 else 1
        self._bias = F.pad(bias.float(), (0, added)) if bias is not None else None
        self._scale: Tensor | None = None
        self._offset: Tensor | None = None
        if int8:
            weight, scale = quantize(weight)
            self._scale = F.pad(scale, (0, added))
            if products.multiplies_unsigned():
                self._offset = F.pad(weight.sum(dim=1, dtype=torch.int32) * -128, (0, added))
        group = 4 // weight.element_size()
        self._added_inputs = -weight.shape[1] % _INPUTS
        weight = F.pad(weight, (0, self._added_inputs, 0, added))
        tiles = weight.unflatten(0, (-1, 2, _TILE_ROWS)).unflatten(3, (-1, _TILE_ROWS, group)).permute(0, 3, 1, 4, 2, 5)
        self._weight = torch.empty(tiles.shape, dtype=weight.dtype)
        advise_huge_pages(self._weight)
        self._weight.copy_(tiles)

    def __call__(
        self, x: Tensor, dtype: torch.dtype = torch.bfloat16, gelu: bool = False, added: Tensor | None = None
    ) -> Tensor:
        """The product, then GELU if wished, then the sum with ``added`` ``(rows, outputs)``."""
        if self._added_inputs:
            x = F.pad(x, (0, self._added_inputs))
        rows, inputs = x.shape
        padded, input_scale = x.contiguous(), None
        if self._scale is not None or rows % self._row_tiles:
            padded = torch.empty(rows + -rows % self._row_tiles, inputs, dtype=self._weight.dtype)
            if self._scale is None:
                padded[:rows] = x
            else:
                input_scale = torch.empty(rows)
                self._library.quantize_rows(x.data_ptr(), padded.data_ptr(), input_scale.data_ptr(), rows, inputs)
        out = torch.empty(rows, self._outputs, dtype=dtype)
        optional = (
            each.data_ptr() if each is not None else None
            for each in (input_scale, self._scale, self._bias, self._offset, added)
        )
        done = self._products.multiply(
            padded.data_ptr(), self._weight.data_ptr(), *optional, out.data_ptr(),
            rows, self._outputs, inputs * padded.element_size(), gelu, dtype == torch.float32,
        )  # fmt: skip
        if not done:
            raise MemoryError(f"no memory for a product of {rows} rows")
        return out


def pack_encoder(model: Any, library: ctypes.CDLL) -> Mapping[nn.Module, PackedLinear]:
    """The vision encoder's products by the module that they replace; none in matrix tiles, where oneDNN's are faster.

    Args:
        model: transformers' ``GotOcr2ForConditionalGeneration``.
        library: ``step.c``, loaded.
    """
    products = load_products()
    if products is None or products.instructions() == len(INSTRUCTIONS) - 1:
        return {}
    tower, projector = model.model.vision_tower, model.model.multi_modal_projector
    modules = [projector.multimodal_projector]
    for layer in tower.layers:
        modules += [layer.attn.qkv, layer.attn.proj]
        if is_gelu(layer.mlp.act):
            modules += [layer.mlp.lin1, layer.mlp.lin2]
    packed = {each: PackedLinear(library, each.weight, each.bias) for each in modules if type(each) is nn.Linear}
    patches = tower.patch_embed.projection
    return {**packed, patches: PackedLinear(library, patches.weight.flatten(1), patches.bias)}


def quantize(x: Tensor) -> tuple[Tensor, Tensor]:
    """int8 values, and a scale for each row of the last dimension."""
    scale = x.float().abs().amax(dim=-1).clamp(min=1e-12) / 127
    return (x.float() / scale[..., None]).round().to(torch.int8), scale
