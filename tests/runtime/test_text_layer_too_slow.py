"""A text layer that cannot be read within the limits: the page is read by the network, and says so."""

from pathlib import Path

import pytest

from got_runtime import GotRuntime
from got_runtime.cache import Network, PageCache, open_store
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.sources import Limits, limits, open_pages


def pdf_of_much_hidden_text() -> bytes:
    """A page that renders in a fraction of a second, and whose text layer of a million characters takes seconds."""
    text = f"BT /F 1 Tf 3 Tr 1 0 0 1 10 100 Tm ({'ab ' * 700}) Tj ET"
    content = "0 0 100 50 re f " + "/X Do " * 1000
    resources = "/Resources<</Font<</F 6 0 R>>>>"
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 200 200]>>",
        "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>",
        f"<</Length {len(content)}>>stream\n{content}\nendstream",
        f"<</Type/XObject/Subtype/Form/BBox[0 0 200 200]{resources}/Length {len(text)}>>stream\n{text}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body = "".join(f"{number} 0 obj{each}endobj\n" for number, each in enumerate(objects, 1))
    return f"%PDF-1.4\n{body}trailer<</Root 1 0 R/Size 7>>".encode()


def test_the_network_reads_a_page_whose_text_layer_exceeds_its_time(
    checkpoint: LoadedModel, three_pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    next(open_pages(three_pages, dpi=20))  # a child has started
    monkeypatch.setattr(limits, "MIN_RENDERING_SECONDS", 0.7)
    monkeypatch.setattr(limits, "WALL_CLOCK_FACTOR", 40)
    short = Limits(max_seconds_per_page=0.7)
    cache = PageCache(open_store(tmp_path / "kept"), Network("w", "scripted", "cpu", "float32"))
    runtime = GotRuntime(checkpoint, ScriptedEngine(checkpoint.encode, ["decoded"]), cache=cache)
    page = runtime.read(pdf_of_much_hidden_text(), ocr="auto", dpi=72, limits=short).pages[0]
    assert (page.finish_reason, page.error) == ("stop", None)
    assert page.text == "decoded"
    assert any("text layer could not be used" in each and "longer than 0.7 seconds" in each for each in page.warnings)
    assert page.renderer == "MuPDF"
    # Another time, with more time, its text layer may be read: the answer is not kept.
    assert not runtime.read(pdf_of_much_hidden_text(), dpi=72, ocr="auto", limits=short).pages[0].cached
    page = runtime.read(three_pages, ocr="auto", pages="2").pages[0]
    assert (page.finish_reason, page.text, page.renderer) == ("text_layer", "This is page 2", "MuPDF")
