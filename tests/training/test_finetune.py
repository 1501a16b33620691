"""Fine-tuning: what files are taken, what is learned from them, and what a run leaves behind."""

import json
import os
import runpy
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration

from got_runtime import GotRuntime
from got_runtime.cli import main
from got_runtime.errors import GotError, SourceCorrupt, SourceNotFound
from got_runtime.model.checkpoint import load
from got_runtime.pipeline.preprocess import build_request
from got_runtime.training.finetune import adapter
from got_runtime.training.finetune.batches import Features, answer_ids, answer_loss, check_pair
from got_runtime.training.finetune.config import Recipe
from got_runtime.training.finetune.dataset import Pair, read_pairs, split
from got_runtime.training.finetune.trainer import Tuner, kept_state, order, rate_at
from got_runtime.training.pretrain.nano import build_tokenizer, save_checkpoint

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "fine_tune.py"
NARROW = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
WIDE = {"hidden_size": 1024, "intermediate_size": 2816, "num_attention_heads": 16, "num_key_value_heads": 16}


def save_network(folder: Path, text: dict[str, int], vision: int, heads: int) -> Path:
    """A random network of two layers that sees 256×256 pixels as 16 tokens."""
    tokenizer = build_tokenizer()
    config = GotOcr2Config(
        vision_config={
            "image_size": 256,
            "hidden_size": vision,
            "num_attention_heads": heads,
            "mlp_dim": 2 * vision,
            "num_hidden_layers": 2,
            "global_attn_indexes": [1],
        },
        text_config={
            "model_type": "qwen2",
            "vocab_size": len(tokenizer),
            "num_hidden_layers": 2,
            "tie_word_embeddings": True,
            "bos_token_id": None,
            "eos_token_id": None,
        }
        | text,
        image_token_index=tokenizer.convert_tokens_to_ids("<imgpad>"),
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    model: Any = GotOcr2ForConditionalGeneration(config)
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.05 if "language_model" in name else parameter[0].numel() ** -0.5)
    save_checkpoint(model, folder)
    settings = folder / "processor_config.json"
    settings.write_text(settings.read_text().replace("1024", "256"))
    return folder


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_network(tmp_path_factory.mktemp("toy"), NARROW, vision=32, heads=2)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GOT's widths."""
    return save_network(tmp_path_factory.mktemp("wide"), WIDE, vision=768, heads=12)


def draw(path: Path, text: str) -> str:
    image = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(image).text((10, 40), text, fill="black", font_size=40)
    image.save(path)
    return path.name


def swift(image: str | list[str], answer: str, query: str = "<image>OCR: ") -> dict[str, Any]:
    turns = [{"role": "user", "content": query}, {"role": "assistant", "content": answer}]
    return {"messages": turns, "images": image if isinstance(image, list) else [image]}


