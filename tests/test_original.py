"""GOT's original format: the same network under other names, read as it is or converted."""

import json
import re
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration, GotOcr2Processor

from got_runtime import Formatted, GotRuntime
from got_runtime.checkpoint import load
from got_runtime.cli import main
from got_runtime.errors import CheckpointError, CheckpointInvalid, CheckpointNotFound
from got_runtime.model.prompt import build_prompt
from got_runtime.original import convert, is_original
from got_runtime.original.layout import port_config, port_name
from got_runtime.original.vocabulary import SPECIAL_TOKENS
from got_runtime.training.nano import SPECIAL_TOKENS as NANO_SPECIAL_TOKENS

# Names and shapes as the official class prints them, one layer and one block of each kind.
PUBLISHED: dict[str, tuple[str, tuple[int, ...]]] = {
    "model.embed_tokens.weight": ("language_model.embed_tokens.weight", (151860, 1024)),
    "model.layers.N.self_attn.q_proj.weight": ("language_model.layers.N.self_attn.q_proj.weight", (1024, 1024)),
    "model.layers.N.self_attn.q_proj.bias": ("language_model.layers.N.self_attn.q_proj.bias", (1024,)),
    "model.layers.N.self_attn.k_proj.weight": ("language_model.layers.N.self_attn.k_proj.weight", (1024, 1024)),
    "model.layers.N.self_attn.k_proj.bias": ("language_model.layers.N.self_attn.k_proj.bias", (1024,)),
    "model.layers.N.self_attn.v_proj.weight": ("language_model.layers.N.self_attn.v_proj.weight", (1024, 1024)),
    "model.layers.N.self_attn.v_proj.bias": ("language_model.layers.N.self_attn.v_proj.bias", (1024,)),
    "model.layers.N.self_attn.o_proj.weight": ("language_model.layers.N.self_attn.o_proj.weight", (1024, 1024)),
    "model.layers.N.mlp.gate_proj.weight": ("language_model.layers.N.mlp.gate_proj.weight", (2816, 1024)),
    "model.layers.N.mlp.up_proj.weight": ("language_model.layers.N.mlp.up_proj.weight", (2816, 1024)),
    "model.layers.N.mlp.down_proj.weight": ("language_model.layers.N.mlp.down_proj.weight", (1024, 2816)),
    "model.layers.N.input_layernorm.weight": ("language_model.layers.N.input_layernorm.weight", (1024,)),
    "model.layers.N.post_attention_layernorm.weight": (
        "language_model.layers.N.post_attention_layernorm.weight",
        (1024,),
    ),
    "model.norm.weight": ("language_model.norm.weight", (1024,)),
    "model.vision_tower_high.pos_embed": ("vision_tower.pos_embed", (1, 64, 64, 768)),
    "model.vision_tower_high.patch_embed.proj.weight": (
        "vision_tower.patch_embed.projection.weight",
        (768, 3, 16, 16),
    ),
    "model.vision_tower_high.patch_embed.proj.bias": ("vision_tower.patch_embed.projection.bias", (768,)),
    "model.vision_tower_high.blocks.M.norm1.weight": ("vision_tower.layers.M.layer_norm1.weight", (768,)),
    "model.vision_tower_high.blocks.M.norm1.bias": ("vision_tower.layers.M.layer_norm1.bias", (768,)),
    "model.vision_tower_high.blocks.M.attn.rel_pos_h": ("vision_tower.layers.M.attn.rel_pos_h", (27, 64)),
    "model.vision_tower_high.blocks.M.attn.rel_pos_w": ("vision_tower.layers.M.attn.rel_pos_w", (27, 64)),
    "model.vision_tower_high.blocks.M.attn.qkv.weight": ("vision_tower.layers.M.attn.qkv.weight", (2304, 768)),
    "model.vision_tower_high.blocks.M.attn.qkv.bias": ("vision_tower.layers.M.attn.qkv.bias", (2304,)),
    "model.vision_tower_high.blocks.M.attn.proj.weight": ("vision_tower.layers.M.attn.proj.weight", (768, 768)),
    "model.vision_tower_high.blocks.M.attn.proj.bias": ("vision_tower.layers.M.attn.proj.bias", (768,)),
    "model.vision_tower_high.blocks.M.norm2.weight": ("vision_tower.layers.M.layer_norm2.weight", (768,)),
    "model.vision_tower_high.blocks.M.norm2.bias": ("vision_tower.layers.M.layer_norm2.bias", (768,)),
    "model.vision_tower_high.blocks.M.mlp.lin1.weight": ("vision_tower.layers.M.mlp.lin1.weight", (3072, 768)),
    "model.vision_tower_high.blocks.M.mlp.lin1.bias": ("vision_tower.layers.M.mlp.lin1.bias", (3072,)),
    "model.vision_tower_high.blocks.M.mlp.lin2.weight": ("vision_tower.layers.M.mlp.lin2.weight", (768, 3072)),
    "model.vision_tower_high.blocks.M.mlp.lin2.bias": ("vision_tower.layers.M.mlp.lin2.bias", (768,)),
    "model.vision_tower_high.neck.0.weight": ("vision_tower.neck.conv1.weight", (256, 768, 1, 1)),
    "model.vision_tower_high.neck.1.weight": ("vision_tower.neck.layer_norm1.weight", (256,)),
    "model.vision_tower_high.neck.1.bias": ("vision_tower.neck.layer_norm1.bias", (256,)),
    "model.vision_tower_high.neck.2.weight": ("vision_tower.neck.conv2.weight", (256, 256, 3, 3)),
    "model.vision_tower_high.neck.3.weight": ("vision_tower.neck.layer_norm2.weight", (256,)),
    "model.vision_tower_high.neck.3.bias": ("vision_tower.neck.layer_norm2.bias", (256,)),
    "model.vision_tower_high.net_2.weight": ("multi_modal_projector.conv_upsampler1.weight", (512, 256, 3, 3)),
    "model.vision_tower_high.net_3.weight": ("multi_modal_projector.conv_upsampler2.weight", (1024, 512, 3, 3)),
    "model.mm_projector_vary.weight": ("multi_modal_projector.multimodal_projector.weight", (1024, 1024)),
    "model.mm_projector_vary.bias": ("multi_modal_projector.multimodal_projector.bias", (1024,)),
}

