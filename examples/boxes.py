"""How good are element boxes? Measured on pages whose places are known, born-digital and scanned apart.

python examples/boxes.py --pages 24 --layout-pages 60        (needs got-ocr[train] for words and fonts)

A box is right when its intersection over union with the truth is at least one half. The truth is the box around the
lines that the element is a reading of; on formatted pages, around everything the element prints. ``--from`` chooses
other pages, and ``--scores`` prints the precision by score, from which ``MIN_LAYOUT_SCORE`` and
``MIN_ATTENTION_SCORE`` were chosen.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from box_pages import Box, Line, as_scan, blocks_page, column_page, formatted_page, hull

from got_runtime.boxes import TokenPositions, attention_boxes, layout_boxes
from got_runtime.boxes.attention import MIN_ATTENTION_SCORE
from got_runtime.boxes.layout import MIN_LAYOUT_SCORE
from got_runtime.engine.protocol import Completion
from got_runtime.engine.torch_engine.engine import TorchEngine
from got_runtime.markup import Element, parse
from got_runtime.markup.content import Text
from got_runtime.markup.elements import Paragraph
from got_runtime.model.checkpoint import load
from got_runtime.pipeline.postprocess import decode_page, token_positions
from got_runtime.pipeline.preprocess import build_request
from got_runtime.results import ElementBox
from got_runtime.sources import SourcePage, open_pages
from got_runtime.tasks import PageFrame, Plain

RIGHT = 0.5
MIN_SCORES = {"layout": MIN_LAYOUT_SCORE, "attention": MIN_ATTENTION_SCORE}
BINS = np.arange(0.0, 1.05, 0.1)


class Judged(NamedTuple):
    """An element and what one source said of it: no score where it said nothing."""

    kind: str
    source: str
    score: float | None = None
    overlap: float = 0.0


class Reader:
    """Pages to text and looks, with the network loaded once."""

    def __init__(self, model: str | None) -> None:
        self.checkpoint = load(model, "cpu", "float32")
        self.engine = TorchEngine(self.checkpoint.model, self.checkpoint.end_tokens)

    def read(self, pages: Sequence[SourcePage]) -> Iterator[tuple[str, TokenPositions]]:
        images = [page.image for page in pages if page.image is not None]
        queries = [Plain().query(PageFrame(*image.size, None)).text for image in images]
        requests = (
            build_request(self.checkpoint, [image], Plain(), query, 500, record_attention=True)
            for image, query in zip(images, queries, strict=True)
        )
        for answer in self.engine.generate(requests):
            assert isinstance(answer, Completion)
            yield decode_page(self.checkpoint, [answer]).text, token_positions(self.checkpoint, answer)


def of_columns(reader: Reader, seeds: Sequence[int]) -> Iterator[Judged]:
    """Elements as they were read, and the lines each is a reading of."""
    made = [column_page(seed) for seed in seeds]
    for kind, files in renderings("one column", [pdf for pdf, _ in made], seeds):
        pages = [next(open_pages(file)) for file in files]
        for page, (_, lines), (text, looks) in zip(pages, made, reader.read(pages), strict=True):
            elements = parse(text, is_latex=False)
            own = [lines_of(text[slice(*element.span)], lines) for element in elements]
            truth = [hull([line.box for line in some]) if some else None for some in own]
            yield from judged(kind, page, elements, looks, truth)


def of_blocks(reader: Reader, seeds: Sequence[int]) -> Iterator[Judged]:
    """A plain answer does not say where a block ends, so it is cut where its lines go over from one to another."""
    made = [blocks_page(seed) for seed in seeds]
    for kind, files in renderings("blocks", [pdf for pdf, _ in made], seeds):
        pages = [next(open_pages(file)) for file in files]
        for page, (_, lines), (text, looks) in zip(pages, made, reader.read(pages), strict=True):
            passages = list(passages_of(text, lines))
            yield from judged(kind, page, [e for e, _ in passages], looks, [box for _, box in passages])


def of_formatted(seeds: Sequence[int]) -> Iterator[Judged]:
    """The layout analysis alone, given the true answer: got-nano reads these pages with many mistakes."""
    for made in map(formatted_page, seeds):
        page = next(open_pages(made.pdf))
        yield from judged("formatted, born-digital", page, made.elements, None, made.boxes)


def renderings(name: str, files: Sequence[bytes], seeds: Sequence[int]) -> Iterator[tuple[str, list[bytes]]]:
    yield f"{name}, born-digital", list(files)
    yield f"{name}, worn scan", [as_scan(file, seed) for file, seed in zip(files, seeds, strict=True)]


def judged(
    kind: str, page: SourcePage, elements: Sequence[Element], looks: TokenPositions | None, truth: Sequence[Box | None]
) -> Iterator[Judged]:
    """What each source says of each element, whatever its score; ``truth`` is in points, None for a misreading."""
    assert page.image is not None
    assert page.size_pt is not None
    said: list[tuple[str, list[ElementBox]]] = [("layout", layout_boxes(page, elements, min_score=0.0))]
    if looks is not None:
        across, down = page.size_pt[0] / page.image.width, page.size_pt[1] / page.image.height
        seen = attention_boxes(page.image, [element.span for element in elements], looks, min_score=0.0)
        said.append(("attention", [box.scaled(across, down) for box in seen]))
    for source, boxes in said:
        by_span = {box.span: box for box in boxes}
        for element, true in zip(elements, truth, strict=True):
            box = by_span.get(element.span)
            if box is None:
                yield Judged(kind, source)
            else:
                yield Judged(kind, source, box.score, overlap(box.bbox, true) if true else 0.0)


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


def passages_of(text: str, lines: Sequence[Line]) -> Iterator[tuple[Element, Box]]:
    """The answer's passages that read one block each, as paragraphs, with the box of the lines they read.

    A line of the answer reads the line of print that it is most like, at least by half; one like none belongs to the
    passage it stands in.
    """
    passages: list[tuple[int, int, list[Line]]] = []
    start = 0
    for read in text.splitlines(keepends=True):
        like, line = max(((alike(read, line.text), line) for line in lines), key=lambda pair: pair[0])
        end = start + len(read)
        if passages and (like < RIGHT or passages[-1][2][-1].block == line.block):
            begin, _, own = passages.pop()
            passages.append((begin, end, own if like < RIGHT else [*own, line]))
        elif like >= RIGHT:
            passages.append((start, end, [line]))
        start = end
    for begin, end, own in passages:
        content = (Text(text=text[begin:end]),)
        yield Paragraph(span=(begin, end), content=content), hull([line.box for line in own])


def alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one.strip(), other, autojunk=False).ratio()


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    across = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return across * down / (areas - across * down)


def tell(all_judged: Sequence[Judged]) -> None:
    """A row for each kind of page and source: only boxes of a sound score are given."""
    rows = defaultdict[tuple[str, str], list[Judged]](list)
    for one in all_judged:
        rows[one.kind, one.source].append(one)
    for (kind, source), elements in rows.items():
        given = [one.overlap for one in elements if one.score is not None and one.score >= MIN_SCORES[source]]
        shares = f"{len(given) / len(elements):.0%} | {np.mean(np.array(given) >= RIGHT) if given else 0:.0%}"
        print(f"| {kind} | {source} | {len(elements)} | {shares} | {np.mean(given) if given else 0:.2f} |", flush=True)


def tell_scores(all_judged: Sequence[Judged]) -> None:
    """Boxes and how many of them are right, by source and score."""
    for source in MIN_SCORES:
        print(f"\n| score ({source}) | boxes | right |\n|---|---|---|")
        boxes = [(one.score, one.overlap) for one in all_judged if one.source == source and one.score is not None]
        for low, high in pairwise(BINS):
            inside = [right >= RIGHT for score, right in boxes if low <= score < high or score == high == BINS[-1]]
            print(f"| {low:.1f} to {high:.1f} | {len(inside)} | {sum(inside)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=24, help="that are read, of each kind")
    parser.add_argument("--layout-pages", type=int, default=60, help="formatted pages, which are not read")
    parser.add_argument("--from", dest="first", type=int, default=0, help="number of the first page")
    parser.add_argument("--scores", action="store_true", help="the precision by score")
    parser.add_argument("--model", help="a folder or hub id; the embedded got-nano when left out")
    asked = parser.parse_args()
    reader, numbers = Reader(asked.model), range(asked.first, asked.first + asked.pages)
    print("| pages | source | elements | with a box | of these right | mean IoU |\n|---|---|---|---|---|---|")
    everything: list[Judged] = []
    for kind in (
        of_formatted(range(asked.first, asked.first + asked.layout_pages)),
        of_columns(reader, numbers),
        of_blocks(reader, numbers),
    ):
        found = list(kind)
        tell(found)
        everything += found
    if asked.scores:
        tell_scores(everything)


if __name__ == "__main__":
    main()
