"""The snippets of the framework pages run, in order, in a folder with the files that they name."""

import re
from pathlib import Path

import pymupdf
import pytest
from helpers.loader_files import inked

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # langchain-community's, in general
@pytest.mark.parametrize("page", ["langchain", "llama-index", "haystack"])
def test_the_snippets_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scans").mkdir()
    with pymupdf.open() as document:
        sheet = document.new_page(width=200, height=100)
        sheet.insert_image(sheet.rect, filename=inked(tmp_path / "scans" / "a.png", "12"))
        document.save(tmp_path / "paper.pdf")
    monkeypatch.chdir(tmp_path)
    snippets = re.findall(r"^```python\n(.*?)^```", (DOCS / f"{page}.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert snippets
    exec(compile("\n".join(snippets), f"{page}.md", "exec"), {})
