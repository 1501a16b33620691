"""``got-ocr read``: its files, its output, and the error of each bad input."""

import importlib
import json
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, TiffImagePlugin

from got_runtime import Box, Color, Formatted, GotRuntime, MultiPage, Plain, Tiles
from got_runtime.cli import build_parser, main
from got_runtime.cli.options import task_from
from got_runtime.results import DocumentResult

pymupdf: Any = importlib.import_module("pymupdf")  # its types are incomplete


pytestmark = pytest.mark.usefixtures("scripted_runtime")


def bad_files(folder: Path) -> dict[str, list[str]]:
    """Inputs that cannot be read, by name: arguments of ``got-ocr read``."""
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
        "box of no number": [str(folder / "two.pdf"), "--box", "nan,0,9,9"],
        "cropped point": [str(folder / "two.pdf"), "--box", "5,5", "--crop"],
        "crop of nothing": [str(folder / "two.pdf"), "--crop"],
        "unit of nothing": [str(folder / "two.pdf"), "--box-unit", "pt"],
        "too many tiles": [str(folder / "two.pdf"), "--tiles", "99"],
        "no tiles": [str(folder / "two.pdf"), "--tiles", "0"],
        "no seconds": [str(folder / "two.pdf"), "--max-seconds", "0"],
        "too many bytes": [str(folder / "two.pdf"), "--max-bytes", "100"],
        "several formats at once": [str(folder / "two.pdf"), "--to", "markdown,json"],
        "nonsense dpi": [str(folder / "two.pdf"), "--dpi", "3"],
        "no tokens": [str(folder / "two.pdf"), "--max-new-tokens", "0"],
    }


def exit_status(*arguments: str) -> int:
    """The exit status; argparse exits by itself."""
    try:
        return main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)


