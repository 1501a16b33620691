"""Formats of ``got-ocr read``: how pages are separated, and how notices of several pages are joined."""

import io
import os
from pathlib import Path
from typing import Any

import pytest

from got_runtime import Formatted, MultiPage
from got_runtime.cli import main
from got_runtime.cli.read_output import ResultWriter, notices, render
from got_runtime.evaluation.text_files import split_pages
from got_runtime.pipeline.postprocess import TIME_IS_UP
from got_runtime.results import DocumentResult, ModelInfo, PageError, PageResult

MODEL = ModelInfo(name="scripted", revision=None, device="cpu", dtype="float32")


def page(number: int, text: str = "", **fields: Any) -> PageResult:
    fields = {"finish_reason": "stop", **fields}
    return PageResult(source="a.pdf", number=number, label="", width=9, height=9, text=text, **fields)


def document(*pages: PageResult) -> DocumentResult:
    return DocumentResult(source="a.pdf", sha256=None, pages=pages, model=MODEL)


def test_pages_of_text_are_separated_by_form_feeds(tmp_path: Path) -> None:
    read = document(page(1, "first\nline"), page(2), page(3, "third"))
    assert render(read, "text") == "first\nline\n\f\n\fthird"
    ResultWriter(tmp_path, ("text",), False).write(Path("a.pdf"), "text", render(read, "text"))
    assert [part.strip("\n") for part in split_pages(tmp_path / "a.pdf.txt", 3)] == ["first\nline", "", "third"]


def test_pages_of_markdown_begin_with_a_comment_that_holds_their_number() -> None:
    read = document(page(3, r"\title{One}", task=Formatted()), page(4), page(7, "Text.", task=Formatted()))
    assert render(read, "markdown") == "<!-- page 3 -->\n\n# One\n\n<!-- page 4 -->\n\n<!-- page 7 -->\n\nText."


def test_a_paragraph_that_continues_is_joined_on_the_page_where_it_begins() -> None:
    read = document(page(1, "It goes on", task=Formatted()), page(2, "and ends.\n\nNext.", task=Formatted()))
    assert render(read, "markdown") == "<!-- page 1 -->\n\nIt goes on and ends.\n\n<!-- page 2 -->\n\nNext."


def test_a_single_page_is_written_without_separators() -> None:
    read = document(page(1, "Only page."))
    assert render(read, "text") == "Only page."
    assert render(read, "markdown") == read.markdown == "Only page.\n"


@pytest.mark.usefixtures("scripted_runtime")
def test_the_command_separates_pages(three_pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", str(three_pages)]) == 0
    assert capsys.readouterr().out == "some words\n\fsome words\n\fsome words\n"
    assert main(["read", str(three_pages), "--to", "markdown", "--pages", "2-"]) == 0
    # The second page begins in lower case, so its paragraph continues that of the first.
    assert capsys.readouterr().out == "<!-- page 2 -->\n\nsome words some words\n\n<!-- page 3 -->\n"


@pytest.mark.usefixtures("scripted_runtime")
def test_documents_on_standard_output_are_separated_like_pages(
    three_pages: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["read", str(three_pages), str(good), "--pages", "1"]
    assert main(command) == 0
    assert capsys.readouterr().out == "some words\n\fsome words\n"
    assert main([*command, "--to", "markdown"]) == 0
    assert capsys.readouterr().out == "<!-- three.pdf -->\n\nsome words\n\n<!-- good.png -->\n\nsome words\n"
    assert main([*command, "--to", "json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("name", ["a-->b", "a--!><script>", ">x"])
def test_no_name_ends_the_comment_that_it_is_in(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    ResultWriter(None, ("markdown",), False).write(Path(name), "markdown", "text", several=True)
    comment, text = capsys.readouterr().out.split("\n\n")
    assert comment == f"<!-- {name.replace('>', '&gt;')} -->"
    assert text == "text\n"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
@pytest.mark.parametrize("output_format", ["markdown", "json", "html"])
def test_standard_output_is_utf8_whatever_the_locale(
    encoding: str, output_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = os.fsdecode("温\xff".encode("latin-1", "ignore") + "度.mmd".encode())  # a byte that is no UTF-8
    (tmp_path / name).write_text("温度 Größe → 5", encoding="utf-8")
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding=encoding, write_through=True))
    assert main(["convert", str(tmp_path / name), "--to", output_format]) == 0
    assert "温度 Größe → 5" in written.getvalue().decode("utf-8")


def test_a_terminal_that_is_not_utf8_shows_what_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.mmd").write_text("Größe 温", encoding="utf-8")
    written = io.BytesIO()
    terminal = io.TextIOWrapper(written, encoding="cp1252", write_through=True)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdout", terminal)
    assert main(["convert", str(tmp_path / "a.mmd")]) == 0
    assert written.getvalue().decode("cp1252").strip() == "Größe ?"
    assert "not UTF-8" in capsys.readouterr().err


def test_a_notice_that_several_pages_have_is_printed_once_with_all_of_them() -> None:
    repaired = "the file was damaged and has been repaired"
    error = PageError(type="EngineError", message="a.pdf page 2: decoding failed")
    read = document(
        page(1, warnings=(repaired,)),
        page(2, warnings=(repaired,), finish_reason="error", error=error),
        page(3, warnings=(repaired,), finish_reason="length"),
        page(7, warnings=(repaired,), finish_reason="repetition"),
        page(9, finish_reason="length"),
    )
    assert list(notices(read)) == [
        f"a.pdf pages 1-3, 7: {repaired}",
        "a.pdf page 2: decoding failed",
        "a.pdf pages 3, 9: stopped early, the token budget ran out (--max-new-tokens)",
        "a.pdf page 7: stopped early, the text began to repeat itself",
    ]


def test_notices_about_several_pages_with_one_result_name_the_page_that_they_are_about() -> None:
    late = tuple(f"page {number}: {TIME_IS_UP}" for number in (2, 3))
    read = document(page(1, task=MultiPage(), warnings=("the file was repaired", *late), finish_reason="length"))
    assert list(notices(read)) == ["a.pdf: the file was repaired", f"a.pdf pages 2-3: {TIME_IS_UP}"]
    read = document(page(1, task=MultiPage(), finish_reason="length"))
    assert list(notices(read)) == ["a.pdf: stopped early, the token budget ran out (--max-new-tokens)"]
