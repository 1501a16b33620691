"""C code that cannot be compiled is not used, and the log says why."""

import logging
import platform
import sys
from pathlib import Path

import pytest

from got_runtime.model.native.build import SWITCH, compiled

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="C code is compiled on Linux on x86-64 only"
)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A C file, on a machine whose programs are those of an empty folder."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(SWITCH, raising=False)
    file = tmp_path / f"{tmp_path.name}.c"
    file.write_text("int one(void) { return 1; }\n")
    return file


def test_the_error_of_the_compiler_is_logged_once(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compiler = tmp_path / "bin" / "cc"
    compiler.write_text("#!/bin/sh\necho 'note\none.c:1: error: unknown option' >&2\nexit 1\n")
    compiler.chmod(0o700)
    with caplog.at_level(logging.INFO, "got_runtime"):
        assert compiled(source, {}) is None
        assert compiled(source, {}) is None
    [record] = caplog.records
    assert record.levelname == "WARNING"
    expected = f"{source.name} is not used, which makes some steps slower: {compiler}: one.c:1: error: unknown option"
    assert record.getMessage() == expected


def test_a_missing_compiler_is_logged(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "got_runtime"):
        assert compiled(source, {}) is None
    [record] = caplog.records
    assert record.levelname == "INFO"
    assert record.getMessage() == f"no C compiler was found: without {source.name} some steps are slower"
