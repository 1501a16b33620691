"""Drawings of scores, molecules, charts and figures as images of an HTML page, with a notice of what is not drawn."""

import base64
from html import escape

from got_runtime.errors import DrawingError, MissingExtra
from got_runtime.markup.elements import Chart, Geometry, Molecule, Music
from got_runtime.markup.notation import chart, molecule, music, tikz

Drawable = Chart | Geometry | Molecule | Music
_NAMES = {"chart": "chart", "geometry": "figure", "molecule": "molecule", "music": "score"}


def picture(element: Drawable) -> str:
    """The images of an element, and a notice if it is not drawn or only in part; a notice names a missing extra."""
    try:
        drawings, notice = _drawn(element)
    except MissingExtra as missing:
        return _notice(str(missing))
    except DrawingError as error:
        drawings, notice = [], str(error)
    if not drawings:
        notice = f"this {_NAMES[element.kind]} could not be drawn" + (f": {notice}" if notice else "")
    encoded = [base64.b64encode(drawing.encode()).decode() for drawing in drawings]
    images = "".join(f'<p><img alt="{element.kind}" src="data:image/svg+xml;base64,{each}"></p>' for each in encoded)
    return images + (_notice(notice) if notice else "")


def _drawn(element: Drawable) -> tuple[list[str], str]:
    """SVG drawings, and what is to be said about them."""
    match element.kind:
        case "music":
            drawings = music.to_svg(element.humdrum)
            return drawings, "" if drawings else "verovio cannot parse it"
        case "molecule":
            structure = molecule.structure(element.smiles)
            return ([structure.svg], "") if structure else ([], "RDKit cannot parse it")
        case "chart":
            drawing = chart.to_svg(element.value)
            missing = chart.not_drawn(element.value)
            return ([drawing], missing and f"{missing} are not drawn") if drawing else ([], "it has no numbers")
        case "geometry":
            figure = tikz.draw(element.tikz)
            partly = figure.drawn < figure.statements
            notice = f"drawn are {figure.drawn} of {figure.statements} statements" if partly else ""
            return ([figure.svg], notice) if figure.svg else ([], "")


def _notice(text: str) -> str:
    return f'<p class="notice">{escape(text)}</p>'
