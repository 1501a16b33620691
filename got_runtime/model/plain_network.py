"""GOT's network as plain modules of torch, read from a checkpoint without importing transformers' classes.

The default engine runs the network by itself (:mod:`got_runtime.model.encoder`, :mod:`got_runtime.model.decoder`); of
transformers' modules it takes the weights. Importing their classes takes two of the four seconds until a new process
has read its first line. The modules here have the same names and compute the same numbers. Whatever is unusual about a
checkpoint leaves it to transformers.
"""

import json
from pathlib import Path
from types import SimpleNamespace as Part
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["TEXT_DEFAULTS", "VISION_DEFAULTS", "PlainNetwork", "load_plain"]

TEXT_DEFAULTS = {"rms_norm_eps": 1e-6, "max_position_embeddings": 32_768}
VISION_DEFAULTS = {
    "image_size": 1024,
    "patch_size": 16,
    "output_channels": 256,
    "window_size": 14,
    "layer_norm_eps": 1e-6,
}
"""What transformers takes for values that ``config.json`` does not state."""
_USUAL_TEXT = {"model_type": "qwen2", "hidden_act": "silu", "use_sliding_window": False, "rope_scaling": None}
_USUAL_VISION = {"hidden_act": "gelu", "use_abs_pos": True, "use_rel_pos": True, "qkv_bias": True, "num_channels": 3}


class _Unusual(Exception):
    """The checkpoint is left to transformers."""


