"""``got-ocr serve``: an HTTP server that reads pages."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.cli.common import non_empty_path, output_folder, positive_int, positive_number, print_notice
from got_runtime.cli.options import add_model_options, load_runtime

if TYPE_CHECKING:
    from pydantic import SecretStr

    from got_runtime.serving.settings import ServeSettings

KEYS_VARIABLE = "GOT_OCR_API_KEYS"
DEFAULT_PORT = 5001
"""That of docling-serve, whose clients need no other address then."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "serve",
        help="run an HTTP server",
        description="Run an HTTP server that reads pages, until Ctrl-C or SIGTERM: then what was accepted is finished. "
        f"API keys are taken from the variable {KEYS_VARIABLE} (commas between) or --key-file.",
    )
    network = parser.add_argument_group("network")
    network.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1); a public one needs a key"
    )
    network.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help=f"port (default: {DEFAULT_PORT}); 0: a free one"
    )
    network.add_argument("--key-file", type=non_empty_path, metavar="FILE", help="file with an API key on each line")
    network.add_argument(
        "--without-key",
        action="store_true",
        help="accept requests without a key on a public address, where a proxy or the container's network protects it",
    )
    network.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="web pages of another origin that may call the service, such as https://example.org (repeatable)",
    )
    network.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another name under which a service without keys on 127.0.0.1 may be called (repeatable)",
    )
    network.add_argument(
        "--allow-remote", action="store_true", help="download http(s) sources, from the public internet only"
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-pages", type=positive_int, metavar="N", help="pages of one document (default: 1000)")
    limits.add_argument("--max-mb", type=positive_int, metavar="N", help="size of a document in MB (default: 256)")
    limits.add_argument("--max-pixels", type=positive_int, metavar="N", help="pixels of one page (default: 89478485)")
    limits.add_argument(
        "--max-seconds", type=positive_number, metavar="S", help="decoding time of one page (default: 300)"
    )
    limits.add_argument(
        "--max-waiting-pages",
        type=positive_int,
        metavar="N",
        help="pages that may wait; requests beyond it get status 429 and Retry-After (default: 1000)",
    )
    limits.add_argument(
        "--readers",
        type=positive_int,
        metavar="N",
        help="documents that are read at the same time (default: twice the batch size)",
    )
    limits.add_argument(
        "--drain-seconds",
        type=positive_number,
        metavar="S",
        help="time that requests have to finish at SIGTERM (default: 30)",
    )
    parser.add_argument_group("reading").add_argument(
        "--task",
        choices=("plain", "format"),
        help="task of clients that name none, such as those of docling-serve (default: format; plain with got-nano)",
    )
    network.add_argument(
        "--mcp-root",
        type=Path,
        metavar="DIR",
        help="offer the tools of got-ocr mcp at /mcp, for the documents in DIR (clients with a key can read all of it)",
    )
    kept = parser.add_argument_group("kept files")
    kept.add_argument(
        "--state",
        type=output_folder,
        metavar="DIR",
        help="folder of jobs and uploaded files (default: ~/.local/state/got-ocr/serve)",
    )
    kept.add_argument(
        "--keep-hours", type=positive_number, metavar="H", help="time that finished jobs are kept (default: 24)"
    )
    kept.add_argument(
        "--cache",
        nargs="?",
        const="",
        metavar="DIR",
        help="keep the answer for each page in DIR, or in the user's cache folder, and take kept ones from there",
    )
    kept.add_argument("--source-url", metavar="URL", help="where the source of this installation is, shown in /v1/info")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Load the model and serve until a signal."""
    from got_runtime.errors import OptionError
    from got_runtime.serving import create_app
    from got_runtime.serving.server import is_loopback, listen, make_server
    from got_runtime.serving.state import claimed
    from got_runtime.sources import start_child

    settings = settings_from(args)
    if is_loopback(args.host) and not settings.keys:
        settings = settings.model_copy(update={"hosts": ("localhost", "127.0.0.1", "::1", args.host, *args.allow_host)})
    if not (settings.keys or args.without_key or is_loopback(args.host)):
        raise OptionError(
            f"--host {args.host} is reached by other machines: set {KEYS_VARIABLE} or --key-file, or say --without-key"
        )
    assert settings.state is not None
    with claimed(settings.state), listen(args.host, args.port) as opened:
        host, port = opened.getsockname()[:2]
        start_child()  # it imports its libraries while the weights are loaded
        with load_runtime(args, _cache(args)) as runtime:
            app = create_app(runtime, settings)
            print_notice(f"serving {runtime.model_info.name} at http://{f'[{host}]' if ':' in host else host}:{port}/")
            make_server(app, settings).run(sockets=[opened])
            app.state.service.close()
    return 0


def settings_from(args: argparse.Namespace) -> "ServeSettings":
    """The settings that the options describe.

    Raises:
        OptionError: a key file that cannot be read.
    """
    from got_runtime.serving.settings import ServeSettings

    default = ServeSettings()
    limits = {
        "max_pages": args.max_pages,
        "max_bytes": args.max_mb and args.max_mb * 1_000_000,
        "max_pixels": args.max_pixels,
        "max_seconds_per_page": args.max_seconds,
    }
    given = {
        "max_waiting_pages": args.max_waiting_pages,
        "readers": args.readers or 2 * args.batch_size,
        "drain_seconds": args.drain_seconds,
        "keep_seconds": args.keep_hours and args.keep_hours * 3600,
        "source_url": args.source_url,
        "task": args.task,
        "mcp_root": args.mcp_root,
    }
    return ServeSettings(
        keys=_keys(args.key_file),
        allow_remote=args.allow_remote,
        allowed_origins=tuple(args.allow_origin),
        state=args.state or _state_folder(),
        limits=default.limits.model_copy(update={name: value for name, value in limits.items() if value}),
        **{name: value for name, value in given.items() if value},
    )


def _keys(file: Path | None) -> "tuple[SecretStr, ...]":
    from pydantic import SecretStr

    from got_runtime.errors import OptionError

    given = os.environ.get(KEYS_VARIABLE, "").split(",")
    if file is not None:
        try:
            given += file.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise OptionError(f"--key-file {file} cannot be read: {error}") from error
        if not any(each.strip() for each in given):
            raise OptionError(f"--key-file {file} holds no key")
    return tuple(SecretStr(key.strip()) for key in given if key.strip())


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or ""
    return (Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state") / "got-ocr" / "serve"


def _cache(args: argparse.Namespace) -> str | None:
    from got_runtime.cache import default_folder

    return str(default_folder()) if args.cache == "" else args.cache
