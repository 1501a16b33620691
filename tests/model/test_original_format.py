"""Checkpoints in GOT's original format: loaded and converted, with the same logits."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.original_checkpoints import (
    MERGES,
    PUBLISHED,
    PUBLISHED_CONFIG,
    logits,
    narrow_config,
    original_weights,
    random_network,
    save_original,
)
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration, GotOcr2Processor

from got_runtime import Formatted, GotRuntime
from got_runtime.cli import main
from got_runtime.errors import CheckpointError, CheckpointInvalid, CheckpointNotFound
from got_runtime.model.checkpoint import load
from got_runtime.model.original import convert, is_original
from got_runtime.model.original.layout import port_config, port_name
from got_runtime.model.original.vocabulary import SPECIAL_TOKENS
from got_runtime.model.prompt import build_prompt
from got_runtime.training.pretrain.nano import SPECIAL_TOKENS as NANO_SPECIAL_TOKENS


@pytest.fixture(scope="module")
def network() -> GotOcr2ForConditionalGeneration:
    return random_network(narrow_config())


@pytest.fixture(scope="module")
def untouched(network: GotOcr2ForConditionalGeneration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The original folder, which tests do not change."""
    return save_original(tmp_path_factory.mktemp("weights") / "original", network.config, original_weights(network))


@pytest.fixture
def source(untouched: Path, tmp_path: Path) -> Path:
    """A copy of the original folder, which tests may change."""
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
            is_global = "rel_pos" in name and layer in (2, 5, 8, 11)
            shapes[re.sub(r"\.[NM]\.", f".{layer}.", name)] = (127, 64) if is_global else shape
    return shapes


@pytest.mark.parametrize("original", PUBLISHED)
def test_every_published_weight_has_a_name_of_the_port(original: str) -> None:
    port = f"model.{PUBLISHED[original][0]}"
    for layer in ("0", "11"):
        numbered = [re.sub(r"\.[NM]\.", f".{layer}.", name) for name in (original, port)]
        assert port_name(numbered[0]) == numbered[1]


def test_the_published_sizes_give_the_ports_default_configuration() -> None:
    """That the encoder has 12 heads, windows of 14 and four global layers follows from shapes only."""
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
    assert checkpoint.image_processor.size == (128, 128)


def test_a_converted_folder_loads_in_transformers_to_the_same_logits(
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
    assert torch.allclose(inputs["pixel_values"], checkpoint.image_processor.pixels([page]), atol=1e-6)


def test_both_folders_give_the_same_text(untouched: Path, converted: Path, page: Image.Image) -> None:
    assert is_original(untouched)
    assert not is_original(converted)
    texts = []
    for folder in (untouched, converted):
        runtime = GotRuntime.from_pretrained(folder, device="cpu", dtype="float32")
        [result] = runtime.stream([page], task=Formatted(), max_new_tokens=12)
        assert result.tokens == 12
        texts.append(result.text)
    assert texts[0] == texts[1]


def test_shards_are_merged(source: Path, network: GotOcr2ForConditionalGeneration, tmp_path: Path) -> None:
    weights = load_file(source / "model.safetensors")
    (source / "model.safetensors").unlink()
    files = {name: f"model-0000{number % 3 + 1}-of-00003.safetensors" for number, name in enumerate(sorted(weights))}
    for file in set(files.values()):
        save_file({name: weights[name] for name in weights if files[name] == file}, source / file)
    (source / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    assert torch.equal(logits(load(source, "cpu", "float32").model), logits(network))
    convert(source, tmp_path / "whole")
    assert torch.equal(logits(GotOcr2ForConditionalGeneration.from_pretrained(tmp_path / "whole")), logits(network))


def test_an_untied_head_is_kept(network: GotOcr2ForConditionalGeneration, tmp_path: Path) -> None:
    config = narrow_config()
    text: Any = config.text_config
    config.tie_word_embeddings = text.tie_word_embeddings = False
    untied = random_network(config)
    assert not torch.equal(untied.lm_head.weight, untied.model.language_model.embed_tokens.weight)
    source = save_original(tmp_path / "untied", config, original_weights(untied))
    assert torch.equal(logits(load(source, "cpu", "float32").model), logits(untied))


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


Damage = Callable[[Path], object]


def edit_config(**fields: Any) -> Damage:
    def edit(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text()) | fields
        (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))

    return edit


def edit_weights(change: Callable[[dict[str, Tensor]], object]) -> Damage:
    def edit(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    return edit


def edit_vocabulary(change: Callable[[list[bytes]], list[bytes]]) -> Damage:
    def edit(folder: Path) -> None:
        file = folder / "qwen.tiktoken"
        file.write_bytes(b"\n".join(change(file.read_bytes().splitlines())))

    return edit


def only_pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def cut_short(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def index_of(*files: str) -> Damage:
    def write(folder: Path) -> None:
        index = {"weight_map": {f"weight.{n}": file for n, file in enumerate(files)}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    return write


NORM = "model.norm.weight"
BLOCKS = "model.vision_tower_high.blocks"

DAMAGES: dict[str, tuple[Damage, str]] = {
    "pickled weights only": (only_pickled, "pickled weights only, which are not read"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "has no model.safetensors and no"),
    "weights cut short": (cut_short, "not a complete safetensors file"),
    "a missing shard": (index_of("model-00001-of-00002.safetensors"), "lacks model-00001-of-00002.safetensors"),
    "a shard elsewhere": (index_of("../model.safetensors"), "names files other than safetensors beside it"),
    "a pickled shard": (index_of("pytorch_model.bin"), "names files other than safetensors beside it"),
    "an invalid index": (
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
        r"model.norm.weight has the shape \(31,\), where config.json requires \(32,\)",
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
        "<imgpad> is token 772 in config.json and 765 in the vocabulary",
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


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_checkpoint_gives_the_same_error_loaded_and_converted(
    source: Path, tmp_path: Path, name: str
) -> None:
    damage, message = DAMAGES[name]
    damage(source)
    with pytest.raises(CheckpointInvalid, match=message) as loading:
        GotRuntime.from_pretrained(source, device="cpu")
    with pytest.raises(CheckpointInvalid) as converting:
        convert(source, tmp_path / "target")
    assert str(loading.value) == str(converting.value)
    assert "source" in str(loading.value)  # which folder
    assert ":" in str(loading.value)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]  # nothing is left behind


def test_other_folders_cannot_be_converted(converted: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointInvalid, match=r"not in the original format .* but .*GotOcr2.*: nothing to convert"):
        convert(converted, tmp_path / "target")
    with pytest.raises(CheckpointNotFound, match="is not a folder"):
        convert(tmp_path / "nowhere", tmp_path / "target")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointInvalid, match="is not readable JSON"):
        convert(tmp_path / "empty", tmp_path / "target")


def test_a_target_that_is_not_empty_is_not_changed(untouched: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for target in (tmp_path / "mine", tmp_path / "mine" / "letter.txt"):
        with pytest.raises(CheckpointError, match="exists already: give a new or an empty folder"):
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
    assert "exists already" in capsys.readouterr().err
