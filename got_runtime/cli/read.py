"""``got-ocr read``: files in, their text out."""

import argparse
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from got_runtime.cli.options import add_model_options, add_task_options, load_runtime, task_from
from got_runtime.cli.read_output import FORMATS, Targets, render

if TYPE_CHECKING:
    from got_runtime.results import DocumentResult, PageResult
    from got_runtime.runtime import GotRuntime
    from got_runtime.sources import Limits

EPILOG = """\
examples:
  got-ocr read scan.png                                  the text, on standard output
  got-ocr read paper.pdf --pages 1-3,-1 --task format --to markdown
  got-ocr read scans/ -o out/ --to markdown,json         many files; run it again to go on where it stopped
  got-ocr read form.png --box 40,120,600,180 --crop      only what stands in the box

exit status: 0 all was read; 2 something could not be read, or the command line makes no sense (standard error says
what); 130 interrupted. With --on-error skip, pages and files that fail do not count."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "read",
        help="read images and PDF",
        description="Read images and PDF files.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="image, PDF or folder; - reads standard input")
    parser.add_argument(
        "--to",
        default="text",
        type=_formats,
        metavar="FORMAT[,…]",
        help=f"{', '.join(FORMATS)} (default: text; raw is the answer as the network wrote it, json one line a file); "
        "several with -o only",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="write files there instead of standard output")
    parser.add_argument("--overwrite", action="store_true", help="with -o: read again what is there, failed pages too")
    parser.add_argument(
        "--on-error",
        default="keep",
        choices=("keep", "skip", "raise"),
        help="what a page or file that fails does: be reported while the others go on (keep, the default; JSON holds "
        "the page's error), the same but left out of output and exit status (skip), or end the command (raise)",
    )
    pages = parser.add_argument_group("pages")
    pages.add_argument("--pages", help="which pages, for example 1-3,7,-1 (default: all)")
    pages.add_argument("--dpi", type=float, help="resolution of PDF pages (default: chosen by page size)")
    pages.add_argument("--rotate", type=int, default=0, choices=(0, 90, 180, 270), help="turn pages clockwise first")
    pages.add_argument("--ocr", default="always", choices=("always", "auto"), help="auto: keep a good PDF text layer")
    pages.add_argument("--allow-remote", action="store_true", help="fetch http(s) addresses")
    pages.add_argument("--password", help="password of an encrypted PDF")
    pages.add_argument("--boxes", action="store_true", help="find where elements stand (--to json tells)")
    add_task_options(parser)
    limits = parser.add_argument_group("limits (got-ocr info shows their defaults)")
    limits.add_argument("--max-new-tokens", type=int, default=4096, metavar="N", help="token budget of a page (4096)")
    limits.add_argument("--max-seconds", type=float, metavar="S", help="time budget of a page (none)")
    limits.add_argument("--max-pages", type=int, metavar="N", help="pages of a file")
    limits.add_argument("--max-pixels", type=int, metavar="N", help="pixels of a page")
    limits.add_argument("--max-bytes", type=int, metavar="N", help="bytes of a file")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read every file; one that fails costs exit code 2, not its neighbours (see ``--on-error``)."""
    from got_runtime.errors import GotError, TaskError

    # What Pillow says of damaged metadata concerns a page only where the page carries it as a warning of its own.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    if len(args.to) > 1 and args.output is None:
        raise TaskError(f"--to {','.join(args.to)} writes several files: add -o DIR, or choose one format")
    reading = _Reading(args)
    todo: list[_Wanted] = []
    for file in args.files:
        for source, name in _documents(file):
            try:
                if isinstance(source, GotError):
                    raise source
                if forms := reading.wanted(source, name, check=source == file):
                    todo.append(_Wanted(source, name, forms))
            except GotError as error:
                if args.on_error == "raise":
                    raise
                print(f"got-ocr: {error}", file=sys.stderr)
                reading.complete = False
    if todo:
        reading.read(todo)
    if reading.already_there:
        count = f"{reading.already_there} file{'s' * (reading.already_there > 1)}"
        print(f"got-ocr: {count} kept in {args.output} from an earlier run (--overwrite reads again)", file=sys.stderr)
    return 0 if reading.complete or args.on_error == "skip" else 2