PUBLISHED_CONFIG = {
    "architectures": ["GOTQwenForCausalLM"],
    "model_type": "GOT",
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "eos_token_id": 151643,
    "hidden_act": "silu",
    "hidden_size": 1024,
    "im_end_token": 151858,
    "im_patch_token": 151859,
    "im_start_token": 151857,
    "image_token_len": 256,
    "initializer_range": 0.02,
    "intermediate_size": 2816,
    "max_position_embeddings": 32768,
    "max_window_layers": 21,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "num_key_value_heads": 16,
    "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0,
    "sliding_window": 32768,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_im_start_end": True,
    "use_sliding_window": False,
    "vocab_size": 151860,
}

MERGES = 300
"""Ordinary tokens beyond the 256 bytes: the beginning of Qwen's file is a smaller vocabulary of the same kind."""


def narrow_config() -> GotOcr2Config:
    """Nothing in it is GOT's size; the encoder's windows do not divide its grid, and two heads share a key."""
    return GotOcr2Config(
        vision_config={
            "hidden_size": 24,
            "num_attention_heads": 3,
            "num_hidden_layers": 3,
            "mlp_dim": 40,
            "output_channels": 12,
            "window_size": 5,
            "global_attn_indexes": [1],
            "image_size": 128,
            "patch_size": 8,
        },
        text_config={
            "model_type": "qwen2",
            "vocab_size": 256 + MERGES + len(SPECIAL_TOKENS),
            "hidden_size": 32,
            "intermediate_size": 56,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 1024,
            "rms_norm_eps": 1e-5,
            "rope_parameters": {"rope_type": "default", "rope_theta": 5000.0},
            "tie_word_embeddings": True,
        },
        image_token_index=256 + MERGES + SPECIAL_TOKENS.index("<imgpad>"),
        image_seq_length=16,
        tie_word_embeddings=True,
    )


