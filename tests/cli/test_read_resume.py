"""``got-ocr read -o`` a second time: what is done, what is tried again, and what is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.source_files import pymupdf

from got_runtime import GotRuntime
from got_runtime.cache import Network, PageCache, open_store
from got_runtime.cli import main
from got_runtime.cli.manifest import MANIFEST
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.model.checkpoint import LoadedModel

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, good: Path, scripted_runtime: GotRuntime, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``got-ocr read`` with an output folder and returns what is on standard error."""

    def run(*arguments: object, status: int = 0) -> str:
        assert main(["read", *map(str, arguments or [good]), "-o", str(tmp_path / "out")]) == status
        return capsys.readouterr().err

    return run


def test_the_same_settings_go_on(run: Run, good: Path) -> None:
    run(good)
    assert "1 file skipped: the output exists" in run(good)
    assert "skipped" not in run(good, "--to", "markdown")  # another format of the same text


@pytest.mark.parametrize(
    ("option", "named"),
    [
        (["--task", "format"], "task"),
        (["--dpi", "100"], "dpi"),
        (["--pages", "1"], "pages"),
        (["--dtype", "bfloat16"], "dtype auto, now bfloat16"),
        (["--max-new-tokens", "7"], "max_new_tokens 4096, now 7"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_settings_in_the_same_folder_are_refused(run: Run, good: Path, option: list[str], named: str) -> None:
    run(good)
    error = run(good, *option, status=2)
    assert named in error
    assert "--overwrite" in error
    assert "-o" in error
    run(good, *option, "--overwrite")
    run(good, *option)


def test_other_weights_are_refused(run: Run, good: Path, tmp_path: Path) -> None:
    run(good)
    file = tmp_path / "out" / MANIFEST
    record = json.loads(file.read_text())
    record["settings"]["weights"] = "0123"
    file.write_text(json.dumps(record))
    assert "weights 0123, now" in run(good, status=2)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"settings": 1, "failures": {}}', '{"settings": {}}'])
def test_a_damaged_record_is_one_clear_error(run: Run, good: Path, tmp_path: Path, damage: str) -> None:
    run(good)
    (tmp_path / "out" / MANIFEST).write_text(damage)
    error = run(good, status=2)
    assert MANIFEST in error
    assert "remove it" in error


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    file = tmp_path / "damaged.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    return file


def test_what_failed_for_good_is_not_read_again_unless_asked(run: Run, good: Path, damaged: Path) -> None:
    assert "damaged.png" in run(good, damaged, status=2)
    assert "1 file skipped: failed before" in run(good, damaged, status=2)
    assert "not a readable PNG" in run(good, damaged, "--retry-failed", status=2)
    damaged.write_bytes(good.read_bytes())  # a better copy
    assert "failed before" not in run(good, damaged)
    assert "2 files skipped: the output exists" in run(good, damaged)


def test_an_encrypted_file_is_tried_again_with_a_password(run: Run, three_pages: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.pdf"
    with pymupdf.open(three_pages) as document:
        document.save(secret, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="key", owner_pw="key")
    assert "encrypted" in run(secret, status=2)
    assert "failed before" in run(secret, status=2)
    assert "the password is wrong" in run(secret, "--password", "other", status=2)
    assert "failed before" not in run(secret, "--password", "key")


def test_a_file_beyond_a_limit_is_tried_again_with_another_limit(run: Run, good: Path) -> None:
    assert "pixels" in run(good, "--max-pixels", "10", status=2)
    assert "failed before" not in run(good)


def test_a_page_that_failed_is_tried_again(
    run: Run,
    tmp_path: Path,
    checkpoint: LoadedModel,
    three_pages: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts: list[str | Exception] = ["one", RuntimeError("cable pulled"), "three"]

    def load(args: object, cache: str | None) -> GotRuntime:
        return GotRuntime(
            checkpoint,
            ScriptedEngine(checkpoint.encode, texts),
            cache=PageCache(open_store(str(cache)), Network("w", "scripted", "cpu", "float32")),
        )

    monkeypatch.setattr("got_runtime.cli.read.load_runtime", load)
    output = tmp_path / "out/three.pdf.txt"
    assert "cable pulled" in run(three_pages, status=2)
    assert "three" in output.read_text()
    texts[:] = ["two at last"]  # the others are not read again
    run(three_pages)
    assert output.read_text().split("\n\f") == ["one", "two at last", "three\n"]
    assert "1 file skipped: the output exists" in run(three_pages)


def test_answers_are_kept_with_an_output_folder_and_said_so(
    tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(os.environ["XDG_CACHE_HOME"]) / "got-ocr/results"

    def read(*arguments: str) -> str:
        assert main(["read", str(good), "--max-new-tokens", "3", *arguments]) == 0
        return capsys.readouterr().err

    assert "answers are kept" not in read("--zoom", "off")
    assert "answers are kept" not in read("--zoom", "off", "-o", str(tmp_path / "a"), "--no-cache")
    assert not folder.exists()
    assert f"answers are kept in {folder} (--no-cache: not)" in read("--zoom", "off", "-o", str(tmp_path / "b"))
    assert main(["cache", "info"]) == 0
    assert capsys.readouterr().out.startswith(f"{folder}: 1 page, ")
    read("--zoom", "off", "-o", str(tmp_path / "c"), "--to", "json")
    [written] = (tmp_path / "c").glob("*.json")
    assert json.loads(written.read_text())["pages"][0]["cached"] is True
    assert main(["cache", "clear"]) == 0
    assert "1 page removed" in capsys.readouterr().out


def test_options_of_the_cache_exclude_each_other(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", str(good), "--cache", "--no-cache"]) == 2
    assert "exclude each other" in capsys.readouterr().err
    assert main(["read", str(good), "--retry-failed"]) == 2
    assert "-o DIR" in capsys.readouterr().err


def test_a_named_cache_that_cannot_be_used_is_an_error(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", str(good), "--cache", str(good)]) == 2
    assert "it is a file" in capsys.readouterr().err


def test_the_cache_command_prunes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "prune", str(tmp_path / "kept"), "--max-gb", "0"]) == 0
    assert "0 pages removed" in capsys.readouterr().out


def test_a_killed_run_goes_on_with_the_page_it_was_at(tmp_path: Path) -> None:
    """The process is killed when it has kept two pages of a document of six; what they cost is not paid again."""
    file, kept = tmp_path / "long.pdf", tmp_path / "kept"
    with pymupdf.open() as document:
        for number in range(6):
            document.new_page(width=300, height=200).insert_text((30, 60), f"This is page {number + 1}", fontsize=24)
        document.save(file)
    command = [sys.executable, "-c", "import sys; from got_runtime.cli import main; sys.exit(main(sys.argv[1:]))"]
    command += ["read", str(file), "-o", str(tmp_path / "out"), "--cache", str(kept), "--batch-size", "1"]
    command += ["--zoom", "off", "--max-new-tokens", "40"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while len(list(kept.rglob("*.json"))) < 2 and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    before = {entry.name for entry in kept.rglob("*.json")}
    assert 2 <= len(before) < 6
    assert not list((tmp_path / "out").glob("long.pdf*"))
    assert main([*command[3:], "--to", "json"]) == 0
    [pages] = [json.loads(written.read_text())["pages"] for written in (tmp_path / "out").glob("*.json")]
    assert [page["number"] for page in pages] == list(range(1, 7))
    assert sum(page["cached"] for page in pages) == len(before)
    assert all("This" in page["text"] for page in pages)
