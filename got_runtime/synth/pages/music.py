"""Kind ``music``: a melody on one staff engraved by verovio, and its ``**kern``.

verovio names each note and rest of its SVG after its line in the score (``note-L6F1``), which gives the box of every
token of the answer.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from got_runtime.errors import MissingExtra
from got_runtime.synth.degrade import degrade, tilt, tint
from got_runtime.synth.faces import Face
from got_runtime.synth.pages.figure import Box, FigureAnswer, LabelledBox, sample
from got_runtime.synth.pages.melody import Melody, ScoreEvent, melody
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import Formatted

FONTS = ("Leipzig", "Leland", "Gootville")
HELD_OUT_FONTS = ("Bravura",)
"""Music fonts of verovio; pages in held-out faces use the held-out one."""

_SPACE = 180.0
"""Distance of two staff lines in verovio's units."""

_LINE = re.compile(r"-L(\d+)F1$")
_TRANSLATE = re.compile(r"translate\(([-\d.]+),\s*([-\d.]+)\)")
_PATH = re.compile(r"M([-\d.]+) ([-\d.]+) L([-\d.]+) ([-\d.]+)")


@dataclass
class _Engraved:
    """The parts of one engraved symbol, in verovio's units: anchors of its glyphs and ends of its lines, by class."""

    glyphs: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    lines: dict[str, list[tuple[float, float, float, float]]] = field(default_factory=dict)


@cache
def _toolkit() -> Any:
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    return verovio.toolkit()


def _engrave(score: str, font: str, rng: np.random.Generator) -> str:
    """The score as SVG as wide as its music, broken into systems of a bar or two."""
    toolkit = _toolkit()
    toolkit.setOptions(
        {
            "inputFrom": "humdrum",
            "font": font,
            "breaks": "auto",
            "pageWidth": int(rng.uniform(480, 800)),
            "pageHeight": 10_000,
            "spacingSystem": int(rng.integers(3, 9)),
            "adjustPageWidth": True,
            "adjustPageHeight": True,
            "pageMarginLeft": 0,
            "pageMarginRight": 0,
            "pageMarginTop": 0,
            "pageMarginBottom": 0,
            "footer": "none",
            "header": "none",
            "mnumInterval": 0,
            "xmlIdSeed": 1,
            "spacingLinear": float(rng.uniform(0.25, 0.4)),
            "staffLineWidth": float(rng.uniform(0.12, 0.22)),
            "stemWidth": float(rng.uniform(0.16, 0.3)),
        }
    )
    toolkit.loadData(score)
    return str(toolkit.renderToSVG(1))


def _engraved_symbols(svg: str) -> tuple[dict[str, _Engraved], tuple[float, float], tuple[float, float]]:
    """Symbols by kind or by line of the score (``L6``), the size in verovio's units, and the origin of the drawing."""
    root = ElementTree.fromstring(svg)
    scale = next(e for e in root.iter() if e.get("class") == "definition-scale")
    _, _, width, height = (float(number) for number in scale.get("viewBox", "").split())
    margin = next(e for e in scale.iter() if e.get("class") == "page-margin")
    shift = _TRANSLATE.search(margin.get("transform", ""))
    engraved: dict[str, _Engraved] = {}

    def walk(element: ElementTree.Element, name: str, part: str) -> None:
        kind = element.get("class", "")
        line = _LINE.search(element.get("id", ""))
        if line and kind in ("note", "rest", "mRest"):
            name = f"L{line.group(1)}"
        elif kind in ("clef", "keyAccid", "meterSig", "barLine", "staff"):
            name = kind
        part = kind or part
        for child in element:
            at = _TRANSLATE.search(child.get("transform", ""))
            path = _PATH.match(child.get("d", ""))
            symbol = engraved.setdefault(name, _Engraved())
            if at and child.tag.endswith("use"):
                symbol.glyphs.setdefault(part, []).append((float(at.group(1)), float(at.group(2))))
            elif path:
                x1, y1, x2, y2 = (float(number) for number in path.groups())
                symbol.lines.setdefault(part, []).append((x1, y1, x2, y2))
            walk(child, name, part)

    walk(margin, "", "")
    start = (float(shift.group(1)), float(shift.group(2))) if shift else (0.0, 0.0)
    return engraved, (width, height), start


def _raster(svg: str, width: int) -> Image.Image:
    """Ink coverage of the engraving (mode L), ``width`` pixels wide."""
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_string=svg, width=width, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).getchannel("A")


@dataclass(frozen=True)
class _EventBoxes:
    """Boxes of an event's symbols, in verovio's units; None for what is not drawn."""

    head: Box
    accidental: Box | None
    stem_end: Box


def _rectangle(x: float, y: float, width: float, height: float) -> Box:
    """The box with left edge ``x`` and middle ``y``; ``width`` and ``height`` are in staff spaces."""
    return x, y - height / 2 * _SPACE, x + width * _SPACE, y + height / 2 * _SPACE


def _event_boxes(event: ScoreEvent, symbol: _Engraved) -> _EventBoxes:
    if event.step is None:
        x, y = next(iter(symbol.glyphs.values()))[0]
        box = _rectangle(x, y, 1.3, 2.2)
        return _EventBoxes(box, None, box)
    x, y = symbol.glyphs["notehead"][0]
    head = _rectangle(x, y, 1.7 if event.duration == "1" else 1.35, 1.0)
    accidentals = symbol.glyphs.get("accid")
    stems = symbol.lines.get("stem")
    end = (stems[0][2], stems[0][3]) if stems else (x, y)
    return _EventBoxes(
        head,
        _rectangle(*accidentals[0], 1.0, 2.2) if accidentals else None,
        _rectangle(end[0] - 0.5 * _SPACE, end[1], 1.0, 1.0) if stems else head,
    )


