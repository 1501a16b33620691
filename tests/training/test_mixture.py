"""The mixture of tasks: the network's input in training is its input in the runtime."""

import numpy as np
import pytest
import torch
from PIL import Image

from got_runtime.model.checkpoint import load
from got_runtime.model.prompt import IMAGE_PAD, build_prompt
from got_runtime.pipeline.preprocess import build_request
from got_runtime.synth.kinds import page_of
from got_runtime.synth.sample import PageSample
from got_runtime.tasks import Box, Color, PageFrame
from got_runtime.training.padding import IGNORED
from got_runtime.training.pretrain.batches import SIDE, TOKEN, collate, query_ids, sample_views
from got_runtime.training.pretrain.losses import normalise
from got_runtime.training.pretrain.mixture import Mixture
from got_runtime.training.pretrain.nano import build_tokenizer

TEXT_KINDS = ("plain", "dense", "box", "color", "tiles", "pages", "prose", "zoomed")
PER_VIEW = (SIDE // TOKEN) ** 2


@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_training_input_equals_the_runtimes(kind: str) -> None:
    sample = page_of(kind, (11, 4))
    checkpoint = load("got-nano", "cpu", "float32")
    query = sample.task.query(PageFrame(*sample.image.size)).text
    request = build_request(checkpoint, [sample.image, *sample.following], sample.task, query, 10)
    batch = collate([sample], SIDE, 0)
    pixels = request.network_pixels(torch.device("cpu"), torch.float32)
    assert torch.allclose(normalise(batch.pixels, torch.float32), pixels, atol=1e-5)
    before, _, _ = build_prompt("", 1).partition(IMAGE_PAD)
    tokenizer = build_tokenizer()
    pads = [tokenizer.convert_tokens_to_ids(IMAGE_PAD)] * (PER_VIEW * len(request.pixels))
    assert list(request.prompt) == [*tokenizer.encode(before), *pads, *query_ids(query)]
    answer = [int(i) for i in batch.targets[0] if i != IGNORED]
    assert tokenizer.decode(answer[:-1]) == sample.text


@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_every_character_is_on_its_image_token(kind: str) -> None:
    for index in range(2):
        sample = page_of(kind, (12, index))
        views = sample_views(sample, SIDE)
        for character, image_token in zip(sample.text, views.image_targets, strict=True):
            if character.isspace():
                continue
            picture = views.pictures[image_token // PER_VIEW]
            row, column = divmod(int(image_token) % PER_VIEW, SIDE // TOKEN)
            # Half a token around: a dot is drawn at the edge of its box.
            y, x = max(0, row * TOKEN - 32), max(0, column * TOKEN - 32)
            cell = picture[y : y + 2 * TOKEN, x : x + 2 * TOKEN].mean(axis=2)
            assert np.ptp(cell) > 40, f"{character!r} of {sample.text!r}"


def test_a_box_holds_its_block_and_no_other() -> None:
    for index in range(20):
        sample = page_of("box", (13, index))
        assert isinstance(sample.task, Box)
        box = np.array([sample.task.x1, sample.task.y1, sample.task.x2, sample.task.y2], dtype=float)
        visible = np.array([not c.isspace() for c in sample.text])
        centres = ((sample.boxes[:, :2] + sample.boxes[:, 2:]) / 2)[visible]
        assert (centres >= box[:2]).all()
        assert (centres <= box[2:]).all()


def drawn_in(color: str, image: Image.Image) -> np.ndarray:
    """``(height, width)``: which pixels are that pen's."""
    channel = ("red", "green", "blue").index(color)
    pixels = np.asarray(image, dtype=np.int16)
    others = pixels[:, :, [c for c in range(3) if c != channel]].max(axis=2)
    lead: np.ndarray = pixels[:, :, channel] - others
    return lead > 60


def test_a_frame_has_the_colour_of_its_task() -> None:
    for index in range(20):
        sample = page_of("color", (14, index))
        assert isinstance(sample.task, Color)
        visible = np.array([not c.isspace() for c in sample.text])
        x1, _, x2, _ = sample.boxes[visible].T
        pen = drawn_in(sample.task.color, sample.image)
        middle = int((x1.min() + x2.max()) / 2)
        top, bottom = sample.boxes[:, 1].min(), sample.boxes[:, 3].max()
        rows = np.flatnonzero(pen[:, middle])
        assert rows.size
        assert rows.min() < top
        assert rows.max() > bottom


@pytest.mark.parametrize("kind", ["box", "color"])
def test_the_encoder_is_trained_on_every_block_whichever_the_task_reads(kind: str) -> None:
    for index in range(10):
        sample = page_of(kind, (15, index))
        labelled = np.repeat(np.repeat(sample_views(sample, SIDE).cells[0] > 0, 16, axis=0), 8, axis=1)
        pixels = np.asarray(sample.image.resize((SIDE, SIDE)), dtype=np.int16).mean(axis=2)
        ink = np.abs(pixels - np.median(pixels)) > 60
        # A descender or a tilted line reaches out of its cells.
        assert labelled[ink].mean() > 0.8


def test_the_encoder_is_trained_on_the_colour_of_every_frame() -> None:
    for index in range(10):
        sample = page_of("color", (16, index))
        frames = [(name, box) for name, box in sample.symbols or () if name.startswith("frame:")]
        assert len(frames) in (4, 8, 12)
        for name, box in frames:
            x1, y1, x2, y2 = (max(0, round(value)) for value in box)
            assert drawn_in(name.removeprefix("frame:"), sample.image)[y1:y2, x1:x2].mean() > 0.5


def test_pages_of_one_context_are_answered_in_order() -> None:
    sample = page_of("pages", (15, 0))
    assert sample.pages is not None
    assert len(sample.following) == 2
    assert sample.text.count("\n\n") >= 2
    assert (np.diff(sample.pages) >= 0).all()


def test_mixed_batches_contain_compatible_pages_and_are_reproducible() -> None:
    weights = dict.fromkeys(("plain", "box", "color", "pages"), 1.0)
    mixture = Mixture(seed=3, batch=4, end_token=1, weights=weights)
    drawn: list[PageSample] = []
    for index in range(16):
        samples = mixture.samples(index)
        assert len({len(sample_views(sample, SIDE).pictures) for sample in samples}) == 1
        drawn += samples
    assert {sample.task.kind for sample in drawn} == {"plain", "box", "color", "pages"}
    assert [s.text for s in mixture.samples(5)] == [s.text for s in Mixture(3, 4, 1, weights).samples(5)]
