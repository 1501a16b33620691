"""GOT's vision encoder on the weights of transformers' modules, without the dense relative-position bias.

It computes what ``GotOcr2VisionEncoder`` followed by ``GotOcr2MultiModalProjector`` computes, with these differences:

* a global layer never materialises its heads×4096×4096 softmax, 0.8 GB a tile at full size
  (:mod:`got_runtime.model.attention`);
* activations stay channels-last, so layer norms need no permutation;
* grids smaller than the checkpoint's are allowed (an offset picks the rows of the position table), which is how
  training grows the resolution.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from got_runtime.model.attention import attend
from got_runtime.model.native.build import has_bf16_products
from got_runtime.model.native.grid_attention import attend_natively, is_supported

Port = Any
"""A module of transformers, which ships no types for it."""


class PackedProduct(Protocol):
    """The product of a module on rows ``(rows, inputs)``, followed by GELU and a sum ``(rows, outputs)`` if wished."""

    def __call__(self, x: Tensor, *, gelu: bool = False, added: Tensor | None = None) -> Tensor: ...


Packed = Mapping[nn.Module, PackedProduct]
"""Products on packed weights, by the module that they replace."""


def encode(
    vision_tower: Port, projector: Port, pixel_values: Tensor, row_offset: int = 0, packed: Packed | None = None
) -> tuple[Tensor, Tensor]:
    """Pixels to image tokens.

    Args:
        vision_tower: transformers' ``GotOcr2VisionEncoder``.
        projector: transformers' ``GotOcr2MultiModalProjector``.
        pixel_values: ``(tiles, 3, height, width)``, normalised, sides a multiple of the patch size.
        row_offset: first row of the position table to use when ``height`` is below the checkpoint's.
        packed: products on packed weights.

    Returns:
        Image tokens ``(tiles, rows·columns / 16, text width)`` in row-major order, and the neck's output
        ``(tiles, rows, columns, output channels)``, where rows and columns count patches.
    """
    packed = packed or {}
    hidden = _embed_patches(vision_tower.patch_embed.projection, pixel_values, packed)
    rows, columns = hidden.shape[1:3]
    if vision_tower.pos_embed is not None:
        hidden = hidden + vision_tower.pos_embed[:, row_offset : row_offset + rows, :columns]
    for layer in vision_tower.layers:
        hidden = _layer(layer, hidden, packed)
    neck = vision_tower.neck
    hidden = _norm(neck.layer_norm1, _conv(neck.conv1, hidden))
    hidden = _norm(neck.layer_norm2, _conv(neck.conv2, hidden))
    tokens = _conv(projector.conv_upsampler2, _conv(projector.conv_upsampler1, hidden))
    image = _linear(projector.multimodal_projector, tokens.flatten(1, 2), packed)
    return image, hidden


def _linear(layer: Port, x: Tensor, packed: Packed) -> Tensor:
    """``layer(x)``, on packed weights where there are any."""
    product = packed.get(layer)
    out: Tensor = layer(x) if product is None else product(x.flatten(0, -2)).view(*x.shape[:-1], -1)
    return out


def _embed_patches(projection: nn.Conv2d, pixels: Tensor, packed: Packed) -> Tensor:
    """The stride-16 convolution as one matrix product; result ``(tiles, rows, columns, width)``."""
    tiles, channels, height, width = pixels.shape
    patch = projection.kernel_size[0]
    cut = pixels.view(tiles, channels, height // patch, patch, width // patch, patch)
    patches = cut.permute(0, 2, 4, 1, 3, 5).flatten(3)
    if projection in packed:
        return packed[projection](patches.flatten(0, 2)).view(*patches.shape[:3], -1)
    return F.linear(patches, projection.weight.flatten(1), projection.bias)


def _conv(conv: nn.Conv2d, hidden: Tensor) -> Tensor:
    """A convolution on a channels-last activation."""
    dtype = hidden.dtype
    bias = None if conv.bias is None else _computed(conv.bias)
    out = F.conv2d(_computed(hidden).permute(0, 3, 1, 2), _computed(conv.weight), bias, conv.stride, conv.padding)
    return out.permute(0, 2, 3, 1).contiguous().to(dtype)


def _computed(x: Tensor) -> Tensor:
    """``x`` in the precision to compute in: float32 instead of bfloat16 on a CPU whose torch has only loops for it."""
    return x.float() if x.device.type == "cpu" and x.dtype == torch.bfloat16 and not has_bf16_products() else x


def _norm(norm: nn.LayerNorm, hidden: Tensor) -> Tensor:
    """Layer norm over channels. transformers' module would permute first; activations are channels-last here."""
    return F.layer_norm(hidden, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def _layer(layer: Port, hidden: Tensor, packed: Packed) -> Tensor:
    normed = layer.layer_norm1(hidden)
    size = layer.window_size
    attention: Port = layer.attn
    if attention.use_rel_pos and is_supported(normed, normed.shape[-1] // attention.num_attention_heads):
        hidden = hidden + _attend_natively(attention, normed, size, packed)
    else:
        hidden = hidden + (_windowed(attention, normed, size, packed) if size else _attend(attention, normed, packed))
    return _add_mlp(layer.mlp, hidden, layer.layer_norm2(hidden), packed)


def _add_mlp(mlp: Port, hidden: Tensor, normed: Tensor, packed: Packed) -> Tensor:
    """``hidden + mlp(normed)``. In bfloat16 on a CPU, oneDNN fuses GELU and the sum: 20 ms a layer instead of 24."""
    plain = type(mlp.lin1) is type(mlp.lin2) is nn.Linear and is_gelu(mlp.act)  # not an adapter's
    supported = hidden.device.type == "cpu" and hidden.dtype == torch.bfloat16 and not torch.is_grad_enabled()
    out: Tensor
    if mlp.lin1 in packed and mlp.lin2 in packed:
        wide = packed[mlp.lin1](normed.flatten(0, -2), gelu=True)
        return packed[mlp.lin2](wide, added=hidden.flatten(0, -2)).view_as(hidden)
    if not (plain and supported and has_bf16_products()):
        out = hidden + mlp(normed)
        return out
    wide = torch.ops.mkldnn._linear_pointwise(normed, mlp.lin1.weight, mlp.lin1.bias, "gelu", [], "none")
    out = torch.ops.mkldnn._linear_pointwise.binary(wide, hidden, mlp.lin2.weight, mlp.lin2.bias, "add")
    return out


def is_gelu(activation: nn.Module) -> bool:
    """Whether a module is the exact GELU, torch's or transformers', whose import takes seconds."""
    return isinstance(activation, nn.GELU) or type(activation).__name__ == "GELUActivation"


def _attend_natively(attention: Port, hidden: Tensor, size: int, packed: Packed) -> Tensor:
    """:func:`_windowed`, or :func:`_attend` where ``size`` is 0, in compiled C: windows are not copied."""
    heads, window = attention.num_attention_heads, (size or hidden.shape[1], size or hidden.shape[2])
    shape = 3, heads, hidden.shape[-1] // heads
    qkv = _linear(attention.qkv, hidden, packed).unflatten(-1, shape)
    outside = attention.qkv(hidden.new_zeros(hidden.shape[-1])).view(shape)
    tables = _distances(attention.rel_pos_h, window[0]), _distances(attention.rel_pos_w, window[1])
    out = attend_natively(qkv, outside, tables, window, attention.scale)
    return _linear(attention.proj, out.flatten(-2), packed)


def _distances(table: Tensor, size: int) -> Tensor:
    """``(2 size - 1, head width)``: the table's rows for distances below ``size``; its middle is distance zero."""
    middle = (table.shape[0] - 1) // 2
    return table[middle - size + 1 : middle + size]


def _windowed(attention: Port, hidden: Tensor, size: int, packed: Packed) -> Tensor:
    """Attention in windows. The padding that completes the last windows is attended to, as in transformers."""
    tiles, rows, columns, width = hidden.shape
    pad_rows, pad_columns = -rows % size, -columns % size
    if pad_rows or pad_columns:
        hidden = F.pad(hidden, (0, 0, 0, pad_columns, 0, pad_rows))
    down, across = (rows + pad_rows) // size, (columns + pad_columns) // size
    windows = hidden.view(tiles, down, size, across, size, width).transpose(2, 3).reshape(-1, size, size, width)
    windows = _attend(attention, windows, packed)
    hidden = windows.view(tiles, down, across, size, size, width).transpose(2, 3)
    return hidden.reshape(tiles, down * size, across * size, width)[:, :rows, :columns]


def _attend(attention: Port, hidden: Tensor, packed: Packed) -> Tensor:
    """Self-attention over ``(n, rows, columns, width)`` with decomposed relative positions."""
    n, rows, columns, width = hidden.shape
    heads = attention.num_attention_heads
    qkv = _linear(attention.qkv, hidden, packed).view(n, rows * columns, 3, heads, width // heads)
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    bias = None
    if attention.use_rel_pos:
        grid = _computed(query.reshape(n, heads, rows, columns, -1))
        by_row = torch.einsum("nhyxc,ykc->nhyxk", grid, _relative(_computed(attention.rel_pos_h), rows))
        by_column = torch.einsum("nhyxc,xkc->nhyxk", grid, _relative(_computed(attention.rel_pos_w), columns))
        bias = by_row.flatten(2, 3).to(query.dtype), by_column.flatten(2, 3).to(query.dtype)
    out = attend(query, key, value, bias, attention.scale)
    return _linear(attention.proj, out.transpose(1, 2).reshape(n, rows, columns, width), packed)


def _relative(table: Tensor, size: int) -> Tensor:
    """``(size, size, head width)``: the table's row for every query–key distance; its middle is distance zero."""
    middle = (table.shape[0] - 1) // 2
    position = torch.arange(size, device=table.device)
    return table[position[:, None] - position[None, :] + middle]
