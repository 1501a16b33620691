"""docs/cli.md: it has every command and every option."""

import argparse
import re
from pathlib import Path

import pytest

from got_runtime.cli import build_parser
from got_runtime.cli.reading_options import add_reading_options

DOCS = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")

(SUBPARSERS,) = (action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
COMMANDS: dict[str, argparse.ArgumentParser] = dict(SUBPARSERS.choices)


def actions_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Those of a command and of its own commands."""
    found = list(parser._actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found += [each for choice in action.choices.values() for each in actions_of(choice)]
    return found


READING_OPTIONS = argparse.ArgumentParser()
add_reading_options(READING_OPTIONS)

MODEL_OPTIONS = {
    *("--model", "--revision", "--local-files-only", "--device", "--dtype", "--engine", "--batch-size", "--threads"),
    "--int8",
}


def section(command: str) -> str:
    return DOCS.partition(f"\n## got-ocr {command}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_documented_with_all_its_options(command: str) -> None:
    documented = set(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", section(command)))
    options = {name for action in actions_of(COMMANDS[command]) for name in action.option_strings}
    options -= {"-h", "--help", "-v", "--verbose"}
    if "(#model)" in section(command):
        documented |= MODEL_OPTIONS
    if "(#got-ocr-read)" in section(command):
        documented |= set(READING_OPTIONS._option_string_actions)
    assert options - documented == set()


def test_only_options_that_exist_are_documented() -> None:
    for command, parser in COMMANDS.items():
        names = set(re.findall(r"^\| (`--?[^|]*)", section(command), re.MULTILINE))
        documented = {name for cell in names for name in re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", cell)}
        options = {name for action in actions_of(parser) for name in action.option_strings}
        assert documented - options == set(), command
