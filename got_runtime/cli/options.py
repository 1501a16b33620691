"""Options of several commands: those of the model and the engine, and those of the task."""

import argparse
import re
import warnings
from typing import TYPE_CHECKING, Any

from got_runtime.cli.common import positive_int, print_notice

if TYPE_CHECKING:
    from got_runtime.runtime import GotRuntime
    from got_runtime.tasks import Task, Tiles

__all__ = [
    "add_model_options",
    "add_task_options",
    "load_arguments",
    "load_runtime",
    "task_from",
    "tile_count",
    "tiles_task",
]

DTYPES = ("auto", "float32", "bfloat16", "float16", "fp32", "bf16", "fp16")
ENGINES = ("torch", "vllm", "transformers")
"""``engine.registry.ENGINES`` without the scripted one, which is for tests. Repeated so that ``--help`` stays fast."""

DEFAULT_TILES = 6
"""The official demo's number (see :class:`got_runtime.Tiles`)."""

_TASK_OPTIONS = {
    "box": "--box X1,Y1,X2,Y2",
    "color": "--color red",
    "tiles": f"--tiles, or --tiles {DEFAULT_TILES}",
    "pages": "--one-context",
}
"""Tasks by their names in Python, and the options that select them."""

NANO_NOTICE = (
    "got-nano is the embedded demonstration network: pages of printed English; for other documents use "
    "--model stepfun-ai/GOT-OCR-2.0-hf"
)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`load_runtime` reads."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model", metavar="NAME", help="got-nano (embedded, the default), a folder, or an id on the Hugging Face hub"
    )
    group.add_argument("--revision", metavar="REV", help="branch, tag or commit of a model on the hub")
    group.add_argument(
        "--local-files-only", action="store_true", help="do not connect to the hub, use its local cache only"
    )
    group.add_argument(
        "--device",
        type=device_names,
        default=("auto",),
        help="auto (default: cuda where there is one, else cpu), cpu, cuda or cuda:1; cuda:0,cuda:1 runs one process "
        "on each",
    )
    group.add_argument(
        "--dtype", choices=DTYPES, default="auto", metavar="TYPE", help="auto (default), float32, bfloat16 or float16"
    )
    group.add_argument(
        "--engine",
        choices=ENGINES,
        default="torch",
        metavar="NAME",
        help="what runs the network: torch (default), vllm, or transformers (the reference, one page at a time)",
    )
    group.add_argument(
        "--batch-size", type=positive_int, default=8, metavar="N", help="pages decoded together (default: 8)"
    )
    group.add_argument(
        "--threads",
        type=positive_int,
        metavar="N",
        help="CPU threads (default: what the process may use, fewer while other processes use the cores)",
    )
    group.add_argument(
        "--int8", action="store_true", help="8-bit weights and KV cache: faster on a CPU, results may differ slightly"
    )


def device_names(text: str) -> tuple[str, ...]:
    """Type of ``--device``: device names with commas between, by their form; whether they exist shows at loading."""
    names = tuple(part.strip() for part in text.split(","))
    for name in names:
        if name.partition(":")[0] == "gpu":
            raise argparse.ArgumentTypeError(f"{name!r} is not a device: did you mean {name.replace('gpu', 'cuda')}?")
        if not re.fullmatch(r"[a-z]+(:\d+)?", name) or (name == "auto" and len(names) > 1):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a device: write auto, cpu, cuda, cuda:1 or cuda:0,cuda:1"
            )
    return names


def load_runtime(args: argparse.Namespace, cache: str | None = None) -> "GotRuntime":
    """The runtime that the model options describe; prints a notice on standard error if the model is got-nano.

    Args:
        args: with the model options.
        cache: where answers are kept, if they are.
    """
    from got_runtime.errors import DemoModelWarning
    from got_runtime.model.checkpoint import EMBEDDED
    from got_runtime.runtime import GotRuntime

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DemoModelWarning)  # the command prints a notice of its own
        runtime = GotRuntime.from_pretrained(args.model, cache=cache, **load_arguments(args))
    if runtime.model_info.name == EMBEDDED:
        print_notice(NANO_NOTICE)
    return runtime


