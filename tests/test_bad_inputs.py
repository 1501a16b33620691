"""Sixty ways to hand in something that cannot be read: each has its error, on one line, with a way out."""

import importlib
import io
import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from got_runtime.cli import build_parser
from got_runtime.errors import (
    GotError,
    LimitExceeded,
    OptionError,
    PageOutOfRange,
    SourceCorrupt,
    SourceEncrypted,
    SourceForbidden,
    SourceNotFound,
    SourceUnsupported,
)
from got_runtime.sources import Limits, expand, open_pages

pymupdf: Any = importlib.import_module("pymupdf")  # its types are incomplete

Make = Callable[[Path], Any]


def image_of(kind: str, size: tuple[int, int] = (64, 48), **save: Any) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind, **save)
    return buffer.getvalue()


def pdf_of(pages: int = 3, **save: Any) -> bytes:
    with pymupdf.open() as document:
        for number in range(pages):
            document.new_page().insert_text((72, 72), f"page {number}")
        data: bytes = document.tobytes(**save)
    return data


def bare_pdf(kids: str = "", trailer: str = "") -> bytes:
    """A PDF written by hand: object 2 is the page tree, 3 a page of twenty million points a side, if it is a kid."""
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {kids.count('R')}/Kids[{kids}]>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 20000000 20000000]>>" if "3" in kids else "null",
    ]
    body = "".join(f"{number} 0 obj{text}endobj\n" for number, text in enumerate(objects, 1))
    return f"%PDF-1.4\n{body}trailer<</Root 1 0 R/Size 4{trailer}>>".encode()


