"""Sheet music: repair of Humdrum ``**kern``; conversion to MEI, MIDI and SVG by verovio (extra ``music``).

MusicXML is :mod:`got_runtime.markup.notation.musicxml`. verovio runs in a child process, since some scores end the
process that it runs in.
"""

import base64
from typing import TYPE_CHECKING, Any, Literal

from got_runtime.markup.notation.child_process import in_child_process

if TYPE_CHECKING:
    from got_runtime.markup.latex.token_reader import TokenReader

# Null tokens by the kind of record (Humdrum guide); in a record of notes it is ".".
_NULLS = {"*": "*", "!": "!"}


def repair_humdrum(reader: "TokenReader", text: str) -> str:
    """The score with one tab-separated field for each spine in every record, and ``*-`` at its end.

    Spines are counted along ``*^`` (one becomes two), ``*v`` (neighbours become one), ``*+`` and ``*-``. Missing and
    empty fields become null tokens; fields without a spine are kept as a comment.
    """
    lines: list[str] = []
    spines, padded = 0, 0
    spaced = False  # tabs were written as spaces throughout
    for line in text.splitlines():
        line = line.strip(" \r\n")
        if not line.strip() or line.startswith("!!"):
            lines += [line] if line.strip() else []
            continue
        if line.startswith("**"):
            spaced = "\t" not in line
        fields = line.split("\t")
        if len(fields) != spines and (spaced or len(line.split()) == spines) and spines != 1:
            fields = line.split()
        if not spines:
            spines = len(fields)
        null = _null(fields)
        padded += len(fields) != spines or not all(map(str.strip, fields))
        fields = [field.strip() or null for field in fields] + [null] * (spines - len(fields))
        surplus, fields = fields[spines:], fields[:spines]
        lines.append("\t".join(fields))
        if any(field not in (null, fields[0]) for field in surplus):
            lines.append("!! without a spine: " + " ".join(surplus))
        if fields[0][0] == "*" and (spines := _spines_after(fields)) == 0:
            break
    if padded:
        reader.record_repair(
            "spine-width", f"{padded} records had not one field for each spine: filled, or the rest made a comment"
        )
    if spines:
        reader.record_repair("spine-width", "the score was not ended: *- added")
        lines.append("\t".join(["*-"] * spines))
    return "\n".join(lines) + "\n"


def _null(fields: list[str]) -> str:
    """What fills the empty fields of a record: the null token of its kind, in a line of bars the bar itself."""
    first = next(field for field in fields if field.strip()).strip()
    return first if first[0] == "=" else _NULLS.get(first[0], ".")


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
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    # The settings of the official demo (run_ocr_2.0.py), with the page height adjusted to the score.
    toolkit.setOptions(
        {"inputFrom": "humdrum", "pageWidth": 2100, "footer": "none", "header": "none", "adjustPageHeight": True}
    )
    return toolkit if toolkit.loadData(humdrum) and toolkit.getPageCount() else None


@in_child_process("music", "verovio")
def is_valid(humdrum: str) -> bool:
    """Whether verovio can parse the score.

    Raises:
        MissingExtra: verovio is not installed.
        DrawingError: verovio crashed or exceeded a limit.
    """
    return _toolkit(humdrum) is not None


@in_child_process("music", "verovio")
def to_svg(humdrum: str) -> list[str]:
    """An SVG picture for each page of the engraved score; empty for a score that cannot be parsed.

    Raises:
        MissingExtra: verovio is not installed.
        DrawingError: verovio crashed or exceeded a limit.
    """
    toolkit = _toolkit(humdrum)
    return [] if toolkit is None else [toolkit.renderToSVG(page + 1) for page in range(toolkit.getPageCount())]


def convert(humdrum: str, to: Literal["mei", "midi"]) -> bytes | None:
    """The score as MEI (XML) or as a MIDI file; None for a score that cannot be parsed.

    Raises:
        MissingExtra: verovio is not installed.
        DrawingError: verovio crashed or exceeded a limit.
    """
    if (written := _converted(humdrum, to)) is None:
        return None
    return written.encode() if to == "mei" else base64.b64decode(written)


@in_child_process("music", "verovio")
def _converted(humdrum: str, to: str) -> str | None:
    """MEI, or MIDI in base64."""
    toolkit = _toolkit(humdrum)
    if toolkit is None:
        return None
    written: str = toolkit.getMEI() if to == "mei" else toolkit.renderToMIDI()
    return written
