"""Documents → slices → rows, without Ray: one row a page whatever happens, and nothing is read twice."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from helpers.cluster_runs import list_slices, make_reader, write_pdf

from got_runtime import MultiPage, ReadOptions
from got_runtime.cluster import PAGES, SLICES, ReaderSettings
from got_runtime.cluster.find import find_documents
from got_runtime.cluster.reader import pending_slices
from got_runtime.cluster.work_folder import WorkFolder
from got_runtime.errors import ClusterError, SourceError, SourceNotFound
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.sources.pdf import PageOfPdf


@pytest.fixture
def document(tmp_path: Path) -> Path:
    return write_pdf(tmp_path / "five.pdf", 5)


@pytest.fixture
def settings(tmp_path: Path) -> ReaderSettings:
    return ReaderSettings(output=str(tmp_path / "out"))


def values(table: pa.Table, *columns: str) -> list[Any]:
    rows = table.select(columns).to_pylist()
    return [row[columns[0]] if len(columns) == 1 else tuple(row.values()) for row in rows]


def test_a_document_is_cut_into_slices_without_reading_a_page(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, call = [], PageOfPdf._call

    def counted(page: PageOfPdf, method: str, **arguments: Any) -> Any:
        drawn.append(arguments["draw"])
        return call(page, method, **arguments)

    monkeypatch.setattr(PageOfPdf, "_call", counted)
    slices = list_slices(document)
    assert not any(drawn)
    assert slices.schema == SLICES
    assert values(slices, "pages", "count", "total") == [("1-2", 2, 5), ("3-4", 2, 5), ("5", 1, 5)]
    assert len(set(values(slices, "id"))) == 3
    assert values(list_slices(document, options=ReadOptions(pages="-1,2-3")), "pages") == ["5,2", "3"]
    assert values(list_slices(document, options=ReadOptions(task=MultiPage())), "pages") == ["1-5"]


def test_a_document_that_cannot_be_opened_is_one_slice_and_one_row(tmp_path: Path, checkpoint: LoadedModel) -> None:
    file = tmp_path / "damaged.pdf"
    file.write_bytes(b"%PDF-1.7 torn")
    slices = list_slices(file)
    assert values(slices, "error_type") == ["SourceCorrupt"]
    reader, _ = make_reader(checkpoint)
    rows = reader(slices)
    assert values(rows, "page", "error_type", "finish_reason") == [(1, "SourceCorrupt", "error")]
    assert "damaged.pdf" in values(rows, "error")[0]


def test_rows_have_one_schema_and_no_nulls(document: Path, checkpoint: LoadedModel) -> None:
    reader, _ = make_reader(checkpoint, "one", RuntimeError("cable pulled"), "three")
    slices = list_slices(document, 5)
    rows = reader(slices)
    assert rows.schema == PAGES == reader(slices.slice(0, 0)).schema
    assert all(column.null_count == 0 for column in rows.columns)
    assert values(rows, "page", "text", "error_type")[:3] == [(1, "one", ""), (2, "", "EngineError"), (3, "three", "")]
    assert values(rows, "source") == [str(document)] * 5
    assert len(set(values(rows, "id"))) == 5
    brief = make_reader(checkpoint, settings=ReaderSettings(columns=("page", "error_type")))[0]
    assert brief(slices).column_names == ["page", "error_type"]


def test_a_finished_slice_is_not_read_again(document: Path, checkpoint: LoadedModel, settings: ReaderSettings) -> None:
    slices = list_slices(document)
    first, _ = make_reader(checkpoint, "text", settings=settings)
    rows = first(slices)
    second, engine = make_reader(checkpoint, "other", settings=settings)
    assert second(slices).equals(rows)
    assert engine.sessions == 0
    assert pending_slices(WorkFolder(str(settings.output)), slices, settings).num_rows == 0


def test_of_a_slice_with_errors_only_those_pages_are_read_again(
    document: Path, checkpoint: LoadedModel, settings: ReaderSettings
) -> None:
    work, slices = WorkFolder(str(settings.output)), list_slices(document, 5)
    first, _ = make_reader(checkpoint, "1", RuntimeError("cable pulled"), "3", "4", "5", settings=settings)
    assert values(first(slices), "error_type") == ["", "EngineError", "", "", ""]
    assert (work.done(), len(work.failed())) == (set(), 1)
    assert pending_slices(work, slices, settings).num_rows == 1
    second, _ = make_reader(checkpoint, "2 at last", settings=settings)
    assert values(second(slices), "text") == ["1", "2 at last", "3", "4", "5"]
    assert (len(work.done()), work.failed()) == (1, set())


def test_what_failed_for_good_is_read_again_when_asked(
    tmp_path: Path, checkpoint: LoadedModel, settings: ReaderSettings, document: Path
) -> None:
    file = tmp_path / "in" / "scan.pdf"
    file.parent.mkdir()
    shutil.copy(document, file)
    slices, work = list_slices(file), WorkFolder(str(settings.output))
    file.write_bytes(b"%PDF-1.7 torn")  # between the listing and the reading
    reader, _ = make_reader(checkpoint, "text", settings=settings)
    assert values(reader(slices), "page", "error_type") == [(page, "SourceCorrupt") for page in range(1, 6)]
    shutil.copy(document, file)
    assert pending_slices(work, slices, settings).num_rows == 0
    again = ReaderSettings(output=settings.output, retry_failed=True)
    assert pending_slices(work, slices, again).num_rows == 3
    reader, _ = make_reader(checkpoint, "text", settings=again)
    assert set(values(reader(slices), "text")) == {"text"}


def died(work: WorkFolder, key: str, times: int = 2) -> list[Any]:
    """Attempts that do not end. They are returned so that they live on."""
    attempts = [work.attempt(key) for _ in range(times)]
    for attempt in attempts:
        attempt.__enter__()
    return attempts


def test_the_page_that_kills_is_found_and_given_up(
    document: Path, checkpoint: LoadedModel, settings: ReaderSettings
) -> None:
    """Two processes died with the slice, so it is read page by page; two died with page 4 alone."""
    work, slices = WorkFolder(str(settings.output)), list_slices(document)
    slice_id = values(slices, "id")[1]
    attempts = died(work, slice_id) + died(work, f"{slice_id}-4")
    reader, engine = make_reader(checkpoint, "text", settings=settings)
    rows = reader(slices)
    assert values(rows, "text") == ["text", "text", "text", "", "text"]
    assert values(rows, "error_type")[3] == "ClusterError"
    assert "page 4" in values(rows, "error")[3]
    assert engine.sessions == 3  # the first slice, page 3 alone, and the last slice
    assert work.deaths(slice_id) == 0
    assert pending_slices(work, slices, settings).num_rows == 0
    assert attempts


def test_one_death_changes_nothing(document: Path, checkpoint: LoadedModel, settings: ReaderSettings) -> None:
    work, slices = WorkFolder(str(settings.output)), list_slices(document, 5)
    attempts = died(work, values(slices, "id")[0], times=1)
    reader, engine = make_reader(checkpoint, "text", settings=settings)
    assert set(values(reader(slices), "text")) == {"text"}
    assert engine.sessions == 1
    assert attempts


def test_a_reader_that_dies_while_it_loads_is_given_up(checkpoint: LoadedModel, settings: ReaderSettings) -> None:
    attempts = died(WorkFolder(str(settings.output)), "loading", times=5)
    with pytest.raises(ClusterError, match="loaded the model"):
        make_reader(checkpoint, settings=settings)
    assert attempts


def test_pages_of_one_context_are_one_row(document: Path, checkpoint: LoadedModel, tmp_path: Path) -> None:
    options = ReadOptions(task=MultiPage())
    settings = ReaderSettings(options=options, output=str(tmp_path / "out"))
    slices = list_slices(document, options=options)
    for answer in ("all five", "never"):
        reader, _ = make_reader(checkpoint, answer, settings=settings)
        assert values(reader(slices), "page", "label", "text") == [(1, "1-5", "all five")]


def test_documents_are_found_in_natural_order_and_once(tmp_path: Path) -> None:
    for name in ("p10.pdf", "p2.pdf", "sub/a.png", "note.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_documents([tmp_path, tmp_path / "p2.pdf"])
    assert [Path(source).name for source in values(found, "source")] == ["p2.pdf", "p10.pdf", "a.png"]


@pytest.mark.parametrize("source", ["nothing.pdf", "", "memory://nothing", "nowhere://bucket"])
def test_a_source_that_is_not_there_is_one_clear_error(source: str) -> None:
    with pytest.raises(SourceError):
        find_documents([source])


def test_a_folder_without_documents_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="no pages"):
        find_documents([tmp_path])
    with pytest.raises(SourceNotFound, match="no source"):
        find_documents([])


def test_documents_of_an_object_store_are_read(document: Path, checkpoint: LoadedModel, tmp_path: Path) -> None:
    import fsspec

    address = f"memory://{tmp_path.name}/scans"
    files = fsspec.filesystem("memory")
    files.pipe(f"{address}/five.pdf", document.read_bytes())
    files.pipe(f"{address}/notes.txt", b"none")
    settings = ReaderSettings(output=f"memory://{tmp_path.name}/out")
    slices = list_slices(address)
    reader, _ = make_reader(checkpoint, "text", settings=settings)
    rows = reader(slices)
    assert values(rows, "source", "text") == [(f"{address}/five.pdf", "text")] * 5
    assert len(WorkFolder(str(settings.output)).done()) == 3
    files.rm(address, recursive=True)
    other, _ = make_reader(checkpoint, "text")
    assert values(other(slices), "page", "error_type") == [(page, "SourceNotFound") for page in range(1, 6)]