def huge_png(width: int, height: int) -> bytes:
    """The header of an image that would take gigabytes, and almost nothing else."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def file(name: str, data: bytes) -> Make:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    return make


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def given(source: Any) -> Make:
    return lambda folder: source


def dangling(folder: Path) -> Path:
    (folder / "link.pdf").symlink_to(folder / "nowhere.pdf")
    return folder / "link.pdf"


def going_round(folder: Path) -> Path:
    (folder / "round.pdf").symlink_to(folder / "round.pdf")
    return folder / "round.pdf"


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.pdf")
    return folder / "pipe.pdf"


def closed_file(folder: Path) -> io.BytesIO:
    buffer = io.BytesIO(image_of("PNG"))
    buffer.close()
    return buffer


def read_to_the_end(folder: Path) -> io.BytesIO:
    buffer = io.BytesIO(image_of("PNG"))
    buffer.read()
    return buffer


class Blob:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def as_bytes(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


AES = {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "owner_pw": "o", "user_pw": "u"}
LOCKED = pdf_of(**AES)
SMALL = Limits(max_pages=2, max_pixels=1000, max_bytes=2000)

# what it is: (source, options, error, the way out that the message names)
BAD_INPUTS: dict[str, tuple[Make, dict[str, Any], type[GotError], str]] = {
    # not there, or not a file
    "missing file": (lambda folder: folder / "no.pdf", {}, SourceNotFound, "check the path"),
    "missing folder": (lambda folder: folder / "no" / "a.png", {}, SourceNotFound, "check the path"),
    "empty path": (given(""), {}, SourceNotFound, "check the variable"),
    "null byte in the path": (given("a\0.png"), {}, SourceNotFound, "check the path"),
    "line break in the path": (given("a\nb.png"), {}, SourceNotFound, "check the path"),
    "endless path": (given("a" * 5000), {}, SourceNotFound, "check the path"),
    "dangling link": (dangling, {}, SourceNotFound, "check the path"),
    "link to itself": (going_round, {}, SourceNotFound, "check the path"),
    "folder": (lambda folder: folder, {}, SourceUnsupported, "expand"),
    "pipe": (fifo, {}, SourceUnsupported, "file object"),
    "device": (given("/dev/zero"), {}, SourceUnsupported, "file object"),
    # objects of other kinds
    "nothing": (given(None), {}, SourceUnsupported, "give a PDF"),
    "number": (given(7), {}, SourceUnsupported, "an object of type int is not a source: give a PDF"),
    "list of files": (given(["a.png", "b.png"]), {}, SourceUnsupported, "one source at a time"),
    "text stream": (given(io.StringIO("text")), {}, SourceUnsupported, "binary mode"),
    "closed file": (closed_file, {}, SourceUnsupported, "open for reading"),
    "file read to the end": (read_to_the_end, {}, SourceCorrupt, "seek(0)"),
    "blob of text": (given(Blob("text")), {}, SourceUnsupported, "must give bytes"),
    "blob of nothing": (given(Blob(ValueError("no data"))), {}, SourceUnsupported, "make it of a file"),
    "blob of a lost file": (given(Blob(FileNotFoundError("gone"))), {}, SourceNotFound, "check its path"),
    # files of other kinds
    "text": (file("a.txt", b"Some words.\n"), {}, SourceUnsupported, "give a PDF"),
    "text renamed .pdf": (file("a.pdf", b"Some words.\n"), {}, SourceUnsupported, "whatever its name says"),
    "text that begins like a BMP": (given(b"BMW built this engine in 1917."), {}, SourceUnsupported, "give a PDF"),
    "random bytes": (given(bytes(range(256))), {}, SourceUnsupported, "give a PDF"),
    "zip, EPUB, DOCX": (file("a.epub", b"PK\x03\x04rest"), {}, SourceUnsupported, "export it to PDF"),
    "gzip": (file("a.pdf.gz", b"\x1f\x8brest"), {}, SourceUnsupported, "unpack it"),
    "web page": (file("a.html", b"\n<!DOCTYPE html><p>x"), {}, SourceUnsupported, "print it to PDF"),
    "SVG": (file("a.svg", b"<svg xmlns='x'/>"), {}, SourceUnsupported, "export it"),
    "HEIC photo": (file("a.heic", b"\0\0\0\x18ftypheic"), {}, SourceUnsupported, "PNG or JPEG"),
    "JPEG 2000": (file("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n"), {}, SourceUnsupported, "PNG or JPEG"),
    "PostScript": (file("a.ps", b"%!PS-Adobe-3.0"), {}, SourceUnsupported, "convert it to PDF"),
    # broken files
    "empty file": (file("a.pdf", b""), {}, SourceCorrupt, "check that it was copied"),
    "empty bytes": (given(b""), {}, SourceCorrupt, "check that it was copied"),
    "PDF header only": (given(b"%PDF-1.7\n"), {}, SourceCorrupt, "again"),
    "PDF cut off early": (given(pdf_of()[:200]), {}, SourceCorrupt, "again"),
    "PDF full of garbage": (given(b"%PDF-1.7\n" + bytes(range(256)) * 20), {}, SourceCorrupt, "again"),
    "PDF without pages": (given(bare_pdf()), {}, SourceCorrupt, "again"),
    "PDF page that is the page tree": (given(bare_pdf("2 0 R")), {}, SourceCorrupt, "again"),
    "PDF page too large to render": (
        given(bare_pdf("3 0 R")), {"limits": Limits(max_pixels=10**17)}, SourceCorrupt, "again"
    ),
    "truncated PNG": (file("a.png", half(image_of("PNG"))), {}, SourceCorrupt, "again"),
    "truncated JPEG": (file("a.jpg", half(image_of("JPEG"))), {}, SourceCorrupt, "again"),
    "truncated WebP": (file("a.webp", half(image_of("WEBP", lossless=True))), {}, SourceCorrupt, "again"),
    "truncated BMP": (file("a.bmp", half(image_of("BMP"))), {}, SourceCorrupt, "again"),
    "truncated TIFF": (file("a.tif", half(image_of("TIFF"))), {}, SourceCorrupt, "again"),
    "truncated GIF": (file("a.gif", half(image_of("GIF"))), {}, SourceCorrupt, "again"),
    "PNG signature only": (given(b"\x89PNG\r\n\x1a\n"), {}, SourceCorrupt, "again"),
    "JPEG signature only": (given(b"\xff\xd8\xff"), {}, SourceCorrupt, "again"),
    "TIFF signature only": (given(b"II*\0"), {}, SourceCorrupt, "again"),
    "GIF signature only": (given(b"GIF89a"), {}, SourceCorrupt, "again"),
    "WebP signature only": (given(b"RIFF\0\0\0\0WEBPVP8 "), {}, SourceCorrupt, "again"),
    "image without pixels": (given(Image.new("RGB", (0, 10))), {}, SourceCorrupt, "something in it"),
    # arrays that do not say what they are
    "channels first": (given(np.zeros((3, 20, 30), np.uint8)), {}, SourceUnsupported, "transpose"),
    "vector": (given(np.zeros(9, np.uint8)), {}, SourceUnsupported, "H×W"),
    "batch": (given(np.zeros((1, 9, 9, 3), np.uint8)), {}, SourceUnsupported, "H×W"),
    "empty array": (given(np.zeros((9, 0), np.uint8)), {}, SourceCorrupt, "something in it"),
    "integers of no range": (given(np.zeros((9, 9), np.int64)), {}, SourceUnsupported, "uint8"),
    "floats up to 255": (given(np.full((9, 9), 255.0)), {}, SourceUnsupported, "divide"),
    "floats with NaN": (given(np.full((9, 9), np.nan)), {}, SourceUnsupported, "NaN"),
    # locked
    "encrypted PDF": (file("a.pdf", LOCKED), {}, SourceEncrypted, "--password"),
    "wrong password": (file("a.pdf", LOCKED), {"password": "guess"}, SourceEncrypted, "--password"),
    "encryption of a shop": (
        given(bare_pdf("3 0 R", "/Encrypt<</Filter/Adobe.PubSec/V 4/R 4>>/ID[(a)(b)]")), {}, SourceEncrypted, "decrypt"
    ),
    # pages that are not there
    "page beyond the last": (given(pdf_of()), {"pages": "4"}, PageOutOfRange, "3 pages"),
    "page before the first": (given(pdf_of()), {"pages": "-4"}, PageOutOfRange, "3 pages"),
    "page zero": (given(pdf_of()), {"pages": [0]}, PageOutOfRange, "counted from 1"),
    "page range as prose": (given(pdf_of()), {"pages": "one to two"}, PageOutOfRange, "1-3,7,-1"),
    "second page of an image": (given(image_of("PNG")), {"pages": "2"}, PageOutOfRange, "1 page,"),
    # too much
    "30,000 × 30,000 pixels": (file("a.png", huge_png(30_000, 30_000)), {}, LimitExceeded, "max_pixels"),
    "one pixel over the limit": (
        given(image_of("PNG")), {"limits": Limits(max_pixels=64 * 48 - 1)}, LimitExceeded, "max_pixels"
    ),
    "array over the pixel limit": (given(np.zeros((99, 99), np.uint8)), {"limits": SMALL}, LimitExceeded, "max_pixels"),
    "file over the size limit": (file("a.bmp", image_of("BMP")), {"limits": SMALL}, LimitExceeded, "max_bytes"),
    "stream over the size limit": (given(io.BytesIO(bytes(9999))), {"limits": SMALL}, LimitExceeded, "max_bytes"),
    "blob over the size limit": (given(Blob(bytes(9999))), {"limits": SMALL}, LimitExceeded, "max_bytes"),
    "too many pages": (given(pdf_of()), {"limits": Limits(max_pages=2)}, LimitExceeded, "max_pages"),
    "resolution too low": (given(pdf_of()), {"dpi": 5}, LimitExceeded, "20 to 1200"),
    "resolution too high": (given(pdf_of()), {"dpi": 9600}, LimitExceeded, "20 to 1200"),
    "resolution that is no number": (given(pdf_of()), {"dpi": "high"}, LimitExceeded, "20 to 1200"),
    "skewed rotation": (given(pdf_of()), {"rotate": 45}, SourceUnsupported, "90"),
    # addresses
    "web address": (given("https://example.org/a.pdf"), {}, SourceForbidden, "allow_remote=True"),
    "file address": (given("file:///etc/passwd"), {"allow_remote": True}, SourceForbidden, "plain path"),
    "other address": (given("ftp://example.org/a.pdf"), {"allow_remote": True}, SourceForbidden, "plain path"),
    "address with a password": (
        given("https://me:secret@example.org/a.pdf"), {"allow_remote": True}, SourceForbidden, "download it"
    ),
    "address without a host": (given("https:///a.pdf"), {"allow_remote": True}, SourceNotFound, "check the address"),
    "address with a port of words": (given("http://a:b/"), {"allow_remote": True}, SourceNotFound, "check it"),
    "own machine": (given("http://localhost/a.pdf"), {"allow_remote": True}, SourceForbidden, "download it"),
    "own network": (given("http://192.168.1.1/a.pdf"), {"allow_remote": True}, SourceForbidden, "download it"),
    "metadata service of a cloud": (
        given("http://169.254.169.254/latest/meta-data/"), {"allow_remote": True}, SourceForbidden, "download it"
    ),
    "own machine in IPv6": (given("http://[::ffff:127.0.0.1]/"), {"allow_remote": True}, SourceForbidden, "download"),
}  # fmt: skip


def failure(source: Any, options: dict[str, Any]) -> GotError:
    """What reading ``source`` raises, or what its first page carries."""
    try:
        pages = list(open_pages(source, **options))
    except GotError as error:
        return error
    (page,) = pages
    assert page.error is not None
    return page.error


@pytest.mark.parametrize(("make", "options", "kind", "remedy"), BAD_INPUTS.values(), ids=BAD_INPUTS.keys())
def test_a_bad_input_has_its_error_and_a_way_out(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    make: Make,
    options: dict[str, Any],
    kind: type[GotError],
    remedy: str,
) -> None:
    error = failure(make(tmp_path), options)
    assert type(error) is kind
    message = str(error)
    assert remedy in message
    assert message.isprintable()  # so it is one line
    assert len(message) < 500
    assert not re.search("secret|Traceback", message)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="file permissions work differently here")
@pytest.mark.parametrize(
    "read", [lambda path: next(open_pages(path)), lambda path: [next(open_pages(s)) for s in expand(path.parent)]]
)
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "a.png").write_bytes(image_of("PNG"))
    folder.chmod(0)
    root = os.geteuid() == 0  # whom no permission stops
    try:
        if root:
            os.seteuid(65534)
        with pytest.raises(SourceForbidden, match="permission"):
            read(folder / "a.png")
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)


def test_a_file_taken_for_a_number_of_tiles_says_what_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["read", "--tiles", "poster.png"])
    assert "'poster.png' is not a number of tiles: write --tiles 6, or put the file" in capsys.readouterr().err


@pytest.mark.parametrize("bounds", [{"max_pages": 0}, {"max_pixels": -1}, {"max_seconds_per_page": 0.0}])
def test_limits_that_are_not_above_zero_are_refused(bounds: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="above zero"):
        Limits(**bounds)


@pytest.mark.parametrize("bounds", [{"max_pages": True}, {"max_seconds_per_page": False}])
def test_a_boolean_is_no_limit(bounds: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="give a number"):
        Limits(**bounds)


@pytest.mark.parametrize("bounds", [{"max_page": 3}, {"pages": 3}])
def test_an_unknown_limit_names_the_nearest_one(bounds: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"there is no limit '\w+': did you mean 'max_pages'\?"):
        Limits(**bounds)
