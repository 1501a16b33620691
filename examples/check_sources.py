"""Reads every file of public test suites and lists what went wrong: python examples/check_sources.py FOLDER …

The suites are those of PDF and image libraries, such as test/pdfs of pdf.js, Tests/images of Pillow, tests/resources of
PyMuPDF and sample-files of pypdf. Each page ends as a picture or as one error of this package, within its time limit;
nothing is printed; a sound file is read after each. Pages of PDF files are compared with PDFium's picture where
``pypdfium2`` is installed: pages that differ without a warning are listed.
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from got_runtime.errors import GotError
from got_runtime.sources import Limits, SourcePage, open_pages

SIDE = 1024
"""Pixels of the longer side of a page."""
THUMBNAIL = 80
MIN_DIFFERENCE = 8.0
"""Mean difference of two thumbnails, of 255, from which pages differ."""
GRACE_SECONDS = 3.0
NAP_SECONDS = 0.1
SOUND = Path(__file__).parent / "pages" / "letter.png"
NO_SOURCES = {".py", ".js", ".txt", ".md", ".json", ".html", ".css", ".mjs", ".link", ".error", ".gitignore", ".yml"}


@dataclass
class Findings:
    """What happened to the files."""

    files: int = 0
    pages: int = 0
    with_warnings: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    renderers: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    untyped: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    sound_failed: list[str] = field(default_factory=list)
    compared: int = 0
    different: list[str] = field(default_factory=list)
    different_without_warning: list[str] = field(default_factory=list)
    only_pdfium: list[str] = field(default_factory=list)
    seconds: float = 0.0
    parent_mib: float = 0.0
    held_seconds: float = 0.0
    """Longest time for which this process held a thread that sleeps a tenth of a second."""
    handles: list[int] = field(default_factory=list)


def main() -> None:
    """Read the files and print the findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=10, help="processor time of a page")
    parser.add_argument("--max-pages", type=int, default=50, help="pages of each file")
    parser.add_argument("--json", type=Path, help="file for the findings")
    parser.add_argument("--no-pdfium", action="store_true", help="compare with nothing")
    args = parser.parse_args()
    files = sources(args.folders)
    findings, begin = Findings(), time.monotonic()
    pdfium = None if args.no_pdfium else Pdfium(args.seconds)
    threading.Thread(target=_nap, args=(findings,), daemon=True).start()
    for number, path in enumerate(files):
        if number % 100 == 0:
            findings.handles.append(len(os.listdir("/proc/self/fd")))
            print(f"{number:,} of {len(files):,} files, {findings.pages:,} pages", file=sys.stderr, flush=True)
        with captured() as printed:
            _read(path, args, findings, pdfium)
        if printed:
            findings.printed.append(f"{path}: {printed[0][:200]}")
    findings.seconds = round(time.monotonic() - begin, 1)
    findings.parent_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report = json.dumps(vars(findings), indent=1, ensure_ascii=False)
    if args.json is not None:
        args.json.write_text(report, encoding="utf-8")
    print(report)


def _nap(findings: Findings) -> None:
    while True:
        begin, used = time.monotonic(), time.process_time()
        time.sleep(NAP_SECONDS)
        late, used = time.monotonic() - begin - NAP_SECONDS, time.process_time() - used
        findings.held_seconds = max(findings.held_seconds, min(late, used))  # else other processes held it


def sources(folders: list[Path]) -> list[Path]:
    """The files in folders that may be sources."""
    files = (path for folder in folders for path in sorted(folder.rglob("*")))
    return [path for path in files if path.is_file() and path.suffix.lower() not in NO_SOURCES]


def _read(path: Path, args: argparse.Namespace, findings: Findings, pdfium: "Pdfium | None") -> None:
    findings.files += 1
    begin = time.monotonic()
    try:
        limits = Limits(max_seconds_per_page=args.seconds, max_pages=1_000_000)
        with closing(open_pages(path, long_side=SIDE, limits=limits)) as pages:
            for page in islice(pages, args.max_pages):
                _check_time(f"{path} page {page.number}", begin, args, findings)
                _note(path, page, findings, pdfium)
                begin = time.monotonic()
    except GotError as error:
        findings.errors[type(error).__name__] += 1
        if pdfium is not None and path.suffix.lower() == ".pdf" and pdfium.thumbnail(path, 1, SIDE) is not None:
            findings.only_pdfium.append(f"{path}: {error}")
    except Exception as error:  # noqa: BLE001 - what is looked for
        findings.untyped.append(f"{path}: {type(error).__name__}: {error}")
    _check_time(str(path), begin, args, findings)
    if next(open_pages(SOUND)).image is None:
        findings.sound_failed.append(str(path))


def _check_time(name: str, begin: float, args: argparse.Namespace, findings: Findings) -> None:
    seconds = time.monotonic() - begin
    if seconds > Limits(max_seconds_per_page=args.seconds).waiting_seconds + GRACE_SECONDS:
        findings.late.append(f"{name}: {seconds:.1f} s")


def _note(path: Path, page: SourcePage, findings: Findings, pdfium: "Pdfium | None") -> None:
    findings.pages += 1
    findings.with_warnings += bool(page.warnings)
    findings.warnings.update(warning.split(":")[0][:60] for warning in page.warnings)
    if page.image is None:
        findings.errors[f"page: {type(page.error).__name__}"] += 1
        return
    findings.renderers[str(page.renderer)] += 1
    if pdfium is None or page.pdf is None:
        return
    other = pdfium.thumbnail(path, page.number, max(page.image.size))
    if other is None:
        return
    findings.compared += 1
    small = page.image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)  # before it is grey: in memory once
    own = np.asarray(small.convert("L"), dtype=np.float32)
    difference = float(np.abs(own - other).mean())
    if difference > MIN_DIFFERENCE:
        line = f"{path} page {page.number}: {difference:.1f}"
        findings.different.append(line)
        if not page.warnings:
            findings.different_without_warning.append(line)


@contextmanager
def captured() -> Iterator[list[str]]:
    """Lines written to standard error by this process and its children, also from C."""
    lines: list[str] = []
    with tempfile.TemporaryFile() as file:
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(before, 2)
            os.close(before)
            file.seek(0)
            lines += file.read().decode("utf-8", "replace").splitlines()


class Pdfium:
    """PDFium in a process of its own, which is ended when it takes too long."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._process: Any = None
        self._pipe: Any = None

    def thumbnail(self, path: Path, number: int, side: int) -> Any:
        """The page as grey values; None if PDFium fails."""
        if self._process is None or not self._process.is_alive():
            context = multiprocessing.get_context("spawn")
            self._pipe, other = context.Pipe()
            self._process = context.Process(target=_serve_pdfium, args=(other,), daemon=True)
            self._process.start()
            other.close()
        try:
            self._pipe.send((str(path), number - 1, side))
            if self._pipe.poll(self._seconds):
                return self._pipe.recv()
        except (OSError, EOFError):
            pass
        self._process.kill()
        self._process.join()
        return None


def _serve_pdfium(pipe: Any) -> None:
    import pypdfium2

    while True:
        path, index, side = pipe.recv()
        try:
            document = pypdfium2.PdfDocument(path)
            if document.get_formtype():
                document.init_forms()
            page = document[index]
            image = page.render(scale=side / max(*page.get_size(), 1)).to_pil().convert("L")
            pipe.send(np.asarray(image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX), dtype=np.float32))
            page.close()
            document.close()
        except Exception:  # noqa: BLE001 - PDFium cannot draw it
            pipe.send(None)


if __name__ == "__main__":
    main()