def _documents(file: str) -> "Iterator[tuple[Any, Path]]":
    """Sources that an argument names, each with the path of its output below the output folder.

    A folder that cannot be walked is a ``GotError`` in the place of a source.
    """
    from got_runtime.errors import GotError, SourceNotFound
    from got_runtime.sources import expand
    from got_runtime.sources.names import is_address

    if file == "-":
        yield sys.stdin.buffer, Path("stdin")
        return
    if not file:
        yield SourceNotFound("one of the files has an empty name: check the variable or the quotes"), Path("-")
        return
    try:
        if is_address(file):
            parts = urlsplit(file)
            yield file, Path(Path(parts.path).name or parts.netloc)
            return
        for found in expand(file):
            yield found, found.relative_to(file) if isinstance(found, Path) else Path(Path(file).name)
    except GotError as error:
        yield error, Path(file)
    except ValueError as error:  # of urlsplit
        yield SourceNotFound(f"{file!r} is not a well-formed address ({error}): check it"), Path("-")


@dataclass(frozen=True)
class _Wanted:
    """A source, the path of its output, and the formats in which that is still to be written."""

    source: Any
    name: Path
    forms: tuple[str, ...]


class _Reading:
    """One run of the command: what is asked of every file, and what became of them."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._task = task_from(args)
        self._limits = _limits(args)
        self._targets = Targets(args.output, args.to, args.overwrite)
        self.already_there = 0
        """Sources that were not read because an earlier run has written them."""
        self.complete = True
        """Whether everything so far could be read."""

    def wanted(self, source: Any, name: Path, check: bool) -> tuple[str, ...]:
        """Formats in which a source is still to be written.

        Raises SourceError where ``check`` finds that it cannot be read: nobody should wait for a model to hear of a
        typo.
        """
        from got_runtime.sources.content import kind_of, read_content
        from got_runtime.sources.names import is_address

        if check and not is_address(source):
            kind_of(read_content(source, self._limits))
        forms = self._targets.wanted(name)
        self.already_there += not forms
        return forms

    def read(self, todo: list[_Wanted]) -> None:
        """Read the sources that are wanted, their pages together, and write each document when it is whole."""
        runtime = load_runtime(self._args)
        for wanted, document in zip(todo, self._documents(runtime, todo), strict=True):
            failed = _report(document)
            self.complete &= not failed
            if failed == len(document.pages):
                continue  # nothing to keep; another run tries it again
            if self._args.on_error == "skip":
                document = document.model_copy(update={"pages": tuple(p for p in document.pages if p.error is None)})
            for form in wanted.forms:
                self._targets.write(wanted.name, form, render(document, form))

    def _documents(self, runtime: "GotRuntime", todo: list[_Wanted]) -> "Iterator[DocumentResult]":
        """The documents in order, with a bar on stderr where that is a terminal."""
        from rich.console import Console
        from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        args, console = self._args, Console(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task(todo[0].name.name, total=None)

            def show(page: "PageResult") -> None:
                name = page.source.rsplit("/", 1)[-1]
                progress.update(bar, description=name, completed=page.number, total=page.total)

            yield from runtime.read_all(
                [wanted.source for wanted in todo],
                on_page=show,
                task=self._task,
                pages=args.pages,
                dpi=args.dpi,
                rotate=args.rotate,
                ocr=args.ocr,
                allow_remote=args.allow_remote,
                limits=self._limits,
                password=args.password,
                on_error="raise" if args.on_error == "raise" else "keep",
                max_new_tokens=args.max_new_tokens,
                boxes=args.boxes,
            )


def _limits(args: argparse.Namespace) -> "Limits":
    from got_runtime.sources import Limits

    given = {name: getattr(args, name) for name in ("max_pages", "max_pixels", "max_bytes")}
    return Limits(
        max_seconds_per_page=args.max_seconds, **{name: value for name, value in given.items() if value is not None}
    )


def _formats(text: str) -> tuple[str, ...]:
    forms = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for form in forms:
        if form not in FORMATS:
            raise argparse.ArgumentTypeError(f"{form!r} is no format: choose from {', '.join(FORMATS)}")
    return forms


def _report(document: "DocumentResult") -> int:
    """Warnings and page errors on stderr; returns how many pages failed."""
    from got_runtime.pipeline.postprocess import TIME_IS_UP

    for page in document.pages:
        where = f"{page.source} page {page.number}"
        for warning in page.warnings:
            print(f"got-ocr: {where}: {warning}", file=sys.stderr)
        if page.error is not None:
            print(f"got-ocr: {page.error.message}", file=sys.stderr)
        if page.finish_reason in ("length", "repetition") and TIME_IS_UP not in page.warnings:
            why = "the token budget ran out" if page.finish_reason == "length" else "the text began to repeat itself"
            print(f"got-ocr: {where}: stopped early, {why}", file=sys.stderr)
    return len(document.errors)
