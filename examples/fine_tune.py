"""Fine-tune got-nano on price lists with dotted leaders; each line is read as ``item: price``.

python examples/fine_tune.py prices/                (needs got-ocr[fine-tune]; see docs/fine-tuning.md)
python examples/fine_tune.py prices/ --pages 40 --steps 30

Other options are passed to ``got-ocr fine-tune``.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from got_runtime.cli import main
from got_runtime.synth.faces import TRAINING_FACES, load_font
from got_runtime.synth.text import english_words

FACES = [face for face in TRAINING_FACES if face.style == "Regular" and "Mono" not in face.family]
WIDTH = 1024


def draw_list(words: list[str], rng: np.random.Generator) -> tuple[Image.Image, str]:
    """A page of four to eight items with their prices, and its text."""
    face = FACES[rng.integers(len(FACES))]
    size = int(rng.integers(40, 54))
    font = load_font(face, size)
    page = Image.new("RGB", (WIDTH, WIDTH), tuple(int(tone) for tone in rng.integers(232, 256, size=3)))
    draw = ImageDraw.Draw(page)
    left, right, top = 60, WIDTH - 60, int(rng.integers(50, 120))
    answer = []
    for row in range(rng.integers(4, 9)):
        item = " ".join(words[i] for i in rng.integers(len(words), size=rng.integers(1, 3))).capitalize()
        price = f"{rng.random() * 10 ** rng.integers(1, 4):.2f}"
        y = top + int(row * size * 1.9)
        begin, end = left + font.getlength(item) + 12, right - font.getlength(price) - 12
        dots = "." * max(3, int((end - begin) // font.getlength(".")))
        for x, text in ((left, item), (begin, dots), (right - font.getlength(price), price)):
            draw.text((x, y), text, font=font, fill=(25, 25, 35))
        answer.append(f"{item}: {price}")
    return page, "\n".join(answer)


def make_pairs(folder: Path, name: str, count: int, words: list[str], seed: int) -> Path:
    """``count`` pages and the file that pairs them with their text, in ms-swift's layout."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        page, text = draw_list(words, rng)
        image = f"{name}/{number}.png"
        page.save(folder / image, compress_level=1)
        turns = [{"role": "user", "content": "<image>OCR: "}, {"role": "assistant", "content": text}]
        rows.append(json.dumps({"messages": turns, "images": [image]}))
    file = folder / f"{name}.jsonl"
    file.write_text("\n".join(rows), encoding="utf-8")
    return file


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=160, help="training pages")
    parser.add_argument("--held-out", type=int, default=20, help="held-out pages, with other words")
    parser.add_argument("--steps", type=int, default=100)
    args, options = parser.parse_known_args()
    words = [word for word in english_words(8000)[0] if 3 <= len(word) <= 8]
    np.random.default_rng(0).shuffle(words)
    training_words, new_words = words[: len(words) * 4 // 5], words[len(words) * 4 // 5 :]
    train = make_pairs(args.folder, "train", args.pages, training_words, seed=1)
    held_out = make_pairs(args.folder, "held_out", args.held_out, new_words, seed=2)
    command = ["fine-tune", str(train), "--eval-data", str(held_out), "-o", str(args.folder / "run")]
    settings = f"--rate 2e-3 --rank 32 --batch 8 --accumulate 1 --steps {args.steps} --max-new-tokens 400".split()
    raise SystemExit(main([*command, *settings, *options]))
