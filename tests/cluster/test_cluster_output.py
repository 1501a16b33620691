"""The output of a run, its record, its cost, and what the command refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers.cluster_runs import list_slices, make_reader, write_pdf

from got_runtime.cli import main
from got_runtime.cluster import PAGES, ReaderSettings, cost_per_million_pages, read_documents
from got_runtime.cluster import output as output_module
from got_runtime.cluster.output import summarize, write_output
from got_runtime.cluster.ray_data import check_numbers
from got_runtime.cluster.work_folder import WorkFolder
from got_runtime.errors import ClusterError, MissingExtra, OptionError
from got_runtime.model.checkpoint import LoadedModel


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    write_pdf(tmp_path / "in/a.pdf", 3)
    write_pdf(tmp_path / "in/b.pdf", 2)
    (tmp_path / "in/c.pdf").write_bytes(b"%PDF-1.7 torn")
    return tmp_path / "in"


def test_the_output_has_each_page_once_in_order(
    source: Path, tmp_path: Path, checkpoint: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_module, "ROWS_PER_FILE", 3)
    work, slices = WorkFolder(str(tmp_path / "out")), list_slices(source)
    work.write_table("slices", slices)
    settings = ReaderSettings(output=str(tmp_path / "out"))
    reader, _ = make_reader(checkpoint, "text", settings=settings)
    reader(slices.slice(1, 1))
    assert (summarize(work).done, summarize(work).left) == (1, 5)
    with pytest.raises(ClusterError, match="not finished"):
        write_output(work, slices, "parquet")
    reader(slices)
    (tmp_path / "out/pages-00007.parquet").touch()  # of a run with more pages
    for summary in (write_output(work, slices, "parquet"), summarize(work)):
        assert (summary.documents, summary.pages, summary.done, summary.left) == (3, 6, 5, 0)
        assert summary.failed == {"SourceCorrupt": 1}
    assert sorted(file.name for file in (tmp_path / "out").glob("*.parquet")) == [
        "pages-00000.parquet",
        "pages-00001.parquet",
    ]
    whole = pq.read_table(tmp_path / "out")
    assert whole.schema.equals(PAGES)
    read = [(Path(row["source"]).stem, row["page"], row["text"]) for row in whole.to_pylist()]
    assert read == [
        *(("a", page, "text") for page in (1, 2, 3)),
        *(("b", page, "text") for page in (1, 2)),
        ("c", 1, ""),
    ]
    write_output(work, slices, "jsonl")
    lines = "".join(file.read_text() for file in sorted((tmp_path / "out").glob("*.jsonl"))).splitlines()
    assert [json.loads(line)["result"]["text"] for line in lines] == [text for *_, text in read]


def test_other_settings_in_the_same_output_are_refused(tmp_path: Path) -> None:
    settings = ReaderSettings().recorded(16)
    WorkFolder(str(tmp_path / "out")).check_settings(settings)
    WorkFolder(str(tmp_path / "out")).check_settings(settings)
    for changed in ({"dpi": 100}, {"weights": "0123"}, {"slice_pages": 8}):
        with pytest.raises(OptionError, match=next(iter(changed))):
            WorkFolder(str(tmp_path / "out")).check_settings({**settings, **changed})


def test_a_torn_record_is_read_anew_or_one_clear_error(tmp_path: Path, source: Path, checkpoint: LoadedModel) -> None:
    work, slices = WorkFolder(str(tmp_path / "out")), list_slices(source / "b.pdf")
    reader, _ = make_reader(checkpoint, "text", settings=ReaderSettings(output=str(tmp_path / "out")))
    rows = reader(slices)
    [file] = (tmp_path / "out/_got-ocr/done").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert reader(slices).equals(rows)
    (tmp_path / "out/_got-ocr/settings.json").write_text("{")
    with pytest.raises(ClusterError, match="remove it"):
        work.check_settings({})


def test_cost() -> None:
    assert cost_per_million_pages(10, 3.6) == pytest.approx(100)
    assert cost_per_million_pages(20, 3.6, machines=4) == pytest.approx(200)
    for speed, price, machines in ((0, 1, 1), (float("nan"), 1, 1), (1, -1, 1), (1, 1, 0)):
        with pytest.raises(OptionError):
            cost_per_million_pages(speed, price, machines)


@pytest.mark.parametrize("readers", [0, (2, 1), (1, 2, 3), ()])
def test_numbers_of_readers(readers: int | tuple[int, int]) -> None:
    with pytest.raises(OptionError, match="readers"):
        check_numbers(readers, 16)
    with pytest.raises(OptionError, match="slice_pages"):
        check_numbers((1, 2), 0)


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)


@pytest.mark.usefixtures("no_ray")
def test_without_ray_the_install_is_named(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MissingExtra, match=r"got-ocr\[cluster\]"):
        read_documents(source)
    assert main(["cluster", "read", str(source), "-o", str(tmp_path / "out")]) == 2
    assert "got-ocr[cluster]" in capsys.readouterr().err


def test_without_pyarrow_the_install_is_named() -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None; from got_runtime.cli import main; "
        "sys.exit(main(['cluster', 'read', 'x', '-o', 'y']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pyarrow is not installed: pip install 'got-ocr[cluster]'" in done.stderr


@pytest.mark.usefixtures("no_ray")
def test_wrong_inputs_are_one_line(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for arguments, error in (
        ([str(tmp_path / "nothing"), "-o", "out"], "there is no file"),
        ([str(tmp_path / "empty"), "-o", "out"], "no pages"),
        ([str(source), "-o", str(tmp_path / "file")], "is a file"),
        ([str(source), "-o", ""], "empty name"),
        ([str(source), "-o", "nowhere://bucket"], "nowhere"),
        ([str(source), "-o", str(tmp_path / "out"), "--dpi", "3"], "dpi"),
        ([str(source), "-o", str(tmp_path / "out"), "--model", "nothing"], "no model"),
    ):
        assert main(["cluster", "read", *arguments]) == 2
        printed = capsys.readouterr().err
        assert error in printed
        assert printed.count("\n") == 1
    for output in ("nothing", "empty"):
        assert main(["cluster", "status", str(tmp_path / output)]) == 2
        assert "got-ocr cluster read" in capsys.readouterr().err
    assert not list((tmp_path / "empty").iterdir())
    with pytest.raises(SystemExit):
        main(["cluster", "read", str(source), "-o", "out", "--readers", "3,2"])
