"""Documents that other programs typeset are read by the defaults."""

from pathlib import Path

import pytest
from rapidfuzz.distance import Levenshtein

from got_runtime import GotRuntime

DOCUMENTS = Path(__file__).parent.parent / "examples" / "documents"


@pytest.mark.parametrize(("name", "most"), [("article.png", 0.02), ("letter-scan.jpg", 0.025)])
def test_an_ordinary_page_is_read(runtime: GotRuntime, name: str, most: float) -> None:
    page = runtime.read(DOCUMENTS / name).pages[0]
    reference = (DOCUMENTS / name).with_suffix(".txt").read_text().strip()
    assert page.views is not None
    assert page.views.kind == "zoomed"
    assert Levenshtein.distance(reference, page.text) <= most * len(reference)