def original_name(port: str) -> str:
    """The key map read from right to left."""
    for pattern, replacement in (
        (r"^model\.vision_tower\.layers\.(\d+)\.layer_norm", r"model.vision_tower_high.blocks.\1.norm"),
        (r"^model\.vision_tower\.layers", "model.vision_tower_high.blocks"),
        (r"^model\.vision_tower\.patch_embed\.projection", "model.vision_tower_high.patch_embed.proj"),
        (r"^model\.vision_tower\.neck\.conv1", "model.vision_tower_high.neck.0"),
        (r"^model\.vision_tower\.neck\.layer_norm1", "model.vision_tower_high.neck.1"),
        (r"^model\.vision_tower\.neck\.conv2", "model.vision_tower_high.neck.2"),
        (r"^model\.vision_tower\.neck\.layer_norm2", "model.vision_tower_high.neck.3"),
        (r"^model\.vision_tower\.pos_embed", "model.vision_tower_high.pos_embed"),
        (r"^model\.multi_modal_projector\.conv_upsampler1", "model.vision_tower_high.net_2"),
        (r"^model\.multi_modal_projector\.conv_upsampler2", "model.vision_tower_high.net_3"),
        (r"^model\.multi_modal_projector\.multimodal_projector", "model.mm_projector_vary"),
        (r"^model\.language_model\.", "model."),
    ):
        renamed = re.sub(pattern, replacement, port)
        if renamed != port:
            return renamed
    return port


def original_config(config: GotOcr2Config) -> dict[str, Any]:
    text: Any = config.text_config
    return PUBLISHED_CONFIG | {
        "vocab_size": text.vocab_size,
        "hidden_size": text.hidden_size,
        "intermediate_size": text.intermediate_size,
        "num_hidden_layers": text.num_hidden_layers,
        "num_attention_heads": text.num_attention_heads,
        "num_key_value_heads": text.num_key_value_heads,
        "max_position_embeddings": text.max_position_embeddings,
        "rms_norm_eps": text.rms_norm_eps,
        "rope_theta": text.rope_parameters["rope_theta"],
        "tie_word_embeddings": text.tie_word_embeddings,
        "im_patch_token": config.image_token_index,
    }


def save_original(folder: Path, config: GotOcr2Config, weights: dict[str, Tensor]) -> Path:
    """A folder as the official code writes it."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(original_config(config)))
    spec = find_spec("dashscope")
    assert spec is not None
    assert spec.origin is not None
    vocabulary = Path(spec.origin).parent / "resources" / "qwen.tiktoken"
    lines = vocabulary.read_bytes().splitlines(keepends=True)[: 256 + MERGES]
    (folder / "qwen.tiktoken").write_bytes(b"".join(lines))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def random_network(config: GotOcr2Config) -> GotOcr2ForConditionalGeneration:
    """Every weight differs from zero and one: one that is lost or mixed up changes the logits."""
    torch.manual_seed(0)
    network = GotOcr2ForConditionalGeneration(config)
    network.eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(mean=0.1, std=0.2)
    return network


def original_weights(network: GotOcr2ForConditionalGeneration) -> dict[str, Tensor]:
    """Under the original names; the tied head is stored as well, as in the published files."""
    return {original_name(name): tensor.clone() for name, tensor in network.state_dict().items()}


@torch.no_grad()
def logits(network: Any) -> Tensor:
    """Of a prompt with one tile."""
    config = network.config
    pads = [config.image_token_index] * 16
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randn(1, 3, config.vision_config.image_size, config.vision_config.image_size, generator=generator)
    answer: Tensor = network(
        input_ids=torch.tensor([[5, 6, *pads, 7, 8, 9]]), pixel_values=pixels.to(network.dtype)
    ).logits
    return answer


@pytest.fixture(scope="module")
def network() -> GotOcr2ForConditionalGeneration:
    return random_network(narrow_config())


@pytest.fixture(scope="module")
def untouched(network: GotOcr2ForConditionalGeneration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The original folder. Nobody writes into it."""
    return save_original(tmp_path_factory.mktemp("weights") / "original", network.config, original_weights(network))


@pytest.fixture
def source(untouched: Path, tmp_path: Path) -> Path:
    """A copy of the original folder, to be spoilt."""
    return Path(shutil.copytree(untouched, tmp_path / "source"))


@pytest.fixture(scope="module")
def converted(untouched: Path) -> Path:
    target = untouched.parent / "converted"
    convert(untouched, target)
    return target


@pytest.fixture
def page() -> Image.Image:
    image = Image.new("RGB", (300, 200), "white")
    ImageDraw.Draw(image).text((20, 20), "The quick brown fox\njumps over the lazy dog", fill="black")
    return image