def load_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of ``GotRuntime.from_pretrained`` that the model options describe, besides the model itself."""
    from got_runtime.engine.registry import EngineConfig, Quantization

    dtype: Quantization = "int8" if args.int8 else "auto"
    return {
        "device": args.device[0],
        "devices": args.device if len(args.device) > 1 else (),
        "dtype": args.dtype,
        "revision": args.revision,
        "local_files_only": args.local_files_only,
        "engine": args.engine,
        "engine_config": EngineConfig(args.batch_size, weight_dtype=dtype, kv_cache_dtype=dtype, threads=args.threads),
    }


def add_task_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`task_from` reads."""
    task = parser.add_argument_group("task")
    task.add_argument(
        "--task",
        type=task_name,
        choices=("plain", "format"),
        help="plain: lines of text (default); format: LaTeX with formulas and tables (default with --one-context)",
    )
    task.add_argument("--box", metavar="X1,Y1,X2,Y2", help="read one box of each page, or the text at a point X,Y")
    task.add_argument(
        "--box-unit",
        default="px",
        choices=("px", "fraction", "pt"),
        help="unit of --box: px, pixels of the page (default); fraction, 0 to 1 of its sides; pt, PDF points",
    )
    task.add_argument("--crop", action="store_true", help="with --box: cut the box out and read it as a page")
    task.add_argument("--color", choices=("red", "green", "blue"), help="read the text in the frame of this colour")
    task.add_argument(
        "--tiles",
        nargs="?",
        const=DEFAULT_TILES,
        type=tile_count,
        metavar="N",
        help=f"split a high-resolution page into up to N tiles, 1 to 12 ({DEFAULT_TILES} where N is left out)",
    )
    task.add_argument(
        "--one-context",
        action="store_true",
        help="read all pages of a file in one prompt; with --zoom auto one by one, with one result",
    )


def task_name(text: str) -> str:
    """Type of ``--task``: names of tasks that have an option of their own are refused by naming it."""
    if text in _TASK_OPTIONS:
        raise argparse.ArgumentTypeError(f"{text!r} is an option of its own: write {_TASK_OPTIONS[text]}")
    return text


def task_from(args: argparse.Namespace) -> "Task":
    """The task that the options describe.

    Raises:
        TaskError: two options that exclude each other, or a box that cannot be parsed.
    """
    from got_runtime.errors import TaskError
    from got_runtime.tasks import Color, Formatted, MultiPage, Plain

    formatted = args.task == "format"
    given = [option for option in ("box", "color", "tiles") if getattr(args, option) is not None]
    given += ["one-context"] * args.one_context
    if len(given) > 1:
        raise TaskError(f"--{given[0]} and --{given[1]} exclude each other: GOT has no prompt for both")
    if args.box is not None:
        return _box(args)
    if args.crop or args.box_unit != "px":
        raise TaskError(f"--{'crop' if args.crop else 'box-unit'} needs a box: add --box X1,Y1,X2,Y2")
    if args.color:
        return Color(color=args.color, formatted=formatted)
    if args.tiles is not None:
        return tiles_task(args.tiles, formatted)
    if args.one_context:
        return MultiPage(formatted=args.task != "plain")
    return Formatted() if formatted else Plain()


def tiles_task(count: int, formatted: bool) -> "Tiles":
    """The task of ``--tiles``.

    Raises:
        TaskError: a number of tiles that the network does not support.
    """
    from got_runtime.errors import TaskError
    from got_runtime.tasks import Tiles

    if not 1 <= count <= 12:
        raise TaskError(f"--tiles {count}: give 1 to 12 (the network was trained with up to 12)")
    return Tiles(max_tiles=count, formatted=formatted)


def tile_count(text: str) -> int:
    """Type of ``--tiles``."""
    try:
        return int(text)
    except ValueError as error:  # most often a file name that follows --tiles
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of tiles: write --tiles {DEFAULT_TILES}, or put the file before --tiles"
        ) from error


def _box(args: argparse.Namespace) -> "Task":
    from got_runtime.errors import TaskError
    from got_runtime.tasks import Box

    try:
        coordinates = [float(part) for part in args.box.split(",")]
    except ValueError as error:
        raise TaskError(f"--box {args.box!r} is not X1,Y1,X2,Y2 (or X,Y)") from error
    if len(coordinates) == 2 and args.crop:
        raise TaskError(f"--crop needs a box of four numbers; --box {args.box} is a point")
    return Box(*coordinates, unit=args.box_unit, formatted=args.task == "format", crop=args.crop)