def load_plain(folder: Path, device: torch.device, dtype: torch.dtype) -> "PlainNetwork | None":
    """The network of a checkpoint in transformers' format, or None where transformers has to load it.

    That is so where a file is missing or damaged, or a value, a name or a shape is not what GOT's published checkpoints
    have. transformers then loads it, or says what is wrong.
    """
    try:
        config = _config(json.loads((folder / "config.json").read_text(encoding="utf-8")))
        weights = _Weights(_read(folder), device, dtype)
        network = PlainNetwork(config, weights)
        weights.check_all_used()
    except (_Unusual, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return network


def _config(stated: dict[str, Any]) -> Any:
    """The configuration, with the names of transformers' ``GotOcr2Config``."""
    text, vision = TEXT_DEFAULTS | stated["text_config"], VISION_DEFAULTS | stated["vision_config"]
    rope = text.get("rope_parameters") or {"rope_type": "default", "rope_theta": text["rope_theta"]}
    if not (
        all(text.get(name, value) == value for name, value in _USUAL_TEXT.items())
        and all(vision.get(name, value) == value for name, value in _USUAL_VISION.items())
        and rope.get("rope_type") == "default"
        and set(text.get("layer_types") or ["full_attention"]) == {"full_attention"}
        and stated.get("tie_word_embeddings", text.get("tie_word_embeddings")) is True
        and "quantization_config" not in stated
        and isinstance(stated["image_token_index"], int)
    ):
        raise _Unusual
    text["rope_theta"] = float(rope["rope_theta"])
    return Part(**stated | {"text_config": Part(**text), "vision_config": Part(**vision)})


def _read(folder: Path) -> dict[str, Tensor]:
    """The tensors of all files, by their names among the attributes of :class:`PlainNetwork`'s ``model``."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    tensors: dict[str, Tensor] = {}
    try:
        for file in sorted(folder.glob("*.safetensors")):
            if file.name.startswith("adapter"):
                raise _Unusual
            tensors |= load_file(file)
    except SafetensorError as error:
        raise _Unusual from error
    return {_name(stored): tensor for stored, tensor in tensors.items()}


def _name(stored: str) -> str:
    """transformers has written its names in two ways: ``language_model.model.…`` and ``model.language_model.…``."""
    if stored.startswith("language_model.model."):
        return "language_model." + stored.removeprefix("language_model.model.")
    return stored.removeprefix("language_model." if stored.startswith("language_model.lm_head.") else "model.")


class _Weights:
    """Takes tensors by name and shape, onto a device; counts which were taken."""

    def __init__(self, tensors: dict[str, Tensor], device: torch.device, dtype: torch.dtype) -> None:
        self._tensors = tensors
        self._device, self._dtype = device, dtype

    def take(self, name: str, *shape: int) -> nn.Parameter:
        tensor = self._tensors.pop(name)
        if tuple(tensor.shape) != shape or not tensor.is_floating_point():
            raise _Unusual
        # A copy: the file is mapped into memory, and may be replaced while the network is in use.
        copied = tensor.to(self._device, self._dtype, copy=True).contiguous()
        return nn.Parameter(copied, requires_grad=False)

    def check_all_used(self) -> None:
        # The head is the embeddings; some checkpoints store it nevertheless.
        if self._tensors.keys() - {"lm_head.weight"}:
            raise _Unusual

    def linear(self, name: str, inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
        layer = nn.Linear(1, 1, bias=bias)
        layer.in_features, layer.out_features = inputs, outputs
        layer.weight = self.take(f"{name}.weight", outputs, inputs)
        if bias:
            layer.bias = self.take(f"{name}.bias", outputs)
        return layer

    def convolution(self, name: str, inputs: int, outputs: int, size: int, stride: int, **options: Any) -> nn.Conv2d:
        layer = nn.Conv2d(1, 1, size, stride, **options)
        layer.in_channels, layer.out_channels = inputs, outputs
        layer.weight = self.take(f"{name}.weight", outputs, inputs, size, size)
        if layer.bias is not None:
            layer.bias = self.take(f"{name}.bias", outputs)
        return layer

    def norm(self, name: str, width: int, eps: float) -> nn.LayerNorm:
        layer = nn.LayerNorm(1, eps=eps)
        layer.normalized_shape = (width,)
        layer.weight, layer.bias = self.take(f"{name}.weight", width), self.take(f"{name}.bias", width)
        return layer


class PlainNetwork(nn.Module):
    """What the default engine needs of ``GotOcr2ForConditionalGeneration``, under the same names."""

    def __init__(self, config: Any, weights: _Weights) -> None:
        super().__init__()
        self.config = config
        self.model: Any = nn.Module()
        self.model.language_model = _Language(config.text_config, weights)
        self.model.vision_tower = _tower(config.vision_config, weights)
        self.model.multi_modal_projector = _projector(config, weights)
        embeddings = self.model.language_model.embed_tokens.weight
        self.lm_head = nn.Linear(1, 1, bias=False)
        self.lm_head.out_features, self.lm_head.in_features = embeddings.shape
        self.lm_head.weight = embeddings
        self.eval()

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights."""
        return self.lm_head.weight.dtype


def _tower(config: Any, weights: _Weights) -> Any:
    width, grid = config.hidden_size, config.image_size // config.patch_size
    tower: Any = nn.Module()
    neck: Any = nn.Module()
    tower.patch_embed = nn.Module()
    tower.patch_embed.projection = weights.convolution(
        "vision_tower.patch_embed.projection", 3, width, config.patch_size, config.patch_size
    )
    tower.pos_embed = weights.take("vision_tower.pos_embed", 1, grid, grid, width)
    tower.layers = nn.ModuleList(_vision_layer(config, index, weights) for index in range(config.num_hidden_layers))
    out = config.output_channels
    neck.conv1 = weights.convolution("vision_tower.neck.conv1", width, out, 1, 1, bias=False)
    neck.layer_norm1 = weights.norm("vision_tower.neck.layer_norm1", out, 1e-6)
    neck.conv2 = weights.convolution("vision_tower.neck.conv2", out, out, 3, 1, padding=1, bias=False)
    neck.layer_norm2 = weights.norm("vision_tower.neck.layer_norm2", out, 1e-6)
    tower.neck = neck
    return tower


def _vision_layer(config: Any, index: int, weights: _Weights) -> Any:
    name, width, heads = f"vision_tower.layers.{index}", config.hidden_size, config.num_attention_heads
    layer: Any = nn.Module()
    attention: Any = nn.Module()
    layer.window_size = 0 if index in config.global_attn_indexes else config.window_size
    side = layer.window_size or config.image_size // config.patch_size
    attention.num_attention_heads, attention.use_rel_pos = heads, True
    attention.scale = (width // heads) ** -0.5
    attention.qkv = weights.linear(f"{name}.attn.qkv", width, 3 * width)
    attention.proj = weights.linear(f"{name}.attn.proj", width, width)
    for table in ("rel_pos_h", "rel_pos_w"):
        setattr(attention, table, weights.take(f"{name}.attn.{table}", 2 * side - 1, width // heads))
    wide, narrow = (width, config.mlp_dim), (config.mlp_dim, width)
    layer.mlp = _Mlp(weights.linear(f"{name}.mlp.lin1", *wide), weights.linear(f"{name}.mlp.lin2", *narrow))
    layer.layer_norm1 = weights.norm(f"{name}.layer_norm1", width, config.layer_norm_eps)
    layer.layer_norm2 = weights.norm(f"{name}.layer_norm2", width, config.layer_norm_eps)
    layer.attn = attention
    return layer


class _Mlp(nn.Module):
    def __init__(self, lin1: nn.Linear, lin2: nn.Linear) -> None:
        super().__init__()
        self.lin1, self.act, self.lin2 = lin1, nn.GELU(), lin2

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.lin2(self.act(self.lin1(x)))
        return out


def _projector(config: Any, weights: _Weights) -> Any:
    out, text, name = config.vision_config.output_channels, config.text_config.hidden_size, "multi_modal_projector"
    projector: Any = nn.Module()
    for index, (inputs, outputs) in enumerate(((out, 2 * out), (2 * out, text)), start=1):
        layer = weights.convolution(f"{name}.conv_upsampler{index}", inputs, outputs, 3, 2, padding=1, bias=False)
        setattr(projector, f"conv_upsampler{index}", layer)
    projector.multimodal_projector = weights.linear(f"{name}.multimodal_projector", text, text)
    return projector


class _Language(nn.Module):
    """transformers' ``Qwen2Model`` without its ``forward``."""

    def __init__(self, config: Any, weights: _Weights) -> None:
        super().__init__()
        width, name = config.hidden_size, "language_model"
        self.config = config
        self.embed_tokens = nn.Embedding(1, 1)
        self.embed_tokens.num_embeddings, self.embed_tokens.embedding_dim = config.vocab_size, width
        self.embed_tokens.weight = weights.take(f"{name}.embed_tokens.weight", config.vocab_size, width)
        self.layers = nn.ModuleList(_text_layer(config, index, weights) for index in range(config.num_hidden_layers))
        self.norm = _RmsNorm(weights.take(f"{name}.norm.weight", width), config.rms_norm_eps)
        self.rotary_emb = _Rotary(config.rope_theta, width // config.num_attention_heads)


def _text_layer(config: Any, index: int, weights: _Weights) -> Any:
    name, width, inner = f"language_model.layers.{index}", config.hidden_size, config.intermediate_size
    layer: Any = nn.Module()
    attention: Any = nn.Module()
    attention.head_dim = width // config.num_attention_heads
    keys = config.num_key_value_heads * attention.head_dim
    attention.q_proj = weights.linear(f"{name}.self_attn.q_proj", width, width)
    attention.k_proj = weights.linear(f"{name}.self_attn.k_proj", width, keys)
    attention.v_proj = weights.linear(f"{name}.self_attn.v_proj", width, keys)
    attention.o_proj = weights.linear(f"{name}.self_attn.o_proj", width, width, bias=False)
    layer.self_attn = attention
    layer.mlp = _GatedMlp(
        weights.linear(f"{name}.mlp.gate_proj", width, inner, bias=False),
        weights.linear(f"{name}.mlp.up_proj", width, inner, bias=False),
        weights.linear(f"{name}.mlp.down_proj", inner, width, bias=False),
    )
    for norm in ("input_layernorm", "post_attention_layernorm"):
        setattr(layer, norm, _RmsNorm(weights.take(f"{name}.{norm}.weight", width), config.rms_norm_eps))
    return layer


class _GatedMlp(nn.Module):
    def __init__(self, gate: nn.Linear, up: nn.Linear, down: nn.Linear) -> None:
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = gate, up, down

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class _RmsNorm(nn.Module):
    def __init__(self, weight: nn.Parameter, eps: float) -> None:
        super().__init__()
        self.weight, self.eps = weight, eps

    def forward(self, x: Tensor) -> Tensor:
        """In float32, and the product with the weights in the precision of ``x``, as transformers does."""
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * wide.to(x.dtype)


class _Rotary(nn.Module):
    def __init__(self, theta: float, width: int) -> None:
        super().__init__()
        exponents = torch.arange(0, width, 2, dtype=torch.int64).float() / width
        self._theta_to = theta**exponents
        self._frequencies: dict[torch.device, Tensor] = {}

    def forward(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines, ``(n, t, head width)``, of positions ``(n, t)``, in the precision of ``x``."""
        if x.device not in self._frequencies:
            self._frequencies[x.device] = (1.0 / self._theta_to).to(x.device)
        angles = positions[:, :, None].float() * self._frequencies[x.device]
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos().to(x.dtype), angles.sin().to(x.dtype)
