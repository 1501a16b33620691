"""The house: which way imports point, which names are public, and what importing costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import got_loaders
import got_runtime

ROOT = Path(__file__).parent.parent

# Which rooms each room of got_runtime imports, besides `errors`. An import that is not listed here fails, and so does a
# listed one that no longer exists.
IMPORTS: dict[str, set[str]] = {
    "__init__": {"engine", "options", "results", "runtime", "sources", "tasks"},
    "errors": set(),
    "tasks": set(),
    "markup": set(),
    "sources": set(),
    "options": {"sources", "tasks"},
    "cache": {"options", "results", "sources"},
    "results": {"markup", "options", "tasks"},
    "model": {"sources", "tasks"},
    "views": {"model", "sources"},
    "boxes": {"markup", "results", "sources"},
    "engine": {"model"},
    "pipeline": {"boxes", "cache", "engine", "markup", "model", "options", "results", "sources", "tasks", "views"},
    "runtime": {"cache", "engine", "model", "options", "pipeline", "results", "sources", "tasks"},
    "serving": {"__init__", "markup", "options", "results", "runtime", "sources", "tasks"},
    "synth": {"tasks", "views"},
    "evaluation": {"markup", "results", "runtime", "sources", "synth", "tasks", "views"},
    "training": {"engine", "evaluation", "model", "pipeline", "sources", "synth", "tasks", "views"},
    "bench": {"engine", "model", "runtime", "serving", "sources"},
    "cluster": {"cache", "markup", "model", "options", "results", "runtime", "sources", "tasks"},
    "cli": {
        "__init__",
        "bench",
        "cache",
        "cluster",
        "engine",
        "evaluation",
        "markup",
        "model",
        "options",
        "pipeline",
        "results",
        "runtime",
        "serving",
        "sources",
        "synth",
        "tasks",
        "training",
    },
    "vllm_plugin": {"engine"},
}


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(file): file for folder in ("got_runtime", "got_loaders") for file in (ROOT / folder).rglob("*.py")
}


def imports_of(module: str) -> set[str]:
    """Our own modules that a module imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                found.add(submodule if submodule in MODULES else str(node.module))
    return found & set(MODULES)


def room_of(module: str) -> str:
    return [*module.split("."), "__init__"][1]


ROOMS = sorted({room_of(module) for module in MODULES if module.startswith("got_runtime")})


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_the_rooms_it_is_listed_with(room: str) -> None:
    mine = [module for module in MODULES if module.startswith("got_runtime") and room_of(module) == room]
    found = {room_of(other) for module in mine for other in imports_of(module)}
    assert found - {room, "errors"} == IMPORTS[room]


def test_the_runtime_never_imports_the_loaders() -> None:
    loaders = {module for module in MODULES if module.startswith("got_loaders")}
    assert not {module for module in set(MODULES) - loaders if imports_of(module) & loaders}


def test_no_module_imports_itself_through_others() -> None:
    """Modules are removed one by one once all they import is removed; what remains is a circle."""
    left = {module: imports_of(module) - {module} for module in MODULES}
    while done := {module for module, imported in left.items() if not imported & left.keys()}:
        left = {module: imported for module, imported in left.items() if module not in done}
    assert not left


def test_got_runtime_has_about_twenty_rooms_that_say_what_they_are_for() -> None:
    # The package's face and the documented import path of the vLLM plug-in are one file each, not rooms.
    assert 15 <= len(set(ROOMS) - {"__init__", "vllm_plugin"}) <= 21
    for module, file in MODULES.items():
        assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))), f"{module} does not say what it is for"


def test_the_public_names() -> None:
    assert got_runtime.__all__ == [
        "Box",
        "Color",
        "DocumentResult",
        "EngineConfig",
        "Formatted",
        "GotError",
        "GotRuntime",
        "Limits",
        "MultiPage",
        "PageResult",
        "Plain",
        "ReadOptions",
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
        "heavy = 'torch', 'transformers', 'pydantic', 'numpy', 'pymupdf', 'PIL', 'rich', 'fastapi';"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_markup_needs_no_torch() -> None:
    code = "import sys, got_runtime.markup; print('torch' in sys.modules, 'transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"


def test_test_files_have_names_of_their_own() -> None:
    """pytest imports test files by their base names, since the folders of tests are no packages."""
    names = [file.name for file in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
