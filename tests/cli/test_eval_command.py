"""The command ``got-ocr eval``, without a network."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers.evaluation_pages import write_page, write_pdf
from PIL import Image

from got_runtime.cli import eval as command
from got_runtime.errors import GotError, SourceNotFound
from got_runtime.evaluation.model_card import GOALS, ModelCard
from got_runtime.evaluation.report import Report
from got_runtime.evaluation.synthetic import GROUPS, held_out_samples
from got_runtime.results import DocumentResult, ModelInfo, PageError, PageResult
from got_runtime.synth.kinds import KINDS
from got_runtime.tasks import Task


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["eval", *words])


def test_the_command_scores_predictions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_page(tmp_path / "in" / "a.png", "first")
    write_page(tmp_path / "in" / "b.png", "second")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("f1rst")
    outputs = ["--json", str(tmp_path / "r.json"), "--html", str(tmp_path / "r.html")]
    args = parsed(str(tmp_path / "in"), "--predictions", str(tmp_path / "out"), *outputs)
    assert command.run(args) == 0
    out, err = capsys.readouterr()
    assert "out on in" in out
    assert "63.6 [" in out
    assert "b.png: no text for b.png" in err
    assert Report.model_validate_json((tmp_path / "r.json").read_text()).overall.failed == 1
    assert "f<ins>1</ins>rst" in (tmp_path / "r.html").read_text(encoding="utf-8")


class ScriptedRuntime:
    """Stands in for a runtime: ``output`` gives the text for a task; ``None`` is a page that fails."""

    model_info = ModelInfo(name="scripted", revision=None, device="cpu", dtype="float32")

    def __init__(self, output: Callable[[Task], str | None]) -> None:
        self._output = output

    def stream(self, images: Sequence[Image.Image], *, task: Task, max_new_tokens: int) -> Iterator[PageResult]:
        return (self._page(task) for _ in images)

    def read(self, source: bytes, *, task: Task, max_new_tokens: int) -> DocumentResult:
        return DocumentResult(source="<bytes>", sha256=None, pages=(self._page(task),), model=self.model_info)

    def _page(self, task: Task) -> PageResult:
        fields: dict[str, Any] = {"source": "<image>", "number": 1, "label": "1", "width": 1, "height": 1, "task": task}
        text = self._output(task)
        if text is None:
            error = PageError(type="EngineError", message="out of memory")
            return PageResult(**fields, finish_reason="error", error=error)
        return PageResult(**fields, finish_reason="stop", text=text)


def test_the_command_reads_held_out_pages_with_the_runtime(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    texts: list[str | None] = [page.reference for page in held_out_samples(2, seed=1)]
    texts[3] = None
    monkeypatch.setattr(command, "load_runtime", lambda args: ScriptedRuntime(lambda task: texts.pop(0)))
    args = parsed("--held-out", "2", "--seed", "1", "--batch-size", "1", "--json", str(tmp_path / "r.json"))
    assert command.run(args) == 0
    out, err = capsys.readouterr()
    assert "scripted on plain held-out pages, seed 1" in out
    assert "out of memory" in err
    report = Report.model_validate_json((tmp_path / "r.json").read_text())
    assert [(g.name, g.pages, g.perfect, g.failed) for g in report.groups] == [
        (GROUPS[0], 2, 1, 0),
        (GROUPS[1], 2, 0.5, 1),
    ]
    assert "s/page" in out


def test_all_kinds_fill_in_the_model_cards_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    texts = [next(held_out_samples(1, kind=kind)).reference for kind in KINDS if kind != "molecule"]
    texts.insert(KINDS.index("tiles"), texts[KINDS.index("tiles")])  # the page for tiles is also read in one view
    monkeypatch.setitem(sys.modules, "rdkit", None)
    for name in [name for name in sys.modules if name.startswith("rdkit.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(command, "load_runtime", lambda args: ScriptedRuntime(lambda task: texts.pop(0)))
    outputs = ["--json", str(tmp_path / "all.json"), "--html", str(tmp_path / "all.html")]
    assert command.run(parsed("--held-out", "1", "--kind", "all", "--limit", "1", *outputs)) == 0
    out, err = capsys.readouterr()
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in out.splitlines()[4:]]
    rows = {label: cells for label, *cells in table}
    (missing,) = rows.pop("molecule")[1:-1]
    assert missing.startswith("rdkit is not installed: pip install")
    assert "got-ocr: molecule: rdkit is not installed" in err
    assert rows["plain, up to 14 lines of 40 characters, CER"] == ["≤ 0.4 % · ≤ 0.6 %", "0.0 [0.0–0.0] % ✓", "–"]
    assert rows["lone table, TEDS"] == ["≥ 0.92", "1.000 [1.000–1.000] ✓", "–"]
    assert len(rows) == len(GOALS) - 1
    card = ModelCard.model_validate_json((tmp_path / "all.json").read_text())
    assert list(card.reports) == [kind for kind in KINDS if kind != "molecule"]
    assert card.markdown() in out
    assert "music, seen faces" in (tmp_path / "all.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("words", "task"), [([], "plain"), (["--task", "format"], "format"), (["--tiles"], "tiles")])
def test_a_folder_is_read_with_the_task_of_the_options(
    words: list[str], task: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_page(tmp_path / "a.png", r"\(x\)")
    tasks: list[str] = []

    def output(task: Task) -> str:
        tasks.append(task.kind)
        return r"\(x\)"

    monkeypatch.setattr(command, "load_runtime", lambda args: ScriptedRuntime(output))
    assert command.run(parsed(str(tmp_path), *words)) == 0
    assert tasks == [task]
    assert ("formulas" in capsys.readouterr().out) == (task == "format")


def test_tiles_keep_each_page_of_a_dataset_plain_or_formatted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_page(tmp_path / "a.png", "")
    queries = ("OCR: ", "OCR with format: ")
    rows = [{"image": "a.png", "conversations": [{"value": query}, {"value": "x"}]} for query in queries]
    (tmp_path / "ocr.json").write_text(json.dumps(rows))
    tasks: list[tuple[str, bool]] = []

    def output(task: Task) -> str:
        tasks.append((task.kind, task.formatted))
        return "x"

    monkeypatch.setattr(command, "load_runtime", lambda args: ScriptedRuntime(output))
    assert command.run(parsed(str(tmp_path / "ocr.json"), "--tiles")) == 0
    assert tasks == [("tiles", False), ("tiles", True)]


def test_ctrl_c_keeps_the_pages_scored_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        write_page(tmp_path / "in" / f"{number}.png", "same")
    texts = iter(["same", "sane"])

    def output(task: Task) -> str:
        if (text := next(texts, None)) is None:
            raise KeyboardInterrupt
        return text

    monkeypatch.setattr(command, "load_runtime", lambda args: ScriptedRuntime(output))
    outputs = ["--json", str(tmp_path / "r.json"), "--html", str(tmp_path / "r.html")]
    assert command.run(parsed(str(tmp_path / "in"), "--batch-size", "1", *outputs)) == 130
    out, err = capsys.readouterr()
    assert "scripted on in, the first 2 pages of 3" in out
    assert "interrupted" in err
    report = Report.model_validate_json((tmp_path / "r.json").read_text())
    assert [(page.name, page.edits) for page in report.pages] == [("1.png", 1), ("0.png", 0)]
    assert report.seconds_per_page["all"] > 0
    assert "1.png" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_ctrl_c_in_all_kinds_keeps_the_kinds_that_were_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = iter([next(held_out_samples(1)).reference])

    def output(task: Task) -> str | None:
        try:
            return next(texts)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(command, "load_runtime", lambda args: ScriptedRuntime(output))
    words = ["--held-out", "1", "--kind", "all", "--limit", "1", "--json", str(tmp_path / "all.json")]
    assert command.run(parsed(*words)) == 130
    out, err = capsys.readouterr()
    assert "0.0 [0.0–0.0] % ✓" in out
    assert f"interrupted; 1 of {len(KINDS)} kinds" in err
    assert list(ModelCard.model_validate_json((tmp_path / "all.json").read_text()).reports) == ["plain"]


def test_the_output_of_got_ocr_read_is_scored(tmp_path: Path) -> None:
    write_page(tmp_path / "a.png", "first")
    write_page(tmp_path / "b.png", "second")
    write_pdf(tmp_path / "c.pdf", 2)
    (tmp_path / "c.txt").write_text("page 1\fpage 2")

    def result(name: str, *texts: str) -> str:
        fields: dict[str, Any] = {"source": name, "label": "", "width": 1, "height": 1, "finish_reason": "stop"}
        pages = tuple(PageResult(**fields, number=number, text=text) for number, text in enumerate(texts, start=1))
        info = ScriptedRuntime.model_info
        return DocumentResult(source=name, sha256=None, pages=pages, model=info).model_dump_json()

    # In the dataset's own folder, where the texts named by stem are the references.
    (tmp_path / "a.png.txt").write_text("f1rst\n")
    (tmp_path / "b.png.json").write_text(result("b.png", "sec0nd"))
    (tmp_path / "c.pdf.txt").write_text("page 1\n\npage two\n")
    (tmp_path / "c.pdf.json").write_text(result("c.pdf", "page 1", "page two"))
    words = [str(tmp_path), "--predictions", str(tmp_path), "--json", str(tmp_path / "r.json")]
    assert command.run(parsed(*words)) == 0
    report = Report.model_validate_json((tmp_path / "r.json").read_text())
    predictions = {page.name: page.prediction for page in report.pages}
    assert predictions == {"a.png": "f1rst", "b.png": "sec0nd", "c.pdf p. 1": "page 1", "c.pdf p. 2": "page two"}


def test_limit_takes_the_first_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        write_page(tmp_path / f"{number}.png", "same")
    args = parsed(str(tmp_path), "--predictions", str(tmp_path), "--limit", "2", "--json", str(tmp_path / "r.json"))
    assert command.run(args) == 0
    assert json.loads((tmp_path / "r.json").read_text())["overall"]["pages"] == 2


@pytest.mark.parametrize(
    "words", [[], ["folder", "--held-out", "3"], ["--held-out", "0"], ["--held-out", "1", "--seed", "-1"]]
)
def test_impossible_arguments_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parsed(*words)
    assert stop.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_outputs_and_predictions_are_checked_before_pages_are_read(tmp_path: Path) -> None:
    write_page(tmp_path / "a.png", "x")
    with pytest.raises(GotError, match="--json"):
        command.run(parsed(str(tmp_path), "--json", str(tmp_path / "no" / "r.json")))
    with pytest.raises(GotError, match="--predictions needs a FOLDER"):
        command.run(parsed("--held-out", "1", "--predictions", str(tmp_path)))
    with pytest.raises(GotError, match="--kind needs --held-out"):
        command.run(parsed(str(tmp_path), "--kind", "table"))
    with pytest.raises(GotError, match="--task and --tiles need a FOLDER"):
        command.run(parsed("--held-out", "1", "--task", "format"))
    with pytest.raises(SourceNotFound, match="is not a folder"):
        command.run(parsed(str(tmp_path), "--predictions", str(tmp_path / "no")))


def test_the_kinds_of_the_command_are_those_of_the_data_engine() -> None:
    assert [parsed("--held-out", "1", "--kind", kind).kind for kind in KINDS] == list(KINDS)
    with pytest.raises(SystemExit):
        parsed("--held-out", "1", "--kind", "novel")


def test_importing_the_command_imports_nothing_heavy() -> None:
    code = "import sys, got_runtime.cli.eval; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "PIL", "torch", "pydantic", "rich", "rapidfuzz", "nltk"} & set(done.stdout.split())
