"""Progress of ``got-ocr read``: its text, its stream, and its interval."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from got_runtime.cli.progress import INTERVAL_S, ReadProgress
from got_runtime.results import PageError, PageResult


def page(number: int, total: int) -> PageResult:
    return PageResult(
        source="/scans/a.pdf", number=number, label="", total=total, width=9, height=9, finish_reason="stop"
    )


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_the_status_has_files_pages_speed_and_the_time_left() -> None:
    clock = Clock()
    with ReadProgress(4, lambda total: total, clock) as progress:
        assert progress.status() == "0 of 4 files, 0 pages"
        for number in range(1, 11):
            clock.seconds += 30
            progress.page_done(page(number, 10))
        progress.file_done()
        assert progress.status() == "1 of 4 files, 10 pages, 0.033 pages/s, about 15 min left"
        clock.seconds += 30
        progress.page_done(page(1, 2))
        assert progress.status() == "1 of 4 files, 11 pages, 0.033 pages/s, about 9 min left"


def test_a_page_that_could_not_be_read_is_not_counted() -> None:
    clock = Clock()
    failed = page(1, 1).model_copy(
        update={"finish_reason": "error", "error": PageError(type="SourceCorrupt", message="a.pdf is damaged")}
    )
    with ReadProgress(2, lambda total: total, clock) as progress:
        clock.seconds = 10
        progress.page_done(failed)
        progress.file_done()
        assert progress.status() == "1 of 2 files, 0 pages, about 10 s left"


def test_the_time_left_counts_selected_pages_only() -> None:
    clock = Clock()
    with ReadProgress(1, lambda total: 2, clock) as progress:
        clock.seconds = 20
        progress.page_done(page(1, 500))
        assert progress.status() == "0 of 1 file, 1 page, 0.05 pages/s, about 20 s left"


def test_without_a_terminal_a_line_is_printed_every_30_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with ReadProgress(1, lambda total: total, clock) as progress:
        for number in range(1, 31):
            clock.seconds += INTERVAL_S / 10
            progress.page_done(page(number, 100))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0] == "got-ocr: 0 of 1 file, 10 pages, 0.33 pages/s, about 4 min left"


def test_a_quick_run_prints_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with ReadProgress(1, lambda total: total, clock) as progress:
        clock.seconds = INTERVAL_S - 1
        progress.page_done(page(1, 1))
        progress.file_done()
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_text_for_a_file_is_not_printed_on_the_terminal_that_shows_the_progress(tmp_path: Path) -> None:
    import pty

    code = (
        "from got_runtime.cli.progress import ReadProgress\n"
        "with ReadProgress(1, lambda total: total) as progress:\n"
        "    with progress.hidden():\n"
        "        print('first text', flush=True)\n"
        "    print('second text', flush=True)\n"
    )
    controller, terminal = pty.openpty()
    with (tmp_path / "text.txt").open("w") as output:
        subprocess.run([sys.executable, "-c", code], stdout=output, stderr=terminal, check=True)
    os.close(terminal)
    shown = os.read(controller, 100_000).decode()
    os.close(controller)
    assert (tmp_path / "text.txt").read_text() == "first text\nsecond text\n"
    assert "text" not in shown
    assert "0 of 1 file" in shown
