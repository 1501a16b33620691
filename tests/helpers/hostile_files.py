"""Odd and hostile files for the tests of sources: python tests/helpers/hostile_files.py FOLDER writes them there."""

import io
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

BOX = "/MediaBox[0 0 200 300]"


def pdf(*objects: bytes | str, trailer: str = "/Root 1 0 R") -> bytes:
    """A PDF of these objects, from number 1, with a table of their places."""
    data, offsets = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, each.encode() if isinstance(each, str) else each)
    rows = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}trailer<</Size {len(objects) + 1}{trailer}>>"
    return data + f"{table}\nstartxref\n{len(data)}\n%%EOF".encode()


def stream(data: bytes | str, entries: str = "") -> bytes:
    content = data.encode() if isinstance(data, str) else data
    return f"<<{entries}/Length {len(content)}>>stream\n".encode() + content + b"\nendstream"


def page(content: bytes | str, resources: str = "", *more: bytes | str, entries: str = BOX) -> bytes:
    """One page; ``more`` are objects from number 5."""
    return pdf(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R{entries}/Contents 4 0 R/Resources<<{resources}>>>>",
        stream(content),
        *more,
    )


def image_page(entries: str, data: bytes) -> bytes:
    image = stream(data, f"/Type/XObject/Subtype/Image{entries}")
    return page("q 200 0 0 300 0 0 cm /I Do Q", "/XObject<</I 5 0 R>>", image)


def tree(pages: str, kid: str = f"<</Type/Page/Parent 2 0 R{BOX}/Contents 4 0 R>>", **options: str) -> bytes:
    """A page tree as it is given."""
    return pdf("<</Type/Catalog/Pages 2 0 R>>", pages, kid, stream("0 0 50 50 re f"), **options)


def glyphs_that_draw_glyphs(depth: int) -> bytes:
    """A Type 3 font whose glyphs draw twenty of the next font each."""
    objects: list[bytes | str] = []
    for number in range(depth):
        resources = f"/Resources<</Font<</F {5 + 2 * (number + 1)} 0 R>>>>" if number + 1 < depth else ""
        objects += [
            "<</Type/Font/Subtype/Type3/FontBBox[0 0 1000 1000]/FontMatrix[.001 0 0 .001 0 0]/FirstChar 65/LastChar 65"
            f"/Widths[1000]/Encoding<</Differences[65/A]>>/CharProcs<</A {6 + 2 * number} 0 R>>{resources}>>",
            stream("1000 0 d0 BT /F 900 Tf (AAAAAAAAAAAAAAAAAAAA) Tj ET" if resources else "0 0 900 900 re f"),
        ]
    return page("1000 0 0 RG BT /F 20 Tf 10 100 Td (AAAAAAAAAA) Tj ET", "/Font<</F 5 0 R>>", *objects)


def glyph_that_draws_itself() -> bytes:
    font = (
        "<</Type/Font/Subtype/Type3/FontBBox[0 0 1000 1000]/FontMatrix[.001 0 0 .001 0 0]/FirstChar 65/LastChar 65"
        "/Widths[1000]/Encoding<</Differences[65/A]>>/CharProcs<</A 6 0 R>>/Resources<</Font<</F 5 0 R>>>>>>"
    )
    return page(
        "BT /F 20 Tf 10 100 Td (AA) Tj ET", "/Font<</F 5 0 R>>", font, stream("1000 0 d0 BT /F 9 Tf (AA) Tj ET")
    )


def nested_masks(depth: int) -> bytes:
    """Soft masks whose groups use soft masks."""
    objects = []
    for number in range(depth):
        mask = f"<</ExtGState<</G<</SMask<</S/Luminosity/G {6 + number} 0 R>>>>>>>>" if number + 1 < depth else "<<>>"
        form = f"/Type/XObject/Subtype/Form/BBox[0 0 200 300]/Group<</S/Transparency/CS/DeviceRGB>>/Resources{mask}"
        objects.append(stream(("/G gs " if number + 1 < depth else "") + "1 g 0 0 200 300 re f", form))
    return page("/G gs 0 0 200 300 re f", "/ExtGState<</G<</SMask<</S/Luminosity/G 5 0 R>>>>>>", *objects)


