"""``got-ocr fine-tune``: the files of a run, resuming, Ctrl-C and wrong options."""

import json
import os
import runpy
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.finetuning import NARROW, save_network, swift, write_lines

from got_runtime import GotRuntime
from got_runtime.cli import main
from got_runtime.model.checkpoint import load

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "fine_tune.py"


@pytest.fixture
def command(tmp_path: Path, tiny: Path, data: Path) -> list[str]:
    """Fine-tunes the small network on six pages, in the folder ``run``; options follow."""
    return ["fine-tune", str(data), "--model", str(tiny), "--device", "cpu", "-o", str(tmp_path / "run")]


@pytest.mark.parametrize("method", ["--lora", "--full"])
def test_the_command_trains_evaluates_and_writes_a_checkpoint(
    tmp_path: Path, tiny: Path, data: Path, command: list[str], method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    options = [method, "--eval-data", str(data), "--steps", "60", "--batch", "6", "--accumulate", "1", "--rate", "0.01"]
    assert main([*command, *options, "--max-new-tokens", "12"]) == 0
    printed = capsys.readouterr().out
    assert "before" in printed
    assert "after" in printed
    report = json.loads((out / "report.json").read_text())
    assert (report["pairs"], report["steps"], report["skipped"]) == (6, 60, [])
    error = {when: report[when]["overall"]["character_error_rate"]["value"] for when in ("before", "after")}
    assert error["after"] < 0.5 < error["before"]
    assert len((out / "log.jsonl").read_text().splitlines()) == 60
    assert (out / "adapter" / "adapter_model.safetensors").exists() == (method == "--lora")
    # The reported answers are those that users of the checkpoint get.
    tuned = GotRuntime.from_pretrained(out / "checkpoint", device="cpu", dtype="bfloat16")
    answers = {page["name"].split()[1]: page["prediction"] for page in report["after"]["pages"]}
    for name, answer in answers.items():
        assert tuned.read(tmp_path / name).pages[0].text.strip() == answer
    for name in ("generation_config.json", "tokenizer.json", "processor_config.json"):
        assert (out / "checkpoint" / name).read_bytes() == (tiny / name).read_bytes()
    assert main([*command, *options]) == 2
    assert "--resume" in capsys.readouterr().err


def test_an_adapter_can_be_written_without_the_weights(tmp_path: Path, command: list[str]) -> None:
    assert main([*command, "--no-merge", "--steps", "1", "--max-new-tokens", "4", "--held-out", "0.3"]) == 0
    assert (tmp_path / "run" / "adapter" / "adapter_config.json").exists()
    assert not (tmp_path / "run" / "checkpoint").exists()
    assert json.loads((tmp_path / "run" / "report.json").read_text())["held_out"] == 2


def test_an_original_checkpoint_is_fine_tuned_into_a_transformers_one(tmp_path: Path, command: list[str]) -> None:
    from helpers.original_checkpoints import narrow_config, original_weights, random_network, save_original

    config = narrow_config()
    source = save_original(tmp_path / "original", config, original_weights(random_network(config)))
    options = ["--full", "--steps", "1", "--batch", "1", "--accumulate", "1", "--held-out", "0"]
    assert main([*command, "--model", str(source), *options]) == 0
    tuned = load(tmp_path / "run" / "checkpoint", "cpu", "float32")
    assert tuned.encode("OCR: ") == load(source, "cpu", "float32").encode("OCR: ")


def test_ctrl_c_finishes_the_step_and_saves_it(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "run" / "log.jsonl"

    def interrupt() -> None:
        while not log.exists() or not log.read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    command = [*command, "--held-out", "0"]
    assert main([*command, "--steps", "100000"]) == 130
    assert "--resume" in capsys.readouterr().err
    done = len(log.read_text().splitlines())
    assert main([*command, "--resume", "--steps", str(done + 1)]) == 0
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == list(range(1, done + 2))
    assert (tmp_path / "run" / "checkpoint" / "model.safetensors").exists()


@pytest.fixture
def resume_command(command: list[str], data: Path) -> list[str]:
    """The command that resumes a run of one step, whose pairs are the held-out pairs too."""
    command = [*command, "--eval-data", str(data), "--batch", "1", "--accumulate", "1", "--max-new-tokens", "2"]
    assert main([*command, "--steps", "1"]) == 0
    return [*command, "--resume", "--steps", "2"]


def never(*_: Any) -> None:
    raise AssertionError("held-out pages were read")


def test_a_run_resumes_only_with_the_model_and_data_it_began_with(
    tmp_path: Path,
    tiny: Path,
    resume_command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "run" / "report.json").unlink()  # so that the held-out pages have to be read again
    other_pairs = write_lines(tmp_path / "other.jsonl", [swift("alpha.png", "alpha"), *[swift("beta.png", "b")] * 5])
    other_model = save_network(tmp_path / "other", NARROW, vision=64, heads=2)
    changed = {
        "pairs": [resume_command[0], str(other_pairs), *resume_command[2:]],
        "held-out pairs": [*resume_command, "--eval-data", str(other_pairs)],
        "model": [*resume_command, "--model", str(other_model)],
        "dtype": [*resume_command, "--dtype", "float32"],
    }
    with monkeypatch.context() as patched:
        patched.setattr("got_runtime.training.finetune.run.evaluate_held_out", never)
        for name, command in changed.items():
            assert main(command) == 2
            assert f"holds a run that differs in {name}: give the same, or another folder" in capsys.readouterr().err
    assert main([*resume_command, "--model", str(shutil.copytree(tiny, tmp_path / "moved"))]) == 0


@pytest.mark.parametrize("name", ["state.pt", "report.json"])
def test_a_damaged_run_is_a_clear_error(
    tmp_path: Path, resume_command: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "run" / name
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert main(resume_command) == 2
    assert f"{name} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("number", [1, 2], ids=["before", "after"])
def test_ctrl_c_while_held_out_pages_are_read_reports_what_is_saved(
    tmp_path: Path,
    command: list[str],
    number: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    entries = iter([None] * (number - 1))

    def read(*_: Any) -> None:
        if next(entries, True):
            raise KeyboardInterrupt

    monkeypatch.setattr("got_runtime.training.finetune.run.evaluate_held_out", read)
    assert main([*command, "--steps", "1", "--batch", "1", "--accumulate", "1"]) == 130
    message = capsys.readouterr().err
    assert ("nothing was trained" in message) == (number == 1)
    assert ("every step is saved" in message) == (number == 2)
    assert (tmp_path / "run" / "state.pt").exists() == (number == 2)


@pytest.mark.parametrize("option", ["--engine=vllm", "--batch-size=2", "--int8"])
def test_options_of_reading_alone_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fine-tune", "pairs.jsonl", "-o", "run", option])
    assert f"unrecognized arguments: {option}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--epochs", "inf"], "--epochs inf: give a number"),
        (["--seed", "-1"], "--seed: Input should be greater than or equal to 0"),
        (["--rate", "inf"], "--rate"),
        (["--device", "cuda:0,cuda:1"], "--device cuda:0,cuda:1: give one"),
        (["-o", "pairs.jsonl"], "-o pairs.jsonl: File exists"),
        (["-o", "pairs.jsonl/run"], "-o pairs.jsonl/run: Not a directory"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_options_that_cannot_work_are_refused_before_anything_is_loaded(
    data: Path,
    options: list[str],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(data.parent)
    assert main(["fine-tune", data.name, "--model", "never/loaded", "--local-files-only", "-o", "run", *options]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--train-encoder"], "needs --full"),
        (["--dtype", "float16"], "bfloat16"),
        (["--held-out", "1.5"], "--held-out 1.5"),
        (["--rank", "0"], "--rank"),
        (["--resume"], "no run to resume"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_errors_of_wrong_options_name_a_remedy(
    command: list[str], options: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--max-new-tokens", "2", *options]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.slow
def test_the_tutorial_in_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """got-nano reads price lists of new words better after eight steps on three of them."""
    options = ["--pages", "3", "--held-out", "1", "--steps", "8", "--batch", "3", "--max-new-tokens", "150"]
    monkeypatch.setattr("sys.argv", [str(EXAMPLE), str(tmp_path), *options])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert ended.value.code == 0
    steps = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert steps[-1]["loss"] < 0.6 * steps[0]["loss"]
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    error = {when: report[when]["overall"]["edit_distance"]["value"] for when in ("before", "after")}
    assert error["after"] < error["before"]
