"""``got-ocr info`` and ``bench`` say which code runs the network, and why."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from got_runtime.engine.processor import code_path, processor
from got_runtime.engine.torch_engine.native.library import load, load_products
from got_runtime.model.native.build import SWITCH


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    for cached in (load, load_products):
        cached.cache_clear()
    yield
    for cached in (load, load_products):
        cached.cache_clear()


@pytest.mark.parametrize("name", ["AVX2", "AVX-512"])
def test_compiled_code_is_named_with_its_instructions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name not in processor():
        name = "AVX2"
    monkeypatch.setenv(SWITCH, name.lower().replace("-", ""))
    assert code_path("cpu", "bfloat16") == f"compiled C, {name}"


def test_torch_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert code_path("cuda:0", "bfloat16") == "torch"
    assert code_path("cpu", "float32") == "torch (compiled C is for bfloat16)"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_path("cpu", "bfloat16") == "torch (no C compiler was found)"
    monkeypatch.setenv(SWITCH, "0")
    assert code_path("cpu", "bfloat16") == f"torch ({SWITCH}=0)"


def test_other_processors_are_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cpu._is_avx2_supported", lambda: False)
    for question in ("amx_tile", "avx512_bf16", "vnni", "avx512"):
        monkeypatch.setattr(f"torch.cpu._is_{question}_supported", lambda: False)
    assert processor().endswith(": no vector instructions that compiled code uses")
