"""Sheet music: repair of Humdrum ``**kern``; conversion to MEI, MIDI and SVG by verovio (extra ``music``).

MusicXML is :mod:`got_runtime.markup.notation.musicxml`.
"""

import base64
from typing import TYPE_CHECKING, Any, Literal

from got_runtime.errors import MissingExtra

if TYPE_CHECKING:
    from got_runtime.markup.latex.token_reader import TokenReader

# Null tokens, which pad a record with too few fields, by the kind of record (Humdrum guide).
_NULLS = {"*": "*", "!": "!", "=": "="}


def repair_humdrum(reader: "TokenReader", text: str) -> str:
    """The score with one tab-separated field for each spine in every record, and ``*-`` at its end.

    Spines are counted along ``*^`` (one becomes two), ``*v`` (neighbours become one), ``*+`` and ``*-``.
    """
    lines: list[str] = []
    spines, padded = 0, 0
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
            padded += 1
            null = _NULLS.get(line[0], ".")
            null = fields[0] if null == "=" else null
            fields = (fields + [null] * (spines - len(fields)))[:spines]
        lines.append("\t".join(fields))
        if line[0] == "*" and (spines := _spines_after(fields)) == 0:
            break
    if padded:
        reader.record_repair("spine-width", f"{padded} records had not one field for each spine: padded or cut")
    if spines:
        reader.record_repair("spine-width", "the score was not ended: *- added")
        lines.append("\t".join(["*-"] * spines))
    return "\n".join(lines) + "\n"


def _spines_after(fields: list[str]) -> int:
    """Number of spines below a record of interpretations."""
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
    # The settings of the official demo (run_ocr_2.0.py), with the page height adjusted to the score.
    toolkit.setOptions(
        {"inputFrom": "humdrum", "pageWidth": 2100, "footer": "none", "header": "none", "adjustPageHeight": True}
    )
    return toolkit if toolkit.loadData(humdrum) and toolkit.getPageCount() else None


def is_valid(humdrum: str) -> bool:
    """Whether verovio can parse the score.

    Raises:
        MissingExtra: verovio is not installed.
    """
    return _toolkit(humdrum) is not None


def to_svg(humdrum: str) -> list[str]:
    """An SVG picture for each page of the engraved score; empty for a score that cannot be parsed.

    Raises:
        MissingExtra: verovio is not installed.
    """
    toolkit = _toolkit(humdrum)
    return [] if toolkit is None else [toolkit.renderToSVG(page + 1) for page in range(toolkit.getPageCount())]


def convert(humdrum: str, to: Literal["mei", "midi"]) -> bytes | None:
    """The score as MEI (XML) or as a MIDI file; None for a score that cannot be parsed.

    Raises:
        MissingExtra: verovio is not installed.
    """
    toolkit = _toolkit(humdrum)
    if toolkit is None:
        return None
    return toolkit.getMEI().encode() if to == "mei" else base64.b64decode(toolkit.renderToMIDI())
