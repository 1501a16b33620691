"""The RAG example on one of its scans, with got-nano, the real embedding model and the real store."""

import shutil
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "rag"


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sys.path.insert(0, str(EXAMPLE))
    from scans import make

    made = make(tmp_path_factory.mktemp("made"))
    folder = tmp_path_factory.mktemp("scans")
    shutil.copy(made[0], folder)
    return folder


def test_pymupdf_alone_finds_nothing_on_these_scans(scans: Path) -> None:
    from measure import right, without_ocr

    assert right(without_ocr(scans)) == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_langchain_cites_the_page_and_draws_the_box(scans: Path, tmp_path: Path) -> None:
    from with_langchain import Library

    with Library(tmp_path / "store") as library:
        added = library.add(scans)
        assert added >= 3
        first, *_ = library.ask("How many steps must visitors climb?")
        assert (first.file, first.page) == (scans / "scan-01.pdf", 3)
        assert first.box is not None
        picture = first.draw(tmp_path / "hit.png")
        assert picture.read_bytes().startswith(b"\x89PNG")
    with Library(tmp_path / "store") as again:
        assert again.add(scans) == 0
        assert len(again.ask("What broke the lantern?")) == 3