def published_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"lm_head.weight": (151860, 1024)}
    for name, (_, shape) in PUBLISHED.items():
        for layer in range(24 if ".N." in name else 12 if ".M." in name else 1):
            whole = "rel_pos" in name and layer in (2, 5, 8, 11)
            shapes[re.sub(r"\.[NM]\.", f".{layer}.", name)] = (127, 64) if whole else shape
    return shapes


@pytest.mark.parametrize("original", PUBLISHED)
def test_every_published_name_has_the_ports(original: str) -> None:
    port = f"model.{PUBLISHED[original][0]}"
    for layer in ("0", "11"):
        numbered = [re.sub(r"\.[NM]\.", f".{layer}.", name) for name in (original, port)]
        assert port_name(numbered[0]) == numbered[1]


def test_the_published_sizes_are_the_ports_own_configuration() -> None:
    """No file says that the encoder has 12 heads, windows of 14 and four global layers: the shapes do."""
    shapes = published_shapes()
    assert len(shapes) == 472  # as counted in the published file
    ours = GotOcr2Config(**port_config(PUBLISHED_CONFIG, shapes, 151859))
    official = GotOcr2Config()
    assert ours.to_dict()["vision_config"] == official.to_dict()["vision_config"]
    assert (ours.image_token_index, ours.image_seq_length, ours.tie_word_embeddings) == (151859, 256, True)
    official_text, text = (config.to_dict()["text_config"] for config in (official, ours))
    for field, value in text.items():
        if field not in ("bos_token_id", "eos_token_id", "max_window_layers", "sliding_window", "layer_types"):
            assert value == official_text[field], field


def test_special_tokens_are_the_same_everywhere() -> None:
    assert SPECIAL_TOKENS == NANO_SPECIAL_TOKENS


def test_an_original_folder_loads_to_the_same_logits(network: GotOcr2ForConditionalGeneration, untouched: Path) -> None:
    checkpoint = load(untouched, "cpu", "float32")
    assert torch.equal(logits(checkpoint.model), logits(network))
    assert checkpoint.tokens_per_tile == 16
    assert checkpoint.image_token == 256 + MERGES + 216
    assert checkpoint.end_tokens == {256 + MERGES, 256 + MERGES + 2}
    assert checkpoint.ngram_ban == 20
    assert checkpoint.transform.size == (128, 128)


def test_a_converted_folder_loads_unaided_to_the_same_logits(
    network: GotOcr2ForConditionalGeneration, converted: Path
) -> None:
    plain = GotOcr2ForConditionalGeneration.from_pretrained(converted)
    assert torch.equal(logits(plain), logits(network))
    assert plain.dtype == torch.float32
    assert plain.generation_config.eos_token_id == [256 + MERGES + 2, 256 + MERGES]
    assert plain.generation_config.no_repeat_ngram_size == 20
    assert torch.equal(logits(load(converted, "cpu", "float32").model), logits(network))


def test_a_converted_folder_has_a_processor(converted: Path, page: Image.Image) -> None:
    processor = GotOcr2Processor.from_pretrained(converted)
    prompt = build_prompt("OCR: ", 1)
    inputs = processor(images=page, text=prompt, num_image_tokens=16, return_tensors="pt")
    checkpoint = load(converted, "cpu", "float32")
    assert inputs["input_ids"][0].tolist() == list(checkpoint.encode(build_prompt("OCR: ", 16)))
    assert torch.allclose(inputs["pixel_values"], checkpoint.transform.pixels([page]), atol=1e-6)


def test_both_folders_read_a_page_alike(untouched: Path, converted: Path, page: Image.Image) -> None:
    assert is_original(untouched)
    assert not is_original(converted)
    answers = []
    for folder in (untouched, converted):
        runtime = GotRuntime.from_pretrained(folder, device="cpu", dtype="float32")
        [result] = runtime.stream([page], task=Formatted(), max_new_tokens=12)
        assert result.tokens == 12
        answers.append(result.text)
    assert answers[0] == answers[1]


