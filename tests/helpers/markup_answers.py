"""The corpus: answers in GOT's dialect, written for these tests; each has golden files."""

from pathlib import Path

HERE = Path(__file__).parent.parent / "markup"
ANSWERS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((HERE / "corpus").glob("*.mmd"))}
