"""``got-ocr read``: files in, their text out."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.cli.model_options import add_model_options, load_runtime

if TYPE_CHECKING:
    from got_runtime.results import DocumentResult
    from got_runtime.runtime import GotRuntime
    from got_runtime.tasks import Task

SUFFIXES = {"text": ".txt", "raw": ".mmd", "markdown": ".md", "html": ".html", "json": ".json"}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("read", help="read images and PDF", description="Read images and PDF files.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="image, PDF or folder")
    parser.add_argument(
        "--to",
        default="text",
        choices=sorted(SUFFIXES),
        help="output format (default: text; raw is the answer as the network wrote it)",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="write one file a source instead of stdout")
    parser.add_argument("--overwrite", action="store_true", help="with -o: read again what is already there")
    pages = parser.add_argument_group("pages")
    pages.add_argument("--pages", help="which pages, for example 1-3,7,-1 (default: all)")
    pages.add_argument("--dpi", type=int, help="resolution of PDF pages (default: chosen by page size)")
    pages.add_argument("--rotate", type=int, default=0, choices=(0, 90, 180, 270), help="turn pages clockwise first")
    pages.add_argument("--ocr", default="always", choices=("always", "auto"), help="auto: keep a good PDF text layer")
    pages.add_argument("--allow-remote", action="store_true", help="fetch http(s) addresses")
    pages.add_argument("--password", help="password of an encrypted PDF")
    task = parser.add_argument_group("task")
    task.add_argument("--task", default="plain", choices=("plain", "format"), help="what to read (default: plain)")
    task.add_argument("--box", metavar="X1,Y1,X2,Y2", help="read one box, in pixels of the page")
    task.add_argument("--color", choices=("red", "green", "blue"), help="read the frame of this colour")
    task.add_argument("--tiles", nargs="?", const=6, type=int, metavar="N", help="cut each page into up to N tiles (6)")
    task.add_argument("--one-context", action="store_true", help="all pages of a file in one prompt")
    task.add_argument("--max-new-tokens", type=int, default=4096, metavar="N", help="token budget of a page")
    task.add_argument("--max-seconds", type=float, metavar="S", help="time budget of a page")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read every file; a file that fails costs exit code 2, not its neighbours."""
    from got_runtime.errors import GotError
    from got_runtime.sources import expand

    task = chosen_task(args)
    failed = False
    runtime: GotRuntime | None = None
    for file in args.files:
        try:
            for source in expand(file):
                target = _target(args, source)
                if target is not None and target.exists() and not args.overwrite:
                    print(f"got-ocr: {target} is already there (--overwrite reads again)", file=sys.stderr)
                    continue
                try:
                    runtime = runtime or load_runtime(args)
                    document = _read(runtime, source, task, args)
                    _hand_over(document, args.to, args.task == "format", target)
                    failed |= bool(_report(document))
                except GotError as error:
                    failed = True
                    print(f"got-ocr: {error}", file=sys.stderr)
                    if runtime is None:
                        return 2  # without a model no other file can be read either
        except GotError as error:
            failed = True
            print(f"got-ocr: {error}", file=sys.stderr)
    return 2 if failed else 0


def chosen_task(args: argparse.Namespace) -> "Task":
    """The task that the flags describe; they exclude each other.

    Raises TaskError when two are given or a box cannot be parsed.
    """
    from got_runtime.errors import TaskError
    from got_runtime.tasks import Box, Color, Formatted, Pages, Plain, Tiles

    formatted = args.task == "format"
    given = [flag for flag in ("box", "color", "tiles") if getattr(args, flag)] + ["one-context"] * args.one_context
    if len(given) > 1:
        raise TaskError(f"--{given[0]} and --{given[1]} exclude each other: GOT has no such prompt")
    if args.box:
        try:
            coordinates = [float(part) for part in args.box.split(",")]
        except ValueError as error:
            raise TaskError(f"--box {args.box!r} is not X1,Y1,X2,Y2 (or X,Y) in pixels") from error
        return Box(*coordinates, formatted=formatted)
    if args.color:
        return Color(color=args.color, formatted=formatted)
    if args.tiles:
        if not 1 <= args.tiles <= 12:
            raise TaskError(f"--tiles {args.tiles}: 1 to 12 (the network was trained with up to 12)")
        return Tiles(max_tiles=args.tiles, formatted=formatted)
    if args.one_context:
        return Pages(formatted=formatted)
    return Formatted() if formatted else Plain()


def _read(runtime: "GotRuntime", source: str | Path, task: "Task", args: argparse.Namespace) -> "DocumentResult":
    """One document, with a bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from got_runtime.sources import Limits

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(Path(source).name, total=None)
        return runtime.read(
            source,
            task=task,
            pages=args.pages,
            dpi=args.dpi,
            rotate=args.rotate,
            ocr=args.ocr,
            allow_remote=args.allow_remote,
            limits=Limits(max_seconds_per_page=args.max_seconds),
            password=args.password,
            max_new_tokens=args.max_new_tokens,
            on_page=lambda page: progress.update(bar, advance=1, total=page.total),
        )


def _target(args: argparse.Namespace, source: str | Path) -> Path | None:
    if args.output is None:
        return None
    args.output.mkdir(parents=True, exist_ok=True)
    return Path(args.output) / (Path(source).name + SUFFIXES[args.to])


def _hand_over(document: "DocumentResult", form: str, formatted: bool, target: Path | None) -> None:
    """To stdout, or atomically into a file. JSON is one document a line."""
    if form == "json":
        content = document.model_dump_json()
    elif form == "markdown":
        content = document.markdown
    elif form == "html":
        content = document.html
    elif form == "text" and formatted:
        from got_runtime.markup import to_text

        content = to_text(document.elements)
    else:
        content = document.text
    if target is None:
        print(content, flush=True)
        return
    partial = target.with_name(target.name + ".partial")
    partial.write_text(content + "\n", encoding="utf-8")
    partial.replace(target)


def _report(document: "DocumentResult") -> int:
    """Warnings and page errors on stderr; returns how many pages failed."""
    for page in document.pages:
        for warning in page.warnings:
            print(f"got-ocr: {page.source} page {page.number}: {warning}", file=sys.stderr)
        if page.error is not None:
            print(f"got-ocr: {page.error.message}", file=sys.stderr)
        if page.finish_reason in ("length", "repetition"):
            why = "the token budget ran out" if page.finish_reason == "length" else "the text began to repeat itself"
            print(f"got-ocr: {page.source} page {page.number}: stopped early, {why}", file=sys.stderr)
    return len(document.errors)
