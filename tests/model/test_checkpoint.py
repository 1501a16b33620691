"""Loading checkpoints: sources, precision, and errors."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch

from got_runtime import GotRuntime
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.errors import CheckpointInvalid, CheckpointNotFound, OptionError
from got_runtime.model.checkpoint import choose_dtype, load

NANO = Path(str(files("got_runtime") / "checkpoints" / "got-nano"))


def test_an_unknown_checkpoint_device_or_dtype_names_the_choices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CheckpointNotFound, match="got-nano"):
        GotRuntime.from_pretrained("no-such-model")
    with pytest.raises(CheckpointNotFound, match="nobody/nothing"):
        GotRuntime.from_pretrained("nobody/nothing", local_files_only=True)
    with pytest.raises(CheckpointInvalid, match=r"config\.json"):
        GotRuntime.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(CheckpointInvalid, match="llama"):
        GotRuntime.from_pretrained(tmp_path)
    with pytest.raises(CheckpointInvalid, match="dtype"):
        GotRuntime.from_pretrained(dtype="int3")
    with pytest.raises(CheckpointInvalid, match="device"):
        GotRuntime.from_pretrained(device="toaster")
    with pytest.raises(CheckpointInvalid, match=r"device 'gpu:1' cannot be used: did you mean 'cuda:1'\?"):
        GotRuntime.from_pretrained(device="gpu:1")
    with pytest.raises(CheckpointInvalid, match=r"unknown dtype 'float_16': did you mean 'float16'\?"):
        GotRuntime.from_pretrained(device="cpu", dtype="float_16")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"devise": "cpu"}, "GotRuntime.from_pretrained has no option 'devise': did you mean 'device'?"),
        ({"batch_size": 4}, "it is a setting of the engine: engine_config=EngineConfig(batch_size=…)"),
        ({"model": "got-nano"}, "the model is the first argument"),
        ({"name_or_path": 3}, "model=3: give a folder, a hub id, or None for got-nano"),
        ({"device": torch.device("cpu")}, "device=device(type='cpu'): give a name, such as 'auto', 'cpu'"),
        ({"dtype": torch.float32}, "dtype=torch.float32: give a name, such as 'auto', 'float32'"),
        ({"devices": "cuda:0"}, "devices='cuda:0': give a list"),
        ({"revision": 1}, "revision=1: give the name of a branch"),
        ({"local_files_only": "yes"}, "local_files_only='yes': give True or False"),
    ],
    ids=str,
)
def test_wrong_arguments_are_reported_before_anything_is_loaded(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        GotRuntime.from_pretrained(**{"name_or_path": "nobody/nothing", **wrong})
    assert message in str(caught.value)


def test_got_nano_is_announced_once_a_process_and_can_be_filtered() -> None:
    code = (
        "import warnings; from got_runtime import GotRuntime; from got_runtime.errors import DemoModelWarning\n"
        "with warnings.catch_warnings(record=True) as given:\n"
        "    warnings.simplefilter('always')\n"
        "    for name in (None, 'got-nano'): GotRuntime.from_pretrained(name, device='cpu')\n"
        "[warning] = [w for w in given if issubclass(w.category, DemoModelWarning)]\n"
        "print(warning.filename, warning.message)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("<string> got-nano is a demonstration network")
    assert "stepfun-ai/GOT-OCR-2.0-hf" in done.stdout


@pytest.mark.parametrize(
    ("device", "able", "dtype"),
    [
        ("cpu", True, torch.bfloat16),
        ("cpu", False, torch.float32),
    ],
)
def test_auto_is_the_precision_that_the_device_computes_in(
    monkeypatch: pytest.MonkeyPatch, device: str, able: bool, dtype: torch.dtype
) -> None:
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: False)
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: able)
    assert choose_dtype("auto", torch.device(device)) is dtype


def test_auto_is_float16_on_a_gpu_that_emulates_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """T4, V100 and RTX 20, also where the current device is a better one. Flash attention refuses bfloat16 there."""
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda *_: True)
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda device: (7, 5) if device.index else (9, 0))
    assert choose_dtype("auto", torch.device("cuda:0")) is torch.bfloat16
    assert choose_dtype("auto", torch.device("cuda:1")) is torch.float16
    monkeypatch.setattr("torch.version.hip", "6.4")
    assert choose_dtype("auto", torch.device("cuda:1")) is torch.bfloat16


@pytest.mark.parametrize(("library", "dtype"), [(object(), torch.bfloat16), (None, torch.float32)])
def test_auto_is_bfloat16_where_compiled_code_runs_the_network(
    monkeypatch: pytest.MonkeyPatch, library: object, dtype: torch.dtype
) -> None:
    """On a CPU with AVX2 and nothing better; training and transformers' own code stay in float32 there."""
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: False)
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr("got_runtime.model.native.grid_attention.load", lambda: library)
    assert choose_dtype("auto", torch.device("cpu"), compiled=True) is dtype
    assert choose_dtype("auto", torch.device("cpu")) is torch.float32


def linked(folder: Path) -> Path:
    """A folder of got-nano's files, each a link, as in the hub's cache."""
    folder.mkdir(parents=True)
    for file in NANO.iterdir():
        (folder / file.name).symlink_to(file)
    return folder


def test_a_hub_id_is_loaded_from_the_local_cache_with_its_commit_as_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--somebody--got"
    linked(repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    info = GotRuntime.from_pretrained("somebody/got", local_files_only=True, device="cpu").model_info
    assert (info.name, info.revision) == ("somebody/got", commit)


@pytest.mark.parametrize("file", ["generation_config.json", "tokenizer.json", "config.json", "model.safetensors"])
def test_a_broken_file_of_a_checkpoint_is_named(tmp_path: Path, file: str) -> None:
    folder = linked(tmp_path / "broken")
    (folder / file).unlink()
    (folder / file).write_text("{ cut of")
    with pytest.raises(CheckpointInvalid, match="broken"):
        load(folder, "cpu", "float32")


def test_weights_that_another_library_loads_stay_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the precision of the device: vLLM would not find enough memory beside a second copy."""
    monkeypatch.setattr("got_runtime.model.checkpoint.choose_device", lambda _: torch.device("cuda:0"))
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: (9, 0))
    checkpoint = load(None, "auto", "auto", loaded_again=True)
    assert checkpoint.device == torch.device("cuda:0")
    assert checkpoint.model.lm_head.weight.device.type == "cpu"
    assert checkpoint.model.dtype is torch.bfloat16
    assert GotRuntime(checkpoint, ScriptedEngine(checkpoint.encode, [""])).model_info.device == "cuda:0"
