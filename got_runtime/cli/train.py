"""``got-ocr train``: train got-nano, one stage and page height a run; ``got-ocr train preview``: show its pages."""

import argparse
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.cli.common import non_empty_path, stop_on_interrupt

if TYPE_CHECKING:
    from rich.console import Console

    from got_runtime.training.pretrain.trainer import PretrainTrainer


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "train",
        help="train got-nano with its data engine",
        description="Train got-nano. A run in a folder that holds one continues it. The commands that trained the "
        "embedded network are in got_runtime/checkpoints/got-nano/README.md.",
    )
    parser.add_argument("action", nargs="?", choices=("preview",), help="write a sheet of pages instead of training")
    parser.add_argument(
        "--stage", type=int, choices=(1, 2, 3), help="1: encoder; 2: everything; 3: decoder, on buffered pages"
    )
    parser.add_argument("--resume", type=non_empty_path, metavar="DIR", help="folder of the run: created, or continued")
    parser.add_argument(
        "--mixture",
        type=_mixture,
        default={},
        metavar="KINDS",
        help="kinds of page to train on together: all, or plain,table, or with your own weights: plain=2,table=1",
    )
    parser.add_argument(
        "--start", type=non_empty_path, metavar="FOLDER", help="checkpoint whose weights a new run begins with"
    )
    parser.add_argument("--minutes", type=float, help="length of the run in minutes")
    parser.add_argument("--steps", type=int, help="length of the run in steps (reproducible)")
    parser.add_argument(
        "--rows", type=int, default=16, choices=(16, 32, 64), help="rows of patches of a page (64: whole pages)"
    )
    parser.add_argument("--batch", type=int, default=8, help="pages a step")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate between warm-up and decay")
    parser.add_argument("--warmup", type=int, default=60, help="steps over which the learning rate rises")
    parser.add_argument("--decay", type=float, default=0.0, help="fraction of the run over which the rate falls to 0")
    parser.add_argument(
        "--encoder-rate",
        type=float,
        default=0.1,
        help="learning rate of the encoder relative to --rate, stages 2 and 3",
    )
    parser.add_argument(
        "--token-noise",
        type=float,
        default=0.05,
        help="fraction of wrong tokens in the decoder's input, stages 2 and 3",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that make pages")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--dtype",
        choices=("auto", "bfloat16", "float32"),
        default="auto",
        help="auto: bfloat16 where the device computes in it (CUDA, CPUs with AMX), else float32",
    )
    parser.add_argument(
        "--buffer", type=int, default=512, metavar="N", help="stage 3 begins with N pages and ends with N unused"
    )
    sheet = parser.add_argument_group("preview")
    sheet.add_argument(
        "--kind", type=_kinds, default=("plain",), metavar="KIND", help="kinds of page, one after another"
    )
    sheet.add_argument("--count", type=int, default=12, help="pages on the sheet")
    sheet.add_argument("-o", "--output", type=non_empty_path, default=Path("sheet.png"), metavar="PNG")
    parser.set_defaults(run=run)


def _kinds(value: str) -> tuple[str, ...]:
    from got_runtime.synth.kinds import KINDS

    names = KINDS if value == "all" else tuple(value.split(","))
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no kind {unknown[0]!r}; there are: all, {', '.join(KINDS)}")
    return names


def _mixture(value: str) -> dict[str, float]:
    from got_runtime.training.pretrain.mixture import KIND_WEIGHTS

    parts = [part.partition("=") for part in value.split(",")]
    try:
        weights = {name: float(weight) for name, sign, weight in parts if sign}
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{value}: weights are numbers, as in plain=2,table=1") from error
    if any(weight <= 0 for weight in weights.values()):
        raise argparse.ArgumentTypeError(f"{value}: weights are above 0")
    return {kind: weights.get(kind, KIND_WEIGHTS[kind]) for kind in _kinds(",".join(name for name, _, _ in parts))}


def run(args: argparse.Namespace) -> int:
    """Train, log, plot the curve and write a transformers folder to ``DIR/checkpoint``."""
    from rich.console import Console

    from got_runtime.engine.torch_engine.allocator import keep_freed_memory
    from got_runtime.errors import GotError, MissingExtra
    from got_runtime.training.pretrain.config import PretrainConfig
    from got_runtime.training.pretrain.curve import draw_curve
    from got_runtime.training.pretrain.nano import save_checkpoint
    from got_runtime.training.pretrain.trainer import PretrainTrainer

    for package in ("wordfreq", "matplotlib", "rapidfuzz", "font_roboto", "typst", "rdkit", "verovio", "resvg_py"):
        if find_spec(package) is None:
            raise MissingExtra("train", package)
    if args.action == "preview":
        return _preview(args)
    if args.mixture and args.rows != 64:
        raise GotError("a mixture needs whole pages: add --rows 64")
    if args.stage is None or args.resume is None:
        raise GotError("give a stage and the folder of the run: --stage 1 --resume DIR")
    if args.minutes is None and args.steps is None:
        raise GotError("give the length of the run: --minutes M or --steps N")
    options = vars(args)
    config = PretrainConfig(
        **{field.name: options[field.name] for field in fields(PretrainConfig) if field.name in options}
    )
    folder: Path = args.resume
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    keep_freed_memory()
    trainer = PretrainTrainer(folder, config)
    _train(trainer, console)
    save_checkpoint(trainer.model, folder / "checkpoint")
    draw_curve(folder / "log.jsonl", folder / "curve.png")
    console.print(f"step {trainer.step}: weights in {folder / 'checkpoint'}, curve in {folder / 'curve.png'}")
    return 130 if trainer.stopping else 0


def _train(trainer: "PretrainTrainer", console: "Console") -> None:
    """Train under a progress bar, and print the validations."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    stage = TextColumn(f"stage {trainer.config.stage}")
    columns = (stage, BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    quiet = not console.is_terminal
    with stop_on_interrupt(trainer), Progress(*columns, console=console, disable=quiet) as progress:
        bar = progress.add_task("first steps", total=1.0)
        for entry in trainer.run():
            shown = (name for name in ("token_right", "found", "right", "text") if name in entry)
            text = " · ".join(f"{name} {entry[name]:.3f}" for name in shown)
            described = f"step {entry['step']} · {entry['pages_per_second']} pages/s · {text}"
            progress.update(bar, completed=entry["progress"], description=described)
            distances = {name.removeprefix("distance_"): d for name, d in entry.items() if name.startswith("distance_")}
            if distances:
                console.print("edit distance " + " · ".join(f"{kind} {d:.2f}" for kind, d in distances.items()))
            if "cer_seen" in entry:
                seen, held_out = entry["cer_seen"], entry["cer_held_out"]
                console.print(f"character error rate {seen:.3f} in training faces, {held_out:.3f} in held-out faces")


def _preview(args: argparse.Namespace) -> int:
    from got_runtime.synth.preview import preview

    speed = preview(args.kind, args.count, args.seed, args.workers, args.output)
    print(f"{args.output}: {args.count} pages, {speed:.1f} pages/s with {args.workers} worker processes")
    return 0
