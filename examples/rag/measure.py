"""Twenty questions about the folder: how often is the right page among the first three?

python examples/rag/measure.py [FOLDER]

Asked of LangChain, of LlamaIndex, and of the same pages read by PyMuPDF alone, which finds no text on a scan.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pymupdf
import with_langchain
import with_llama_index
from citation import Citation
from embedding import embed
from scans import make

QUESTIONS = json.loads((Path(__file__).parent / "questions.json").read_text(encoding="utf-8"))
TOP = 3


def right(ask: Callable[[str, int], list[Citation]], *, tell: bool = False) -> int:
    """Questions whose page is among the first three passages' pages."""
    count = 0
    for wanted in QUESTIONS:
        found = ask(wanted["question"], TOP)
        ranks = [n for n, hit in enumerate(found, 1) if (hit.file.name, hit.page) == (wanted["file"], wanted["page"])]
        count += bool(ranks)
        if tell:
            print(f"  {ranks[0] if ranks else 'miss':>4}  {wanted['question']}")
    return count


def without_ocr(folder: Path) -> Callable[[str, int], list[Citation]]:
    """A search over what PyMuPDF reads; a page without text is no passage, as in any loader."""
    pages: list[Citation] = []
    for file in sorted(folder.glob("*.pdf")):
        with pymupdf.open(file) as document:
            pages += [Citation(text, file, page.number + 1, None) for page in document if (text := page.get_text())]
    vectors = embed([page.text for page in pages]) if pages else []

    def ask(question: str, count: int) -> list[Citation]:
        if not pages:
            return []
        [asked] = embed([question])
        near = [sum(a * b for a, b in zip(asked, vector, strict=True)) for vector in vectors]
        order = sorted(range(len(pages)), key=near.__getitem__, reverse=True)
        return [pages[place] for place in order[:count]]

    return ask


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "rag-example")
    make(folder / "scans")
    for name, library_of in (("LangChain", with_langchain.Library), ("LlamaIndex", with_llama_index.Library)):
        with library_of(folder / name) as library:
            began = time.perf_counter()
            added, seconds = library.add(folder / "scans"), time.perf_counter() - began
            again = library.add(folder / "scans")
            print(f"{name}: {added} passages added in {seconds:.0f} s, {again} when run again")
            count = right(library.ask, tell=True)
            print(f"{name}: the right page is among the first {TOP} for {count} of {len(QUESTIONS)} questions")
            library.ask(QUESTIONS[0]["question"], 1)[0].draw(folder / f"{name}-hit.png")
    print(f"PyMuPDF alone: {right(without_ocr(folder / 'scans'))} of {len(QUESTIONS)}")


if __name__ == "__main__":
    main()
