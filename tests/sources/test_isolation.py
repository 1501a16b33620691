"""Files are opened in child processes: one that hangs, crashes or takes too much costs its page, and nothing else."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.source_files import only_page, open_files, pdf_of, png_of, read, same, striped
from PIL import Image

from got_runtime.errors import LimitExceeded, SourceCorrupt
from got_runtime.sources import Limits, limits, open_pages, start_child
from got_runtime.sources.isolation import pool as pools

QUICK = Limits(max_seconds_per_page=1e-6)


def pdf_that_hangs() -> bytes:
    """Two pages: forms that draw each other twice, forty deep, and a sound page."""
    form = "/Type/XObject/Subtype/Form/BBox[0 0 200 200]"
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2/MediaBox[0 0 200 200]>>",
        "<</Type/Page/Parent 2 0 R/Contents 5 0 R/Resources<</XObject<</F 7 0 R>>>>>>",
        "<</Type/Page/Parent 2 0 R/Contents 6 0 R>>",
        "<</Length 5>>stream\n/F Do\nendstream",
        "<</Length 16>>stream\n0 0 100 100 re f\nendstream",
        *(
            f"<<{form}/Resources<</XObject<</F {number} 0 R>>>>/Length 11>>stream\n/F Do /F Do\nendstream"
            for number in range(8, 48)
        ),
        f"<<{form}/Length 16>>stream\n0 0 100 100 re f\nendstream",
    ]
    body = "".join(f"{number} 0 obj{text}endobj\n" for number, text in enumerate(objects, 1))
    return f"%PDF-1.4\n{body}trailer<</Root 1 0 R/Size 48>>".encode()


def children() -> list[int]:
    own = pools.pool()
    return [child.pid for child in [*own._waiting, *own._working]]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def signal_all(pids: list[int], number: int) -> None:
    for pid in filter(is_running, pids):
        os.kill(pid, number)


def ends(pid: int, within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(pid)


def test_a_page_that_hangs_is_ended_at_its_time_limit_and_the_next_page_is_read() -> None:
    naps = 0
    done = threading.Event()

    def nap() -> None:
        nonlocal naps
        while not done.wait(0.01):
            naps += 1

    only_page(pdf_of("a"))  # a child has started
    sleeper = threading.Thread(target=nap)
    sleeper.start()
    begin = time.monotonic()
    pages = open_pages(pdf_that_hangs(), dpi=72, limits=QUICK)
    first = next(pages)
    assert time.monotonic() - begin < 20  # one second of processor time, and at most four on the clock
    assert isinstance(first.error, LimitExceeded)
    assert "--max-seconds" in str(first.error)
    done.set()
    sleeper.join()
    assert naps > 10  # other threads go on while MuPDF hangs
    second = next(pages)
    assert second.image is not None
    assert second.image.getpixel((20, 180)) == (0, 0, 0)


@pytest.mark.parametrize("stopped", [1.2, 60], ids=["busy", "stuck"])
def test_a_busy_machine_refuses_no_page_and_one_that_waits_for_ever_is_ended(
    monkeypatch: pytest.MonkeyPatch, stopped: float
) -> None:
    if stopped == 60:
        monkeypatch.setattr(limits, "MIN_RENDERING_SECONDS", 0.3)
    only_page(pdf_of("a"), dpi=20)
    pids = children()
    signal_all(pids, signal.SIGSTOP)
    timer = threading.Timer(stopped, signal_all, [pids, signal.SIGCONT])
    timer.start()
    begin = time.monotonic()
    if stopped < 60:
        assert only_page(pdf_of("b"), dpi=20, limits=QUICK).text_layer == "b"
        assert time.monotonic() - begin > 1
    else:
        with pytest.raises(LimitExceeded, match=r"1\.2 seconds"):
            only_page(pdf_of("b"), dpi=20, limits=QUICK)
        assert time.monotonic() - begin < 20
    timer.cancel()
    signal_all(pids, signal.SIGCONT)
    assert only_page(pdf_of("c"), dpi=20).text_layer == "c"


def test_memory_beyond_the_limit_is_the_pages_error(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux limits the memory of a process")
    Image.new("L", (9000, 9000)).save(tmp_path / "a.png")
    with pytest.raises(LimitExceeded, match="--max-render-bytes"):
        read(tmp_path / "a.png", limits=Limits(max_render_bytes=32 << 20))
    assert only_page(striped(), limits=Limits(max_render_bytes=32 << 20)).image is not None


@pytest.mark.parametrize("source", [pdf_of("a", "b"), png_of(striped())], ids=["PDF", "PNG"])
def test_rendering_here_gives_the_same_pages(source: bytes) -> None:
    there, here = read(source), read(source, limits=Limits(isolate=False))
    assert [same(a.image, b.image) for a, b in zip(there, here, strict=True)] == [True] * len(there)
    assert [a.warnings for a in there] == [b.warnings for b in here]
    assert [a.text_layer for a in there] == [b.text_layer for b in here]
    for a, b in zip(there, here, strict=True):
        assert a.pdf is None or a.pdf.characters() == b.pdf.characters() != []


def test_several_threads_render_a_pdf_in_the_order_of_its_pages() -> None:
    """A fast device reads more pages than one process renders."""
    document = pdf_of(*"abcdefghi")
    alone = read(document, pages="2-9", dpi=72)
    together = read(document, pages="2-9", dpi=72, threads=2)
    assert [page.number for page in together] == list(range(2, 10))
    assert all(same(a.image, b.image) for a, b in zip(alone, together, strict=True))
    assert [page.text_layer for page in together] == list("bcdefghi")
    if pools._processors() > 1:
        assert len(children()) > 1


def test_a_page_that_hangs_beside_others_in_threads_costs_itself() -> None:
    pages = list(open_pages(pdf_that_hangs(), dpi=72, limits=QUICK, threads=2))
    assert [page.number for page in pages] == [1, 2]
    assert isinstance(pages[0].error, LimitExceeded)
    assert pages[1].error is None
    assert pages[1].image is not None


def test_a_child_that_dies_costs_one_page() -> None:
    pages = open_pages(pdf_of("a", "b", "c"), dpi=20)
    next(pages)
    for pid in children():
        os.kill(pid, signal.SIGSEGV)
        assert ends(pid)
    second, third = pages
    assert isinstance(second.error, SourceCorrupt)
    assert "crashed" in str(second.error)
    assert third.text_layer == "c"


def test_one_child_serves_many_files_and_handles_stay_flat(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_of("a"))
    (tmp_path / "a.png").write_bytes(png_of(striped()))
    read(tmp_path / "a.pdf", dpi=20)
    before, own = children(), open_files()
    opened = [len(os.listdir(f"/proc/{pid}/fd")) for pid in before if os.path.isdir("/proc")]
    for _ in range(20):
        read(tmp_path / "a.pdf", dpi=20)
        read(tmp_path / "a.png")
        pages = open_pages(tmp_path / "a.pdf", dpi=20)
        next(pages)
        pages.close()  # type: ignore[attr-defined]
    only_page(striped())
    time.sleep(0.1)
    assert children() == before
    assert open_files() == own
    assert [len(os.listdir(f"/proc/{pid}/fd")) for pid in before if os.path.isdir("/proc")] == opened


def test_more_files_than_children_can_be_read_in_turns() -> None:
    documents = [open_pages(pdf_of(*(f"{n}.{i}" for i in range(3))), dpi=20) for n in range(9)]
    texts = [[next(pages).text_layer for pages in documents] for _ in range(3)]
    assert texts == [[f"{n}.{i}" for n in range(9)] for i in range(3)]


SCRIPT = """
import sys, threading, time
from got_runtime.sources import open_pages
from got_runtime.sources.isolation.pool import pool
sound, hangs = sys.argv[1:]
list(open_pages(sound))
if hangs:
    threading.Thread(target=lambda: list(open_pages(hangs)), daemon=True).start()
    time.sleep(.5)
print(*[child.pid for child in [*pool()._waiting, *pool()._working]], flush=True)
time.sleep(100)
"""


@pytest.mark.parametrize("is_busy", [False, True], ids=["waits", "renders"])
def test_a_child_ends_with_its_parent_however_that_ends(tmp_path: Path, is_busy: bool) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_of("a"))
    (tmp_path / "b.pdf").write_bytes(pdf_that_hangs())
    arguments = [str(tmp_path / "a.pdf"), str(tmp_path / "b.pdf") if is_busy else ""]
    parent = subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    found = [int(pid) for pid in parent.stdout.readline().split()]
    assert found
    assert all(is_running(pid) for pid in found)
    parent.kill()
    parent.communicate()
    assert all(ends(pid) for pid in found)


def _texts(source: bytes, results: Any) -> None:
    results.put([page.text_layer for page in open_pages(source, dpi=20)])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_that_may_have_no_children_read_too(method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    only_page(pdf_of("before"), dpi=20)
    context: Any = multiprocessing.get_context(method)
    results: Any = context.Queue()
    process = context.Process(target=_texts, args=(pdf_of("a", "b"), results), daemon=True)
    process.start()
    assert results.get(timeout=60) == ["a", "b"]
    process.join()
    assert only_page(pdf_of("after"), dpi=20).text_layer == "after"


PEAK = """
import sys
from pathlib import Path
from got_runtime.sources import open_pages
def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) >> 10
before = peak()
for page in open_pages(sys.argv[1], rotate=90):
    print(peak() - before)
    del page
