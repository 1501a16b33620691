"""``python -m got_runtime.bench.gpu_check``, on a CPU with got-nano."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from got_runtime.bench import gpu_check
from got_runtime.bench.gpu_check import main
from got_runtime.bench.gpu_stages import STAGES
from got_runtime.bench.gpu_subject import Check, Finding
from got_runtime.bench.hardware import Hardware


def test_every_stage_runs_and_says_what_was_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("got_runtime.bench.gpu_stages.measure_hardware", lambda *_: Hardware("a CPU", 1, 1e9, 1e9))
    file = tmp_path / "check.json"
    arguments = ["--device", "cpu", "--json", str(file), "--batch-size", "1,2", "--tokens", "6"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "FAILED" not in printed
    for line in (
        "probe: flash attention: expected compute capability 8.0, torch 2.12, 16 bits; measured the device is cpu",
        "tokens: got-nano in float32 against generate(): expected 2 of 2 pages equal; measured 2 of 2 [ok]",
        "memory: 2 pages of 2 tokens and one of 12",
        "pages: best batch size",
    ):
        assert line in printed
    kept = json.loads(file.read_text())
    assert list(kept["stages"]) == list(STAGES)
    assert main(arguments) == 0
    assert capsys.readouterr().out.count("finished before") == len(STAGES)


def test_a_stage_that_fails_is_repeated_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs: list[str] = []

    def broken(check: Check) -> Iterator[Finding]:
        runs.append("broken")
        yield Finding("first", "1", "1", True)
        if len(runs) < 3:
            raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")

    def sound(check: Check) -> Iterator[Finding]:
        runs.append("sound")
        yield Finding("second", "1", "2", len(runs) > 2)

    monkeypatch.setattr("got_runtime.bench.gpu_stages.STAGES", {"broken": broken, "sound": sound})
    arguments = ["--device", "cpu", "--json", str(tmp_path / "check.json")]
    assert main(arguments) == 1
    printed = capsys.readouterr().out
    assert "broken: first: expected 1; measured 1 [ok]" in printed
    assert "broken: FAILED: RuntimeError: CUDA error: an illegal memory access was encountered\n" in printed
    assert "sound: second: expected 1; measured 2 [NOT AS EXPECTED]" in printed
    assert main(arguments) == 1  # the other one is finished, but not as expected
    assert runs == ["broken", "sound", "broken"]
    assert main([*arguments, "--again"]) == 0
    assert main([*arguments, "--again", "--stages", "sound"]) == 0
    assert main([*arguments, "--batch-size", "4", "--stages", "sound"]) == 0  # another measurement: nothing is kept
    assert runs[-3:] == ["sound", "sound", "sound"]


@pytest.mark.parametrize("arguments", [["--stages", "warp"], ["--batch-size", "0"], ["--batch-size", "1,x"]])
def test_options_that_cannot_be_used_are_an_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--device", "cpu", *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: --")


def test_a_process_that_ends_is_the_error_of_its_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    check = Check("cpu", "got-nano", (1,), 6)
    result = gpu_check._in_child("probe", check, tmp_path / "check.json")
    assert "its process ended with exit code 1" in result["error"]
