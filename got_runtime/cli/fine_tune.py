"""``got-ocr fine-tune``: train a checkpoint on your own pages."""

import argparse
import os
from typing import TYPE_CHECKING

from got_runtime.cli.common import non_empty_path, print_notice, stop_on_interrupt

if TYPE_CHECKING:
    from rich.console import Console

    from got_runtime.training.finetune.config import FinetuneConfig
    from got_runtime.training.finetune.trainer import FinetuneTrainer

__all__ = ["add_parser", "run"]

_MOST_EPOCHS = 1_000_000

_EPILOG = """\
Files in DIR: checkpoint (a transformers folder; use it with: got-ocr read FILE --model DIR/checkpoint), adapter (LoRA,
peft's files), report.json (scores of the held-out pages before and after), log.jsonl and state.pt (for --resume)."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "fine-tune",
        help="train a checkpoint on your own pages",
        description="Fine-tune on pairs of image and text, and evaluate on held-out pages before and after.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "data", type=non_empty_path, metavar="FILE", help="pairs: GOT's conversations JSON, or ms-swift's JSON lines"
    )
    parser.add_argument("-o", "--output", type=non_empty_path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="continue the run in DIR")
    parser.add_argument("--skip-bad", action="store_true", help="skip pairs that cannot be used, and count them")
    method = parser.add_argument_group("method").add_mutually_exclusive_group()
    method.add_argument(
        "--lora", dest="method", action="store_const", const="lora", help="adapters on the decoder (default)"
    )
    method.add_argument("--full", dest="method", action="store_const", const="full", help="every weight of the decoder")
    parser.set_defaults(method="lora")
    parser.add_argument("--rank", type=int, default=16, help="rank of the adapters (default 16)")
    parser.add_argument("--alpha", type=int, help="adapters are scaled by alpha / rank (default: twice the rank)")
    parser.add_argument(
        "--merge",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write DIR/checkpoint with the adapters added to the weights (default), or DIR/adapter alone",
    )
    parser.add_argument("--train-encoder", action="store_true", help="train encoder and connector too (with --full)")
    schedule = parser.add_argument_group("schedule")
    schedule.add_argument("--epochs", type=float, default=3.0, help="passes over the pairs (default 3)")
    schedule.add_argument("--steps", type=int, help="steps instead of epochs")
    schedule.add_argument("--batch", type=int, default=4, help="pairs in memory together (default 4)")
    schedule.add_argument("--accumulate", type=int, default=2, help="batches of a step (default 2)")
    schedule.add_argument(
        "--rate", type=float, help="highest learning rate (default 1e-4 with --lora, 2e-5 with --full)"
    )
    schedule.add_argument(
        "--warmup", type=float, default=0.05, help="fraction of the steps over which it rises (default 0.05)"
    )
    schedule.add_argument("--seed", type=int, default=0, help="seed of the order, the adapters and the held-out pages")
    evaluation = parser.add_argument_group("evaluation")
    evaluation.add_argument(
        "--held-out",
        type=float,
        default=0.1,
        metavar="FRACTION",
        help="fraction of the pages to evaluate on (default 0.1)",
    )
    evaluation.add_argument("--eval-data", type=non_empty_path, metavar="FILE", help="pairs to evaluate on instead")
    evaluation.add_argument(
        "--max-new-tokens", type=int, default=4096, help="limit of a held-out answer (default 4096)"
    )
    # Not add_model_options(): engine, batch size, 8 bits and several devices are options of reading.
    model = parser.add_argument_group("model")
    model.add_argument("--model", metavar="NAME", help="got-nano (embedded, default), a folder, or a hub id")
    model.add_argument("--revision", help="branch, tag or commit of a hub id")
    model.add_argument("--local-files-only", action="store_true", help="use only the hub's local cache")
    model.add_argument("--device", default="auto", help="auto (default), cpu, cuda, or one of several: cuda:1")
    model.add_argument("--dtype", default="auto", help="bfloat16 (default) or float32")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fine-tune, write the weights and print the table; returns 130 after Ctrl-C, with the run saved."""
    from importlib.util import find_spec

    from rich.console import Console

    from got_runtime.errors import MissingExtra
    from got_runtime.model.checkpoint import find_folder, load
    from got_runtime.training.finetune.run import FinetuneRun, read_dataset

    for package in ("rapidfuzz", "nltk", *(("peft",) if args.method == "lora" else ())):
        if find_spec(package) is None:
            raise MissingExtra("fine-tune", package)
    _check(args)
    console = Console(stderr=True)
    _, source = find_folder(args.model, args.revision, args.local_files_only)
    dtype = "bfloat16" if args.dtype == "auto" else args.dtype
    checkpoint = load(args.model, args.device, dtype, args.revision, args.local_files_only)
    dataset = read_dataset(
        checkpoint,
        args.data,
        eval_data=args.eval_data,
        held_out_fraction=args.held_out,
        seed=args.seed,
        skip_bad=args.skip_bad,
    )
    if dataset.skipped:
        print_notice(f"{len(dataset.skipped)} pairs skipped; the first: {dataset.skipped[0]}")
    finetuning = FinetuneRun(
        checkpoint,
        source,
        dataset,
        _config(args, len(dataset.pairs)),
        args.output,
        resume=args.resume,
        max_new_tokens=args.max_new_tokens,
    )
    console.print(f"{len(dataset.pairs)} pairs to train on, {len(dataset.held_out)} held out and read first")
    try:
        trainer = finetuning.start()
    except KeyboardInterrupt:
        console.print("interrupted before the first step: nothing was trained, run it again")
        return 130
    _train(trainer, console)
    if trainer.stopping:
        where = f"{args.output}, step {trainer.step} of {finetuning.config.steps}"
        console.print(
            f"interrupted; saved in {where}. Continue with --resume, or finish here: --resume --steps {trainer.step}"
        )
        return 130
    try:
        report = finetuning.finish(trainer, merge=args.merge)
    except KeyboardInterrupt:
        console.print(f"interrupted; every step is saved in {args.output}: --resume writes the weights and evaluates")
        return 130
    if report.after is not None:
        out = Console()
        out.print(report.table().to_rich(out.width))
    written = "checkpoint" if args.merge or trainer.adapted is None else "adapter"
    console.print(f"{report.steps} steps in {report.seconds / 60:.1f} minutes; weights in {args.output / written}")
    return 0