"""


@pytest.mark.parametrize("suffix", ["tif", "pdf"])
def test_a_large_page_is_in_the_memory_of_this_process_once(tmp_path: Path, suffix: str) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells the peak of memory")
    path, following = tmp_path / f"a.{suffix}", [Image.new("L", (6000, 5999))]
    Image.new("L", (6000, 6000)).save(path, save_all=True, append_images=following)  # in a PDF, a pixel is a point
    command = [sys.executable, "-c", PEAK, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    picture = 6000 * 6000 * 4 >> 20  # Pillow keeps RGB in four bytes
    assert all(int(mib) < picture + 20 for mib in result.stdout.split())


LEFT_OPEN = """
import sys
from got_runtime.sources import Limits, open_pages
def refers_to_them(): pass  # so that they live on until the modules are gone
pages = open_pages(sys.argv[1], dpi=20, limits=Limits(isolate=False))
page = next(pages)
"""


def test_pages_in_this_process_that_are_left_open_print_nothing_when_it_ends(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_of("a", "b"))
    (tmp_path / "a.py").write_text(LEFT_OPEN)
    command = [sys.executable, str(tmp_path / "a.py"), str(tmp_path / "a.pdf")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout + result.stderr == ""


ODD_CALLER = """
import os, signal, sys
out = os.dup(1)
for standard in range(3):
    os.close(standard)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
from got_runtime.sources import Limits, open_pages
sound, hangs = sys.argv[1:]
(page,) = open_pages(sound, dpi=20)
os.write(out, f"{page.text_layer} {page.image.size}\\n".encode())
for page in open_pages(hangs, dpi=20, limits=Limits(max_seconds_per_page=1e-6)):
    os.write(out, f"{type(page.error).__name__}\\n".encode())
"""


def test_a_caller_without_standard_files_that_ignores_the_end_of_its_children_reads_too(tmp_path: Path) -> None:
    if os.name != "posix":
        pytest.skip("no such signal here")
    (tmp_path / "a.pdf").write_bytes(pdf_of("a"))
    (tmp_path / "b.pdf").write_bytes(pdf_that_hangs())
    command = [sys.executable, "-c", ODD_CALLER, str(tmp_path / "a.pdf"), str(tmp_path / "b.pdf")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout.splitlines() == ["a (166, 234)", "LimitExceeded", "NoneType"]
    assert result.stderr == ""


CHILD = """
import json, sys
from got_runtime.sources.isolation import child
names = ("torch", "transformers", "pydantic_settings", "langchain_core")
print(json.dumps([name for name in names if name in sys.modules]))
"""


def test_a_child_imports_no_network() -> None:
    result = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) == []


def test_starting_ahead_starts_one_child() -> None:
    start_child()
    before = children()
    assert before
    start_child()
    assert children() == before


@pytest.fixture(autouse=True)
def nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert capfd.readouterr() == ("", "")
