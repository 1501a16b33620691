"""The command line: what it prints where, and what it says of bad input."""

import json
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from got_runtime.cli import main
from got_runtime.results import DocumentResult


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch, runtime: object) -> None:
    """Every command reads with the network that is loaded already."""
    monkeypatch.setattr("got_runtime.cli.read.load_runtime", lambda args: runtime)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.png"
    image = Image.new("RGB", (300, 200), "white")
    image.paste("black", (40, 40, 44, 160))
    image.save(file)
    return file


def bad_files(folder: Path) -> dict[str, list[str]]:
    """What a stranger may hand in, by name: arguments of ``got-ocr read``."""
    (folder / "empty.png").touch()
    (folder / "text.pdf").write_text("this is no PDF\n")
    with pymupdf.open() as document:
        document.new_page().insert_text((50, 50), "hello")
        document.save(folder / "two.pdf")
        document.save(folder / "locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="own")
    (folder / "truncated.pdf").write_bytes((folder / "two.pdf").read_bytes()[:60])
    Image.new("1", (30_000, 30_000)).save(folder / "huge.png")
    (folder / "no-pages").mkdir()
    return {
        "missing file": [str(folder / "missing.png")],
        "empty file": [str(folder / "empty.png")],
        "text renamed .pdf": [str(folder / "text.pdf")],
        "truncated PDF": [str(folder / "truncated.pdf")],
        "encrypted PDF": [str(folder / "locked.pdf")],
        "wrong password": [str(folder / "locked.pdf"), "--password", "guess"],
        "30,000 × 30,000 pixels": [str(folder / "huge.png")],
        "page out of range": [str(folder / "two.pdf"), "--pages", "7"],
        "nonsense pages": [str(folder / "two.pdf"), "--pages", "a-b"],
        "empty folder": [str(folder / "no-pages")],
        "two tasks": [str(folder / "two.pdf"), "--box", "1,2,3,4", "--color", "red"],
        "nonsense box": [str(folder / "two.pdf"), "--box", "left"],
        "box of three": [str(folder / "two.pdf"), "--box", "1,2,3"],
        "too many tiles": [str(folder / "two.pdf"), "--tiles", "99"],
        "nonsense dpi": [str(folder / "two.pdf"), "--dpi", "3"],
        "no tokens": [str(folder / "two.pdf"), "--max-new-tokens", "0"],
    }


REMEDIES = {"encrypted PDF": "--password", "page out of range": "1", "missing file": "check"}


def test_bad_input_is_one_line_with_a_remedy_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, arguments in bad_files(tmp_path).items():
        code = main(["read", *arguments])
        out, err = capsys.readouterr()
        assert code == 2, name
        assert out == "", name
        assert len(err.splitlines()) == 1, f"{name}: {err}"
        assert err.startswith("got-ocr: "), name
        assert REMEDIES.get(name, "") in err, f"{name}: {err}"


def test_an_unknown_model_is_one_line_too(
    good: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from got_runtime.cli import model_options

    monkeypatch.setattr("got_runtime.cli.read.load_runtime", model_options.load_runtime)
    assert main(["read", str(good), "--model", "no-such-model"]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "got-nano" in err


def test_a_bad_file_does_not_stop_the_others(tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["read", str(tmp_path / "missing.png"), str(good), "--to", "json", "--max-new-tokens", "3"])
    out, err = capsys.readouterr()
    assert code == 2
    assert DocumentResult.model_validate_json(out).source == str(good)
    assert "missing.png" in err


def test_a_one_pixel_image_is_blank_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "dot.png"
    Image.new("RGB", (1, 1)).save(file)
    main(["read", str(file), "--to", "json"])
    out, err = capsys.readouterr()
    assert json.loads(out)["pages"][0]["finish_reason"] == "blank"
    assert "1×1" in err


def test_output_folder_keeps_what_is_there(tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out"
    command = ["read", str(good), "-o", str(target), "--max-new-tokens", "3"]
    assert main(command) == 0
    assert capsys.readouterr().out == ""
    written = target / "good.png.txt"
    assert written.exists()
    written.write_text("mine")
    assert main(command) == 0
    assert written.read_text() == "mine"
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    assert written.read_text() != "mine"


def test_a_short_budget_is_told(good: Path, capsys: pytest.CaptureFixture[str], pages: Path) -> None:
    assert main(["read", str(pages / "notice.jpg"), "--max-new-tokens", "3"]) == 0
    assert "token budget" in capsys.readouterr().err


def test_info_names_model_and_versions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    assert "got-nano" in out
    assert "torch" in out
    assert "demonstration" in err