def _check(args: argparse.Namespace) -> None:
    """Raise before anything is loaded if an option cannot work; creates the output folder."""
    from got_runtime.errors import GotError

    if args.train_encoder and args.method == "lora":
        raise GotError("--train-encoder needs --full: adapters are in the decoder")
    if args.dtype in ("float16", "fp16"):
        raise GotError("float16 gradients overflow: train in bfloat16 (default) or float32")
    if args.eval_data is None and not 0 <= args.held_out < 1:
        raise GotError(f"--held-out {args.held_out}: give a fraction from 0 to below 1, or a file with --eval-data")
    if "," in args.device:
        raise GotError(f"--device {args.device}: give one: fine-tuning uses one device")
    if not 0 <= args.epochs <= _MOST_EPOCHS:
        raise GotError(f"--epochs {args.epochs}: give a number from 0 to {_MOST_EPOCHS:,}")
    _config(args, pairs=1)
    try:
        args.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GotError(f"-o {args.output}: {error.strerror}; name a folder that can be written") from error
    if not os.access(args.output, os.W_OK | os.X_OK):
        raise GotError(f"-o {args.output}: name a folder that can be written")


def _config(args: argparse.Namespace, pairs: int) -> "FinetuneConfig":
    from math import ceil

    from pydantic import ValidationError

    from got_runtime.errors import GotError
    from got_runtime.training.finetune.config import FULL_RATE, LORA_RATE, FinetuneConfig

    default = LORA_RATE if args.method == "lora" else FULL_RATE
    try:
        return FinetuneConfig(
            method=args.method,
            rank=args.rank,
            alpha=2 * args.rank if args.alpha is None else args.alpha,
            train_encoder=args.train_encoder,
            batch=args.batch,
            accumulate=args.accumulate,
            steps=ceil(args.epochs * pairs / (args.batch * args.accumulate)) if args.steps is None else args.steps,
            rate=default if args.rate is None else args.rate,
            warmup=args.warmup,
            seed=args.seed,
        )
    except (ValidationError, ZeroDivisionError) as error:
        invalid = error.errors()[0] if isinstance(error, ValidationError) else {"loc": ("batch",), "msg": "is 0"}
        raise GotError(f"--{invalid['loc'][0]}: {invalid['msg']}") from error


def _train(trainer: "FinetuneTrainer", console: "Console") -> None:
    """Train under a progress bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    quiet = not console.is_terminal
    with stop_on_interrupt(trainer), Progress(*columns, console=console, disable=quiet) as progress:
        bar = progress.add_task("first step", total=trainer.config.steps, completed=trainer.step)
        for entry in trainer.run():
            described = f"loss {entry['loss']:.3f} · {entry['right']:.0%} of tokens right"
            progress.update(bar, completed=entry["step"], description=described)