def test_shards_are_put_together(source: Path, network: GotOcr2ForConditionalGeneration, tmp_path: Path) -> None:
    weights = load_file(source / "model.safetensors")
    (source / "model.safetensors").unlink()
    files = {name: f"model-0000{number % 3 + 1}-of-00003.safetensors" for number, name in enumerate(sorted(weights))}
    for file in set(files.values()):
        save_file({name: weights[name] for name in weights if files[name] == file}, source / file)
    (source / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    assert torch.equal(logits(load(source, "cpu", "float32").model), logits(network))
    convert(source, tmp_path / "whole")
    assert torch.equal(logits(GotOcr2ForConditionalGeneration.from_pretrained(tmp_path / "whole")), logits(network))


def test_a_head_of_its_own_is_kept(network: GotOcr2ForConditionalGeneration, tmp_path: Path) -> None:
    config = narrow_config()
    text: Any = config.text_config
    config.tie_word_embeddings = text.tie_word_embeddings = False
    free = random_network(config)
    assert not torch.equal(free.lm_head.weight, free.model.language_model.embed_tokens.weight)
    source = save_original(tmp_path / "free", config, original_weights(free))
    assert torch.equal(logits(load(source, "cpu", "float32").model), logits(free))


def test_the_tied_head_is_the_embeddings_whatever_the_file_says(
    source: Path, network: GotOcr2ForConditionalGeneration
) -> None:
    """The official class ties after it loads; files without the head exist as well."""
    weights = load_file(source / "model.safetensors")
    head = weights.pop("lm_head.weight")
    for stored in ({"lm_head.weight": torch.zeros_like(head)}, {}):
        save_file(weights | stored, source / "model.safetensors", metadata={"format": "pt"})
        assert torch.equal(logits(load(source, "cpu", "float32").model), logits(network))


def test_a_conversion_keeps_every_bit(network: GotOcr2ForConditionalGeneration, tmp_path: Path) -> None:
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in original_weights(network).items()}
    convert(save_original(tmp_path / "source", network.config, weights), tmp_path / "target")
    stored = load_file(tmp_path / "target" / "model.safetensors")
    assert json.loads((tmp_path / "target" / "config.json").read_text())["dtype"] == "bfloat16"
    assert "language_model.model.layers.0.mlp.up_proj.weight" in stored  # as published, for every version to read
    assert "vision_tower.layers.2.layer_norm2.bias" in stored
    assert len(stored) == len(weights) - 1  # the tied head is not stored twice
    total = sum(tensor.double().sum().item() for tensor in stored.values())
    head = weights.pop("lm_head.weight").double().sum().item()
    assert head != 0
    assert total == pytest.approx(sum(tensor.double().sum().item() for tensor in weights.values()), rel=1e-12)
    again = GotOcr2ForConditionalGeneration.from_pretrained(tmp_path / "target")
    assert again.dtype == torch.bfloat16
    assert torch.equal(logits(again), logits(load(tmp_path / "source", "cpu", "bfloat16").model))


Spoil = Callable[[Path], object]


def edit_config(**fields: Any) -> Spoil:
    def edit(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text()) | fields
        (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))

    return edit


