"""docs/evaluation.md: its commands are accepted and its snippet runs."""

import re
import shlex
from pathlib import Path

import pytest

from got_runtime.cli import build_parser

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^(got-ocr eval .*)$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_has_options_that_exist(command: str) -> None:
    _, *words = shlex.split(command, comments=True)
    assert build_parser().parse_args(words).held_out or "--held-out" not in words


@pytest.mark.slow  # 45 s of CPU time: got-nano reads a page
def test_the_snippet_of_the_page_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    (snippet,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    exec(compile(snippet, "evaluation.md", "exec"), {})
    assert re.match(r"value=0\.\d+ low=0\.\d+ high=0\.\d+ pages=1", capsys.readouterr().out)