def text_of(characters: int) -> bytes:
    """One page of so many characters."""
    lines = "".join(f"1 0 0 1 0 {number % 300} Tm ({'word ' * 20}) Tj " for number in range(characters // 100))
    font = "/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    return page(f"BT /F 2 Tf {lines} ET", font)


def filters(count: int) -> bytes:
    """A stream with so many filters."""
    chain = "/ASCIIHexDecode" * count
    return pdf(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R{BOX}/Contents 4 0 R>>",
        stream("30>", f"/Filter[{chain}]"),
    )


def jbig2(width: int, height: int) -> bytes:
    """A page of JBIG2 without regions."""
    information = struct.pack(">IIIIBH", width, height, 0, 0, 0, 0)
    segment = struct.pack(">IBBBI", 0, 48, 0, 1, len(information)) + information
    return image_page(
        f"/Width {width}/Height {height}/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/JBIG2Decode", segment
    )


def jpeg(width: int = 400, height: int = 400) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((width, height), 80).save(buffer, "JPEG")
    return buffer.getvalue()


def cut_jpeg_in_pdf() -> bytes:
    data = jpeg()
    return image_page(
        "/Width 400/Height 400/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/DCTDecode", data[: len(data) // 3]
    )


def short_image() -> bytes:
    data = zlib.compress(b"\x40" * 100)
    return image_page("/Width 300/Height 300/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/FlateDecode", data)


def image_of_declared_size(width: int, height: int) -> bytes:
    return image_page(
        f"/Width {width}/Height {height}/BitsPerComponent 8/ColorSpace/DeviceCMYK/Filter/RunLengthDecode",
        b"\x81\x00\x80",
    )


def object_stream_bomb() -> bytes:
    """An object stream that unpacks to 400 MB."""
    packed = zlib.compressobj(9)
    bomb = b"".join(packed.compress(b" " * 1_000_000) for _ in range(400)) + packed.flush()
    data = pdf(
        "<</Type/Catalog/Pages 2 0 R/AcroForm 5 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R{BOX}>>",
        stream(bomb, "/Type/ObjStm/N 1/First 4/Filter/FlateDecode"),
    )
    return data.replace(b"startxref", b"startxxxx")  # so that all object streams are looked into


def shading_of_a_large_table() -> bytes:
    function = stream(
        b"\0" * 64, "/FunctionType 0/Domain[0 1 0 1]/Range[0 1 0 1 0 1]/Size[30000 30000]/BitsPerSample 8"
    )
    shading = "<</ShadingType 1/ColorSpace/DeviceRGB/Domain[0 1 0 1]/Matrix[200 0 0 300 0 0]/Function 5 0 R>>"
    return page("/S sh", f"/Shading<</S {shading}>>", function)


def mesh_without_end() -> bytes:
    """A mesh of 150,000 triangles as large as the page."""
    vertices = bytes([0, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 255, 0, 0, 0, 255]) * 150_000
    mesh = stream(
        vertices,
        "/ShadingType 4/ColorSpace/DeviceRGB/BitsPerCoordinate 8/BitsPerComponent 8/BitsPerFlag 8"
        "/Decode[0 200 0 300 0 1 0 1 0 1]",
    )
    return page("/S sh", "/Shading<</S 5 0 R>>", mesh)


def tiff(tags: dict[int, tuple[int, int]], data: bytes, following: int = 0) -> bytes:
    """A TIFF of one directory: from tags to their type and value; the data begin at 8."""
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(tags.items()))
    place = 8 + len(data)
    return (
        struct.pack("<2sHI", b"II", 42, place)
        + data
        + struct.pack("<H", len(tags))
        + entries
        + struct.pack("<I", following)
    )


def grey_tiff(bits: int, sample_format: int, data: bytes, **more: tuple[int, int]) -> bytes:
    side = 8
    tags = {256: (3, side), 257: (3, side), 258: (3, bits), 259: (3, 1), 262: (3, 1), 273: (4, 8), 278: (3, side)}
    tags |= {279: (4, len(data)), 339: (3, sample_format)}
    return tiff(tags | {int(tag[1:]): value for tag, value in more.items()}, data)


def big_tiff(offset: int) -> bytes:
    """BigTIFF whose first directory is at an offset."""
    return struct.pack("<2sHHHQ", b"II", 43, 8, 0, offset) + bytes(64)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, data: bytes = b"") -> bytes:
    rows = data or zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height)))
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"".join([b"\x89PNG\r\n\x1a\n", header, *chunks, png_chunk(b"IDAT", rows), png_chunk(b"IEND", b"")])