def write_lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Six pages with a word each."""
    words = ["alpha", "beta", "gamma", "delta", "omega", "kappa"]
    return write_lines(tmp_path / "pairs.jsonl", [swift(draw(tmp_path / f"{w}.png", w), w) for w in words])


def pairs_of(file: Path) -> tuple[Pair, ...]:
    return read_pairs(file).good


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


# ---- files


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


def test_several_images_are_one_context_and_one_asked_for_by_patches_is_cut(tmp_path: Path) -> None:
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
        (json.dumps({**GOOD, "images": ["data:image/png;base64," + "A" * 5000]}), "stands in the line itself"),
        (json.dumps(swift("page.png", " \n")), "empty answer"),
        (json.dumps(swift("page.png", "text", "<image>")), "asks nothing"),
        (json.dumps(swift("page.png", "text", "<image><image>OCR: ")), "2 <image> tags for 1 images"),
        (json.dumps({**GOOD, "messages": GOOD["messages"] * 2}), "one question and one answer"),
        (json.dumps(swift("page.png", "a<|im_end|>b")), "meaning of their own"),
        (json.dumps(swift("page.png", "word " * 8000)), "the network holds 32,768"),
    ],
    ids=lambda value: value if " " in value and "{" not in value else "",
)
def test_a_bad_line_is_named_with_its_reason_or_left_out(tmp_path: Path, toy: Path, row: str, reason: str) -> None:
    draw(tmp_path / "page.png", "text")
    (tmp_path / "broken.png").write_bytes((tmp_path / "page.png").read_bytes()[:300])
    file = tmp_path / "pairs.jsonl"
    file.write_text(f"{json.dumps(GOOD)}\n\n{row}\n", encoding="utf-8")
    network = load(toy, "cpu", "float32")
    with pytest.raises(SourceCorrupt, match=r"line 3.*--skip-bad") as raised:
        read_pairs(file, check=lambda pair: check_pair(network, pair))
    assert reason in str(raised.value)
    assert len(str(raised.value)) < 1000
    left = read_pairs(file, skip_bad=True, check=lambda pair: check_pair(network, pair))
    assert [pair.answer for pair in left.good] == ["text"]
    assert len(left.bad) == 1


def test_a_file_without_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound):
        read_pairs(tmp_path / "gone.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(SourceCorrupt, match="no usable pair"):
        read_pairs(tmp_path / "empty.jsonl")


def test_what_is_asked_of_one_picture_is_learned_or_held_out_but_not_both() -> None:
    pairs = tuple(Pair((Path(f"{n % 20}.png"),), f"[{n}, 1] OCR: ", "x", "") for n in range(60))
    learned, held_out = split(pairs, 0.1, seed=3)
    assert len(held_out) == 6
    assert not {p.images for p in learned} & {p.images for p in held_out}
    assert (learned, held_out) == split(pairs, 0.1, seed=3)
    assert split(pairs, 0.1, seed=4)[1] != held_out
    assert split(pairs, 0.0, seed=3) == (pairs, ())


def test_pairs_that_share_a_picture_stay_together() -> None:
    """Pages 0–1–2 of one document are linked by their pairs; 3 is named in two ways."""
    named = [("0", "1"), ("1", "2"), ("2",), ("3",), ("x/../3",), ("4", "5"), ("6",)]
    pairs = tuple(Pair(tuple(map(Path, names)), "OCR: ", "x", "") for names in named)
    for seed in range(20):
        sides = [{image.resolve() for pair in side for image in pair.images} for side in split(pairs, 0.3, seed)]
        assert all(sides)
        assert not sides[0] & sides[1]
    assert split(pairs[:3], 0.3, seed=0) == (pairs[:3], ())


# ---- what is learned


@torch.no_grad()
@pytest.mark.parametrize("width", ["toy", "wide"])
def test_the_loss_is_the_ports(tmp_path: Path, width: str, request: pytest.FixtureRequest) -> None:
    """The port's own forward pass on the same prompt, pictures and answer, page by page; ours is one padded batch."""
    network = load(request.getfixturevalue(width), "cpu", "float32")
    names = [draw(tmp_path / f"{number}.png", f"page {number}") for number in range(3)]
    rows = [swift(names[0], "short"), swift(names[1], "longer answer\nin two lines, naïve – 漢字")]
    rows.append(swift(names[1:], "both", "<image><image>OCR across multi pages: "))
    pairs = pairs_of(write_lines(tmp_path / "pairs.jsonl", rows))
    features = Features(network, frozen=True)
    expected, tokens = 0.0, 0
    for pair in pairs:
        asked = build_request(network, pair.open(), pair.task, pair.query, 1)
        answer = answer_ids(network, pair)
        ids = torch.tensor([[*asked.prompt, *answer]])
        labels = ids.clone()
        labels[:, : len(asked.prompt)] = -100
        loss = network.model(input_ids=ids, pixel_values=asked.pixels, labels=labels).loss
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


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_full_width_network_learns_in_bfloat16(tmp_path: Path, wide: Path, file: Path, method: Any) -> None:
    recipe = Recipe(method=method, batch=2, accumulate=1, steps=6, rate=1e-2 if method == "lora" else 3e-4)
    readings = list(Tuner(load(wide, "cpu", "bfloat16"), pairs_of(file)[:2], tmp_path, recipe).run())
    assert readings[-1].loss < 0.7 * readings[0].loss


