"""Ray on this machine. It needs ``pip install -e '.[cluster]'``, and minutes:

pytest -m slow tests/cluster/test_ray_run.py -s
"""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from helpers.cluster_runs import list_slices, write_pdf
from helpers.source_files import pymupdf

from got_runtime import GotRuntime
from got_runtime.cluster.output import summarize
from got_runtime.cluster.work_folder import WorkFolder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs pip install -e '.[cluster]'"),
]

DRIVER = """
import os, sys
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
import ray
from got_runtime.cli import main
ray.init(address="local", include_dashboard=False, log_to_driver=False, num_cpus=2,
         runtime_env={"worker_process_setup_hook": "helpers.deadly_page.install"})
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """60 files with 300 pages: one damaged, one encrypted, one with a page that ends its process."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(57):
        write_pdf(folder / f"letter {number}.pdf", 6 if number < 8 else 5)
    write_pdf(folder / "deadly.pdf", 5)
    (folder / "damaged.pdf").write_bytes(b"%PDF-1.7 torn")
    with pymupdf.open(folder / "letter 1.pdf") as document:
        document.save(folder / "encrypted.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="key", owner_pw="key")
    return folder


@contextmanager
def driver(*arguments: object) -> Iterator[psutil.Popen]:
    """A run in a process of its own; its Ray processes end with it."""
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parents[1]}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-c", DRIVER, "cluster", "read", *map(str, arguments)]
    process = psutil.Popen(command, env=environment)
    family: list[psutil.Process] = []
    try:
        yield process
        family = process.children(recursive=True) if process.is_running() else []
    finally:
        for each in [process, *family]:
            if each.is_running():
                each.kill()
        process.wait()


def wait_for_slices(work: WorkFolder, count: int, process: psutil.Popen) -> None:
    deadline = time.monotonic() + 600
    while len(work.done()) < count:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)


def kill_readers(process: psutil.Popen, count: int) -> int:
    readers = [each for each in process.children(recursive=True) if "MapWorker" in " ".join(each.cmdline())]
    for each in readers[:count]:
        each.send_signal(signal.SIGKILL)
    return len(readers[:count])


def test_a_run_that_is_killed_goes_on_and_has_each_page_once(documents: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    work = WorkFolder(str(output))
    arguments = (documents, "-o", output, "--readers", 2, "--dtype", "float32", "--slice-pages", 4, "--threads", 1)
    with driver(*arguments) as first:
        wait_for_slices(work, 10, first)
        assert kill_readers(first, 1) == 1
        wait_for_slices(work, 30, first)
        family = first.children(recursive=True)
        first.send_signal(signal.SIGKILL)
        first.wait()
        psutil.wait_procs(family, timeout=30)
        for each in family:
            if each.is_running():
                each.kill()
    summary = summarize(work)
    print(f"after SIGKILL of the driver: {summary}", flush=True)
    assert (summary.documents, summary.pages) == (60, 300)
    assert summary.left > 0
    kept = {file.name for file in (output / "_got-ocr/kept").rglob("*.json")}
    with driver(*arguments) as second:
        assert second.wait(timeout=1500) == 2  # a page could not be read
    assert kept <= {file.name for file in (output / "_got-ocr/kept").rglob("*.json")}
    summary = summarize(work)
    print(f"after the second run: {summary}", flush=True)
    rows = pq.read_table(output).to_pylist()
    assert len(rows) == len({row["id"] for row in rows}) == 300
    failed = {(Path(row["source"]).name, row["page"]): row["error_type"] for row in rows if row["error_type"]}
    assert failed == {
        ("damaged.pdf", 1): "SourceCorrupt",
        ("encrypted.pdf", 1): "SourceEncrypted",
        ("deadly.pdf", 3): "ClusterError",
    }
    texts = {(row["source"], row["page"]): row["text"] for row in rows if row["error_type"] != "ClusterError"}
    with GotRuntime.from_pretrained(dtype="float32") as runtime:
        alone = {(page.source, page.number): page.text for page in runtime.stream(documents)}
    alone.pop((str(documents / "deadly.pdf"), 3))
    assert texts == alone
    with driver(*arguments) as third:  # nothing is left to do
        started = time.monotonic()
        assert third.wait(timeout=300) == 2
        print(f"a run with nothing left: {time.monotonic() - started:.1f} s", flush=True)


READER = """
import sys, threading
from got_runtime.cluster import ReaderSettings, SliceReader
from got_runtime.cluster.work_folder import WorkFolder
output, number = sys.argv[1], int(sys.argv[2])
slices = WorkFolder(output).table("slices")
mine = [slices.slice(index, 1) for index in range(number, slices.num_rows, 2)]
reader = SliceReader(ReaderSettings(output=output))
def work():
    while mine:
        reader(mine.pop(0))
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_ray_is_as_fast_as_the_same_readers_without_it(tmp_path: Path) -> None:
    """Pages per second between the first slices and the last: start-up is not counted. Run it on an idle machine."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(32):
        write_pdf(folder / f"letter {number}.pdf", 5)
    alone, with_ray = tmp_path / "alone", tmp_path / "ray"
    WorkFolder(str(alone)).write_table("slices", list_slices(folder, 5))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # as Ray sets it
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, alone, str(number)], env=environment) for number in range(2)
    ]
    assert [reader.wait() for reader in readers] == [0, 0]
    command = [sys.executable, "-c", "import sys; from got_runtime.cli import main; sys.exit(main(sys.argv[1:]))"]
    command += ["cluster", "read", str(folder), "-o", str(with_ray), "--readers", "2", "--slice-pages", "5"]
    subprocess.run(command, check=True)
    ratio = speed(with_ray) / speed(alone)
    print(f"without Ray {speed(alone):.2f} pages/s, with Ray {speed(with_ray):.2f}: {ratio:.2f}", flush=True)
    assert ratio >= 0.85


def speed(output: Path) -> float:
    """Pages per second from when an eighth of the slices, of five pages, is done until seven eighths are."""
    moments = sorted(file.stat().st_mtime for file in (output / "_got-ocr/done").iterdir())
    moments = moments[len(moments) // 8 : -len(moments) // 8]
    return 5 * (len(moments) - 1) / (moments[-1] - moments[0])


def test_a_dataset_of_sources_becomes_a_dataset_of_pages(tmp_path: Path) -> None:
    """As a program of its own uses it; rows are Arrow's, of the fixed schema."""
    for number in range(2):
        write_pdf(tmp_path / f"letter {number}.pdf", 2)
    code = f"""
import sys
from got_runtime import ReadOptions
from got_runtime.cluster import PAGES, read_documents
from got_runtime.cluster.ray_data import connect
connect()
import ray
sources = ray.data.from_items([{{"source": {str(tmp_path)!r}}}])
options = ReadOptions(pages="1-2", zoom="off", max_new_tokens=20)
pages = read_documents(sources, options=options, load={{"dtype": "float32"}})
assert pages.schema().base_schema == PAGES, pages.schema()
rows = sorted((row["source"], row["page"], row["text"]) for row in pages.take_all())
assert [row[1] for row in rows] == [1, 2, 1, 2], rows
assert all("etter" in row[2] for row in rows), rows
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code]).returncode == 0
