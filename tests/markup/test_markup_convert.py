"""``got-ocr convert``, and that the package is light."""

import argparse
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.markup_answers import HERE

from got_runtime.cli import convert
from got_runtime.errors import SourceCorrupt, SourceNotFound

PAPER = str(HERE / "corpus" / "whole-paper.mmd")


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    convert.add_parser(parser.add_subparsers())
    args = parser.parse_args(["convert", *arguments])
    status: int = args.run(args)
    return status


def stdin_of(data: bytes) -> io.TextIOWrapper:
    """Standard input as Python opens it under ``LC_ALL=C``."""
    return io.TextIOWrapper(io.BytesIO(data), encoding="ascii", errors="surrogateescape")


def test_markdown_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(PAPER) == 0
    assert capsys.readouterr().out == (HERE / "golden" / "whole-paper.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("to", "begins"), [("html", "<!DOCTYPE html>"), ("text", "On Reading Pages"), ("json", "[")])
def test_other_formats(to: str, begins: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(PAPER, "--to", to) == 0
    assert capsys.readouterr().out.startswith(begins)


def test_chunks_are_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    run(PAPER, "--to", "chunks", "--max-tokens", "30")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["header_path"] == ["On Reading Pages"]


def test_standard_input_and_an_output_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", stdin_of("\\section*{é}".encode()))
    run("-", "-o", str(tmp_path / "out.md"))
    assert (tmp_path / "out.md").read_text(encoding="utf-8") == "## é\n"


def test_standard_input_that_is_not_utf8_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", stdin_of(b"abc \xff"))
    with pytest.raises(SourceCorrupt, match="standard input is not UTF-8"):
        run("-", "-o", str(tmp_path / "out.md"))
    assert not (tmp_path / "out.md").exists()


def test_repairs_are_printed_on_request(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "answer.mmd").write_text("a<|im_end|>", encoding="utf-8")
    run(str(tmp_path / "answer.mmd"), "--warnings")
    assert capsys.readouterr().err == "paragraph at 0: stray <|im_end|> dropped [special-token]\n"


def test_a_missing_file_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="check the path"):
        run(str(tmp_path / "none.mmd"))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    with pytest.raises(SourceCorrupt, match="not UTF-8"):
        run(str(tmp_path / "picture.png"))


def test_importing_the_package_brings_nothing_heavy() -> None:
    heavy = (
        "torch",
        "transformers",
        "numpy",
        "pylatexenc",
        "latex2mathml",
        "nh3",
        "rdkit",
        "verovio",
        "matplotlib",
        "pandas",
    )
    code = f"import sys, got_runtime.markup; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HERE.parents[1])
    assert done.stdout.strip() == "[]"
