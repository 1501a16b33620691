"""A runtime with a cache loads its network when the first page has to be decoded."""

import shutil
from pathlib import Path

import pytest

from got_runtime import GotRuntime, MultiPage
from got_runtime.cache import key, weights_digest
from got_runtime.errors import CheckpointInvalid, EngineError
from got_runtime.model import checkpoint, description
from got_runtime.model.checkpoint import LoadedModel, choose_device, choose_dtype, find_folder


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch, got_nano: LoadedModel) -> list[object]:
    """What was loaded so far."""
    loaded: list[object] = []

    def load(*arguments: object, **_: object) -> LoadedModel:
        loaded.append(arguments)
        return got_nano

    monkeypatch.setattr(checkpoint, "load", load)
    return loaded


def runtime(cache: Path) -> GotRuntime:
    return GotRuntime.from_pretrained(dtype="float32", device="cpu", cache=cache)


def test_pages_that_are_kept_need_no_network(loads: list[object], three_pages: Path, tmp_path: Path) -> None:
    with runtime(tmp_path / "kept") as first:
        assert not loads
        info = first.model_info
        text = first.read(three_pages, max_new_tokens=3, zoom="off").text
        assert len(loads) == 1
    with runtime(tmp_path / "kept") as second:
        document = second.read(three_pages, max_new_tokens=3, zoom="off")
        assert (document.text, document.model) == (text, info)
        assert len(loads) == 1
        second.read(three_pages, max_new_tokens=4, zoom="off", pages=1)
        second.read(three_pages, max_new_tokens=4, zoom="off", pages=2, task=MultiPage())
        assert len(loads) == 2
        assert second.model_info == info == GotRuntime.from_pretrained(dtype="float32", device="cpu").model_info


@pytest.mark.parametrize("device", ["auto", "cpu"])
@pytest.mark.parametrize("dtype", ["auto", "float32", "bf16"])
def test_device_and_dtype_are_those_that_torch_chooses(device: str, dtype: str) -> None:
    chosen = choose_device(device)
    expected = str(chosen), str(choose_dtype(dtype, chosen, compiled=True)).removeprefix("torch.")
    assert description._without_torch(device, dtype) in (None, expected)
    found = description.describe(None, device, dtype, compiled=True)
    assert (found.device.partition(":")[0], found.dtype) == expected


def test_damaged_weights_end_the_reading(three_pages: Path, tmp_path: Path) -> None:
    """They are no error of a page, which would be kept as one of many."""
    shutil.copytree(find_folder(None, None, True)[1], tmp_path / "damaged")
    (tmp_path / "damaged/model.safetensors").write_bytes(b"torn")
    with GotRuntime.from_pretrained(tmp_path / "damaged", cache=tmp_path / "kept") as damaged:
        for _ in range(2):
            with pytest.raises(CheckpointInvalid, match="could not be loaded"):
                damaged.read(three_pages)


def test_a_closed_runtime_loads_nothing(loads: list[object], three_pages: Path, tmp_path: Path) -> None:
    closed = runtime(tmp_path / "kept")
    stream = closed.stream(three_pages)
    closed.close()
    with pytest.raises(EngineError, match="closed"):
        next(stream)
    with pytest.raises(EngineError, match="closed"):
        closed.read(three_pages)
    assert not loads


def test_the_digest_of_a_large_file_is_kept_for_other_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key, "_REMEMBERED_BYTES", 7)
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"weights")
    first = weights_digest(tmp_path)
    monkeypatch.setattr("hashlib.file_digest", None)
    key._file_digest.cache_clear()
    assert weights_digest(tmp_path) == first
