"""Sheet music: Humdrum ``**kern`` with spines of equal width; MEI, MIDI and SVG by verovio (extra ``music``).

MusicXML is :mod:`got_runtime.markup.notation.musicxml`.
"""

import base64
from typing import TYPE_CHECKING, Any, Literal

from got_runtime.errors import MissingExtra

if TYPE_CHECKING:
    from got_runtime.markup.latex.token_reader import TokenReader

# What pads a record that has too few fields, by the kind of record (Humdrum guide: null tokens).
_NULLS = {"*": "*", "!": "!", "=": "="}


def repair_humdrum(reader: "TokenReader", text: str) -> str:
    """The score with one tab-separated field a spine in every record and ``*-`` at its end.

    Spines are counted along ``*^`` (one becomes two), ``*v`` (neighbours become one), ``*+`` and ``*-``.
    """
    lines: list[str] = []
    spines, mended = 0, 0
    spaced = False  # tabs were written as spaces throughout
    for line in text.splitlines():
        line = line.strip(" \r\n")
        if not line or line.startswith("!!"):
            lines += [line] if line else []
            continue
        if line.startswith("**"):
            spaced = "\t" not in line
        fields = line.split("\t")
        if len(fields) != spines and (spaced or len(line.split()) == spines) and spines != 1:
            fields = line.split()
        if not spines:
            spines = len(fields)
        if len(fields) != spines:
            mended += 1
            null = _NULLS.get(line[0], ".")
            null = fields[0] if null == "=" else null
            fields = (fields + [null] * (spines - len(fields)))[:spines]
        lines.append("\t".join(fields))
        if line[0] == "*" and (spines := _spines_after(fields)) == 0:
            break
    if mended:
        reader.record_repair("spine-width", f"{mended} records had not one field for each spine: padded or cut")
    if spines:
        reader.record_repair("spine-width", "the score was not ended: *- added")
        lines.append("\t".join(["*-"] * spines))
    return "\n".join(lines) + "\n"


def _spines_after(fields: list[str]) -> int:
    """How many spines there are below a record of interpretations."""
    count, joining = 0, False
    for each in fields:
        if each == "*v":
            count += not joining
        elif each in ("*^", "*+"):
            count += 2
        elif each != "*-":
            count += 1
        joining = each == "*v"
    return min(count, 64)


def _toolkit(humdrum: str) -> Any:
    try:
        import verovio
    except ImportError as error:
        raise MissingExtra("music", "verovio") from error
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    # The settings of the official demo (run_ocr_2.0.py), and a page as high as the score.
    toolkit.setOptions(
        {"inputFrom": "humdrum", "pageWidth": 2100, "footer": "none", "header": "none", "adjustPageHeight": True}
    )
    return toolkit if toolkit.loadData(humdrum) and toolkit.getPageCount() else None


def is_valid(humdrum: str) -> bool:
    """Whether verovio can read the score.

    Raises:
        MissingExtra: verovio is not installed.
    """
    return _toolkit(humdrum) is not None


def to_svg(humdrum: str) -> list[str]:
    """One SVG picture a page of the engraved score; none for a score that cannot be read.

    Raises:
        MissingExtra: verovio is not installed.
    """
    toolkit = _toolkit(humdrum)
    return [] if toolkit is None else [toolkit.renderToSVG(page + 1) for page in range(toolkit.getPageCount())]


def convert(humdrum: str, to: Literal["mei", "midi"]) -> bytes | None:
    """The score as MEI (XML) or as a MIDI file; None for a score that cannot be read.

    Raises:
        MissingExtra: verovio is not installed.
    """
    toolkit = _toolkit(humdrum)
    if toolkit is None:
        return None
    return toolkit.getMEI().encode() if to == "mei" else base64.b64decode(toolkit.renderToMIDI())
