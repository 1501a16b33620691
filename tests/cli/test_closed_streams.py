"""Standard input, output and error of ``got-ocr``, closed or not, in a shell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.source_files import pdf_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell closes them")

TEXT = "A line of text that is long enough to be used without OCR."
COMMAND = f'"{sys.executable}" -c "import sys; from got_runtime.cli import main; sys.exit(main())"'


def run(arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "a.pdf").write_bytes(pdf_of(TEXT))
    script = f"{COMMAND} {arguments}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(["sh", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_files_are_read(closed: str, tmp_path: Path) -> None:
    done = run(f"read a.pdf --ocr auto --no-cache -o out {closed}", tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "out" / "a.pdf.txt").read_text(encoding="utf-8").strip() == TEXT
    assert done.stdout == ""


def test_notices_do_not_go_to_standard_output_where_standard_error_is_closed(tmp_path: Path) -> None:
    done = run("read a.pdf --ocr auto --no-cache 2>&-", tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, TEXT)


def test_standard_input_is_read_once(tmp_path: Path) -> None:
    done = run("read - - --ocr auto --no-cache < a.pdf", tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, TEXT)
    assert "named more than once, read once: <stdin>" in done.stderr


def test_standard_input_that_is_closed_is_one_error(tmp_path: Path) -> None:
    done = run("read - --no-cache <&-", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].endswith("check that it is not empty")
