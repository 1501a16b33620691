"""How good are element boxes? Numbered paragraphs whose places are known, as born-digital PDF and as worn scans.

python examples/boxes.py --pages 20        (needs got-ocr[train] for words and fonts)

A box is right when its intersection over union with the box around the lines that the element is a reading of is at
least one half.
"""

import argparse
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

import numpy as np
import pymupdf

from got_runtime import GotRuntime, PageResult
from got_runtime.sources import open_pages
from got_runtime.training.degrade import wear
from got_runtime.training.text import words_of_text

SIDE, MARGIN, SIZE, PITCH = 420, 34, 19, 28
"""Points: a page's side and margin, the size of type and the distance of lines."""
CHARACTERS, RIGHT = 32, 0.5
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Line:
    """A line of print and where it was set, in points."""

    text: str
    box: Box


@dataclass
class Tally:
    """What one source said of the elements of one kind of page."""

    elements: int = 0
    overlaps: list[float] = field(default_factory=list)

    def row(self) -> str:
        given, right = len(self.overlaps), sum(overlap >= RIGHT for overlap in self.overlaps)
        shares = f"{given / max(1, self.elements):.0%} | {right / max(1, given):.0%}"
        return f"{self.elements} | {shares} | {np.mean(self.overlaps) if given else 0.0:.2f}"


def make_page(seed: int) -> tuple[bytes, list[Line]]:
    """A born-digital page of two to four numbered paragraphs, as PDF, and its truth."""
    rng = np.random.default_rng((77, seed))
    font, truth, top = pymupdf.Font("tiro"), [], float(MARGIN)
    with pymupdf.open() as document:
        sheet = document.new_page(width=SIDE, height=SIDE)
        for number in range(1, int(rng.integers(3, 6))):
            lines = wrap([f"{number}.", *words_of_text(rng, int(rng.integers(20, 90)), 0.0)])
            if top + len(lines) * PITCH > SIDE - MARGIN:
                break
            baselines = [top + SIZE + PITCH * row for row in range(len(lines))]
            for line, baseline in zip(lines, baselines, strict=True):
                sheet.insert_text((MARGIN, baseline), line, fontname="tiro", fontsize=SIZE)
                # As the data engine has it: from 0.75 of the size above the baseline to 0.22 below.
                right = MARGIN + font.text_length(line, SIZE)
                truth.append(Line(line, (MARGIN, baseline - 0.75 * SIZE, right, baseline + 0.22 * SIZE)))
            top = baselines[-1] + PITCH * float(rng.uniform(0.5, 1.0))
        return bytes(document.tobytes()), truth


def wrap(words: Sequence[str]) -> list[str]:
    """Lines of at most CHARACTERS characters."""
    lines = [""]
    for word in words:
        joined = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], joined] if len(joined) <= CHARACTERS else [*lines, word]
    return [line[:CHARACTERS] for line in lines]


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    across = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return across * down / (areas - across * down)


def judge(page: PageResult, lines: Sequence[Line], source: str, tally: Tally) -> None:
    """Count the boxes of a source against the lines that the element's text is a reading of."""
    boxes = {box.span: box for box in page.boxes if box.source == source}
    for element in page.elements:
        tally.elements += 1
        if (box := boxes.get(element.span)) is not None:
            own = lines_of(page.text[slice(*element.span)], lines)
            tally.overlaps.append(overlap(box.bbox, hull([line.box for line in own])) if own else 0.0)


def lines_of(text: str, lines: Sequence[Line]) -> list[Line]:
    """The lines of which at least half stands in the text, in their order."""
    whole = "\n".join(line.text for line in lines)
    found = np.zeros(len(whole), bool)
    for start, _, size in SequenceMatcher(None, whole, text, autojunk=False).get_matching_blocks():
        found[start : start + size] |= size > 2
    starts = np.cumsum([0, *(len(line.text) + 1 for line in lines)])
    return [
        line for line, start in zip(lines, starts, strict=False) if found[start : start + len(line.text)].mean() >= 0.5
    ]


def hull(boxes: Sequence[Box]) -> Box:
    """The box around boxes."""
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def as_scan(pdf: bytes, seed: int | None) -> bytes:
    """The page as a picture in a PDF, worn where there is a seed."""
    image = next(open_pages(pdf)).image
    assert image is not None
    picture = image.resize((1050, 1050))
    if seed is not None:
        picture = wear(picture, np.random.default_rng(seed))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=92)
    with pymupdf.open() as document:
        sheet = document.new_page(width=SIDE, height=SIDE)
        sheet.insert_image(sheet.rect, stream=file.getvalue())
        return bytes(document.tobytes())


def read(runtime: GotRuntime, pages: Sequence[tuple[bytes, list[Line]]]) -> Iterator[tuple[str, str, Tally]]:
    """The tallies of each kind of page and source. Attention speaks where the layout is silent: on pictures."""
    for kind, sources in (
        ("born-digital", [pdf for pdf, _ in pages]),
        ("the same as a picture", [as_scan(pdf, None) for pdf, _ in pages]),
        ("the same as a worn scan", [as_scan(pdf, seed) for seed, (pdf, _) in enumerate(pages)]),
    ):
        tallies = {"layout": Tally(), "attention": Tally()}
        for page, (_, lines) in zip(runtime.stream(sources, boxes=True, max_new_tokens=500), pages, strict=True):
            for source, tally in tallies.items():
                judge(page, lines, source, tally)
        for source, tally in tallies.items():
            yield kind, source, tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--model", help="a folder or hub id; the embedded got-nano when left out")
    asked = parser.parse_args()
    runtime = GotRuntime.from_pretrained(asked.model)
    print("| pages | source | elements read | with a box | of these right | mean IoU |\n|---|---|---|---|---|---|")
    for kind, source, tally in read(runtime, [make_page(seed) for seed in range(asked.pages)]):
        print(f"| {kind} | {source} | {tally.row()} |", flush=True)


if __name__ == "__main__":
    main()
