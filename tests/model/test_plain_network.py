"""The network without transformers' classes computes the same numbers, and what is unusual is left to transformers."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.random_networks import NARROW_TEXT, NARROW_VISION, network
from safetensors.torch import load_file, save_file
from transformers import GotOcr2ForConditionalGeneration
from transformers.models.got_ocr2.configuration_got_ocr2 import GotOcr2VisionConfig
from transformers.models.qwen2.configuration_qwen2 import Qwen2Config

from got_runtime.errors import CheckpointInvalid
from got_runtime.model.checkpoint import load
from got_runtime.model.decoder import causal, forward
from got_runtime.model.encoder import encode
from got_runtime.model.plain_network import TEXT_DEFAULTS, VISION_DEFAULTS, PlainNetwork, load_plain

NANO = Path(str(files("got_runtime") / "checkpoints" / "got-nano"))
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network of random weights, as transformers writes it."""
    folder = tmp_path_factory.mktemp("saved")
    network(256, NARROW_VISION, NARROW_TEXT, scale=0.25).model.save_pretrained(folder)
    return folder


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_numbers_are_those_of_transformers_modules(saved: Path, dtype: torch.dtype) -> None:
    reference: Any = GotOcr2ForConditionalGeneration.from_pretrained(saved, dtype=dtype).eval()
    plain: Any = load_plain(saved, CPU, dtype)
    pixels = torch.randn(1, 3, 256, 256).to(dtype)
    image = [
        encode(each.model.vision_tower, each.model.multi_modal_projector, pixels)[0] for each in (reference, plain)
    ]
    assert torch.equal(*image)
    embedded, positions = torch.randn(2, 30, 64).to(dtype), torch.arange(30)[None]
    hidden = [
        forward(each.model.language_model, embedded, positions, lambda _, *qkv: causal(*qkv))
        for each in (reference, plain)
    ]
    assert torch.equal(*hidden)
    assert torch.equal(*(each.lm_head(hidden[0]) for each in (reference, plain)))
    kept, loaded = reference.state_dict(), plain.state_dict()
    assert loaded.keys() == kept.keys()
    assert all(torch.equal(loaded[name], kept[name]) for name in kept)


def test_values_that_are_not_stated_are_those_of_transformers() -> None:
    text, vision = Qwen2Config().to_dict(), GotOcr2VisionConfig().to_dict()
    assert {name: text[name] for name in TEXT_DEFAULTS} == TEXT_DEFAULTS
    assert {name: vision[name] for name in VISION_DEFAULTS} == VISION_DEFAULTS


def state(folder: Path, part: str | None, **values: Any) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text())
    (config if part is None else config[part]).update(values)
    file.write_text(json.dumps(config))


def with_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    file = folder / "model.safetensors"
    weights = load_file(file)
    change(weights)
    save_file(weights, file, {"format": "pt"})


UNUSUAL: dict[str, Callable[[Path], Any]] = {
    "another activation": lambda folder: state(folder, "text_config", hidden_act="gelu"),
    "another rotary embedding": lambda folder: state(
        folder, "text_config", rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e6}
    ),
    "a head of its own": lambda folder: state(folder, None, tie_word_embeddings=False),
    "windows of attention": lambda folder: state(folder, "text_config", layer_types=["sliding_attention"] * 2),
    "a weight more": lambda folder: with_weights(folder, lambda weights: weights.update(extra=torch.zeros(1))),
    "a weight less": lambda folder: with_weights(folder, lambda weights: weights.popitem()),
    "a damaged file": lambda folder: (folder / "model.safetensors").write_bytes(b"no weights"),
    "no configuration": lambda folder: (folder / "config.json").write_text("[]"),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_is_left_to_transformers(saved: Path, name: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(saved, tmp_path / "copy"))
    assert isinstance(load_plain(folder, CPU, torch.float32), PlainNetwork)
    UNUSUAL[name](folder)
    assert load_plain(folder, CPU, torch.float32) is None


def test_a_damaged_checkpoint_has_the_same_error(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(NANO, tmp_path / "copy"))
    with_weights(folder, lambda weights: weights.pop("vision_tower.pos_embed"))
    with pytest.raises(CheckpointInvalid, match=r"lacks 1 weights, .*pos_embed"):
        load(folder, "cpu", "float32", plain=True)


def test_reading_a_page_imports_no_class_of_transformers(pages: Path) -> None:
    """It takes two seconds."""
    code = (
        "import sys, warnings; warnings.simplefilter('ignore'); from got_runtime import GotRuntime;"
        f"text = GotRuntime.from_pretrained().read({str(pages / 'notice.jpg')!r}, max_new_tokens=6).text;"
        "print(len(text) > 0, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
