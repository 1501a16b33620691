"""Accuracy of element boxes, on pages with reference boxes: born-digital pages and degraded scans.

python examples/boxes.py --pages 24 --layout-pages 60        (needs got-ocr[train] for words and fonts)

A box is right if its intersection over union with the reference box is at least one half. The reference box surrounds
the printed lines that the element is read from; on formatted pages, all ink of the element. ``--from`` selects other
pages, and ``--scores`` prints the precision by score, from which ``MIN_LAYOUT_SCORE`` and ``MIN_ATTENTION_SCORE`` were
chosen.
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
from got_runtime.engine.protocol import Completion, completions
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

MIN_IOU = 0.5
"""Intersection over union from which a box is right."""
MIN_SIMILARITY = 0.5
"""Similarity from which a line of the answer matches a printed line."""
MIN_SCORES = {"layout": MIN_LAYOUT_SCORE, "attention": MIN_ATTENTION_SCORE}
BINS = np.arange(0.0, 1.05, 0.1)


class BoxScore(NamedTuple):
    """The box that one source gives for an element: its score and its overlap; no score without a box."""

    kind: str
    source: str
    score: float | None = None
    overlap: float = 0.0


class Reader:
    """Reads pages with one loaded network; returns the text and the token positions of each."""

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
        for answer in completions(self.engine, requests):
            assert isinstance(answer, Completion)
            yield decode_page(self.checkpoint, [answer]).text, token_positions(self.checkpoint, answer)


def score_columns(reader: Reader, seeds: Sequence[int]) -> Iterator[BoxScore]:
    """Boxes of the elements that were read; the reference box surrounds the printed lines of each element."""
    made = [column_page(seed) for seed in seeds]
    for kind, files in renderings("one column", [pdf for pdf, _ in made], seeds):
        pages = [next(open_pages(file)) for file in files]
        for page, (_, lines), (text, positions) in zip(pages, made, reader.read(pages), strict=True):
            elements = parse(text, is_latex=False)
            own = [lines_of(text[slice(*element.span)], lines) for element in elements]
            references = [hull([line.box for line in some]) if some else None for some in own]
            yield from score_boxes(kind, page, elements, positions, references)


def score_blocks(reader: Reader, seeds: Sequence[int]) -> Iterator[BoxScore]:
    """As :func:`score_columns`; plain text does not mark the end of a block, so it is split where the block changes."""
    made = [blocks_page(seed) for seed in seeds]
    for kind, files in renderings("blocks", [pdf for pdf, _ in made], seeds):
        pages = [next(open_pages(file)) for file in files]
        for page, (_, lines), (text, positions) in zip(pages, made, reader.read(pages), strict=True):
            passages = list(passages_of(text, lines))
            yield from score_boxes(kind, page, [e for e, _ in passages], positions, [box for _, box in passages])


def score_formatted(seeds: Sequence[int]) -> Iterator[BoxScore]:
    """Boxes of the layout analysis alone, given the reference text: got-nano makes many mistakes on these pages."""
    for made in map(formatted_page, seeds):
        page = next(open_pages(made.pdf))
        yield from score_boxes("formatted, born-digital", page, made.elements, None, made.boxes)


def renderings(name: str, files: Sequence[bytes], seeds: Sequence[int]) -> Iterator[tuple[str, list[bytes]]]:
    yield f"{name}, born-digital", list(files)
    yield f"{name}, degraded scan", [as_scan(file, seed) for file, seed in zip(files, seeds, strict=True)]


def score_boxes(
    kind: str,
    page: SourcePage,
    elements: Sequence[Element],
    positions: TokenPositions | None,
    references: Sequence[Box | None],
) -> Iterator[BoxScore]:
    """Boxes of each source for each element, of any score.

    Args:
        references: the reference boxes in points; None for an element that matches no printed line.
    """
    assert page.image is not None
    assert page.size_pt is not None
    by_source: list[tuple[str, list[ElementBox]]] = [("layout", layout_boxes(page, elements, min_score=0.0))]
    if positions is not None:
        across, down = page.size_pt[0] / page.image.width, page.size_pt[1] / page.image.height
        seen = attention_boxes(page.image, [element.span for element in elements], positions, min_score=0.0)
        by_source.append(("attention", [box.scaled(across, down) for box in seen]))
    for source, boxes in by_source:
        by_span = {box.span: box for box in boxes}
        for element, reference in zip(elements, references, strict=True):
            box = by_span.get(element.span)
            if box is None:
                yield BoxScore(kind, source)
            else:
                yield BoxScore(kind, source, box.score, overlap(box.bbox, reference) if reference else 0.0)


def lines_of(text: str, lines: Sequence[Line]) -> list[Line]:
    """The lines of which at least half is in the text, in their order."""
    whole = "\n".join(line.text for line in lines)
    found = np.zeros(len(whole), bool)
    for start, _, size in SequenceMatcher(None, whole, text, autojunk=False).get_matching_blocks():
        found[start : start + size] |= size > 2
    starts = np.cumsum([0, *(len(line.text) + 1 for line in lines)])
    return [
        line for line, start in zip(lines, starts, strict=False) if found[start : start + len(line.text)].mean() >= 0.5
    ]


def passages_of(text: str, lines: Sequence[Line]) -> Iterator[tuple[Element, Box]]:
    """The parts of the answer that are of one block each, as paragraphs, with the box of their printed lines.

    A line of the answer matches the most similar printed line, if the similarity is at least
    :data:`MIN_SIMILARITY`; a line without a match belongs to the passage above.
    """
    passages: list[tuple[int, int, list[Line]]] = []
    start = 0
    for read in text.splitlines(keepends=True):
        similar, line = max(((similarity(read, line.text), line) for line in lines), key=lambda pair: pair[0])
        end = start + len(read)
        if passages and (similar < MIN_SIMILARITY or passages[-1][2][-1].block == line.block):
            begin, _, own = passages.pop()
            passages.append((begin, end, own if similar < MIN_SIMILARITY else [*own, line]))
        elif similar >= MIN_SIMILARITY:
            passages.append((start, end, [line]))
        start = end
    for begin, end, own in passages:
        content = (Text(text=text[begin:end]),)
        yield Paragraph(span=(begin, end), content=content), hull([line.box for line in own])


def similarity(one: str, other: str) -> float:
    return SequenceMatcher(None, one.strip(), other, autojunk=False).ratio()


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    across = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return across * down / (areas - across * down)


def print_table(box_scores: Sequence[BoxScore]) -> None:
    """Print a row for each kind of page and source, with the boxes whose score is at least the minimum."""
    rows = defaultdict[tuple[str, str], list[BoxScore]](list)
    for one in box_scores:
        rows[one.kind, one.source].append(one)
    for (kind, source), elements in rows.items():
        given = [one.overlap for one in elements if one.score is not None and one.score >= MIN_SCORES[source]]
        fractions = f"{len(given) / len(elements):.0%} | {np.mean(np.array(given) >= MIN_IOU) if given else 0:.0%}"
        print(
            f"| {kind} | {source} | {len(elements)} | {fractions} | {np.mean(given) if given else 0:.2f} |", flush=True
        )


def print_scores(box_scores: Sequence[BoxScore]) -> None:
    """Print the number of boxes and of right boxes, by source and score."""
    for source in MIN_SCORES:
        print(f"\n| score ({source}) | boxes | right |\n|---|---|---|")
        boxes = [(one.score, one.overlap) for one in box_scores if one.source == source and one.score is not None]
        for low, high in pairwise(BINS):
            inside = [right >= MIN_IOU for score, right in boxes if low <= score < high or score == high == BINS[-1]]
            print(f"| {low:.1f} to {high:.1f} | {len(inside)} | {sum(inside)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=24, help="pages of each kind that are read")
    parser.add_argument("--layout-pages", type=int, default=60, help="formatted pages, whose reference text is used")
    parser.add_argument("--from", dest="first", type=int, default=0, help="number of the first page")
    parser.add_argument("--scores", action="store_true", help="print the precision by score")
    parser.add_argument("--model", help="a folder or hub id (default: got-nano)")
    args = parser.parse_args()
    reader, numbers = Reader(args.model), range(args.first, args.first + args.pages)
    print("| pages | source | elements | with a box | of these right | mean IoU |\n|---|---|---|---|---|---|")
    everything: list[BoxScore] = []
    for kind in (
        score_formatted(range(args.first, args.first + args.layout_pages)),
        score_columns(reader, numbers),
        score_blocks(reader, numbers),
    ):
        found = list(kind)
        print_table(found)
        everything += found
    if args.scores:
        print_scores(everything)


if __name__ == "__main__":
    main()
