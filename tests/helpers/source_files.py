"""PDF files, images and blobs for the tests of sources, and short calls of ``open_pages``."""

import gc
import importlib
import io
import os
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageDraw

from got_runtime.sources import open_pages

pymupdf: Any = importlib.import_module("pymupdf")  # its types are incomplete


def pdf_of(*texts: str, **save: Any) -> bytes:
    """A PDF of one A4 page a text."""
    with pymupdf.open() as document:
        for text in texts:
            document.new_page().insert_text((72, 72), text)
        data: bytes = document.tobytes(**save)
    return data


def png_of(image: Image.Image, **save: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **save)
    return buffer.getvalue()


def striped() -> Image.Image:
    """Not symmetric in any way, so that a turned or mirrored copy differs."""
    image = Image.new("RGB", (40, 24), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 19, 7), fill="black")
    draw.rectangle((30, 16, 39, 23), fill="red")
    return image


def read(source: Any, **options: Any) -> list[Any]:
    """All pages; ``Any``, since a page's image may be ``None`` and most of these tests know that it is not."""
    return list(open_pages(source, **options))


def only_page(source: Any, **options: Any) -> Any:
    (page,) = read(source, **options)
    return page


def same(a: Image.Image, b: Image.Image) -> bool:
    return a.size == b.size and a.mode == b.mode and a.tobytes() == b.tobytes()


class Blob:
    """As LangChain's: bytes on demand, and where they come from."""

    def __init__(self, data: bytes, source: str | None = None) -> None:
        self.data, self.source = data, source

    def as_bytes(self) -> bytes:
        return self.data


def hand_made_pdf(*kids: str, catalog: str = "") -> bytes:
    """Three pages objects (3 good, 4 of twenty million points, 5 no page at all) in the order of ``kids``."""
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{catalog}>>",
        f"<</Type/Pages/Kids[{' '.join(f'{kid} 0 R' for kid in kids)}]/Count {len(kids)}>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 20000000 20000000]>>",
    ]
    body = "".join(f"{number} 0 obj{text}endobj\n" for number, text in enumerate(objects, 1))
    return f"%PDF-1.4\n{body}trailer<</Root 1 0 R/Size 5>>".encode()


def open_files() -> int:
    """Open handles of this process; constant where the system does not tell (unclosed files warn there too)."""
    gc.collect()
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def tree_of(
    kids: str, count: str, page: str = "", catalog: str = "", content: str = "0 0 50 50 re f", more: Sequence[str] = ()
) -> bytes:
    """A PDF whose page objects are 3 (with a mark) and 4 (empty); further objects count from 7."""
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{catalog}>>",
        f"<</Type/Pages/Kids[{kids}]{count}/MediaBox[0 0 200 300]>>",
        f"<</Type/Page/Parent 2 0 R/Contents 5 0 R{page}>>",
        "<</Type/Page/Parent 2 0 R>>",
        f"<</Length {len(content)}>>stream\n{content}\nendstream",
        "<</Type/Pages/Parent 2 0 R/Kids[2 0 R]/Count 1>>",
        *more,
    ]
    data = "%PDF-1.7\n"
    offsets = []
    for number, text in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj{text}endobj\n"
    rows = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}"
    return f"{data}{table}trailer<</Root 1 0 R/Size {len(objects) + 1}>>startxref\n{len(data)}\n%%EOF".encode()