@pytest.mark.parametrize(("method", "encoder"), [("lora", False), ("full", False), ("full", True)])
def test_only_what_was_asked_for_changes(tmp_path: Path, toy: Path, file: Path, method: Any, encoder: bool) -> None:
    network = load(toy, "cpu", "bfloat16")
    before = weights(network.model)
    recipe = Recipe(method=method, batch=2, accumulate=1, steps=2, rate=0.01, train_encoder=encoder)
    tuner = Tuner(network, pairs_of(file), tmp_path, recipe)
    list(tuner.run())
    after = weights(tuner.merged())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    decoder = {name for name in before if "language_model" in name or name == "lm_head.weight"}
    if method == "lora":
        assert changed == {name for name in decoder if name.endswith("_proj.weight")}
    elif encoder:
        assert changed > decoder
    else:
        assert changed
        assert changed <= decoder


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks for a renamed property
def test_the_merged_network_is_the_adapted_one(tmp_path: Path, toy: Path, file: Path) -> None:
    network = load(toy, "cpu", "float32")
    pairs = pairs_of(file)
    image = [Features(network, frozen=True).of(pair) for pair in pairs]

    def loss() -> float:
        with torch.no_grad():
            return float(answer_loss(network, pairs, image)[0])

    base = loss()
    tuner = Tuner(network, pairs, tmp_path, Recipe(batch=3, accumulate=2, steps=3, rate=0.01))
    assert loss() == pytest.approx(base)  # fresh adapters change nothing
    list(tuner.run())
    adapted = loss()
    assert adapted < 0.99 * base
    adapter.save(tuner.adapted, tmp_path / "adapter")
    tuner.merged()
    assert loss() == pytest.approx(adapted, rel=1e-4)
    # And peft itself makes the same network of the base and the adapter's files.
    from peft import PeftModel

    other = load(toy, "cpu", "float32")
    peft: Any = PeftModel.from_pretrained(other.model, tmp_path / "adapter")
    peft.merge_and_unload()
    for name, value in network.model.state_dict().items():
        torch.testing.assert_close(value, other.model.state_dict()[name])


def test_accumulating_is_a_larger_batch(tmp_path: Path, toy: Path, file: Path) -> None:
    losses = []
    for batch, accumulate in ((6, 1), (2, 3)):
        recipe = Recipe(method="full", batch=batch, accumulate=accumulate, steps=3, rate=0.003)
        tuner = Tuner(load(toy, "cpu", "float32"), pairs_of(file), tmp_path, recipe)
        losses.append([reading.loss for reading in tuner.run()])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_an_interrupted_run_goes_on_to_the_same_weights(tmp_path: Path, toy: Path, file: Path, method: Any) -> None:
    recipe = Recipe(method=method, batch=2, accumulate=2, steps=4, rate=0.01)

    def tuner(name: str) -> Tuner:
        (tmp_path / name).mkdir(exist_ok=True)
        return Tuner(load(toy, "cpu", "bfloat16"), pairs_of(file), tmp_path / name, recipe)

    whole, first, second = tuner("whole"), tuner("parts"), tuner("parts")
    list(whole.run())
    for reading in first.run():
        first.stopping = reading.step == 2
    device = torch.device("cpu")
    second.resume(kept_state(tmp_path / "parts", recipe, {}, device))
    assert [reading.step for reading in second.run()] == [3, 4]
    expected, got = weights(whole.merged()), weights(second.merged())
    assert all(torch.equal(expected[name], got[name]) for name in expected)
    with pytest.raises(GotError, match="differs in seed"):
        kept_state(tmp_path / "parts", recipe.model_copy(update={"seed": 1}), {}, device)


def test_every_pass_sees_every_pair_once_in_another_order() -> None:
    steps = [order(10, step, 4, seed=5) for step in range(5)]
    seen = [pair for step in steps for pair in step]
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]


