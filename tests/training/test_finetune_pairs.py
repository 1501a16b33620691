"""Fine-tuning data: which files can be read, and how pairs are held out."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.finetuning import draw, pairs_of, swift, write_lines

from got_runtime.errors import SourceCorrupt, SourceNotFound
from got_runtime.model.checkpoint import load
from got_runtime.training.finetune.batches import check_pair
from got_runtime.training.finetune.dataset import Pair, read_pairs, split


@pytest.mark.parametrize(
    "row",
    [
        {
            "image": "page.png",
            "conversations": [
                {"from": "human", "value": "<image>\nOCR: "},
                {"from": "gpt", "value": "Some text.\n"},
            ],
        },
        swift("page.png", "Some text.\n"),
        {"query": "<image>OCR: ", "response": "Some text.\n", "images": ["page.png"]},
        {"query": "OCR: ", "response": "Some text.\n", "images": [{"path": "page.png"}]},
    ],
    ids=["official", "swift", "old swift", "no tag"],
)
@pytest.mark.parametrize("listed", [True, False], ids=["JSON", "JSON lines"])
def test_every_layout_gives_the_official_prompt(tmp_path: Path, row: dict[str, Any], listed: bool) -> None:
    draw(tmp_path / "page.png", "x")
    file = tmp_path / "pairs"
    file.write_text(json.dumps([row]) if listed else json.dumps(row), encoding="utf-8")
    [pair] = pairs_of(file)
    assert (pair.query, pair.answer) == ("OCR: ", "Some text.\n")
    assert pair.images == (tmp_path / "page.png",)


def test_several_images_are_one_context_and_a_query_for_patches_splits_one_into_tiles(tmp_path: Path) -> None:
    names = [draw(tmp_path / f"{number}.png", str(number)) for number in range(3)]
    rows = [
        swift(names, "0 1 2", "<image><image><image>OCR with format across multi pages: "),
        swift(names[0], "0", "<image>OCR upon the patch reference: "),
    ]
    pages, tiles = pairs_of(write_lines(tmp_path / "pairs.jsonl", rows))
    assert pages.query == "OCR with format across multi pages: "
    assert (pages.task.kind, tiles.task.kind) == ("pages", "tiles")
    assert len(pages.open()) == 3


GOOD = swift("page.png", "text")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "not JSON"),
        (json.dumps([1]), "not a JSON object"),
        (json.dumps({"images": ["page.png"]}), "needs 'conversations', 'messages'"),
        (json.dumps({**GOOD, "images": []}), "names no image"),
        (json.dumps({**GOOD, "images": ["gone.png"]}), "no image"),
        (json.dumps({**GOOD, "images": ["broken.png"]}), "broken.png"),
        (json.dumps({**GOOD, "images": ["x" * 5000]}), "no image"),
        (json.dumps({**GOOD, "images": ["data:image/png;base64," + "A" * 5000]}), "is inside the line"),
        (json.dumps(swift("page.png", " \n")), "empty answer"),
        (json.dumps(swift("page.png", "text", "<image>")), "query is empty"),
        (json.dumps(swift("page.png", "text", "<image><image>OCR: ")), "2 <image> tags for 1 images"),
        (json.dumps({**GOOD, "messages": GOOD["messages"] * 2}), "one question and one answer"),
        (json.dumps(swift("page.png", "a<|im_end|>b")), "special tokens"),
        (json.dumps(swift("page.png", "word " * 8000)), "context is 32,768"),
    ],
    ids=lambda value: value if " " in value and "{" not in value else "",
)
def test_an_unusable_line_is_an_error_with_its_reason_or_skipped(
    tmp_path: Path, tiny: Path, row: str, reason: str
) -> None:
    draw(tmp_path / "page.png", "text")
    (tmp_path / "broken.png").write_bytes((tmp_path / "page.png").read_bytes()[:300])
    file = tmp_path / "pairs.jsonl"
    file.write_text(f"{json.dumps(GOOD)}\n\n{row}\n", encoding="utf-8")
    network = load(tiny, "cpu", "float32")
    with pytest.raises(SourceCorrupt, match=r"line 3.*--skip-bad") as raised:
        read_pairs(file, check=lambda pair: check_pair(network, pair))
    assert reason in str(raised.value)
    assert len(str(raised.value)) < 1000
    read = read_pairs(file, skip_bad=True, check=lambda pair: check_pair(network, pair))
    assert [pair.answer for pair in read.pairs] == ["text"]
    assert len(read.skipped) == 1


def test_a_file_without_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound):
        read_pairs(tmp_path / "gone.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(SourceCorrupt, match="no usable pair"):
        read_pairs(tmp_path / "empty.jsonl")


def test_pairs_of_one_picture_are_for_training_or_held_out_but_not_both() -> None:
    pairs = tuple(Pair((Path(f"{n % 20}.png"),), f"[{n}, 1] OCR: ", "x", "") for n in range(60))
    training, held_out = split(pairs, 0.1, seed=3)
    assert len(held_out) == 6
    assert not {p.images for p in training} & {p.images for p in held_out}
    assert (training, held_out) == split(pairs, 0.1, seed=3)
    assert split(pairs, 0.1, seed=4)[1] != held_out
    assert split(pairs, 0.0, seed=3) == (pairs, ())


def test_pairs_that_share_a_picture_stay_together() -> None:
    """Pages 0, 1 and 2 of one document are linked by their pairs; 3 has two paths."""
    named = [("0", "1"), ("1", "2"), ("2",), ("3",), ("x/../3",), ("4", "5"), ("6",)]
    pairs = tuple(Pair(tuple(map(Path, names)), "OCR: ", "x", "") for names in named)
    for seed in range(20):
        sides = [{image.resolve() for pair in side for image in pair.images} for side in split(pairs, 0.3, seed)]
        assert all(sides)
        assert not sides[0] & sides[1]
    assert split(pairs[:3], 0.3, seed=0) == (pairs[:3], ())