def edit_weights(change: Callable[[dict[str, Tensor]], object]) -> Spoil:
    def edit(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    return edit


def edit_vocabulary(change: Callable[[list[bytes]], list[bytes]]) -> Spoil:
    def edit(folder: Path) -> None:
        file = folder / "qwen.tiktoken"
        file.write_bytes(b"\n".join(change(file.read_bytes().splitlines())))

    return edit


def only_pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def cut_short(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def index_of(*files: str) -> Spoil:
    def write(folder: Path) -> None:
        index = {"weight_map": {f"weight.{n}": file for n, file in enumerate(files)}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    return write


NORM = "model.norm.weight"
BLOCKS = "model.vision_tower_high.blocks"

SPOILT: dict[str, tuple[Spoil, str]] = {
    "pickled weights only": (only_pickled, "pickled weights only, which are not read"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "has no model.safetensors and no"),
    "weights cut short": (cut_short, "not a whole safetensors file"),
    "a missing shard": (index_of("model-00001-of-00002.safetensors"), "lacks model-00001-of-00002.safetensors"),
    "a shard elsewhere": (index_of("../model.safetensors"), "names files other than safetensors beside it"),
    "a pickled shard": (index_of("pytorch_model.bin"), "names files other than safetensors beside it"),
    "an index that is none": (
        lambda folder: (folder / "model.safetensors.index.json").write_text("[]"),
        "does not list the weights",
    ),
    "a lost weight": (edit_weights(lambda w: w.pop(NORM)), "1 weights are missing, model.language_model.norm.weight"),
    "a lost table": (edit_weights(lambda w: w.pop(f"{BLOCKS}.1.attn.rel_pos_h")), "lack .*blocks.1.attn.rel_pos_h"),
    "a lost encoder": (
        edit_weights(lambda w: [w.pop(name) for name in list(w) if "vision_tower_high" in name]),
        "lack model.vision_tower_high.patch_embed.proj.weight",
    ),
    "a strange weight": (
        edit_weights(lambda w: w.update({"model.layers.0.lora_A": torch.zeros(2)})),
        "1 weights are not GOT's, model.layers.0.lora_A",
    ),
    "a wrong shape": (
        edit_weights(lambda w: w.update({NORM: torch.zeros(31)})),
        r"model.norm.weight has the shape \(31,\), where config.json asks for \(32,\)",
    ),
    "a flat position table": (
        edit_weights(lambda w: w.update({"model.vision_tower_high.pos_embed": torch.zeros(4, 4)})),
        r"pos_embed has the shape \(4, 4\), which is not GOT's",
    ),
    "quantised weights": (
        edit_weights(lambda w: w.update({NORM: torch.zeros(32, dtype=torch.int8)})),
        "model.norm.weight is I8; give weights in float32, float16, bfloat16",
    ),
    "no vocabulary": (lambda folder: (folder / "qwen.tiktoken").unlink(), "has no qwen.tiktoken: copy it"),
    "vocabulary cut short": (
        edit_vocabulary(lambda lines: lines[:-7]),
        "<imgpad> is token 772, the vocabulary says 765",
    ),
    "vocabulary with a gap": (edit_vocabulary(lambda lines: lines[:400] + lines[401:]), "gaps among its 555 tokens"),
    "vocabulary of nonsense": (edit_vocabulary(lambda lines: [b"hello", *lines]), "not a list of 'base64 rank' lines"),
    "vocabulary without bytes": (edit_vocabulary(lambda lines: [b"aGVsbG8= 0"]), "gaps among its 1 tokens"),
    "no rotation": (edit_config(rope_theta=None), "config.json does not state rope_theta"),
    "other sizes": (edit_config(hidden_size=64), "has the shape"),
    "sizes that cannot be": (edit_config(num_attention_heads="many"), "does not describe a network"),
    "small vocabulary": (edit_config(vocab_size=700), "vocabulary of 700 has no token 772"),
    "sliding window": (edit_config(use_sliding_window=True), "sets use_sliding_window, which no GOT weights use"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_no_original_checkpoint_is_refused_on_both_roads(source: Path, tmp_path: Path, what: str) -> None:
    spoil, message = SPOILT[what]
    spoil(source)
    with pytest.raises(CheckpointInvalid, match=message) as loading:
        GotRuntime.from_pretrained(source, device="cpu")
    with pytest.raises(CheckpointInvalid) as converting:
        convert(source, tmp_path / "target")
    assert str(loading.value) == str(converting.value)
    assert "source" in str(loading.value)  # which folder
    assert ":" in str(loading.value)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]  # nothing is left behind


def test_what_cannot_be_converted(converted: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointInvalid, match=r"not in the original format .* but .*GotOcr2.*: nothing to convert"):
        convert(converted, tmp_path / "target")
    with pytest.raises(CheckpointNotFound, match="is not a folder"):
        convert(tmp_path / "nowhere", tmp_path / "target")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointInvalid, match="is not readable JSON"):
        convert(tmp_path / "empty", tmp_path / "target")


def test_a_target_with_something_in_it_is_left_alone(untouched: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for target in (tmp_path / "mine", tmp_path / "mine" / "letter.txt"):
        with pytest.raises(CheckpointError, match="is there already: give a new or an empty folder"):
            convert(untouched, target)
    with pytest.raises(CheckpointError, match="could not be written"):
        convert(untouched, tmp_path / "mine" / "letter.txt" / "below")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "letter.txt"]


def test_the_command_converts_once(untouched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "deep" / "er"
    target.mkdir(parents=True)  # an empty folder will do
    assert main(["convert-checkpoint", str(untouched), str(target)]) == 0
    assert f"wrote {target}" in capsys.readouterr().err
    assert {path.name for path in target.iterdir()} == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "processor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert main(["convert-checkpoint", str(untouched), str(target)]) == 2
    assert "is there already" in capsys.readouterr().err
