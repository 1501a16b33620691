"""The data engine and the training loop, on sizes that take seconds."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from got_runtime.cli import main
from got_runtime.model.prompt import build_prompt
from got_runtime.synth.faces import FACES, HELD_OUT_FACES, TRAINING_FACES, load_font
from got_runtime.synth.pages.plain import HELD_OUT, TRAINING, plain_page
from got_runtime.tasks import Box, Color, Formatted, MultiPage, PageFrame, Plain, Tiles
from got_runtime.training.padding import IGNORED
from got_runtime.training.pretrain.batches import (
    Batch,
    PageStream,
    cell_labels,
    image_tokens_at,
    load_batches,
    resize_to_view,
)
from got_runtime.training.pretrain.config import PretrainConfig
from got_runtime.training.pretrain.curve import draw_curve
from got_runtime.training.pretrain.feature_buffer import FeatureBuffer
from got_runtime.training.pretrain.losses import decoder_losses, encode_frozen, jumps
from got_runtime.training.pretrain.nano import build_model, build_tokenizer, muon_parameters, save_checkpoint
from got_runtime.training.pretrain.trainer import PretrainTrainer


def test_faces_are_many_and_no_family_is_on_both_sides() -> None:
    assert len(TRAINING_FACES) >= 20
    assert len(HELD_OUT_FACES) >= 8
    assert not {face.family for face in TRAINING_FACES} & {face.family for face in HELD_OUT_FACES}
    visible = "".join(map(chr, range(33, 127)))
    for face in FACES:
        missing = bytes(load_font(face, 32).getmask("\uffff"))
        drawn = [bytes(load_font(face, 32).getmask(character)) for character in visible]
        assert missing not in drawn, face.name


def test_the_same_seed_gives_the_same_page() -> None:
    one, two, other = (plain_page(seed, TRAINING) for seed in ((1, 5), (1, 5), (1, 6)))
    assert one.text == two.text
    assert np.array_equal(np.asarray(one.image), np.asarray(two.image))
    assert np.array_equal(one.boxes, two.boxes)
    assert one.text != other.text


def test_every_character_is_inside_its_box() -> None:
    clean = replace(HELD_OUT, degraded=False)
    for index in range(12):
        page = plain_page((2, index), clean)
        grey = np.asarray(page.image.convert("L"), dtype=np.int16)
        paper = np.median(grey)
        for character, (x1, y1, x2, y2) in zip(page.text, page.boxes, strict=True):
            cell = grey[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2)) + 1]
            marked = bool((np.abs(cell - paper) > 40).any())
            assert marked or character in " \n", f"{character!r} of {page.face} left no ink in its box"


def test_held_out_pages_have_the_properties_in_the_model_card() -> None:
    for index in range(60):
        page = plain_page((3, index))
        lines = page.text.split("\n")
        assert 1 <= len(lines) <= 14
        assert max(map(len, lines)) <= 40
        assert 1 / 1.51 < page.image.width / page.image.height < 1.51
        assert page.text.isascii()


def test_pages_vary_in_columns_tone_and_fullness() -> None:
    pages = [plain_page((4, index), TRAINING) for index in range(80)]
    upwards = [(np.diff(page.boxes[:, 1]) < -0.1 * page.image.height).any() for page in pages]
    assert 2 < sum(upwards) < 20, "only where a second column begins does the text go back up"
    assert len({page.image.getpixel((2, 2)) for page in pages}) > 40
    lengths = [len(page.text) for page in pages]
    assert min(lengths) < 60 < 250 < max(lengths)


def test_cell_labels_and_image_tokens_are_those_of_the_characters() -> None:
    boxes = np.array([[0, 0, 16, 32], [16, 0, 20, 32], [20, 0, 20, 32], [960, 1000, 976, 1020]], dtype=np.float32)
    cells = cell_labels(zip("Ai\nz", boxes, strict=True), 1024)
    assert cells.shape == (64, 128)
    assert (cells[0:2, 0:2] == ord("A") - 32).all()
    assert cells[0, 2] == ord("i") - 32
    assert cells[62].any() or cells[63].any()
    assert image_tokens_at(boxes, 1024).tolist() == [0, 0, 0, 255]


def test_a_stream_is_the_same_from_any_batch_with_any_workers() -> None:
    stream = PageStream(TRAINING, 7, 16, 2, 258)
    alone = load_batches(stream, 0, workers=0)
    expected = [next(alone) for _ in range(3)]
    later = next(load_batches(stream, 2, workers=1))
    for name in ("pixels", "tokens", "targets", "image_targets", "cells"):
        assert torch.equal(getattr(expected[2], name), getattr(later, name))


def test_boxes_scale_with_the_picture() -> None:
    page = plain_page((5, 1))
    picture, scale = resize_to_view(page.image, 1024)
    assert picture.shape == (1024, 1024, 3)
    assert np.allclose((page.boxes * scale)[0, 0] / 1024, page.boxes[0, 0] / page.image.width, atol=1e-5)


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


TINY = PretrainConfig(rows=16, batch=1, warmup=0, workers=0, log_steps=1, check_pages=1, device="cpu")


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("stage", [1, pytest.param(2, marks=pytest.mark.slow), 3])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, stage: int) -> None:
    folders = [tmp_path / name for name in ("whole", "parts")]
    for folder in folders:
        folder.mkdir()
    config = replace(TINY, stage=stage)
    whole = PretrainTrainer(folders[0], replace(config, steps=3))
    list(whole.run())
    list(PretrainTrainer(folders[1], replace(config, steps=2)).run())
    parts = PretrainTrainer(folders[1], replace(config, steps=1))
    assert parts.step == 2
    list(parts.run())
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, parts.model.state_dict()[name]), name
    logged = [json.loads(line) for line in (folders[1] / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in logged] == [1, 2, 3]
    assert ("cer_held_out" in logged[-1]) == (stage > 1)
    draw_curve(folders[1] / "log.jsonl", tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as curve:
        assert curve.width > 500


@pytest.mark.usefixtures("one_thread")
def test_training_learns(tmp_path: Path) -> None:
    """Twelve steps on one batch: the dense loss must fall well below chance."""
    trainer = PretrainTrainer(tmp_path, replace(TINY, steps=1))
    batch = PageStream(TRAINING, 1, 16, 2, trainer.end_token)[0]
    losses = []
    for _ in range(12):
        [loss] = trainer.losses_for(batch, 0)
        loss.total.backward()
        trainer.optimizer.step(1e-3)
        losses.append(float(loss.total.detach()))
    assert losses[-1] < 0.8 * losses[0]


def test_a_saved_network_is_a_standard_folder(tmp_path: Path) -> None:
    from transformers import GotOcr2ForConditionalGeneration, GotOcr2Processor

    model = build_model()
    save_checkpoint(model, tmp_path)
    again = GotOcr2ForConditionalGeneration.from_pretrained(tmp_path)
    assert torch.equal(again.lm_head.weight, model.lm_head.weight.to(torch.bfloat16))
    processor = GotOcr2Processor.from_pretrained(tmp_path)
    assert dict(processor.image_processor.size) == {"height": 1024, "width": 1024}
    frame = PageFrame(1000, 1000)
    for task in (Plain(), Formatted(), Box(1, 2, 3, 4), Color(color="red"), Tiles(), MultiPage()):
        prompt = build_prompt(task.query(frame).text, 2)
        ids = processor.tokenizer(prompt)["input_ids"]
        assert processor.tokenizer.decode(ids) == prompt
        assert ids.count(processor.image_token_id) == 2


def test_a_run_can_start_from_a_checkpoint(tmp_path: Path) -> None:
    model = build_model(seed=5)
    save_checkpoint(model, tmp_path / "checkpoint")
    started = PretrainTrainer(
        tmp_path, replace(TINY, start=tmp_path / "checkpoint", dtype="bfloat16")
    ).model.state_dict()
    for name, weight in model.state_dict().items():
        assert torch.equal(started[name], weight.to(torch.bfloat16)), name


@pytest.fixture(scope="module")
def small_nano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder with a network that takes a step in milliseconds."""
    from transformers import GotOcr2ForConditionalGeneration

    config = build_model().config
    config.vision_config.update({"hidden_size": 32, "num_hidden_layers": 1, "mlp_dim": 32, "global_attn_indexes": []})
    config.vision_config.update({"num_attention_heads": 2, "output_channels": 16})
    config.text_config.update({"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 4, "layer_types": None})
    config.text_config.update({"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16})
    config.text_config.layer_types = ["full_attention"] * 4
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("small-nano")
    save_checkpoint(GotOcr2ForConditionalGeneration(config), folder)
    return folder


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("stage", [1, 3])
def test_a_state_of_the_older_training_loop_can_be_resumed(tmp_path: Path, small_nano: Path, stage: int) -> None:
    """Long runs outlive versions: the names and shapes in ``state.pt`` stay those of the first trainer."""
    config = replace(TINY, stage=stage, start=small_nano, steps=1)
    (tmp_path / "new").mkdir()
    fresh = PretrainTrainer(tmp_path / "new", config)
    parameters = [*fresh.model.parameters(), *fresh.heads.parameters()]
    by_muon = [parameter in muon_parameters(fresh.model) for parameter in parameters]
    assert 0 < sum(by_muon) < len(by_muon)
    # Muon's parameters were kept as matrices, convolutions flattened.
    masters = [
        (p.detach().float() * 1.5).flatten(1) if m else p.detach().float()
        for p, m in zip(parameters, by_muon, strict=True)
    ]
    old = {
        "optimiser": {
            "masters": masters,
            "step": [None if m else torch.tensor(7.0) for m in by_muon],
            "exp_avg": [None if m else torch.full_like(w, 1e-3) for w, m in zip(masters, by_muon, strict=True)],
            "exp_avg_sq": [None if m else torch.full_like(w, 1e-4) for w, m in zip(masters, by_muon, strict=True)],
            "momentum_buffer": [torch.full_like(w, 1e-3) if m else None for w, m in zip(masters, by_muon, strict=True)],
        },
        "step": 7,
        "pages": 14,
        "characters": 321,
        "seconds": 3.5,
    }
    torch.save(old, tmp_path / "state.pt")
    resumed = PretrainTrainer(tmp_path, config)
    assert (resumed.step, resumed.pages, resumed.characters, resumed.seconds) == (7, 14, 321, 3.5)
    for parameter, master in zip(resumed.optimizer.parameters, masters, strict=True):
        assert torch.equal(parameter, master.view_as(parameter).to(parameter.dtype))
    saved = resumed.state()
    assert saved.keys() == old.keys()
    for name, values in saved["optimiser"].items():
        for value, expected in zip(values, old["optimiser"][name], strict=True):  # type: ignore[index]
            assert (value is None) == (expected is None)
            assert value is None or torch.equal(value, expected)
    list(resumed.run())
    assert resumed.step == 8
    assert resumed.seconds > 3.5


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("kinds", [{}, {"box": 1.0, "color": 2.0}])
def test_the_same_seed_gives_the_same_weights_for_fifty_steps(
    tmp_path: Path, small_nano: Path, kinds: dict[str, float]
) -> None:
    config = replace(TINY, stage=3, steps=50, buffer=4, start=small_nano, check_pages=2, log_steps=50)
    config = replace(config, mixture=kinds, rows=64, steps=5) if kinds else config
    runs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        trainer = PretrainTrainer(tmp_path / name, config)
        before = {name: weight.clone() for name, weight in trainer.model.state_dict().items()}
        list(trainer.run())
        runs.append(trainer.model.state_dict())
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in before)
    assert any(not torch.equal(runs[0][name], before[name]) for name in before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_run_in_float32_has_float32_weights(tmp_path: Path, small_nano: Path, stage: int) -> None:
    trainer = PretrainTrainer(
        tmp_path, replace(TINY, stage=stage, start=small_nano, buffer=1, dtype="float32", steps=1)
    )
    before = {name: weight.clone() for name, weight in trainer.model.state_dict().items()}
    list(trainer.run())
    after = trainer.model.state_dict()
    assert {weight.dtype for weight in after.values()} == {torch.float32}
    assert any(not torch.equal(after[name], before[name]) for name in before)


@pytest.mark.usefixtures("one_thread")
def test_a_buffered_page_has_the_loss_it_had_before(tmp_path: Path, small_nano: Path) -> None:
    trainer = PretrainTrainer(tmp_path, replace(TINY, stage=3, buffer=3, start=small_nano))
    batch = PageStream(TRAINING, 1, 16, 1, trainer.end_token)[0]
    features = encode_frozen(trainer.model, batch, 0)
    loss = decoder_losses(trainer.model, features, batch, trainer.prefix).total.detach()
    for _ in range(2):
        trainer.buffer.add(features, batch)
        assert not list(trainer.buffer.take_batches(5))
    trainer.buffer.add(features, batch)
    taken = list(trainer.buffer.take_batches(5))
    assert taken
    for buffered, texts in taken:
        again = decoder_losses(trainer.model, buffered, texts, trainer.prefix).total.detach()
        assert torch.allclose(again, loss, rtol=0.02)


def test_buffered_pages_share_batches_with_pages_of_similar_length() -> None:
    buffer = FeatureBuffer(seed=1, batch_tokens=1200, min_samples=8)
    taken: Counter[int] = Counter()
    lengths = [10, 20, 60, 100, 120, 240, 250, 700] * 4
    for step, length in enumerate(lengths):
        texts = torch.full((1, 800), IGNORED)
        texts[0, :length] = length
        no_pixels = torch.zeros(1, 3, 1, 1, dtype=torch.uint8)
        buffer.add(torch.zeros(1, 64, 8), Batch(no_pixels, texts.clamp(min=0), texts, texts.clone(), no_pixels))
        for features, batch in buffer.take_batches(step):
            assert len(features) * (features.shape[1] + batch.tokens.shape[1]) <= 1200
            longest = batch.targets.max(dim=1).values
            assert longest.min() * 4 > longest.max() or longest.max() <= 64
            taken.update(longest.tolist())
    waiting = Counter(int(sample.texts.targets.max()) for samples in buffer.samples.values() for sample in samples)
    assert waiting.total() < 8
    assert taken + waiting == dict.fromkeys(lengths, 4), "every page is taken once"


def test_a_jump_is_the_answers_start_or_a_new_line() -> None:
    none = IGNORED
    image_targets = torch.tensor([[none, 16, 16, 17, none, 18, 32, 33, none, 33, 31], [none] * 11])
    far = torch.zeros_like(image_targets, dtype=torch.bool)
    far[0, [1, 6, 10]] = True
    assert torch.equal(jumps(image_targets), far)


def test_token_noise_changes_the_decoders_input_and_not_its_targets() -> None:
    batch = PageStream(TRAINING, 1, 16, 8, 257)[0]
    noise = torch.Generator().manual_seed(4)
    noisy = batch.with_token_noise(0.1, noise)
    wrong = noisy.tokens != batch.tokens
    answer = batch.targets != IGNORED
    assert torch.equal(noisy.targets, batch.targets)
    assert not (wrong & ~answer).any(), "the query stays"
    assert 0.02 < float(wrong.sum() / answer.sum()) < 0.2
    assert torch.equal(batch.with_token_noise(0.0, noise).tokens, batch.tokens)


def test_any_text_encodes_without_unknowns() -> None:
    tokenizer = build_tokenizer()
    text = "naïve – 漢字 🎼 \\frac{1}{2}\tend\n"
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_command_trains_and_writes_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "--stage", "1", "--steps", "1", "--batch", "1", "--workers", "0", "--device", "cpu"]
    assert main([*command, "--resume", str(tmp_path)]) == 0
    assert {"state.pt", "log.jsonl", "curve.png", "checkpoint"} <= {path.name for path in tmp_path.iterdir()}
    assert main(["train", "--stage", "1", "--resume", str(tmp_path)]) == 2
    assert "--minutes" in capsys.readouterr().err


def test_a_mixture_can_have_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--rows", "64", "--mixture", "plain=2,music"]) == 2
    assert "--stage 1 --resume DIR" in capsys.readouterr().err, "the mixture is valid, the stage is missing"


@pytest.mark.parametrize(
    ("mixture", "fault"),
    [("plain=no", "weights are numbers"), ("plain=0", "above 0"), ("poems=1", "no kind 'poems'")],
)
def test_an_invalid_mixture_is_an_error_that_names_the_fault(
    mixture: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--rows", "64", "--mixture", mixture])
    assert fault in capsys.readouterr().err


def test_preview_writes_one_picture_and_prints_the_speed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "preview", "--count", "3", "-o", str(tmp_path / "sheet.png")]) == 0
    assert "pages/s" in capsys.readouterr().out
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 1000
