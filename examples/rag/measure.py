"""Measures retrieval: for how many of twenty questions the right page is among the first three chunks.

python examples/rag/measure.py [FOLDER]

Measured with LangChain, with LlamaIndex, and on the text that PyMuPDF extracts without OCR, which is none on a scan.
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


def count_correct(search: Callable[[str, int], list[Citation]], *, verbose: bool = False) -> int:
    """Number of questions whose page is among the pages of the first :data:`TOP` chunks."""
    count = 0
    for each in QUESTIONS:
        hits = search(each["question"], TOP)
        ranks = [rank for rank, hit in enumerate(hits, 1) if (hit.file.name, hit.page) == (each["file"], each["page"])]
        count += bool(ranks)
        if verbose:
            print(f"  {ranks[0] if ranks else 'miss':>4}  {each['question']}")
    return count


def without_ocr(folder: Path) -> Callable[[str, int], list[Citation]]:
    """A search over the text layers of the pages; pages without one are left out."""
    pages: list[Citation] = []
    for file in sorted(folder.glob("*.pdf")):
        with pymupdf.open(file) as document:
            pages += [Citation(text, file, page.number + 1, None) for page in document if (text := page.get_text())]
    vectors = embed([page.text for page in pages]) if pages else []

    def search(question: str, count: int) -> list[Citation]:
        if not pages:
            return []
        [query] = embed([question])
        similarities = [sum(a * b for a, b in zip(query, vector, strict=True)) for vector in vectors]
        best = sorted(range(len(pages)), key=similarities.__getitem__, reverse=True)
        return [pages[index] for index in best[:count]]

    return search


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "rag-example")
    make(folder / "scans")
    for name, library_of in (("LangChain", with_langchain.Library), ("LlamaIndex", with_llama_index.Library)):
        with library_of(folder / name) as library:
            began = time.perf_counter()
            added, seconds = library.add(folder / "scans"), time.perf_counter() - began
            again = library.add(folder / "scans")
            print(f"{name}: {added} chunks added in {seconds:.0f} s, {again} in the second run")
            count = count_correct(library.search, verbose=True)
            print(f"{name}: the right page is among the first {TOP} for {count} of {len(QUESTIONS)} questions")
            library.search(QUESTIONS[0]["question"], 1)[0].draw(folder / f"{name}-hit.png")
    print(f"PyMuPDF alone: {count_correct(without_ocr(folder / 'scans'))} of {len(QUESTIONS)}")


if __name__ == "__main__":
    main()
