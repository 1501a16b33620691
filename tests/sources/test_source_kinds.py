"""Paths, bytes, file objects, blobs, images and arrays give the same pages, and every file is closed."""

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.source_files import (
    Blob,
    only_page,
    open_files,
    pdf_of,
    png_of,
    pymupdf,
    read,
    same,
    striped,
)
from PIL import Image

from got_runtime.errors import PageOutOfRange, SourceCorrupt, SourceEncrypted
from got_runtime.sources import expand, open_pages


@pytest.mark.parametrize(
    ("wrap", "name"),
    [
        (lambda path: str(path), "scan.png"),
        (lambda path: path, "scan.png"),
        (lambda path: path.read_bytes(), "<bytes>"),
        (lambda path: bytearray(path.read_bytes()), "<bytes>"),
        (lambda path: memoryview(path.read_bytes()), "<bytes>"),
        (lambda path: io.BytesIO(path.read_bytes()), "<file>"),
        (lambda path: Blob(path.read_bytes()), "<blob>"),
        (lambda path: Blob(path.read_bytes(), "s3://bucket/scan.png"), "s3://bucket/scan.png"),
        (lambda path: striped(), "<image>"),
        (lambda path: np.asarray(striped()), "<array>"),
    ],
)
def test_every_kind_of_source_gives_the_same_page(tmp_path: Path, wrap: Callable[[Path], Any], name: str) -> None:
    path = tmp_path / "scan.png"
    striped().save(path)
    page = only_page(wrap(path))
    assert same(page.image, striped())
    assert (page.number, page.total, page.size_pt, page.error) == (1, 1, None, None)
    assert page.source.endswith(name)


def test_a_file_object_is_read_from_its_position_and_left_open(tmp_path: Path) -> None:
    path = tmp_path / "mail.bin"
    path.write_bytes(b"header" + png_of(striped()))
    with path.open("rb") as file:
        file.seek(6)
        assert same(only_page(file).image, striped())
        assert not file.closed


def test_a_file_is_identified_by_its_bytes_not_by_its_name(tmp_path: Path) -> None:
    misnamed = tmp_path / "scan.pdf"
    misnamed.write_bytes(png_of(striped()))
    assert same(only_page(misnamed).image, striped())


def test_the_given_image_is_neither_changed_nor_returned() -> None:
    given = striped()
    page = only_page(given)
    page.image.paste("blue", (0, 0, 10, 10))
    assert same(given, striped())


def test_sha256_is_of_the_files_bytes(tmp_path: Path) -> None:
    data = pdf_of("one", "two")
    pages = read(data, dpi=20)
    assert len({page.sha256 for page in pages}) == 1
    assert len(pages[0].sha256 or "") == 64
    assert only_page(striped()).sha256 is None


def test_every_file_is_closed_after_reading_early_leaving_and_failing(tmp_path: Path) -> None:
    frames = [Image.new("L", (20, 20), level) for level in (0, 90, 200)]
    for name in ("a.tiff", "a.gif", "a.webp"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    (tmp_path / "b.tiff").write_bytes((tmp_path / "a.tiff").read_bytes()[:-40])
    frames[0].save(tmp_path / "packed.tiff", save_all=True, append_images=frames[1:], compression="tiff_lzw")
    (tmp_path / "a.pdf").write_bytes(pdf_of(*"abc"))
    (tmp_path / "locked.pdf").write_bytes(
        pdf_of("a", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="x", owner_pw="y")
    )
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    (tmp_path / "no-pages.pdf").write_bytes(b"%PDF-1.4 1 0 obj<</Type/Catalog>>endobj trailer<</Root 1 0 R>>")
    paths = list(expand(tmp_path))
    before = open_files()
    for path in paths:
        with suppressed():
            read(path, dpi=20)
        with suppressed():
            next(open_pages(path, dpi=20))  # dropped at once
        with suppressed():
            pages = open_pages(path, dpi=20)
            next(pages)
            pages.close()  # type: ignore[attr-defined]
        with suppressed():
            read(path, pages="99")
    assert open_files() == before


@contextmanager
def suppressed() -> Iterator[None]:
    with suppress(SourceCorrupt, SourceEncrypted, PageOutOfRange):
        yield


def test_importing_the_sources_loads_neither_torch_nor_mupdf() -> None:
    heavy = "torch transformers pymupdf ssl"
    script = f"import sys, got_runtime.sources; print([m for m in {heavy.split()} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
