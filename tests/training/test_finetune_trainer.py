"""Fine-tuning: the loss, which weights change, and resuming to the step."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.finetuning import draw, pairs_of, swift, weights, write_lines
from helpers.native_code import SLOW_IN_BFLOAT16

from got_runtime.errors import GotError
from got_runtime.model.checkpoint import load
from got_runtime.pipeline.preprocess import build_request
from got_runtime.training.finetune import adapter
from got_runtime.training.finetune.batches import ImageFeatures, answer_ids, answer_loss
from got_runtime.training.finetune.config import FinetuneConfig
from got_runtime.training.finetune.trainer import FinetuneTrainer, learning_rate, pair_indices, resumable_state


@torch.no_grad()
@pytest.mark.parametrize("width", ["tiny", "wide"])
def test_the_loss_equals_transformers_own(tmp_path: Path, width: str, request: pytest.FixtureRequest) -> None:
    """transformers' forward pass on the same prompt, pictures and answer, page by page; ours is one padded batch."""
    network = load(request.getfixturevalue(width), "cpu", "float32")
    names = [draw(tmp_path / f"{number}.png", f"page {number}") for number in range(3)]
    rows = [swift(names[0], "short"), swift(names[1], "longer answer\nin two lines, naïve – 漢字")]
    rows.append(swift(names[1:], "both", "<image><image>OCR across multi pages: "))
    pairs = pairs_of(write_lines(tmp_path / "pairs.jsonl", rows))
    features = ImageFeatures(network, frozen=True)
    expected, tokens = 0.0, 0
    for pair in pairs:
        sent = build_request(network, pair.open(), pair.task, pair.query, 1)
        answer = answer_ids(network, pair)
        ids = torch.tensor([[*sent.prompt, *answer]])
        labels = ids.clone()
        labels[:, : len(sent.prompt)] = -100
        pixels = network.image_processor.pixels(pair.open())
        loss = network.model(input_ids=ids, pixel_values=pixels, labels=labels).loss
        alone, _ = answer_loss(network, [pair], [features.of(pair)])
        assert float(alone) / len(answer) == pytest.approx(float(loss), rel=1e-4)
        expected, tokens = expected + float(loss) * len(answer), tokens + len(answer)
    together = [pair for pair in pairs if len(pair.images) == 1]
    batch, right = answer_loss(network, together, [features.of(pair) for pair in together])
    singles = [answer_loss(network, [pair], [features.of(pair)]) for pair in together]
    assert float(batch) == pytest.approx(sum(float(nats) for nats, _ in singles), rel=1e-4)
    assert int(right) == sum(int(hits) for _, hits in singles)
    every, _ = answer_loss(network, pairs, [features.of(pair) for pair in pairs])
    assert float(every) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("method", [pytest.param(method, marks=SLOW_IN_BFLOAT16) for method in ("lora", "full")])
def test_a_full_width_network_learns_in_bfloat16(tmp_path: Path, wide: Path, data: Path, method: Any) -> None:
    config = FinetuneConfig(method=method, batch=2, accumulate=1, steps=6, rate=1e-2 if method == "lora" else 3e-4)
    entries = list(FinetuneTrainer(load(wide, "cpu", "bfloat16"), pairs_of(data)[:2], tmp_path, config).run())
    assert entries[-1]["loss"] < 0.7 * entries[0]["loss"]


@pytest.mark.parametrize(("method", "encoder"), [("lora", False), ("full", False), ("full", True)])
def test_only_the_selected_weights_change(tmp_path: Path, tiny: Path, data: Path, method: Any, encoder: bool) -> None:
    network = load(tiny, "cpu", "bfloat16")
    before = weights(network.model)
    config = FinetuneConfig(method=method, batch=2, accumulate=1, steps=2, rate=0.01, train_encoder=encoder)
    trainer = FinetuneTrainer(network, pairs_of(data), tmp_path, config)
    list(trainer.run())
    after = weights(trainer.merged())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    decoder = {name for name in before if "language_model" in name or name == "lm_head.weight"}
    if method == "lora":
        assert changed == {name for name in decoder if name.endswith("_proj.weight")}
    elif encoder:
        assert changed > decoder
    else:
        assert changed
        assert changed <= decoder


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft reads a renamed property
def test_the_merged_network_is_the_adapted_one(tmp_path: Path, tiny: Path, data: Path) -> None:
    network = load(tiny, "cpu", "float32")
    pairs = pairs_of(data)
    image = [ImageFeatures(network, frozen=True).of(pair) for pair in pairs]

    def loss() -> float:
        with torch.no_grad():
            return float(answer_loss(network, pairs, image)[0])

    base = loss()
    trainer = FinetuneTrainer(network, pairs, tmp_path, FinetuneConfig(batch=3, accumulate=2, steps=3, rate=0.01))
    assert loss() == pytest.approx(base)  # fresh adapters change nothing
    list(trainer.run())
    adapted = loss()
    assert adapted < 0.99 * base
    adapter.save(trainer.adapted, tmp_path / "adapter")
    trainer.merged()
    assert loss() == pytest.approx(adapted, rel=1e-4)
    # peft itself loads the same network from the base and the adapter's files.
    from peft import PeftModel

    other = load(tiny, "cpu", "float32")
    peft: Any = PeftModel.from_pretrained(other.model, tmp_path / "adapter")
    peft.merge_and_unload()
    for name, value in network.model.state_dict().items():
        torch.testing.assert_close(value, other.model.state_dict()[name])


def test_accumulating_gradients_equals_a_larger_batch(tmp_path: Path, tiny: Path, data: Path) -> None:
    losses = []
    for batch, accumulate in ((6, 1), (2, 3)):
        config = FinetuneConfig(method="full", batch=batch, accumulate=accumulate, steps=3, rate=0.003)
        trainer = FinetuneTrainer(load(tiny, "cpu", "float32"), pairs_of(data), tmp_path, config)
        losses.append([entry["loss"] for entry in trainer.run()])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_an_interrupted_run_resumes_to_the_same_weights(tmp_path: Path, tiny: Path, data: Path, method: Any) -> None:
    config = FinetuneConfig(method=method, batch=2, accumulate=2, steps=4, rate=0.01)

    def trainer(name: str) -> FinetuneTrainer:
        (tmp_path / name).mkdir(exist_ok=True)
        return FinetuneTrainer(load(tiny, "cpu", "bfloat16"), pairs_of(data), tmp_path / name, config)

    whole, first, second = trainer("whole"), trainer("parts"), trainer("parts")
    list(whole.run())
    for entry in first.run():
        first.stopping = entry["step"] == 2
    device = torch.device("cpu")
    second.load_state(resumable_state(tmp_path / "parts", config, {}, device))
    assert [entry["step"] for entry in second.run()] == [3, 4]
    expected, got = weights(whole.merged()), weights(second.merged())
    assert all(torch.equal(expected[name], got[name]) for name in expected)
    with pytest.raises(GotError, match="differs in seed"):
        resumable_state(tmp_path / "parts", config.model_copy(update={"seed": 1}), {}, device)


def test_every_pass_sees_every_pair_once_in_another_order() -> None:
    steps = [pair_indices(10, step, 4, seed=5) for step in range(5)]
    seen = [pair for step in steps for pair in step]
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]


def test_the_learning_rate_rises_and_falls_to_zero() -> None:
    config = FinetuneConfig(steps=100, rate=1.0, warmup=0.1)
    rates = [learning_rate(step, config) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert all(np.diff(rates[10:]) < 0)
    assert rates[-1] < 0.001
