"""``got-ocr mcp``: tools for assistants on standard input and output (Model Context Protocol)."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.cli.options import add_model_options, load_runtime
from got_runtime.cli.serve import KEYS_VARIABLE

if TYPE_CHECKING:
    from got_runtime.runtime import GotRuntime


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "mcp",
        help="tools for assistants over the Model Context Protocol",
        description="Run a server of the Model Context Protocol on standard input and output. Its tools read, search, "
        "show and save documents of one folder.",
    )
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="folder of the documents (default: the current one)"
    )
    parser.add_argument(
        "--server",
        metavar="URL",
        help=f"let this service read (got-ocr serve), with the first key of {KEYS_VARIABLE}; no model is loaded here",
    )
    parser.add_argument(
        "--cache", metavar="DIR", help="keep the answer for each page in DIR, and take kept ones from there"
    )
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until standard input is closed."""
    from got_runtime.serving.assistants.folder import Folder
    from got_runtime.serving.assistants.readers import LocalReader, RemoteReader
    from got_runtime.serving.assistants.server import make_server
    from got_runtime.serving.assistants.tools import Tools

    folder = Folder(args.root)
    if args.server:
        key = os.environ.get(KEYS_VARIABLE, "").partition(",")[0].strip()
        make_server(Tools(folder, RemoteReader(args.server, key))).run("stdio")
        return 0

    def load() -> "GotRuntime":
        return load_runtime(args, args.cache)

    reader = LocalReader(load)
    try:
        make_server(Tools(folder, reader)).run("stdio")
    finally:
        reader.close()
    return 0
