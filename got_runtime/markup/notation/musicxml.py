"""Conversion of sheet music to MusicXML by music21 (extra ``musicxml``), which verovio does not write."""

from typing import TYPE_CHECKING

from got_runtime.errors import MissingExtra

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE score-partwise PUBLIC'
    ' "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">\n'
)


def to_musicxml(humdrum: str) -> bytes | None:
    """The score as partwise MusicXML 4.0, deterministic; None for a score that cannot be parsed.

    Raises:
        MissingExtra: music21 is not installed.
    """
    try:
        from music21 import converter
        from music21.exceptions21 import Music21Exception
        from music21.musicxml.m21ToXml import GeneralObjectExporter
    except ImportError as error:
        raise MissingExtra("musicxml", "music21") from error
    from xml.etree import ElementTree

    try:
        score = converter.parseData(humdrum, format="humdrum")
        written = GeneralObjectExporter(score).parse()
    except (Music21Exception, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None
    root = ElementTree.fromstring(written)
    _remove_placeholders(root)
    return (_HEAD + ElementTree.tostring(root, encoding="unicode") + "\n").encode()


def _remove_placeholders(root: "Element") -> None:
    """Removes what music21 adds: a title, a composer called Music21, the date, random names of parts."""
    for title in root.findall("movement-title"):
        root.remove(title)
    for identification in root.findall("identification"):
        for creator in identification.findall("creator"):
            identification.remove(creator)
        for encoding in identification.findall("encoding"):
            for date in encoding.findall("encoding-date"):
                encoding.remove(date)
    names = {part.get("id"): f"P{number}" for number, part in enumerate(root.iter("score-part"), start=1)}
    for part in (*root.iter("score-part"), *root.iter("part")):
        part.set("id", names[part.get("id")])
