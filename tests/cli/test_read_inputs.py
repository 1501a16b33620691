"""The FILE arguments of ``got-ocr read``: folders, patterns, and files whose outputs exist."""

import subprocess
import sys
from pathlib import Path

import pytest

from got_runtime.cli import main

pytestmark = pytest.mark.usefixtures("scripted_runtime")


@pytest.fixture
def scans(tmp_path: Path, good: Path) -> Path:
    """A folder of scans, and of files that cannot be read."""
    folder = tmp_path / "scans"
    (folder / ".git").mkdir(parents=True)
    for name in ("10.png", "2.png", ".hidden.png", "notes.txt", "Thumbs.db"):
        (folder / name).write_bytes(good.read_bytes())
    return folder


def test_unsupported_and_hidden_files_of_a_folder_are_counted(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", str(scans), "-o", str(scans.parent / "out")]) == 0
    assert f"4 files skipped in {scans}: 2 not an image or PDF, 2 hidden" in capsys.readouterr().err


def test_verbose_names_the_skipped_files(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", str(scans), "-vv"]) == 0
    err = capsys.readouterr().err
    assert "DEBUG got_runtime.sources.folders: skipped" in err
    assert "Thumbs.db" in err
    assert main(["read", str(scans)]) == 0
    assert "Thumbs.db" not in capsys.readouterr().err


def test_a_pattern_that_the_shell_did_not_expand_is_expanded_in_natural_order(
    scans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = scans.parent / "out"
    assert main(["read", str(scans / "*.png"), "-o", str(out)]) == 0
    assert sorted(file.name for file in out.glob("[!.]*")) == ["10.png.txt", "2.png.txt"]
    assert main(["read", str(scans / "*.png"), "--to", "json"]) == 0
    documents = capsys.readouterr().out.splitlines()
    assert ["2.png" in documents[0], "10.png" in documents[1]] == [True, True]


def test_a_pattern_without_a_match_is_named(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", str(scans / "*.tiff")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"no file matches the pattern {scans / '*.tiff'}" in line


def test_a_file_whose_name_contains_wildcards_is_not_a_pattern(tmp_path: Path, good: Path) -> None:
    file = tmp_path / "scan[1].png"
    file.write_bytes(good.read_bytes())
    (tmp_path / "scan1.png").write_bytes(good.read_bytes())
    assert main(["read", str(file), "-o", str(tmp_path / "out")]) == 0
    assert [each.name for each in (tmp_path / "out").glob("[!.]*")] == ["scan[1].png.txt"]


def test_a_file_that_is_named_twice_is_read_once(
    good: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(good.parent)
    for output in ([], ["-o", "out", "--no-cache"]):
        assert main(["read", "good.png", "./good.png", str(good), *output]) == 0
        out, err = capsys.readouterr()
        assert out == ("" if output else "some words\n")
        assert err == "got-ocr: named more than once, read once: ./good.png\n"
    assert [file.name for file in (good.parent / "out").glob("[!.]*")] == ["good.png.txt"]


def test_a_pattern_that_matches_a_folder_and_its_files_reads_each_file_once(
    tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for name in ("mix/1.png", "mix/sub/2.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(good.read_bytes())
    assert main(["read", str(tmp_path / "mix" / "**"), "-o", str(out), "--no-cache"]) == 0
    assert sorted(file.relative_to(out).as_posix() for file in out.rglob("*.txt")) == ["1.png.txt", "sub/2.png.txt"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("/mix/1.png and 1 other file")


def test_a_missing_file_that_is_named_twice_is_one_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", *[str(tmp_path / "missing.png")] * 2]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "there is no file" in line


def test_where_all_outputs_exist_nothing_heavy_is_loaded(tmp_path: Path, good: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "good.png.txt").write_text("read before")
    command = ["read", str(good), "-o", str(tmp_path / "out")]
    code = (
        "import sys; from got_runtime.cli import main; status = main(sys.argv[1:]);"
        "print(status, [name for name in ('torch', 'transformers', 'pymupdf', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0 []"
    assert "1 file skipped: the output exists" in done.stderr
