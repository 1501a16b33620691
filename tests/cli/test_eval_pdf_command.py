"""``got-ocr eval`` on PDF files whose text layer is the reference, without a network."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from helpers.evaluation_pages import write_page, write_pdf
from PIL import Image

from got_runtime.cli import eval as command
from got_runtime.errors import GotError, SourceNotFound
from got_runtime.evaluation.report import Report
from got_runtime.results import ModelInfo, PageResult
from got_runtime.tasks import Task


class CopyingRuntime:
    """Stands in for a runtime: reads the pages of :func:`write_pdf` in order, and keeps the images."""

    def __init__(self, texts: Sequence[str], name: str = "copy") -> None:
        self.model_info = ModelInfo(name=name, revision=None, device="cpu", dtype="float32")
        self.images: list[Image.Image] = []
        self._texts = iter(texts)

    def stream(self, images: Sequence[Image.Image], *, task: Task, max_new_tokens: int) -> Iterator[PageResult]:
        self.images += images
        for image in images:
            yield PageResult(
                source="<image>",
                number=1,
                label="1",
                width=image.width,
                height=image.height,
                task=task,
                finish_reason="stop",
                text=next(self._texts),
            )


def evaluated(monkeypatch: pytest.MonkeyPatch, runtime: CopyingRuntime, *words: str) -> int:
    monkeypatch.setattr(command, "load_runtime", lambda args: runtime)
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return command.run(parser.parse_args(["eval", *words]))


def test_the_pages_of_a_folder_of_pdf_files_are_read_and_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pdf(tmp_path / "in" / "a.pdf", 2)
    (tmp_path / "in" / "b.pdf").write_bytes(b"%PDF-1.4 no more")
    runtime = CopyingRuntime(["page 1", "pave 2 logo"])
    assert evaluated(monkeypatch, runtime, str(tmp_path / "in"), "--json", str(tmp_path / "r.json")) == 0
    out = capsys.readouterr().out
    assert "1 cannot be opened" in out
    (second,) = [line.split() for line in out.splitlines() if line.startswith("  a.pdf p. 2")]
    # characters, CER in order and without, misread, missed, false text; one piece has no order
    assert second[3:] == ["6", "100.00", "83.33", "16.67", "0.00", "66.67", "–"]
    report = Report.model_validate_json((tmp_path / "r.json").read_text())
    assert [page.name for page in report.left_out] == ["b.pdf"]
    lines = report.overall.lines
    assert lines is not None
    assert lines.error_rate.value == pytest.approx(5 / 12)


def test_pages_resolution_and_degradation_are_those_of_the_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pdf(tmp_path / "a.pdf", 3)
    clean, scan = CopyingRuntime(["page 3"]), CopyingRuntime(["page 2"])
    words = (str(tmp_path / "a.pdf"), "--dpi", "72")
    assert evaluated(monkeypatch, clean, *words, "--pages", "-1") == 0
    assert evaluated(monkeypatch, scan, *words, "--pages", "2", "--degrade", "scan") == 0
    assert "100.0%" in capsys.readouterr().out
    assert clean.images[0].size == (595, 842)
    assert scan.images[0].width > 595  # turned, and nothing of it cut off


@pytest.mark.parametrize(("model", "edits"), [("got-nano", 0), ("another", 2)])
def test_typographic_quotes_count_as_ascii_for_a_network_that_was_trained_on_ascii(
    model: str, edits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pymupdf

    with pymupdf.open() as document:
        document.new_page().insert_htmlbox((50, 50, 500, 200), "say “friend” and enter")
        document.save(tmp_path / "a.pdf")
    words = (str(tmp_path / "a.pdf"), "--json", str(tmp_path / "r.json"))
    assert evaluated(monkeypatch, CopyingRuntime(['say "friend" and enter'], model), *words) == 0
    assert Report.model_validate_json((tmp_path / "r.json").read_text()).pages[0].edits == edits


def test_a_formatted_prediction_is_compared_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pdf(tmp_path / "a.pdf", 1)
    words = (str(tmp_path / "a.pdf"), "--task", "format", "--json", str(tmp_path / "r.json"))
    assert evaluated(monkeypatch, CopyingRuntime([r"\section*{page 1}"]), *words) == 0
    assert Report.model_validate_json((tmp_path / "r.json").read_text()).pages[0].edits == 0


def test_files_without_a_usable_text_layer_are_an_error_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.4 no more")
    with pytest.raises(SourceNotFound, match=r"no page whose text layer .* \(1 cannot be opened\)"):
        evaluated(monkeypatch, CopyingRuntime([]), str(tmp_path))


def test_options_that_have_no_effect_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_page(tmp_path / "a.png", "text")
    with pytest.raises(GotError, match="--pages needs PDF files"):
        evaluated(monkeypatch, CopyingRuntime([]), str(tmp_path), "--pages", "1")
    with pytest.raises(GotError, match="need a FOLDER"):
        evaluated(monkeypatch, CopyingRuntime([]), "--held-out", "1", "--degrade", "scan")
