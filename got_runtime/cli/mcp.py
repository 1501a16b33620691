"""``got-ocr mcp``: tools for assistants on standard input and output (Model Context Protocol)."""

import argparse
import io
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from got_runtime.cli.options import add_model_options, load_runtime
from got_runtime.cli.serve import KEYS_VARIABLE

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from got_runtime.runtime import GotRuntime


ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
"""Escapes in JSON: pairs of surrogates, one without the other, and others."""


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
    sys.stdin = io.TextIOWrapper(io.BufferedReader(_Requests(sys.stdin.buffer)), encoding="utf-8", errors="replace")
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


class _Requests(io.RawIOBase):
    """Standard input, in which an unpaired surrogate is U+FFFD: the library's parser refuses it, and never replies."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source, self._left = source, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Put the next bytes, of one line at most, into ``buffer``, and return their number."""
        if not self._left:
            self._left = ESCAPES.sub(_whole, self._source.readline())
        with memoryview(buffer).cast("B") as view:
            size = min(len(view), len(self._left))
            view[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


def _whole(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape["half"] else escape[0]
