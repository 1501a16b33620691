"""Usage errors of the command line: one line, before a model is loaded or a file is opened."""

from argparse import Namespace
from pathlib import Path

import pytest

from got_runtime import Limits, ReadOptions
from got_runtime.cli import build_parser, main
from got_runtime.cli.reading_options import read_options


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(args: Namespace) -> None:
        raise AssertionError("a model is loaded")

    monkeypatch.setattr("got_runtime.cli.read.load_runtime", refuse)


def usage_error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The error line of a command line."""
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = int(stop.code or 0)
    out, err = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert err.count("\n") == 1, err
    return err


@pytest.mark.parametrize(
    ("option", "suggestion"),
    [("--mode=x", "--model"), ("--batchsize=2", "--batch-size"), ("--page=1", "--pages"), ("--tile", "--tiles")],
)
def test_options_cannot_be_abbreviated_and_the_nearest_is_suggested(
    option: str, suggestion: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"did you mean {suggestion}?" in usage_error(capsys, "read", "a.png", option)


def test_an_option_like_no_other_is_named_alone(capsys: pytest.CaptureFixture[str]) -> None:
    err = usage_error(capsys, "read", "a.png", "--zzz")
    assert "unrecognized arguments: --zzz (see got-ocr read --help)" in err


BAD_VALUES = {
    "pages as prose": (["--pages", "one-two"], "--pages='one-two': page selection"),
    "page zero": (["--pages", "0-3"], "page 0"),
    "pages backwards": (["--pages", "3-1"], "runs backwards"),
    "nothing to overwrite": (["--overwrite"], "add -o DIR"),
    "resolution too low": (["--dpi", "3"], "--dpi=3.0: Input should be greater than or equal to 20"),
    "resolution in words": (["--dpi", "high"], "--dpi"),
    "no time": (["--max-seconds", "0"], "above 0"),
    "endless time": (["--max-seconds", "inf"], "above 0"),
    "no tokens": (["--max-new-tokens", "0"], "--max-new-tokens"),
    "no pages": (["--max-pages", "0"], "--max-pages"),
    "box in words": (["--box", "left"], "X1,Y1,X2,Y2"),
    "box of three": (["--box", "1,2,3"], "4 coordinates"),
    "too many tiles": (["--tiles", "99"], "1 to 12"),
    "two tasks": (["--tiles", "--color", "red"], "exclude each other"),
    "a GPU by the wrong name": (["--device", "gpu"], "did you mean cuda?"),
    "second GPU by the wrong name": (["--device", "gpu:1"], "did you mean cuda:1?"),
    "device of two words": (["--device", "my gpu"], "--device"),
    "device list with auto": (["--device", "auto,cpu"], "--device"),
    "unknown dtype": (["--dtype", "int4"], "--dtype"),
    "unknown engine": (["--engine", "onnx"], "'torch', 'vllm', 'transformers'"),
    "engine of the tests": (["--engine", "scripted"], "invalid choice"),
    "no batch": (["--batch-size", "0"], "--batch-size"),
    "unknown format": (["--to", "docx"], "choose from text"),
    "two formats on standard output": (["--to", "text,json"], "-o"),
    "a file as the output folder": (["-o", __file__], "is a file: name a folder"),
    "an output folder below a file": (["-o", f"{__file__}/out"], "is a file: name a folder"),
    "an empty output folder": (["-o", ""], "the path is empty"),
    "tiles as a task": (["--task", "tiles"], "write --tiles"),
    "several pages as a task": (["--task", "pages"], "write --one-context"),
    "a box as a task": (["--task", "box"], "write --box X1,Y1,X2,Y2"),
    "an unknown task": (["--task", "fromat"], "'plain', 'format'"),
}


@pytest.mark.parametrize(("options", "reason"), BAD_VALUES.values(), ids=BAD_VALUES.keys())
def test_a_wrong_value_is_reported_before_files_are_opened(
    options: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    err = usage_error(capsys, "read", "missing.png", *options)
    assert reason in err
    assert "missing.png" not in err


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("https://example.org/a.pdf", "--allow-remote"),
        ("file:///a.pdf", "plain path"),
        ("missing.png", "check the path"),
    ],
)
def test_a_source_that_cannot_be_read_is_reported_before_a_model_is_loaded(
    source: str, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert remedy in usage_error(capsys, "read", source)


@pytest.mark.parametrize(
    "command",
    [
        ("convert", "answer.mmd", "-o", ""),
        ("eval", ""),
        ("eval", "pages", "--json", ""),
        ("fine-tune", "", "-o", "run"),
        ("fine-tune", "pairs.jsonl", "-o", ""),
        ("train", "--resume", ""),
        ("bench", "--plot", ""),
        ("convert-checkpoint", "weights", ""),
    ],
    ids=" ".join,
)
def test_an_empty_path_is_not_the_current_folder(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert "the path is empty: check the variable or the quotes" in usage_error(capsys, *command)


def test_an_output_file_that_cannot_be_written_is_reported_before_the_input_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    err = usage_error(capsys, "convert", "missing.mmd", "-o", str(tmp_path))
    assert "name a file that can be written" in err


@pytest.mark.parametrize("pages", ["3", "1-3,7,-1", "5-", "-3--1", " 1 - 2 "])
def test_every_page_selection_of_the_documentation_is_accepted(pages: str) -> None:
    assert read_options(build_parser().parse_args(["read", "a.pdf", f"--pages={pages}"])).pages == pages


def test_every_option_of_reading_has_its_command_line_option() -> None:
    command_line = [
        *("--color", "red", "--task", "format", "--pages", "2-", "--dpi", "150", "--rotate", "90", "--ocr", "auto"),
        *("--password", "secret", "--allow-remote", "--boxes", "--on-error", "raise", "--max-new-tokens", "7"),
        *("--zoom", "off", "--max-pages", "1", "--max-pixels", "2", "--max-bytes", "3", "--max-seconds", "4"),
        *("--max-remote-bytes", "5", "--max-remote-seconds", "6", "--max-side", "7", "--max-render-bytes", "8"),
    ]
    options, defaults = read_options(build_parser().parse_args(["read", "a.pdf", *command_line])), ReadOptions()
    unchanged = {name for name in ReadOptions.model_fields if getattr(options, name) == getattr(defaults, name)}
    assert not unchanged
    given = options.limits.model_dump(exclude={"isolate"})  # what is trusted is for a program to say
    assert tuple(given.values()) == (1, 2, 7, 3, 4.0, 8, 5, 6.0)


def test_without_options_the_defaults_of_the_library_are_used() -> None:
    assert read_options(build_parser().parse_args(["read", "a.pdf"])) == ReadOptions()
    assert read_options(build_parser().parse_args(["read", "a.pdf"])).limits == Limits()


@pytest.mark.parametrize("command", ["read", "info", "bench", "eval", "train", "fine-tune", "convert"])
def test_the_help_of_every_command_can_be_printed(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    help_text = capsys.readouterr().out
    assert "--verbose" in help_text
    assert "scripted" not in help_text
