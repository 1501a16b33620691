"""What both scripts do when they are run: read a folder, ask it one question, draw the hits."""

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

    def ask(self, question: str) -> list[Citation]: ...


def ask_from_command_line(library: Callable[[Path], Library], store: Path, description: str | None) -> None:
    """``SCANS [QUESTION] [--store DIR]``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", type=Path)
    parser.add_argument("question", nargs="?", default="How many steps has the tower?")
    parser.add_argument("--store", type=Path, default=store)
    asked = parser.parse_args()
    with library(asked.store) as opened:
        print(f"{opened.add(asked.scans)} passages added")
        for place, citation in enumerate(opened.ask(asked.question), start=1):
            print(f"{place}. {citation}")
            print(f"   {citation.draw(asked.store / f'hit-{place}.png')}")
