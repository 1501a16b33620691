"""Flags that say what to read on a page, and the task they describe."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from got_runtime.tasks import Task, Tiles

__all__ = ["add_task_options", "chosen_task", "tiles", "tiles_number"]


def add_task_options(parser: argparse.ArgumentParser) -> None:
    """The flags; :func:`chosen_task` reads them."""
    task = parser.add_argument_group("task")
    task.add_argument(
        "--task", choices=("plain", "format"), help="what to read (default: plain; with --one-context format)"
    )
    task.add_argument("--box", metavar="X1,Y1,X2,Y2", help="read one box, or the text at a point X,Y")
    task.add_argument(
        "--box-unit", default="px", choices=("px", "fraction", "pt"), help="of --box (default: px, pixels of the page)"
    )
    task.add_argument("--crop", action="store_true", help="with --box: cut the box out and read it as a page")
    task.add_argument("--color", choices=("red", "green", "blue"), help="read the frame of this colour")
    task.add_argument(
        "--tiles", nargs="?", const=6, type=tiles_number, metavar="N", help="cut each page into up to N tiles (6)"
    )
    task.add_argument("--one-context", action="store_true", help="all pages of a file in one prompt")


def chosen_task(args: argparse.Namespace) -> "Task":
    """The task that the flags describe; they exclude each other.

    Raises TaskError when two are given or a box cannot be parsed.
    """
    from got_runtime.errors import TaskError
    from got_runtime.tasks import Color, Formatted, MultiPage, Plain

    formatted = args.task == "format"
    given = [flag for flag in ("box", "color", "tiles") if getattr(args, flag) is not None]
    given += ["one-context"] * args.one_context
    if len(given) > 1:
        raise TaskError(f"--{given[0]} and --{given[1]} exclude each other: GOT has no such prompt")
    if args.box is not None:
        return _box(args)
    if args.crop or args.box_unit != "px":
        raise TaskError(f"--{'crop' if args.crop else 'box-unit'} says how to read a box: add --box X1,Y1,X2,Y2")
    if args.color:
        return Color(color=args.color, formatted=formatted)
    if args.tiles is not None:
        return tiles(args.tiles, formatted)
    if args.one_context:
        return MultiPage(formatted=args.task != "plain")
    return Formatted() if formatted else Plain()


def tiles(number: int, formatted: bool) -> "Tiles":
    """The task of ``--tiles``. Raises TaskError when the network knows no such number."""
    from got_runtime.errors import TaskError
    from got_runtime.tasks import Tiles

    if not 1 <= number <= 12:
        raise TaskError(f"--tiles {number}: 1 to 12 (the network was trained with up to 12)")
    return Tiles(max_tiles=number, formatted=formatted)


def tiles_number(text: str) -> int:
    """The argument of ``--tiles``."""
    try:
        return int(text)
    except ValueError as error:  # most often the file to read, taken for N
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of tiles: write --tiles 6, or put the file before --tiles"
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
