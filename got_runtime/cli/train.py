"""``got-ocr train``: teach got-nano, one stage and resolution a run; ``got-ocr train preview``: look at its pages."""

import argparse
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.cli.common import stop_on_interrupt

if TYPE_CHECKING:
    from rich.console import Console

    from got_runtime.training.pretrain.trainer import Trainer


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser(
        "train",
        help="train got-nano with its data engine",
        description="Train got-nano. Runs resume: the same folder goes on where it stopped. The recipe of the embedded "
        "network is in got_runtime/checkpoints/got-nano/README.md.",
    )
    parser.add_argument("action", nargs="?", choices=("preview",), help="make a sheet of pages instead of training")
    parser.add_argument(
        "--stage", type=int, choices=(1, 2, 3), help="1: encoder; 2: everything; 3: decoder, which waits for 512 pages"
    )
    parser.add_argument("--resume", type=Path, metavar="DIR", help="folder of the run, made if missing")
    parser.add_argument(
        "--mixture",
        type=_shares,
        default={},
        metavar="KINDS",
        help="kinds of page to teach together: all, or plain,table, with shares of your own: plain=2,table=1",
    )
    parser.add_argument("--start", type=Path, metavar="FOLDER", help="begin with the weights of this checkpoint")
    parser.add_argument("--minutes", type=float, help="how long")
    parser.add_argument("--steps", type=int, help="or how many steps (reproducible)")
    parser.add_argument(
        "--rows", type=int, default=16, choices=(16, 32, 64), help="patch rows a page (64: whole pages)"
    )
    parser.add_argument("--batch", type=int, default=8, help="pages a step")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate of the plateau")
    parser.add_argument("--warmup", type=int, default=60, help="steps of warm-up")
    parser.add_argument("--decay", type=float, default=0.0, help="share of the run over which the rate falls to 0")
    parser.add_argument(
        "--encoder-rate", type=float, default=0.1, help="share of the rate for the encoder, stages 2, 3"
    )
    parser.add_argument("--misread", type=float, default=0.05, help="share of wrong characters the decoder is shown")
    parser.add_argument("--replays", type=int, default=0, help="how often a page is taught again, stage 3")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that make pages")
    parser.add_argument("--device", default="auto")
    sheet = parser.add_argument_group("preview")
    sheet.add_argument("--kind", type=_kinds, default=("plain",), metavar="KIND", help="kinds of page, in turn")
    sheet.add_argument("--count", type=int, default=12, help="pages on the sheet")
    sheet.add_argument("-o", "--output", type=Path, default=Path("sheet.png"), metavar="PNG")
    parser.set_defaults(run=run)


def _kinds(value: str) -> tuple[str, ...]:
    from got_runtime.synth.kinds import KINDS

    names = KINDS if value == "all" else tuple(value.split(","))
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no kind {unknown[0]!r}; there are: all, {', '.join(KINDS)}")
    return names


def _shares(value: str) -> dict[str, float]:
    from got_runtime.training.pretrain.mixture import SHARES

    parts = [part.partition("=") for part in value.split(",")]
    named = {name: share for name, sign, share in parts if sign}
    try:
        own = {name: float(share) for name, share in named.items()}
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{value}: shares are numbers, as in plain=2,table=1") from error
    if any(share <= 0 for share in own.values()):
        raise argparse.ArgumentTypeError(f"{value}: shares are above 0")
    return {kind: own.get(kind, SHARES[kind]) for kind in _kinds(",".join(name for name, _, _ in parts))}


def run(args: argparse.Namespace) -> int:
    """Train, log, draw the curve and leave a transformers folder in ``DIR/checkpoint``."""
    from rich.console import Console

    from got_runtime.engine.torch_engine.allocator import keep_freed_memory
    from got_runtime.errors import GotError, MissingExtra
    from got_runtime.training.pretrain.curve import draw_curve
    from got_runtime.training.pretrain.nano import save_checkpoint
    from got_runtime.training.pretrain.trainer import Recipe, Trainer

    for package in ("wordfreq", "matplotlib", "rapidfuzz", "font_roboto", "typst", "rdkit", "verovio", "resvg_py"):
        if find_spec(package) is None:
            raise MissingExtra("train", package)
    if args.action == "preview":
        return _preview(args)
    if args.mixture and args.rows != 64:
        raise GotError("a mixture is of whole pages: add --rows 64")
    if args.stage is None or args.resume is None:
        raise GotError("say what to train and where to keep it: --stage 1 --resume DIR")
    if args.minutes is None and args.steps is None:
        raise GotError("say how long to train: --minutes M or --steps N")
    options = vars(args)
    recipe = Recipe(**{field.name: options[field.name] for field in fields(Recipe) if field.name in options})
    folder: Path = args.resume
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    keep_freed_memory()
    trainer = Trainer(folder, recipe)
    _train(trainer, console)
    save_checkpoint(trainer.model, folder / "checkpoint")
    draw_curve(folder / "log.jsonl", folder / "curve.png")
    console.print(f"step {trainer.step}: weights in {folder / 'checkpoint'}, curve in {folder / 'curve.png'}")
    return 130 if trainer.stopping else 0


def _train(trainer: "Trainer", console: "Console") -> None:
    """Steps under a progress bar, and what the checks in between found."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    stage = TextColumn(f"stage {trainer.recipe.stage}")
    columns = (stage, BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    quiet = not console.is_terminal
    with stop_on_interrupt(trainer), Progress(*columns, console=console, disable=quiet) as progress:
        bar = progress.add_task("first steps", total=1.0)
        for reading in trainer.run():
            shown = (name for name in ("token_right", "found", "right", "text") if name in reading)
            text = " · ".join(f"{name} {reading[name]:.3f}" for name in shown)
            described = f"step {reading['step']} · {reading['pages_per_second']} pages/s · {text}"
            progress.update(bar, completed=reading["share"], description=described)
            distances = {name[9:]: d for name, d in reading.items() if name.startswith("distance_")}
            if distances:
                console.print("edit distance " + " · ".join(f"{kind} {d:.2f}" for kind, d in distances.items()))
            if "cer_seen" in reading:
                seen, held_out = reading["cer_seen"], reading["cer_held_out"]
                console.print(f"character error rate {seen:.3f} in seen faces, {held_out:.3f} in held-out faces")


def _preview(args: argparse.Namespace) -> int:
    from got_runtime.synth.preview import preview

    speed = preview(args.kind, args.count, args.seed, args.workers, args.output)
    print(f"{args.output}: {args.count} pages, {speed:.1f} pages/s with {args.workers} worker processes")
    return 0
