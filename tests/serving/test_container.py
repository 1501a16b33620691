"""The files of the container agree with the project. ``docker/smoke.sh`` runs their steps."""

import json
import re
import tomllib
from pathlib import Path

from got_runtime.cli import build_parser

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
INSTALL = (ROOT / "docker/install.sh").read_text(encoding="utf-8")


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    copied = {source for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE) for source in line.split()}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied <= allowed
    assert all((ROOT / source).exists() for source in copied)


def test_the_entry_point_is_a_command_line() -> None:
    entry = json.loads(re.findall(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE)[0])
    assert entry[0] == "got-ocr"
    args = build_parser().parse_args(entry[1:])
    assert (args.command, args.host, args.cache) == ("serve", "0.0.0.0", "")
    assert re.search(r"^USER (?!root)", DOCKERFILE, re.MULTILINE)


def test_the_extras_and_pins_that_are_installed_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r'extras\["(\w+)"\]', INSTALL)) <= extras.keys()
    assert re.search(r"^torch==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
