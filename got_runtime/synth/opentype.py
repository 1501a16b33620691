"""Bare CFF fonts wrapped as OpenType: PyMuPDF brings its Nimbus faces without the tables that typst needs."""

import io
from typing import Any

__all__ = ["wrap_cff"]

UNITS_PER_EM = 1000
"""Of PostScript outlines."""


def wrap_cff(data: bytes, family: str, style: str) -> bytes:
    """An OpenType font with the glyphs of a bare CFF font; characters are found by the glyphs' names.

    Args:
        style: names the weight and slope: ``Regular``, ``Bold``, ``Italic`` or ``Bold Italic``.
    """
    from fontTools.cffLib import CFFFontSet
    from fontTools.fontBuilder import FontBuilder
    from fontTools.ttLib import newTable

    outlines: Any = CFFFontSet()
    outlines.decompile(io.BytesIO(data), None)
    glyphs = list(outlines[0].charset)
    builder: Any = FontBuilder(UNITS_PER_EM, isTTF=False)
    builder.setupGlyphOrder(glyphs)
    builder.setupCharacterMap(_characters(glyphs))
    builder.font["CFF "] = newTable("CFF ")
    builder.font["CFF "].cff = outlines
    builder.setupHorizontalMetrics({glyph: (width, 0) for glyph, width in _widths(outlines, glyphs).items()})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": style, "psName": f"{family}-{style}".replace(" ", "")})
    bold, italic = "Bold" in style, "Italic" in style
    selection = italic | bold << 5 | (not bold and not italic) << 6
    builder.setupOS2(usWeightClass=700 if bold else 400, fsSelection=selection, sTypoAscender=800, sTypoDescender=-200)
    builder.font["head"].macStyle = bold | italic << 1
    builder.setupPost()
    wrapped = io.BytesIO()
    builder.save(wrapped)
    return wrapped.getvalue()


def _characters(glyphs: list[str]) -> dict[int, str]:
    """Code points and the first glyph with the name of each."""
    from fontTools.agl import toUnicode

    found: dict[int, str] = {}
    for glyph in glyphs:
        name = toUnicode(glyph)
        if len(name) == 1:
            found.setdefault(ord(name), glyph)
    return found


def _widths(outlines: Any, glyphs: list[str]) -> dict[str, int]:
    from fontTools.misc.psCharStrings import T2WidthExtractor

    private, widths = outlines[0].Private, {}
    for glyph in glyphs:
        reader: Any = T2WidthExtractor(
            getattr(private, "Subrs", []), outlines.GlobalSubrs, private.nominalWidthX, private.defaultWidthX
        )
        reader.execute(outlines[0].CharStrings[glyph])
        widths[glyph] = round(reader.width)
    return widths