def _write(score: Melody, engraved: dict[str, _Engraved]) -> tuple[FigureAnswer, list[LabelledBox]]:
    """The answer and the drawn symbols, with boxes in verovio's units."""
    answer, symbols = FigureAnswer(), []
    up = 3 * _SPACE if score.clef == "clefG2" else _SPACE  # from the clef's anchor to the top line
    clefs = [(x, y - up, x + 2.6 * _SPACE, y - up + 4 * _SPACE) for x, y in engraved["clef"].glyphs["clef"]]
    _, top, _, bottom = clefs[0]
    answer.markup("**kern\n*")
    answer.at(score.clef + "\n", clefs[0])
    symbols += [(score.clef, clef) for clef in clefs]
    key = [_rectangle(x, y, 1.0, 2.2) for x, y in engraved.get("keyAccid", _Engraved()).glyphs.get("keyAccid", [])]
    meter_x = engraved["meterSig"].glyphs["meterSig"][0][0]
    digits = [(meter_x, top, meter_x + 1.7 * _SPACE, (top + bottom) / 2)]
    digits.append((meter_x, (top + bottom) / 2, meter_x + 1.7 * _SPACE, bottom))
    answer.at("*k[", key[0] if key else digits[0])
    for index, letter in enumerate(score.key):
        answer.at(letter, key[index // 2])
    answer.at("]\n", key[len(score.key) // 2 - 1] if key else digits[0])
    symbols += [(f"key:{score.key[1]}", box) for box in key]
    upper, lower = score.meter.split("/")
    answer.at(f"*M{upper}/", digits[0])
    answer.at(lower + "\n", digits[1])
    symbols += [(upper, digits[0]), (lower, digits[1])]
    bars = [(x - 0.4 * _SPACE, y1, x + 0.4 * _SPACE, y2) for x, y1, _, y2 in engraved["barLine"].lines["barLine"]]
    symbols += [("bar", bar) for bar in bars]
    line = 4
    for number, bar in enumerate(score.bars):
        answer.markup("=1-\n") if not number else answer.at(f"={number + 1}\n", bars[number - 1])
        line += 1
        for event in bar:
            line += 1
            _write_event(answer, symbols, event, _event_boxes(event, engraved[f"L{line}"]))
    answer.at("==\n*-", bars[-1])
    return answer, symbols


def _write_event(answer: FigureAnswer, symbols: list[LabelledBox], event: ScoreEvent, at: _EventBoxes) -> None:
    answer.at(event.duration + event.pitch, at.head)
    answer.at(event.accidental, at.accidental or at.head)
    answer.at(event.beam, at.stem_end)
    answer.at("\n", at.head)
    if at.accidental:
        symbols.append((f"accidental:{event.accidental}", at.accidental))
    if event.step is not None and event.duration == "8":
        symbols.append(("beam" if event.beam else "flag", at.stem_end))
    symbols.append((f"rest:{event.duration}" if event.step is None else f"note:{event.duration}@{event.step}", at.head))


def make(seed: tuple[int, int], faces: Sequence[Face], training: bool) -> PageSample:
    """One staff of one or two bars; with held-out ``faces`` in a music font that is not trained on.

    Raises:
        MissingExtra: verovio or resvg-py is not installed.
    """
    rng = np.random.default_rng(seed)
    held_out = any(face.held_out for face in faces)
    fonts = HELD_OUT_FONTS if held_out else FONTS
    font = fonts[rng.integers(len(fonts))]
    score = melody(rng, training)
    width = int(rng.uniform(800, 1100))
    height = int(width / rng.uniform(1.0, 1.5))
    side = rng.uniform(0.03, 0.08) * width
    try:
        svg = _engrave("\n".join(score.records) + "\n", font, rng)
        engraved, (long, high), start = _engraved_symbols(svg)
        # A short melody is not enlarged: staff lines are at most 34 pixels apart.
        scale = min((width - 2 * side) / long, 0.94 * height / high, 34 / _SPACE)
        strip = _raster(svg, round(long * scale))
    except ModuleNotFoundError as error:
        raise MissingExtra("train", error.name or "verovio") from error
    answer, symbols = _write(score, engraved)
    left = int(rng.uniform(side, max(side, width - side - strip.width)))
    top = int(rng.uniform(0.05, 0.95) * max(0, height - strip.height))
    mask = Image.new("L", (width, height), 0)
    mask.paste(strip, (left, top))
    scale = strip.width / long

    shift = np.array([left, top] * 2) + np.array(start * 2) * scale
    boxes = answer.character_boxes() * scale + shift
    named = np.array([box for _, box in symbols]) * scale + shift
    if rng.random() < 0.3:
        mask, both = tilt(mask, np.concatenate([boxes, named]), rng)
        boxes, named = both[: len(boxes)], both[len(boxes) :]
    placed = FigureAnswer(answer.text, [(a, b, c, d) for a, b, c, d in boxes.tolist()])
    drawn: list[LabelledBox] = [
        (name, (a, b, c, d)) for (name, _), (a, b, c, d) in zip(symbols, named.tolist(), strict=True)
    ]
    return sample(degrade(tint(mask, rng), rng), placed, drawn, f"verovio {font}", seed, Formatted())
