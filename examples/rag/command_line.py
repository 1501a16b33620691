"""The command line of both scripts: index a folder, search it for the answer to a question, draw the hits."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Self

from citation import Citation


class Library(Protocol):
    """A folder of scans that can be searched."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def add(self, folder: Path) -> int: ...

    def search(self, question: str) -> list[Citation]: ...


def search_from_command_line(library: Callable[[Path], Library], store: Path, description: str | None) -> None:
    """Parse ``SCANS [QUESTION] [--store DIR]`` and print the best chunks."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", type=Path)
    parser.add_argument("question", nargs="?", default="How many steps has the tower?")
    parser.add_argument("--store", type=Path, default=store)
    arguments = parser.parse_args()
    with library(arguments.store) as opened:
        print(f"{opened.add(arguments.scans)} chunks added")
        for rank, citation in enumerate(opened.search(arguments.question), start=1):
            print(f"{rank}. {citation}")
            print(f"   {citation.draw(arguments.store / f'hit-{rank}.png')}")
