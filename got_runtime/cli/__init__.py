"""The ``got-ocr`` command, one file a subcommand. Nothing heavy is imported until a command runs."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from got_runtime import __version__
from got_runtime.cli.common import CommandParser, log_to_stderr, open_closed_streams, print_notice, write_utf8

COMMANDS = (
    "read",
    "info",
    "bench",
    "eval",
    "train",
    "fine_tune",
    "convert",
    "convert_checkpoint",
    "cache",
    "serve",
    "mcp",
    "cluster",
)

_EPILOG = """\
exit status: 0 success; 2 a usage error, or an input that could not be read; 130 interrupted (Ctrl-C); 141 the program
that reads the output ended. Errors and notices are printed on standard error."""

_NEGATIVE_VALUES = ("--pages", "--box")
"""Options whose value may begin with a minus sign."""


def build_parser() -> CommandParser:
    """The parser of the whole command line; ``run`` of the parsed arguments is the function of the command."""
    parser = CommandParser(prog="got-ocr", description="Read pages with GOT-OCR2.0.", epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"got-ocr {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        import_module(f"got_runtime.cli.{name}").add_parser(subparsers)
    for command in subparsers.choices.values():
        command.add_argument(
            "-v", "--verbose", action="count", default=0, help="log to standard error (-vv: debug messages too)"
        )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: the command line without the program's name; ``None`` for that of the process.

    Returns:
        The exit status: 0 success, 2 an error (one line on standard error), 130 interrupted, 141 output closed.

    Raises:
        SystemExit: argparse's, status 0 for ``--help`` and ``--version``, 2 for an option that cannot be parsed.
    """
    from got_runtime.errors import GotError

    open_closed_streams()
    args = build_parser().parse_args(_join_negative_values(sys.argv[1:] if arguments is None else arguments))
    write_utf8()
    try:
        with log_to_stderr(args.verbose):
            return int(args.run(args))
    except GotError as error:
        print_notice(str(error))
        return 2
    except KeyboardInterrupt:
        print_notice("interrupted; the files written so far are complete")
        return 130
    except BrokenPipeError:
        # The program that reads our output (head, less) ended. Nothing can be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _join_negative_values(arguments: Sequence[str]) -> list[str]:
    """``--pages -2,-1`` as ``--pages=-2,-1``: argparse would parse the value as another option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in _NEGATIVE_VALUES and argument[:1] == "-" and argument[1:2].isdigit():
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined
