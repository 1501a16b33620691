"""The house: which way imports point, which names are public, and what importing costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import got_loaders
import got_runtime

ROOT = Path(__file__).parent.parent

# What a part may know of, besides itself and `errors`; a part that is not named here knows everything.
MAY_IMPORT = {
    "errors": set(),
    "markup": set(),
    "tasks": set(),
    "results": {"markup", "tasks"},
    "sources": set(),
    "tiling": {"sources"},
    "native": set(),
    "model": {"native"},
    "engine": {"model", "native"},
    "checkpoint": {"model", "tasks", "tiling", "original"},
    "original": {"model", "tasks", "tiling"},
    "requests": {"checkpoint", "engine", "model", "tasks", "tiling"},
    "answers": {"boxes", "checkpoint", "engine", "results"},
    "boxes": {"markup", "results", "sources"},
    "retries": {"results", "sources", "tasks"},
    "jobs": {"answers", "boxes", "checkpoint", "engine", "requests", "results", "retries", "sources", "tasks"},
    "reading": {"engine", "jobs", "results", "sources"},
    "engines": {"checkpoint", "engine", "vllm_plugin"},
    "vllm_plugin": {"checkpoint", "model", "tiling"},
    "worker": {"checkpoint", "engine", "engines"},
    "devices": {"engine", "engines", "worker"},
    "runtime": {"checkpoint", "devices", "engine", "engines", "jobs", "reading", "results", "sources", "tasks"},
}
NOBODY_USES = {"training", "evaluation", "cli"}


def imports_of(file: Path) -> set[str]:
    """First-level parts of got_runtime that a file imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            assert node.level == 0, f"{file}: imports are absolute"
        found |= {name.split(".")[1] for name in names if name.startswith("got_runtime.")}
    return found


def part_files(part: str) -> list[Path]:
    folder = ROOT / "got_runtime" / part
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


@pytest.mark.parametrize("part", [part for part in MAY_IMPORT if part_files(part)[0].exists()])
def test_imports_point_one_way(part: str) -> None:
    allowed = MAY_IMPORT[part] | {"errors", part}
    for file in part_files(part):
        assert imports_of(file) <= allowed, f"{file.relative_to(ROOT)} reaches up"


def test_nobody_uses_the_command_line_training_or_evaluation() -> None:
    for file in (ROOT / "got_runtime").rglob("*.py"):
        part = file.relative_to(ROOT / "got_runtime").parts[0].removesuffix(".py")
        if part not in NOBODY_USES:
            assert not imports_of(file) & NOBODY_USES, file


def test_the_public_names() -> None:
    assert got_runtime.__all__ == [
        "Box",
        "Color",
        "DocumentResult",
        "Formatted",
        "GotError",
        "GotRuntime",
        "PageResult",
        "Pages",
        "Plain",
        "Tiles",
        "__version__",
    ]
    for name in got_runtime.__all__:
        assert getattr(got_runtime, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'GotRuntim'"):
        _ = got_runtime.GotRuntim
    assert got_loaders.__all__ == []


def test_help_and_the_package_load_nothing_heavy() -> None:
    """`--help` stays quick because torch, transformers and pydantic wait until they are needed."""
    code = (
        "import sys, got_runtime, got_loaders, got_runtime.cli as c; c.build_parser();"
        "heavy = 'torch', 'transformers', 'pydantic', 'numpy', 'pymupdf', 'PIL', 'rich';"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_markup_needs_no_torch() -> None:
    code = "import sys, got_runtime.markup; print('torch' in sys.modules, 'transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
