"""``got-ocr bench``: its measurements have the right size, and its output files can be used."""

import json
from pathlib import Path

import pytest
import torch

from got_runtime import GotRuntime
from got_runtime.bench.callers import measure_callers
from got_runtime.bench.document import measure_document, measure_steady
from got_runtime.bench.hardware import Hardware
from got_runtime.bench.model_under_test import full_size
from got_runtime.bench.neighbours import measure_busy
from got_runtime.bench.roofline import work_of
from got_runtime.bench.serve import measure_serve
from got_runtime.cli import main
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.model.checkpoint import LoadedModel


def test_stages_of_two_engines_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, plot = tmp_path / "speed.json", tmp_path / "speed.svg"
    arguments = "bench --model got-nano --dtype float32 --batch-size 1,3 --tokens 9 --rounds 1 --against transformers"
    assert main([*arguments.split(), "--json", str(file), "--plot", str(plot)]) == 0
    printed = capsys.readouterr()
    assert "torch against transformers: encoder" in printed.out
    assert "round 1 of 1: transformers" in printed.err
    report = json.loads(file.read_text())
    torch_engine, reference = report["engines"]
    assert [speed["batch_size"] for speed in torch_engine["batches"]] == [1, 3]
    assert [speed["batch_size"] for speed in reference["batches"]] == [1]
    for engine in (torch_engine, reference):
        for speed in engine["batches"]:
            step = speed["step"]
            assert 0 < step["least"] <= step["median"] <= step["greatest"]
            page = engine["encode"]["median"] + engine["prefill"]["median"] + 9 * step["median"] / speed["batch_size"]
            assert speed["page_seconds"] == pytest.approx(page)
    assert report["hardware"]["bandwidth"] > 1e8
    assert plot.read_text().lstrip().startswith("<?xml")


def test_batch_sizes_that_do_not_fit_into_memory_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("got_runtime.bench.hardware.measure_hardware", lambda *_: Hardware("a CPU", 1, 1e9, 1e9))
    monkeypatch.setattr("got_runtime.engine.memory.free_memory", lambda device: 40 << 20)
    arguments = ["bench", "--model", "got-nano", "--dtype", "float32", "--batch-size", "1,64", "--tokens", "40"]
    assert main([*arguments, "--rounds", "1"]) == 0
    printed = capsys.readouterr()
    assert "left out: torch with batch size 64, whose KV cache takes" in printed.out
    assert "left out: torch with batch size 64" in printed.err
    assert "| torch | 1 |" in printed.out
    assert "| torch | 64 |" not in printed.out
    assert "code: torch (compiled C is for bfloat16)" in printed.out
    monkeypatch.setattr("got_runtime.engine.memory.free_memory", lambda device: 1 << 20)
    assert main(arguments) == 2
    assert "give a smaller --batch-size" in capsys.readouterr().err


def test_pages_are_read_alone_and_beside_busy_processes(
    checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("got_runtime.bench.neighbours.allowed_threads", lambda: 2)
    report = measure_busy(scripted(checkpoint, 0.0), pages=1, budget=5)
    assert report.neighbours == (0, 1, 2)
    assert min(report.seconds) > 0
    assert len(report.lines()) == 7


def test_the_roofline_of_the_full_size_network() -> None:
    """Counted by hand for 24 layers: 308 M weights and 155 M of the head, 96 KiB of keys and values a token."""
    with torch.device("meta"):
        model = full_size(torch.device("cpu"), torch.bfloat16, text_layers=1, vision_layers=1).model
    model.config.text_config.num_hidden_layers = 24
    model.config.vision_config.num_hidden_layers = 12
    model.config.vision_config.global_attn_indexes = [2, 5, 8, 11]
    work = work_of(model, 287, 16, 16)
    assert work.weight_bytes == pytest.approx(928e6, rel=0.01)
    assert work.token_bytes == 96 * 1024
    assert work.encoder_flops == pytest.approx(0.97e12, rel=0.03)
    assert work.prefill_flops == pytest.approx(0.18e12, rel=0.03)
    hardware = Hardware("H200", 1, 4.8e12, 790e12)
    assert work.step(hardware, 1, 787) == pytest.approx(0.209e-3, rel=0.02)
    assert work.step(hardware, 128, 787) == pytest.approx(2.26e-3, rel=0.02)


def scripted(checkpoint: LoadedModel, latency: float) -> GotRuntime:
    return GotRuntime(checkpoint, ScriptedEngine(checkpoint.encode, ["six of "], latency))


def test_two_engines_read_the_same_document(checkpoint: LoadedModel) -> None:
    engines = [("fast", scripted(checkpoint, 0.0)), ("slow", scripted(checkpoint, 0.02))]
    report = measure_document(engines, pages=3, budget=5, rounds=1)
    fast, slow = report.engines
    assert fast.pages_per_second > slow.pages_per_second
    assert fast.first_page < slow.first_page
    assert fast.tokens == slow.tokens == 5
    assert "fast against slow: pages" in report.lines()[-1]


def test_callers_are_compared_with_one_stream(checkpoint: LoadedModel) -> None:
    report = measure_callers(
        scripted(checkpoint, 0.002), callers=3, budget=5, rounds=1, device=torch.device("cpu"), document=2
    )
    assert min(report.stream_rate, report.callers_rate, report.alone, report.beside) > 0
    assert any(f"{report.callers_rate / report.stream_rate:.2f} ×" in line for line in report.lines())


def test_a_long_run_is_sampled_ten_times(checkpoint: LoadedModel) -> None:
    report = measure_steady(scripted(checkpoint, 0.0), pages=20, budget=5)
    assert len(report.rates) == len(report.memory) == 10
    assert min(report.rates) > 0
    assert min(report.memory) > 1 << 20


@pytest.mark.parametrize(
    "arguments",
    [
        ["--batch-size", "many"],
        ["--batch-size", "0"],
        ["--against", "abacus"],
        ["--against", "vllm"],
        ["--int8", "--model", "got-nano", "--dtype", "float32"],
        ["--steady", "10", "--against", "transformers"],
        ["--document", "2", "--plot", "speed.png"],
        ["--pages", "20", "--rounds", "1"],
    ],
    ids=" ".join,
)
def test_options_that_cannot_be_measured_are_an_error_of_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("option", ["--pages", "--document", "--steady", "--rounds", "--tokens"])
def test_counts_below_one_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", option, "0"])
    assert f"argument {option}: '0' is not a whole number from 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "file"), [("--json", "no/folder/speed.json"), ("--json", "."), ("--plot", "no/speed.png")]
)
def test_a_file_that_cannot_be_written_is_an_error_before_anything_is_measured(
    option: str, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", option, str(tmp_path / file)]) == 2
    assert "name a file that can be written" in capsys.readouterr().err


def test_a_plot_of_an_unknown_format_is_an_error_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--plot", str(tmp_path / "speed.xyz")]) == 2
    assert "name a .png or .svg file" in capsys.readouterr().err


def test_clients_of_the_service_are_compared_with_one_stream(checkpoint: LoadedModel) -> None:
    report = measure_serve(scripted(checkpoint, 0.002), clients=3, budget=5, rounds=1)
    assert report.failed == 0
    assert report.slowest >= report.median > 0
    assert any(f"{report.served_rate / report.stream_rate:.2f} ×" in line for line in report.lines())