def scan(folder: Path, name: str, good: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(good.read_bytes())
    return folder / name


def test_a_name_that_is_too_long_for_its_output_affects_that_file_only(
    tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, scans = tmp_path / "out", tmp_path / "scans"
    for name in ("1.png", "2" * 248 + ".png", "3.png", "4" * 240 + ".png"):
        scan(scans, name, good)
    for _ in range(2):
        assert main(["read", str(scans), "-o", str(out)]) == 2
        assert "shorter name" in capsys.readouterr().err
        assert sorted(file.name[0] for file in out.glob("[!.]*")) == ["1", "3", "4"]


def test_arguments_that_name_nothing_do_not_affect_other_files(
    tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["read", "", "http://[x", str(good), "-o", str(out), "--no-cache"]) == 2
    notices = capsys.readouterr().err.splitlines()
    assert len(notices) == 2
    assert "empty name" in notices[0]
    assert "http://[x" in notices[1]
    assert [file.name for file in out.glob("[!.]*")] == ["good.png.txt"]


def test_a_missing_file_does_not_reserve_the_output_name_of_an_existing_one(tmp_path: Path, good: Path) -> None:
    there = scan(tmp_path / "there", "1.png", good)
    assert main(["read", str(tmp_path / "missing" / "1.png"), str(there), "-o", str(tmp_path / "out")]) == 2
    assert [file.name for file in (tmp_path / "out").glob("[!.]*")] == ["1.png.txt"]


def test_values_may_be_negative_as_in_the_help(tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad_files(tmp_path)
    assert main(["read", str(tmp_path / "two.pdf"), "--pages", "-1,1", "--to", "json"]) == 0
    assert [page["number"] for page in json.loads(capsys.readouterr().out)["pages"]] == [1]
    assert main(["read", str(good), "--box", "-5,0,100,100"]) == 0
    assert "some words" in capsys.readouterr().out


REMEDIES = {
    "several formats at once": "-o",
    "crop of nothing": "--box",
    "encrypted PDF": "--password",
    "page out of range": "1",
    "missing file": "check",
}


def test_bad_input_is_one_line_with_a_remedy_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, arguments in bad_files(tmp_path).items():
        assert exit_status("read", *arguments) == 2, name
        out, err = capsys.readouterr()
        assert out == "", name
        assert len(err.splitlines()) == 1, f"{name}: {err}"
        assert err.startswith(("got-ocr: ", "got-ocr read: error: ")), name
        assert REMEDIES.get(name, "") in err, f"{name}: {err}"


def test_an_unknown_model_is_one_line_too(
    good: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from got_runtime.cli import options

    monkeypatch.setattr("got_runtime.cli.read.load_runtime", options.load_runtime)
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


def test_a_one_pixel_image_is_blank_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "dot.png"
    Image.new("RGB", (1, 1)).save(file)
    main(["read", str(file), "--to", "json"])
    out, err = capsys.readouterr()
    assert json.loads(out)["pages"][0]["finish_reason"] == "blank"
    assert "1×1" in err


def test_existing_outputs_are_skipped(tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_several_formats_are_written_side_by_side_and_only_what_is_missing(
    tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out"
    command = ["read", str(good), "-o", str(target), "--max-new-tokens", "3", "--to"]
    assert main([*command, "markdown,json"]) == 0
    assert sorted(file.name for file in target.glob("[!.]*")) == ["good.png.json", "good.png.md"]
    (target / "good.png.json").write_text("mine")
    assert main([*command, "json,html"]) == 0
    assert (target / "good.png.json").read_text() == "mine"
    assert (target / "good.png.html").exists()
    with pytest.raises(SystemExit, match="2"):
        main([*command, "docx"])
    assert "choose from text" in capsys.readouterr().err


def test_the_output_has_the_subfolders_of_the_input_folder(
    tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        (tmp_path / "scans" / name / "1.png").write_bytes(good.read_bytes())
    out = tmp_path / "out"
    assert main(["read", str(tmp_path / "scans"), "-o", str(out), "--max-new-tokens", "1"]) == 0
    assert [file.relative_to(out).as_posix() for file in sorted(out.rglob("*.txt"))] == ["a/1.png.txt", "b/1.png.txt"]
    twins = [str(tmp_path / "scans" / name / "1.png") for name in ("a", "b")]
    assert main(["read", *twins, "-o", str(tmp_path / "flat"), "--max-new-tokens", "1"]) == 2
    assert "common folder" in capsys.readouterr().err


@pytest.fixture
def half_broken(tmp_path: Path, good: Path) -> Path:
    """A TIFF of two frames, the second one damaged."""
    frames = [Image.open(good).convert("L"), Image.new("L", (300, 200), 99)]
    file = tmp_path / "half.tiff"
    frames[0].save(file, save_all=True, append_images=frames[1:], compression="tiff_adobe_deflate")
    whole = file.read_bytes()
    with TiffImagePlugin.TiffImageFile(file) as second:
        second.seek(1)
        at = second.tag_v2[273][0]  # where its pixels begin
    file.write_bytes(whole[:at] + b"garbage!" + whole[at + 8 :])
    return file


def test_on_error_decides_the_effect_of_a_failing_page(
    tmp_path: Path, good: Path, half_broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(half_broken), str(tmp_path / "missing.png"), str(good)]

    def reasons(*flags: str) -> tuple[int, list[list[str]], list[str]]:
        code = main(["read", *files, "--to", "json", "--max-new-tokens", "1", *flags])
        out, err = capsys.readouterr()
        documents = [DocumentResult.model_validate_json(line) for line in out.splitlines()]
        notices = [line for line in err.splitlines() if "stopped early" not in line]
        return code, [[page.finish_reason for page in document.pages] for document in documents], notices

    code, pages, notices = reasons()
    assert (code, pages, len(notices)) == (2, [["length", "error"], ["length"]], 2)
    code, pages, notices = reasons("--on-error", "skip")
    assert (code, pages, len(notices)) == (0, [["length"], ["length"]], 2)
    code, pages, notices = reasons("--on-error", "raise")
    assert (code, pages, len(notices)) == (2, [], 1)
    assert "missing.png" in notices[0]
    files.remove(str(tmp_path / "missing.png"))
    code, pages, notices = reasons("--on-error", "raise")
    assert (code, pages, len(notices)) == (2, [], 1)
    assert "frame 2" in notices[0]


def test_files_that_fail_are_read_again_by_the_next_run(
    tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    for name in ("1.png", "2.png", "3.png"):
        (scans / name).write_bytes(good.read_bytes() if name != "2.png" else b"\x89PNG\r\n\x1a\n")
    command = ["read", str(scans), "-o", str(out), "--max-new-tokens", "1"]
    assert main(command) == 2
    assert "2.png" in capsys.readouterr().err
    assert sorted(file.name for file in out.glob("[!.]*")) == ["1.png.txt", "3.png.txt"]
    (scans / "2.png").write_bytes(good.read_bytes())
    assert main(command) == 0
    assert "2 files skipped" in capsys.readouterr().err
    assert (out / "2.png.txt").exists()


def test_standard_input_is_a_source(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", TextIOWrapper(BytesIO(good.read_bytes())))
        assert main(["read", "-", "--to", "json", "--max-new-tokens", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["pages"][0]["width"] == 300


def test_damaged_metadata_is_only_a_warning_of_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = Image.new("RGB", (300, 200), "white")
    image.paste("black", (40, 40, 44, 160))
    image.save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0garbled")
    assert main(["read", str(tmp_path / "a.jpg"), "--max-new-tokens", "1"]) == 0
    notices = [line for line in capsys.readouterr().err.splitlines() if "stopped early" not in line]
    assert len(notices) == 1
    assert "EXIF" in notices[0]


@pytest.mark.parametrize(
    ("flags", "task"),
    [
        ([], Plain()),
        (["--task", "format"], Formatted()),
        (["--box", "10,20,30,40"], Box(10, 20, 30, 40)),
        (["--box", ".1,.2", "--box-unit", "fraction"], Box(0.1, 0.2, unit="fraction")),
        (["--box", "1,2,3,4", "--task", "format"], Box(1, 2, 3, 4, formatted=True)),
        (["--box", "0,0,9,9", "--crop"], Box(0, 0, 9, 9, crop=True)),
        (["--color", "red"], Color(color="red")),
        (["--tiles"], Tiles()),
        (["--tiles", "12", "--task", "format"], Tiles(max_tiles=12, formatted=True)),
        (["--one-context"], MultiPage()),
        (["--one-context", "--task", "plain"], MultiPage(formatted=False)),
    ],
    ids=str,
)
def test_options_select_a_task(flags: list[str], task: object) -> None:
    assert task_from(build_parser().parse_args(["read", "a.png", *flags])) == task


def test_a_page_whose_token_budget_ran_out_has_a_notice(
    runtime: GotRuntime, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pages: Path
) -> None:
    monkeypatch.setattr("got_runtime.cli.read.load_runtime", lambda args, cache: runtime)
    assert main(["read", str(pages / "notice.jpg"), "--max-new-tokens", "6"]) == 0
    out, err = capsys.readouterr()
    assert out == "NOTICE\n"
    assert "token budget" in err


def test_info_names_model_and_versions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    assert "got-nano" in out
    assert "torch" in out
    assert "demonstration" in err


def test_info_prints_the_schema_of_the_json_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == DocumentResult.model_json_schema()
