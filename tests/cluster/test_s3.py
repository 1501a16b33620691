"""Cache and cluster on an S3 server, that of moto. It needs ``pip install s3fs 'moto[server]'``."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.cluster_runs import list_slices, make_reader, write_pdf

from got_runtime import GotRuntime
from got_runtime.cache import Network, PageCache, open_store
from got_runtime.cache.store import StoreInfo
from got_runtime.cluster import ReaderSettings
from got_runtime.cluster.output import summarize, write_output
from got_runtime.cluster.reader import pending_slices
from got_runtime.cluster.work_folder import WorkFolder
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.errors import CacheError, ClusterError, LimitExceeded, SourceNotFound
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.options import ReadOptions

pytestmark = [
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("s3fs", "moto", "flask"))),
        reason="needs pip install s3fs 'moto[server]', which asks for an older python-dateutil than [dev]",
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def files(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The file system, with an empty bucket ``scans``."""
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    found = s3fs.S3FileSystem(use_listings_cache=False)
    if found.exists("scans"):
        found.rm("scans", recursive=True)
    found.mkdir("scans")
    yield found
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.usefixtures("files")
def test_entries_are_kept_in_a_bucket() -> None:
    key = "ab" * 32
    open_store("s3://scans/kept").put(key, b"one")
    store = open_store("s3://scans/kept")
    assert (store.get(key), store.get("cd" * 32), store.info()) == (b"one", None, StoreInfo(1, 3))
    assert store.clear() == StoreInfo(1, 3)
    with pytest.raises(CacheError, match="no bucket 'nothing'"):
        open_store("s3://nothing/kept")


@pytest.mark.usefixtures("files")
def test_pages_are_read_once(checkpoint: LoadedModel, three_pages: Path) -> None:
    for cached in (False, True):
        cache = PageCache(open_store("s3://scans/kept"), Network("w", "scripted", "cpu", "float32"))
        runtime = GotRuntime(checkpoint, ScriptedEngine(checkpoint.encode, [f"read {cached}"]), cache=cache)
        pages = runtime.read(three_pages).pages
        assert [(page.text, page.cached) for page in pages] == [("read False", cached)] * 3


def test_a_run_from_bucket_to_bucket_goes_on(files: Any, checkpoint: LoadedModel, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    for name, pages in (("a.pdf", 3), ("sub/b.pdf", 2)):
        files.put(str(write_pdf(tmp_path / Path(name).name, pages)), f"scans/in/{name}")
    files.pipe("scans/in/c.pdf", b"%PDF-1.7 torn")
    slices = list_slices("s3://scans/in")
    assert list_slices("s3://scans/in/*.pdf").num_rows == 3
    settings = ReaderSettings(output="s3://scans/out")
    work = WorkFolder("s3://scans/out")
    work.check_settings(settings.recorded(2))
    work.write_table("slices", slices)
    make_reader(checkpoint, "first", settings=settings)[0](slices.slice(0, 1))
    assert pending_slices(WorkFolder("s3://scans/out"), slices, settings).num_rows == 3
    reader, engine = make_reader(checkpoint, "second", settings=settings)
    reader(slices)
    assert engine.sessions == 2
    for summary in (write_output(work, slices, "parquet"), summarize(work)):
        assert (summary.pages, summary.done, dict(summary.failed)) == (6, 5, {"SourceCorrupt": 1})
    with files.open("scans/out/pages-00000.parquet") as opened:
        rows = pq.read_table(opened).to_pylist()
    assert [(row["source"], row["page"], row["text"]) for row in rows] == [
        ("s3://scans/in/a.pdf", 1, "first"),
        ("s3://scans/in/a.pdf", 2, "first"),
        ("s3://scans/in/a.pdf", 3, "second"),
        ("s3://scans/in/c.pdf", 1, ""),
        ("s3://scans/in/sub/b.pdf", 1, "second"),
        ("s3://scans/in/sub/b.pdf", 2, "second"),
    ]
    assert not files.find("scans/out/_got-ocr/attempts")


@pytest.mark.usefixtures("files")
def test_deaths_are_counted_in_a_bucket() -> None:
    work = WorkFolder("s3://scans/out")
    attempt = work.attempt("slice")
    with work.attempt("slice"):
        attempt.__enter__()
        assert WorkFolder("s3://scans/out").deaths("slice") == 2
    assert work.deaths("slice") == 1
    assert work.deaths("slice-1") == 0
    work.forget_deaths()
    assert work.deaths("slice") == 0
    attempt.__exit__(None, None, None)


def test_what_is_not_there_is_one_clear_error(files: Any, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="no bucket 'nothing'"):
        list_slices("s3://nothing/in")
    with pytest.raises(SourceNotFound, match="s3://scans/nothing"):
        list_slices("s3://scans/nothing")
    files.pipe("scans/other/notes.txt", b"none")
    with pytest.raises(SourceNotFound, match="holds no document"):
        list_slices("s3://scans/other")
    with pytest.raises(ClusterError, match="no bucket 'nothing'"):
        WorkFolder("s3://nothing/out")
    with pytest.raises(ClusterError, match="is a file"):
        WorkFolder("s3://scans/other/notes.txt")
    files.put(str(write_pdf(tmp_path / "a.pdf", 1)), "scans/in/a.pdf")
    slices = list_slices("s3://scans/in", options=ReadOptions(limits={"max_bytes": 10}))
    assert slices.column("error_type").to_pylist() == [LimitExceeded.__name__]
    assert "s3://scans/in/a.pdf" in slices.column("error").to_pylist()[0]
    assert os.environ["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
