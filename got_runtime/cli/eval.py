"""``got-ocr eval``: how well pages are read, with confidence intervals."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.cli.model_options import add_model_options, load_runtime

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from PIL import Image

    from got_runtime.evaluation.datasets import Case
    from got_runtime.evaluation.report import Report
    from got_runtime.evaluation.run import OnPage

__all__ = ["add_parser", "run"]

KINDS = ("plain",)
"""The keys of ``evaluation.synthetic.KINDS``, repeated because ``--help`` must not import the data engine."""

_EPILOG = """\
CER, the character error rate, is edits over the truth's length, for all pages of a group together; edit distance is the
mean over pages of edits / longer length. Brackets hold 95 % bootstrap intervals. A page that cannot be read counts as
an empty reading. Word error rates are in the JSON."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "eval",
        help="measure how well pages are read",
        description="Read pages whose text is known and print how many characters came out wrong.",
        epilog=_EPILOG,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="images and PDFs, each beside a .txt of the same stem (a PDF's pages parted by form feeds); "
        "or a .json in GOT's conversations layout",
    )
    what.add_argument(
        "--held-out",
        type=_positive,
        metavar="N",
        help="make N synthetic pages in faces seen in training and N in faces that were held out",
    )
    parser.add_argument("--seed", type=_not_negative, default=0, metavar="S", help="of the synthetic pages (default 0)")
    parser.add_argument("--kind", choices=KINDS, default="plain", help="of the synthetic pages (default plain)")
    parser.add_argument("--limit", type=_positive, metavar="N", help="only the first N pages")
    parser.add_argument("--batch", type=_positive, default=8, metavar="N", help="pages read at a time (default 8)")
    parser.add_argument(
        "--predictions",
        type=Path,
        metavar="DIR",
        help="read nothing: score the texts another tool wrote to DIR, one a page with FOLDER's stems",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every score and reading to FILE")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write the worst pages side by side to FILE")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the table; 2 when not one page could be read, 0 otherwise."""
    from rich.console import Console

    from got_runtime.evaluation.side_by_side import WorstPages, to_html

    _check_outputs(args)
    worst = WorstPages()
    report = _report(args, worst.add if args.html else None)

    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width to fit into
        console = Console(width=160)
    console.print(report.table(console.width))
    for page in [page for page in report.pages if page.error][:10]:
        print(f"got-ocr: {page.name}: {page.error}", file=sys.stderr)
    if args.json is not None:
        _write(args.json, report.model_dump_json(indent=2))
    if args.html is not None:
        _write(args.html, to_html(report, worst.pictures))
    return 2 if report.overall.failed == report.overall.pages else 0


def _report(args: argparse.Namespace, on_page: "OnPage | None") -> "Report":
    from got_runtime.errors import EngineError
    from got_runtime.evaluation.run import evaluate, score_predictions

    cases, total, dataset = _cases(args)
    if args.predictions is not None:
        name = args.model or args.predictions.name
        return score_predictions(cases, args.predictions, model=name, dataset=dataset, on_page=on_page)

    runtime = load_runtime(args)

    def read(images: "Sequence[Image.Image]") -> "Iterator[str]":
        for page in runtime.read_images(images):
            if page.error is not None:
                raise EngineError(page.error.message)
            yield page.text

    return evaluate(
        cases,
        read,
        model=runtime.model_info.name,
        dataset=dataset,
        batch=args.batch,
        total=total,
        on_page=on_page,
    )


def _cases(args: argparse.Namespace) -> tuple["Iterable[Case]", int, str]:
    """The cases, their number and what to call them."""
    from itertools import islice

    from got_runtime.evaluation.datasets import open_cases
    from got_runtime.evaluation.synthetic import GROUPS, held_out

    if args.held_out is None:
        listed = open_cases(args.folder)[: args.limit]
        return listed, len(listed), args.folder.resolve().name
    total = min(args.held_out * len(GROUPS), args.limit or sys.maxsize)
    pages = islice(held_out(args.held_out, args.seed, args.kind), total)
    return pages, total, f"{args.kind} held-out pages, seed {args.seed}"


def _check_outputs(args: argparse.Namespace) -> None:
    """Before the long part: nothing is worse than a result that cannot be saved."""
    from got_runtime.errors import GotError, SourceNotFound

    if args.predictions is not None and args.held_out is not None:
        raise GotError("--predictions needs a FOLDER: held-out pages are made on the spot, no other tool has seen them")
    if args.predictions is not None and not args.predictions.is_dir():
        raise SourceNotFound(f"{args.predictions} is not a folder: --predictions takes a folder of .txt files")
    for option, file in (("--json", args.json), ("--html", args.html)):
        if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
            raise GotError(f"{option} {file}: name a file in a folder that exists")


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    print(f"got-ocr: wrote {file}", file=sys.stderr)


def _positive(text: str) -> int:
    return _at_least(1, text)


def _not_negative(text: str) -> int:
    return _at_least(0, text)


def _at_least(least: int, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least}")
    return number
