"""The RAG example on one of its scans, with got-nano, the real embedding model and the real vector store."""

import shutil
import sys
from pathlib import Path

import pymupdf
import pytest

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "rag"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    sys.path.insert(0, str(EXAMPLE))
    from scans import make

    return list(make(tmp_path_factory.mktemp("made")))


@pytest.fixture
def scans(made: list[Path], tmp_path: Path) -> Path:
    (tmp_path / "scans").mkdir()
    shutil.copy(made[0], tmp_path / "scans")
    return tmp_path / "scans"


def one_page(source: Path, number: int, target: Path) -> None:
    with pymupdf.open(source) as document:
        document.select([number - 1])
        document.save(target)


def test_pymupdf_alone_finds_nothing_on_these_scans(scans: Path) -> None:
    from measure import count_correct, without_ocr

    assert count_correct(without_ocr(scans)) == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_langchain_cites_the_page_and_draws_the_box(scans: Path, tmp_path: Path) -> None:
    from with_langchain import Library

    with Library(tmp_path / "store") as library:
        added = library.add(scans)
        assert added >= 3
        first, *_ = library.search("How many steps must visitors climb?")
        assert (first.file, first.page) == (scans / "scan-01.pdf", 3)
        assert first.box is not None
        picture = first.draw(tmp_path / "hit.png")
        assert picture.read_bytes().startswith(b"\x89PNG")
    with Library(tmp_path / "store") as again:
        assert again.add(scans) == 0
        assert len(again.search("What broke the lantern?")) == 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Payload indexes have no effect")
def test_llama_index_reads_a_changed_file_again_and_deletes_its_old_chunks(
    made: list[Path], scans: Path, tmp_path: Path
) -> None:
    from with_llama_index import Library

    file = scans / made[0].name
    one_page(made[0], 3, file)
    with Library(tmp_path / "store") as library:
        assert library.add(scans) >= 1
        old = {each.text for each in library.search("How many steps must visitors climb?", count=50)}
    one_page(made[1], 1, file)
    with Library(tmp_path / "store") as library:
        assert library.add(scans) >= 1
        assert library.add(scans) == 0
        assert not old & {each.text for each in library.search("How many steps must visitors climb?", count=50)}