def animated_png_with_a_large_frame() -> bytes:
    control = png_chunk(b"acTL", struct.pack(">II", 2, 0))
    first = png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 8, 8, 0, 0, 1, 1, 0, 0))
    later = png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 1, 60000, 60000, 0, 0, 1, 1, 0, 0))
    whole = png(8, 8, control, first)
    end = png_chunk(b"IEND", b"")
    return whole.removesuffix(end) + later + png_chunk(b"fdAT", struct.pack(">I", 2) + zlib.compress(b"\0" * 99)) + end


def gif_of(frames: int) -> bytes:
    """A GIF of one pixel with so many frames."""
    frame = b"\x21\xf9\x04\0\0\0\0\0\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
    return b"GIF89a" + struct.pack("<HH", 1, 1) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff" + frame * frames + b";"


def gif_frame_outside() -> bytes:
    frame = b"\x2c" + struct.pack("<HHHH", 60000, 60000, 60000, 60000) + b"\0\2\2\x44\1\0"
    return b"GIF89a" + struct.pack("<HH", 9, 9) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff" + frame + b";"


def bmp(width: int, height: int, bits: int, compression: int = 0) -> bytes:
    header = struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + header + bytes(400)


def webp_of_declared_size() -> bytes:
    body = b"VP8X" + struct.pack("<I", 10) + bytes([2, 0, 0, 0]) + b"\xff\xff\xff" * 2
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def archive_of_many_names() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(5000):
            archive.writestr(f"{number}.txt", "")
        archive.writestr("last.pdf", "")
    return buffer.getvalue()


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    # 1. time and memory
    "glyphs-that-draw-glyphs.pdf": (lambda: glyphs_that_draw_glyphs(9), "LimitExceeded"),
    "glyph-that-draws-itself.pdf": (glyph_that_draws_itself, "recursive type3 font"),
    "mesh-of-150000-triangles.pdf": (mesh_without_end, "one colour"),
    "nested-masks.pdf": (lambda: nested_masks(60), "stack overflow|LimitExceeded"),
    "shading-of-a-large-table.pdf": (shading_of_a_large_table, "function too large"),
    "object-stream-bomb.pdf": (object_stream_bomb, "has been repaired|LimitExceeded"),
    "text-of-200000-characters.pdf": (lambda: text_of(200_000), ""),
    "filters-2000.pdf": (lambda: filters(2000), "stack overflow"),
    "contents-100000.pdf": (lambda: page("0 0 9 9 re f", entries=f"{BOX}/Contents[{'4 0 R ' * 100_000}]"), ""),
    "jbig2-declared-65000.pdf": (lambda: jbig2(65000, 65000), "LimitExceeded"),
    "cmyk-declared-60000.pdf": (lambda: image_of_declared_size(60000, 60000), "truncated image|LimitExceeded"),
    # 2. right, or warned of
    "jpeg-cut-in-pdf.pdf": (cut_jpeg_in_pdf, "end of file in jpeg"),
    "image-too-short.pdf": (short_image, "truncated image"),
    "jpeg-cut.jpg": (lambda: jpeg()[:3000], "SourceCorrupt"),
    "no-such-font.pdf": (lambda: page("BT /F 20 Tf 20 50 Td (text) Tj ET"), ""),
    # 3. page trees
    "kids-is-a-dictionary.pdf": (lambda: tree("<</Type/Pages/Kids<</A 3 0 R>>/Count 1>>"), "page tree is empty"),
    "kids-missing.pdf": (lambda: tree("<</Type/Pages/Count 1>>"), "page tree is empty"),
    "count-is-text.pdf": (lambda: tree("<</Type/Pages/Kids[3 0 R]/Count(one)>>"), "states 0 pages and holds 1"),
    "pages-is-a-page.pdf": (lambda: tree(f"<</Type/Page{BOX}/Contents 4 0 R>>"), "page tree is empty"),
    "page-without-type.pdf": (lambda: tree("<</Kids[3 0 R]/Count 1>>", f"<<{BOX}/Contents 4 0 R>>"), "non-page object"),
    "root-missing.pdf": (lambda: tree("<</Type/Pages/Kids[3 0 R]/Count 1>>", trailer=""), "SourceCorrupt"),
    # 4. values
    "unit-is-text.pdf": (lambda: page("0 0 50 50 re f", entries=f"{BOX}/UserUnit(2)"), ""),
    "unit-tiny.pdf": (lambda: page("0 0 50 50 re f", entries=f"{BOX}/UserUnit 1e-30"), ""),
    "rotate-is-text.pdf": (lambda: page("0 0 50 50 re f", entries=f"{BOX}/Rotate(90)"), ""),
    "crop-of-text.pdf": (lambda: page("0 0 50 50 re f", entries=f"{BOX}/CropBox[(a)(b)null 3]"), "CropBox"),
    "float64.tif": (lambda: grey_tiff(64, 3, struct.pack("<64d", *([0.0, 1e300] * 32))), "SourceUnsupported"),
    "int32.tif": (lambda: grey_tiff(32, 2, struct.pack("<64i", *([-(2**31), 2**31 - 1] * 32))), "no agreed range"),
    "float-not-finite.tif": (
        lambda: grey_tiff(32, 3, struct.pack("<64f", *([float("nan"), float("inf")] * 32))),
        "no numbers",
    ),
    "bits-0.tif": (lambda: grey_tiff(0, 1, bytes(64)), "SourceUnsupported"),
    "height-lowest.bmp": (lambda: bmp(8, -(2**31), 24), "LimitExceeded"),
    "bits-0.bmp": (lambda: bmp(8, 8, 0), "SourceUnsupported"),
    "frame-outside.gif": (gif_frame_outside, "LimitExceeded"),
    # 5. errors of later frames
    "later-frame-60000.png": (animated_png_with_a_large_frame, "SourceCorrupt"),
    "webp-declared-16777216.webp": (webp_of_declared_size, "SourceCorrupt"),
    # 6. counting
    "frames-50000.gif": (lambda: gif_of(50_000), "LimitExceeded"),
    "bigtiff-far.tif": (lambda: big_tiff(2**63 - 8), "SourceCorrupt"),
    "bigtiff-itself.tif": (lambda: big_tiff(0), "SourceCorrupt"),
    "tiles-of-0.tif": (lambda: grey_tiff(8, 1, bytes(64), t322=(3, 0), t323=(3, 0)), "too small to hold text"),
    # 7. what it is said to be
    "archive-of-many-names.zip": (archive_of_many_names, "ZIP archive that holds a PDF"),
    "archive-named.pdf": (archive_of_many_names, "ZIP archive that holds a PDF"),
}
"""From a name to what makes the file, and what its error or a warning says; nothing if it is sound."""

if __name__ == "__main__":
    for name, (make, _) in HOSTILE.items():
        (Path(sys.argv[1]) / name).write_bytes(make())