def test_the_rate_rises_and_falls_to_nothing() -> None:
    recipe = Recipe(steps=100, rate=1.0, warmup=0.1)
    rates = [rate_at(step, recipe) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert all(np.diff(rates[10:]) < 0)
    assert rates[-1] < 0.001


# ---- the command


@pytest.mark.parametrize("method", ["--lora", "--full"])
def test_the_command_teaches_measures_and_leaves_a_checkpoint(
    tmp_path: Path, toy: Path, file: Path, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    command = ["fine-tune", str(file), "--model", str(toy), "--device", "cpu", "-o", str(out), method]
    command += ["--eval-data", str(file), "--steps", "60", "--batch", "6", "--accumulate", "1", "--rate", "0.01"]
    assert main([*command, "--max-new-tokens", "12"]) == 0
    printed = capsys.readouterr().out
    assert "before" in printed
    assert "after" in printed
    report = json.loads((out / "report.json").read_text())
    assert (report["pairs"], report["steps"], report["skipped"]) == (6, 60, [])
    error = {when: report[when]["overall"]["character_error_rate"]["value"] for when in ("before", "after")}
    assert error["after"] < 0.5 < error["before"]
    assert len((out / "log.jsonl").read_text().splitlines()) == 60
    assert (out / "adapter" / "adapter_model.safetensors").exists() == (method == "--lora")
    # What is told is what users of the folder get.
    read = GotRuntime.from_pretrained(out / "checkpoint", device="cpu", dtype="bfloat16")
    told = {page["name"].split()[1]: page["reading"] for page in report["after"]["pages"]}
    for name, reading in told.items():
        assert read.read(tmp_path / name).pages[0].text.strip() == reading
    for name in ("generation_config.json", "tokenizer.json", "processor_config.json"):
        assert (out / "checkpoint" / name).read_bytes() == (toy / name).read_bytes()
    assert main(command) == 2
    assert "--resume" in capsys.readouterr().err


def test_an_adapter_alone_leaves_the_weights_out(tmp_path: Path, toy: Path, file: Path) -> None:
    command = ["fine-tune", str(file), "--model", str(toy), "--device", "cpu", "-o", str(tmp_path / "run")]
    assert main([*command, "--no-merge", "--steps", "1", "--max-new-tokens", "4", "--held-out", "0.3"]) == 0
    assert (tmp_path / "run" / "adapter" / "adapter_config.json").exists()
    assert not (tmp_path / "run" / "checkpoint").exists()
    assert json.loads((tmp_path / "run" / "report.json").read_text())["held_out"] == 2


def test_an_original_checkpoint_is_tuned_into_a_standard_one(tmp_path: Path, file: Path) -> None:
    from helpers.original_checkpoints import narrow_config, original_weights, random_network, save_original

    config = narrow_config()
    source = save_original(tmp_path / "original", config, original_weights(random_network(config)))
    command = ["fine-tune", str(file), "--model", str(source), "--device", "cpu", "-o", str(tmp_path / "run")]
    assert main([*command, "--full", "--steps", "1", "--batch", "1", "--accumulate", "1", "--held-out", "0"]) == 0
    tuned = load(tmp_path / "run" / "checkpoint", "cpu", "float32")
    assert tuned.encode("OCR: ") == load(source, "cpu", "float32").encode("OCR: ")


def test_ctrl_c_finishes_the_step_and_keeps_it(
    tmp_path: Path, toy: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "run" / "log.jsonl"

    def interrupt() -> None:
        while not log.exists() or not log.read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    command = ["fine-tune", str(file), "--model", str(toy), "--device", "cpu", "-o", str(tmp_path / "run")]
    command += ["--held-out", "0"]
    assert main([*command, "--steps", "100000"]) == 130
    assert "--resume" in capsys.readouterr().err
    done = len(log.read_text().splitlines())
    assert main([*command, "--resume", "--steps", str(done + 1)]) == 0
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == list(range(1, done + 2))
    assert (tmp_path / "run" / "checkpoint" / "model.safetensors").exists()


@pytest.fixture
def kept(tmp_path: Path, toy: Path, file: Path) -> list[str]:
    """The command that goes on with a run of one step, made with the pairs as held-out pairs too."""
    command = ["fine-tune", str(file), "--model", str(toy), "--device", "cpu", "-o", str(tmp_path / "run")]
    command += ["--eval-data", str(file), "--batch", "1", "--accumulate", "1", "--max-new-tokens", "2"]
    assert main([*command, "--steps", "1"]) == 0
    return [*command, "--resume", "--steps", "2"]


def never(*_: Any) -> None:
    raise AssertionError("held-out pages were read")


def test_a_run_goes_on_only_with_what_it_was_begun_with(
    tmp_path: Path, toy: Path, kept: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run" / "report.json").unlink()  # so that the held-out pages have to be read again
    other_pairs = write_lines(tmp_path / "other.jsonl", [swift("alpha.png", "alpha"), *[swift("beta.png", "b")] * 5])
    other_model = save_network(tmp_path / "other", NARROW, vision=64, heads=2)
    changed = {
        "pairs": [kept[0], str(other_pairs), *kept[2:]],
        "held-out pairs": [*kept, "--eval-data", str(other_pairs)],
        "model": [*kept, "--model", str(other_model)],
        "dtype": [*kept, "--dtype", "float32"],
    }
    with monkeypatch.context() as patched:
        patched.setattr("got_runtime.training.finetune.run.read_held_out", never)
        for name, command in changed.items():
            assert main(command) == 2
            assert f"holds a run that differs in {name}: give the same, or another folder" in capsys.readouterr().err
    assert main([*kept, "--model", str(shutil.copytree(toy, tmp_path / "moved"))]) == 0


@pytest.mark.parametrize("name", ["state.pt", "report.json"])
def test_a_damaged_run_is_a_clear_error(
    tmp_path: Path, kept: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "run" / name
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert main(kept) == 2
    assert f"{name} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("number", [1, 2], ids=["before", "after"])
def test_ctrl_c_while_held_out_pages_are_read_says_what_is_kept(
    tmp_path: Path,
    toy: Path,
    file: Path,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    readings = iter([None] * (number - 1))

    def read(*_: Any) -> None:
        if next(readings, True):
            raise KeyboardInterrupt

    monkeypatch.setattr("got_runtime.training.finetune.run.read_held_out", read)
    command = ["fine-tune", str(file), "--model", str(toy), "--device", "cpu", "-o", str(tmp_path / "run")]
    assert main([*command, "--steps", "1", "--batch", "1", "--accumulate", "1"]) == 130
    said = capsys.readouterr().err
    assert ("nothing was learned" in said) == (number == 1)
    assert ("every step is kept" in said) == (number == 2)
    assert (tmp_path / "run" / "state.pt").exists() == (number == 2)


@pytest.mark.parametrize("option", ["--engine=vllm", "--batch-size=2", "--int8"])
def test_options_of_reading_alone_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fine-tune", "pairs.jsonl", "-o", "run", option])
    assert f"unrecognized arguments: {option}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--epochs", "inf"], "--epochs inf: give a number"),
        (["--seed", "-1"], "--seed: Input should be greater than or equal to 0"),
        (["--rate", "inf"], "--rate"),
        (["--device", "cuda:0,cuda:1"], "--device cuda:0,cuda:1: give one"),
        (["-o", "pairs.jsonl"], "-o pairs.jsonl: File exists"),
        (["-o", "pairs.jsonl/run"], "-o pairs.jsonl/run: Not a directory"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_work_is_refused_before_anything_is_loaded(
    file: Path, options: list[str], reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(file.parent)
    assert main(["fine-tune", file.name, "--model", "never/loaded", "--local-files-only", "-o", "run", *options]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--train-encoder"], "needs --full"),
        (["--dtype", "float16"], "bfloat16"),
        (["--held-out", "1.5"], "--held-out 1.5"),
        (["--rank", "0"], "--rank"),
        (["--resume"], "no run to go on with"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_options_say_what_to_do(
    tmp_path: Path, toy: Path, file: Path, options: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["fine-tune", str(file), "--model", str(toy), "-o", str(tmp_path / "run"), "--max-new-tokens", "2"]
    assert main([*command, *options]) == 2
    assert reason in capsys.readouterr().err


def test_the_tutorial_in_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """got-nano reads price lists of new words better after eight steps on three of them."""
    options = ["--pages", "3", "--held-out", "1", "--steps", "8", "--batch", "3", "--max-new-tokens", "150"]
    monkeypatch.setattr("sys.argv", [str(EXAMPLE), str(tmp_path), *options])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert ended.value.code == 0
    steps = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert steps[-1]["loss"] < 0.6 * steps[0]["loss"]
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    error = {when: report[when]["overall"]["edit_distance"]["value"] for when in ("before", "after")}
    assert error["after"] < error["before"]
