"""Draw docs/got-nano/readings.png: for most kinds of page, the held-out pages with the lowest and the highest error.

python examples/readings.py readings.png                    (needs got-ocr[train,eval])
python examples/readings.py sheet.png --kinds table,formula --pages 20
"""

import argparse
import textwrap
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from got_runtime import GotRuntime
from got_runtime.evaluation.run import evaluate, runtime_predictor
from got_runtime.evaluation.samples import EvalSample
from got_runtime.evaluation.scores import PageScore
from got_runtime.evaluation.synthetic import held_out_samples

KINDS = "plain,formatted,table,formula,box,color,chart,molecule,music,geometry,scene"
SIDE, TEXT, GAP, HEAD = 240, 330, 12, 22
"""Pixels: side of a picture, width of its text, gap between them, height of the heading."""


def scored_pages(runtime: GotRuntime, kind: str, pages: int, seed: int) -> list[tuple[PageScore, EvalSample]]:
    """Held-out pages of one kind by edit distance, lowest first; of equal ones the longest first."""
    read: list[tuple[PageScore, EvalSample]] = []
    evaluate(
        held_out_samples(pages // 2, seed, kind),
        runtime_predictor(runtime, max_new_tokens=1500),
        model="",
        dataset=kind,
        on_page=lambda score, sample: read.append((score, sample)),
    )
    return sorted(read, key=lambda page: (page[0].edit_distance or 0.0, -page[0].characters))


def panel(score: PageScore, sample: EvalSample) -> Image.Image:
    """A page and its prediction beside it."""
    sheet = Image.new("RGB", (SIDE + GAP + TEXT, SIDE + HEAD), "white")
    draw = ImageDraw.Draw(sheet)
    heading = f"{sample.kind}, {sample.group}: edit distance {score.edit_distance:.2f}"
    draw.text((0, 3), heading, fill=(90, 90, 90), font=ImageFont.load_default(13))
    picture = sample.open().convert("RGB")
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    sheet.paste(picture, (0, HEAD))
    draw.rectangle((0, HEAD, picture.width - 1, HEAD + picture.height - 1), outline=(200, 200, 200))
    lines = [part for line in score.prediction.splitlines() for part in textwrap.wrap(line, 48) or [""]]
    shown = lines if len(lines) <= 17 else [*lines[:16], "…"]
    draw.multiline_text((SIDE + GAP, HEAD), "\n".join(shown), fill="black", font=ImageFont.load_default(12), spacing=2)
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path, metavar="PNG")
    parser.add_argument("--model", help="a folder or a hub id; got-nano when left out")
    parser.add_argument("--kinds", default=KINDS, metavar="KIND,…")
    parser.add_argument("--pages", type=int, default=12, help="pages of a kind to choose from")
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()
    runtime = GotRuntime.from_pretrained(args.model)
    kinds = args.kinds.split(",")
    sheet = Image.new("RGB", (2 * (SIDE + 2 * GAP + TEXT), len(kinds) * (SIDE + HEAD + GAP)), "white")
    for row, kind in enumerate(kinds):
        pages = scored_pages(runtime, kind, args.pages, args.seed)
        for column, page in enumerate((pages[0], pages[-1])):
            sheet.paste(panel(*page), (column * (SIDE + 2 * GAP + TEXT) + GAP, row * (SIDE + HEAD + GAP) + GAP))
    sheet.save(args.target)


if __name__ == "__main__":
    main()
