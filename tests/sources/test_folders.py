"""Folders: order of the files, what is left out, errors."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from helpers.source_files import striped

from got_runtime.errors import SourceForbidden, SourceNotFound
from got_runtime.sources import expand, list_folder


def test_a_folder_is_walked_in_natural_order_without_hidden_or_unknown_files(tmp_path: Path) -> None:
    wanted = ["a/p1.PNG", "a/p2.png", "a/p10.png", "B.tif", "c.pdf", "page 2.jpg", "page 11.jpg"]
    for name in [*wanted, "notes.txt", ".hidden.png", ".git/x.png", "a/no-suffix", "page 3"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert [path.relative_to(tmp_path).as_posix() for path in expand(tmp_path)] == wanted
    assert list(expand(str(tmp_path))) == list(expand(tmp_path))


def test_entries_that_cannot_be_opened_do_not_affect_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "z.png").touch()
    assert list(expand(tmp_path)) == [tmp_path / "z.png"]


def test_a_folder_that_may_not_be_listed_is_reported_after_the_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "z.png").touch()
    scandir = os.scandir

    def refusing(path: Path) -> Any:  # root, who often runs tests, may list every folder
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = expand(tmp_path)
    assert next(found) == tmp_path / "z.png"
    with pytest.raises(SourceForbidden, match="closed"):
        next(found)


def test_a_source_that_is_no_folder_is_yielded_unchanged(tmp_path: Path) -> None:
    for source in ("no such file.pdf", b"bytes", "https://example.org/a.pdf", striped()):
        assert list(expand(source)) == [source]


def test_a_folder_without_pages_names_the_suffixes_of_files_that_are_read(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").touch()
    with pytest.raises(SourceNotFound, match=r"\.pdf"):
        list(expand(tmp_path))


def test_unsupported_and_hidden_files_of_a_folder_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.png", "notes.txt", "sub/table.xlsx", ".hidden.png", ".git/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with caplog.at_level(logging.INFO, "got_runtime"):
        listing = list_folder(tmp_path)
    assert listing.files == [tmp_path / "a.png"]
    assert listing.unsupported == [tmp_path / "notes.txt", tmp_path / "sub" / "table.xlsx"]
    assert listing.hidden == [tmp_path / ".git", tmp_path / ".hidden.png"]
    assert listing.skipped == "2 unsupported, 2 hidden"
    assert [record.getMessage() for record in caplog.records] == [f"{tmp_path}: skipped 2 unsupported, 2 hidden"]
    assert list_folder(tmp_path / "sub").errors[0].args[0].count("(1 unsupported)") == 1
