"""Teach got-nano the Greek capitals, which it has never seen.

python examples/fine_tune.py greek/                 (needs got-ocr[fine-tune]; see docs/fine-tuning.md)
python examples/fine_tune.py greek/ --pages 400 --steps 600
"""

import argparse
import json
import unicodedata
from pathlib import Path

import numpy as np
import wordfreq
from PIL import Image, ImageDraw

from got_runtime.cli import main
from got_runtime.training.faces import FACES, load_font

GREEK = {face.name: face for face in FACES if face.family.startswith("DejaVu") and "Mono" not in face.family}
"""Faces at hand that have Greek letters."""


def greek_words() -> list[str]:
    """Frequent words in capitals, without accents."""
    plain = (unicodedata.normalize("NFD", word.upper()) for word in wordfreq.top_n_list("el", 6000))
    words = ("".join(c for c in word if not unicodedata.combining(c)) for word in plain)
    return sorted({word for word in words if 2 <= len(word) <= 9 and all("Α" <= c <= "Ω" for c in word)})


def draw_page(words: list[str], rng: np.random.Generator) -> tuple[Image.Image, str]:
    """Three to six lines of large type, and what they say."""
    face = list(GREEK.values())[rng.integers(len(GREEK))]
    size = int(rng.integers(56, 76))
    font = load_font(face, size)
    lines = []
    for _ in range(rng.integers(3, 7)):
        line = ""
        while True:
            longer = f"{line} {words[rng.integers(len(words))]}".strip()
            if font.getlength(longer) > 860:
                break
            line = longer
        lines.append(line)
    page = Image.new("RGB", (1024, 1024), tuple(int(c) for c in rng.integers(225, 256, size=3)))
    draw = ImageDraw.Draw(page)
    left, top = (int(v) for v in rng.integers(40, 90, size=2))
    for number, line in enumerate(lines):
        draw.text((left, top + number * int(size * 1.7)), line, font=font, fill=(20, 20, 30))
    return page, "\n".join(lines)


def make_pairs(folder: Path, name: str, count: int, words: list[str], seed: int) -> Path:
    """``count`` pages and the file that pairs them with their text, in ms-swift's layout."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        page, text = draw_page(words, rng)
        image = f"{name}/{number}.png"
        page.save(folder / image)
        turns = [{"role": "user", "content": "<image>OCR: "}, {"role": "assistant", "content": text}]
        rows.append(json.dumps({"messages": turns, "images": [image]}, ensure_ascii=False))
    file = folder / f"{name}.jsonl"
    file.write_text("\n".join(rows), encoding="utf-8")
    return file


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=400, help="to learn from")
    parser.add_argument("--held-out", type=int, default=40, help="pages of other words, to measure with")
    parser.add_argument("--steps", type=int, default=600)
    args, options = parser.parse_known_args()
    words = greek_words()
    np.random.default_rng(0).shuffle(words)
    learnt, new = words[: len(words) * 4 // 5], words[len(words) * 4 // 5 :]
    train = make_pairs(args.folder, "train", args.pages, learnt, seed=1)
    held_out = make_pairs(args.folder, "held_out", args.held_out, new, seed=2)
    command = ["fine-tune", str(train), "--eval-data", str(held_out), "-o", str(args.folder / "run"), "--full"]
    raise SystemExit(main([*command, "--rate", "1e-3", "--steps", str(args.steps), *options]))
