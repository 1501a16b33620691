"""Reads thousands of mixed files in one process and shows that memory and handles stay flat: soak_sources.py FOLDER …

The files are those of ``check_sources.py``: sound, odd and broken ones. One of each folder is read in turn, again from
the beginning when a folder ends. Linux only.
"""

import argparse
import gc
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path

from check_sources import SOUND, captured, sources

from got_runtime.errors import GotError
from got_runtime.sources import Limits, open_pages

MAX_GROWTH_MIB = 32
"""Memory of this process may grow by so much between the first row of the table and the last one."""


def main() -> None:
    """Read the files and print ten rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--max-pages", type=int, default=3, help="pages of each file; further ones are left unread")
    parser.add_argument("--seconds", type=float, default=2, help="time limit of a page")
    args = parser.parse_args()
    limits = Limits(max_seconds_per_page=args.seconds, max_pages=1_000_000)
    rows: list[tuple[int, int, int]] = []
    pages = errors = printed = 0
    begin, every = time.monotonic(), max(1, args.files // 10)
    print("files  pages  errors  memory MiB  handles  children  their MiB  seconds", flush=True)
    for number, path in enumerate(islice(in_turns(args.folders), args.files), 1):
        with captured() as lines:
            read, failed = read_file(path, limits, args.max_pages)
        pages, errors, printed = pages + read, errors + failed, printed + len(lines)
        if number % every == 0:
            read_file(SOUND, limits, 1)  # the file before it may have ended the child
            gc.collect()
            children = child_processes()
            rows.append((resident_mib("self"), len(os.listdir("/proc/self/fd")), len(children)))
            memory, handles, count = rows[-1]
            theirs = sum(map(resident_mib, children))
            print(
                f"{number:5,}  {pages:5,}  {errors:6,}  {memory:10}  {handles:7}  {count:8}  {theirs:9}  "
                f"{time.monotonic() - begin:7.0f}",
                flush=True,
            )
    sys.exit(verdict(rows, printed))


def in_turns(folders: list[Path]) -> Iterator[Path]:
    """One file of each folder in turn, for ever."""
    yield from (path for paths in zip(*(cycle(sources([folder])) for folder in folders), strict=True) for path in paths)


def read_file(path: Path, limits: Limits, max_pages: int) -> tuple[int, int]:
    """Pages read and errors. Errors of other types than this package's end the program."""
    pages = errors = 0
    try:
        with closing(open_pages(path, long_side=1024, limits=limits)) as opened:
            for page in islice(opened, max_pages):
                pages += page.image is not None
                errors += page.error is not None
    except GotError:
        errors += 1
    return pages, errors


def child_processes() -> list[str]:
    """Their numbers."""
    found = []
    for thread in os.listdir("/proc/self/task"):
        found += Path(f"/proc/self/task/{thread}/children").read_text().split()
    return found


def resident_mib(process: str) -> int:
    """Memory that a process occupies."""
    try:
        return int(Path(f"/proc/{process}/status").read_text().partition("VmRSS:")[2].split()[0]) >> 10
    except (OSError, IndexError):  # it has just ended
        return 0


def verdict(rows: list[tuple[int, int, int]], printed: int) -> int:
    """Print it; 1 if something grew or was printed."""
    first, last = rows[0], rows[-1]
    faults = []
    if last[0] - first[0] > MAX_GROWTH_MIB:
        faults.append(f"memory grew by {last[0] - first[0]} MiB")
    if last[1] > first[1]:
        faults.append(f"handles grew by {last[1] - first[1]}")
    if last[2] > first[2]:
        faults.append(f"children grew by {last[2] - first[2]}")
    if printed:
        faults.append(f"{printed} lines were printed")
    print("; ".join(faults) or "flat")
    return 1 if faults else 0


if __name__ == "__main__":
    main()
