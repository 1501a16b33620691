"""README and docs: snippets run, links lead somewhere, and docs/api.md is what the docstrings say."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from got_runtime import GotRuntime
from got_runtime.cli import build_parser, main

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SHOWN = "documents/letter-scan.jpg"
"""The example that the README and ``make demo`` show."""
MARKDOWN = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md"), *ROOT.glob("got_runtime/**/*.md")]
)


def blocks(file: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", file.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(file: Path) -> set[str]:
    text = re.sub(r"^```.*?^```", "", file.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the example pages that are named, where a clone has them, as the working directory."""
    for page in ("pages/notice.jpg", "pages/minutes.pdf", "pages/held-out-faces/timetable.png", SHOWN):
        (tmp_path / "examples" / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "examples" / page, tmp_path / "examples" / page)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("clone")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "page", ["README.md", "docs/quickstart.md", "docs/small-type.md", "docs/cache.md", "docs/scale.md"]
)
def test_the_snippets_run_one_after_another(page: str) -> None:
    snippets = blocks(ROOT / page, "python")
    assert snippets
    exec(compile("\n".join(snippets), page, "exec"), {})


@pytest.mark.usefixtures("clone")
def test_the_commands_of_the_readme_run(capsys: pytest.CaptureFixture[str]) -> None:
    commands = [line for block in blocks(README, "sh") for line in block.splitlines() if line.startswith("got-ocr")]
    assert commands
    for command in commands:
        arguments = shlex.split(command, comments=True)[1:]
        if build_parser().parse_args(arguments).command not in ("serve", "mcp"):  # which run until they are ended
            assert main(arguments) == 0
            assert capsys.readouterr().out.strip()


def test_the_readme_and_make_demo_show_what_got_nano_reads_of_a_dense_page(runtime: GotRuntime) -> None:
    [shown] = blocks(README, "text")
    page = runtime.read(ROOT / "examples" / SHOWN).pages[0]
    assert page.text == shown.strip()
    assert len(page.lines) > 15
    assert f'<img src="examples/{SHOWN}"' in README.read_text("utf-8")
    assert f"got-ocr read examples/{SHOWN}\n" in (ROOT / "Makefile").read_text("utf-8")


def test_documents_are_in_a_vector_store_after_ten_lines() -> None:
    """The RAG snippet up to the store, imports included, without blank lines."""
    [snippet] = [each for each in blocks(README, "python") if "QdrantVectorStore" in each]
    lines = [line for line in snippet.splitlines() if line.strip()]
    assert len(lines[: next(n for n, line in enumerate(lines) if line.startswith("store ")) + 1]) <= 10


def test_the_readme_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 150


@pytest.mark.parametrize("file", MARKDOWN, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(file: Path) -> None:
    text = file.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'<img src="([^"]+)"', text):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (file.parent / path).resolve() if path else file
        assert found.exists(), f"{target} is not there"
        if anchor:
            assert anchor in anchors(found), f"{target} has no such heading"


def test_the_api_reference_is_what_the_docstrings_say() -> None:
    done = subprocess.run([sys.executable, "docs/make_api.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
