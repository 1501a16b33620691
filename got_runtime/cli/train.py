"""``got-ocr train``: teach got-nano, one stage and resolution a run."""

import argparse
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser(
        "train",
        help="train got-nano with its data engine",
        description="Train got-nano. Runs resume: the same folder goes on where it stopped. The recipe of the embedded "
        "network is in got_runtime/checkpoints/got-nano/README.md.",
    )
    parser.add_argument("--stage", type=int, choices=(1, 2), required=True, help="1: encoder; 2: everything")
    parser.add_argument("--resume", type=Path, required=True, metavar="DIR", help="folder of the run, made if missing")
    parser.add_argument("--minutes", type=float, help="how long")
    parser.add_argument("--steps", type=int, help="or how many steps (reproducible)")
    parser.add_argument(
        "--rows", type=int, default=16, choices=(16, 32, 64), help="patch rows a page (64: whole pages)"
    )
    parser.add_argument("--batch", type=int, default=8, help="pages a step")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate of the plateau")
    parser.add_argument("--warmup", type=int, default=60, help="steps of warm-up")
    parser.add_argument("--decay", type=float, default=0.0, help="share of the run over which the rate falls to 0")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that make pages")
    parser.add_argument("--device", default="auto")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, log, draw the curve and leave a transformers folder in ``DIR/checkpoint``."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from got_runtime.errors import GotError
    from got_runtime.training.curve import draw_curve
    from got_runtime.training.loop import Recipe, Trainer, keep_freed_memory
    from got_runtime.training.nano import save_checkpoint

    if args.minutes is None and args.steps is None:
        raise GotError("say how long to train: --minutes M or --steps N")
    names = ("stage", "rows", "batch", "minutes", "steps", "rate", "warmup", "decay", "seed", "workers", "device")
    recipe = Recipe(**{name: getattr(args, name) for name in names})
    folder: Path = args.resume
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    keep_freed_memory()
    trainer = Trainer(folder, recipe)
    columns = (
        TextColumn("stage {task.fields[stage]}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            bar = progress.add_task("first steps", total=1.0, stage=recipe.stage)
            for reading in trainer.run():
                text = " · ".join(
                    f"{k} {reading[k]:.3f}" for k in ("token_right", "found", "right", "text") if k in reading
                )
                described = f"step {reading['step']} · {reading['pages_per_second']} pages/s · {text}"
                progress.update(bar, completed=reading["share"], description=described)
                if "cer_seen" in reading:
                    console.print(
                        f"held-out CER {reading['cer_seen']:.3f} seen, {reading['cer_held_out']:.3f} held-out faces"
                    )
    finally:
        trainer.save()
    save_checkpoint(trainer.model, folder / "checkpoint")
    draw_curve(folder / "log.jsonl", folder / "curve.png")
    console.print(f"weights in {folder / 'checkpoint'}, curve in {folder / 'curve.png'}")
    return 0
