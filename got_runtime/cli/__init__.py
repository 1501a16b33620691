"""The ``got-ocr`` command, one file a subcommand. Nothing heavy is imported until a command runs."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from got_runtime import __version__

COMMANDS = ("read", "info", "bench", "eval", "train", "fine_tune", "convert", "convert_checkpoint")


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(prog="got-ocr", description="Read pages with GOT-OCR2.0.")
    parser.add_argument("--version", action="version", version=f"got-ocr {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        import_module(f"got_runtime.cli.{name}").add_parser(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a problem with what was handed in is one line on stderr and exit code 2."""
    from got_runtime.errors import GotError

    args = build_parser().parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
    try:
        return int(args.run(args))
    except GotError as error:
        print(f"got-ocr: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("got-ocr: interrupted; what was already written is kept", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: nothing more to say, and nothing to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _joined(arguments: Sequence[str]) -> list[str]:
    """``--pages -2,-1`` as ``--pages=-2,-1``: argparse would take the value for another option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in ("--pages", "--box") and argument[:1] == "-" and argument[1:2].isdigit():
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined
