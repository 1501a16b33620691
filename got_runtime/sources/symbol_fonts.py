"""Characters of symbol fonts in text layers: word processors store them in Unicode's private use area.

A code point U+F020 to U+F0FF there is a code of the font's own encoding: U+F0B7 in Symbol is a bullet. Sources: Adobe's
Symbol encoding, https://www.unicode.org/Public/MAPPINGS/VENDORS/ADOBE/symbol.txt, and the names of Wingdings' glyphs.
"""

__all__ = ["with_symbols"]

_PRIVATE = 0xF000

_SYMBOL = {
    0x20: " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_",
    0x61: "αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼",
    0xA0: "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…",
    0xC0: "ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪",
    0xF1: "〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭",
}
_WINGDINGS = {
    0x46: "☞", 0x6C: "●", 0x6E: "■", 0x6F: "□", 0x71: "❑", 0x72: "❒", 0x75: "◆", 0x76: "❖", 0x81: "①②③④⑤⑥⑦⑧⑨⑩",
    0x8C: "❶❷❸❹❺❻❼❽❾❿", 0x9F: "•", 0xA7: "▪", 0xA8: "◻", 0xD8: "➢", 0xDF: "←→↑↓↖↗↙↘", 0xE8: "➔", 0xEF: "⇦⇨⇧⇩",
    0xFB: "✗✓☒☑",
}  # fmt: skip
"""Bullets, numbers, arrows and marks; the pictures stay as they are."""
_COMMON = {0xA7: "▪", 0xB7: "•", 0xD8: "➢", 0xFC: "✓"}
"""In a font of another name: what these codes are in nearly all documents."""


def _table(runs: dict[int, str]) -> dict[int, str]:
    return {_PRIVATE + first + index: character for first, run in runs.items() for index, character in enumerate(run)}


_TABLES = {"symbol": _table(_SYMBOL), "wingdings": _table(_WINGDINGS)}
_OTHER = _table(_COMMON)


def with_symbols(text: str, font: str) -> str:
    """``text`` with the characters that a symbol font shows instead of private ones.

    Args:
        text: of a span in a text layer.
        font: its name in the PDF, such as ``ABCDEF+SymbolMT``.
    """
    if text.isascii() or not any("\uf020" <= character <= "\uf0ff" for character in text):
        return text
    name = font.rpartition("+")[2].lower()
    return text.translate(next((table for key, table in _TABLES.items() if name.startswith(key)), _OTHER))
