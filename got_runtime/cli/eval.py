"""``got-ocr eval``: how well pages are read, with confidence intervals."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.cli.common import check_outputs, non_negative_int, positive_int
from got_runtime.cli.options import add_model_options, load_runtime, tile_count, tiles_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from got_runtime.evaluation.model_card import Card
    from got_runtime.evaluation.report import Report
    from got_runtime.evaluation.run import OnPage
    from got_runtime.evaluation.samples import EvalSample
    from got_runtime.runtime import GotRuntime

__all__ = ["add_parser", "run"]

KINDS = (
    *("plain", "dense", "formatted", "table", "formula", "box", "color", "tiles", "pages"),
    *("chart", "molecule", "music", "geometry", "scene"),
)
"""``training.kinds.KINDS``, repeated because ``--help`` must not import the data engine."""

ALL = "all"

_WORST_OF_A_KIND = 5

_EPILOG = """\
CER, the character error rate, is edits over the reference's length, for all pages of a group together; edit distance
is the
mean over pages of edits / longer length. Brackets hold 95 % bootstrap intervals. A page that cannot be read counts as
an empty prediction. Word error rates, the paper's metrics and every prediction are in the JSON."""


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
        "a .json in GOT's conversations layout; or Fox, OmniDocBench or olmOCR-bench as downloaded",
    )
    what.add_argument(
        "--held-out",
        type=positive_int,
        metavar="N",
        help="make N synthetic pages in faces seen in training and N in faces that were held out",
    )
    parser.add_argument(
        "--seed", type=non_negative_int, default=0, metavar="S", help="of the synthetic pages (default 0)"
    )
    parser.add_argument(
        "--kind",
        choices=(*KINDS, ALL),
        metavar="KIND",
        help=f"of the synthetic pages: {', '.join(KINDS)} (default plain); all prints the model card's table",
    )
    parser.add_argument("--limit", type=positive_int, metavar="N", help="only the first N pages (of each kind)")
    parser.add_argument("--max-new-tokens", type=positive_int, default=4096, metavar="N", help="token budget of a page")
    parser.add_argument("--batch", type=positive_int, default=8, metavar="N", help="pages read at a time (default 8)")
    parser.add_argument(
        "--task", choices=("plain", "format"), help="what to ask of FOLDER's pages (default: what it says, or plain)"
    )
    parser.add_argument(
        "--tiles", nargs="?", const=6, type=tile_count, metavar="N", help="cut FOLDER's pages into up to N tiles (6)"
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        metavar="DIR",
        help="read nothing: score what got-ocr read -o, or another tool, wrote to DIR: texts named as FOLDER's files "
        "(page.png.txt or page.txt; pages parted by form feeds) or JSON (paper.pdf.json)",
    )
    parser.add_argument(
        "--metrics",
        choices=("errors", "paper", "all"),
        default="errors",
        help="tables to print: errors and what the pages ask for, the paper's metrics, or both (default errors)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every score and prediction to FILE")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write the worst pages side by side to FILE")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the tables; 130 when interrupted, 2 when not one page could be read, 0 otherwise."""
    from rich.console import Console

    _check_options(args)
    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width to fit into
        console = Console(width=160)
    return _run_all(args) if args.kind == ALL else _run_one(args, console)


def _run_one(args: argparse.Namespace, console: "Console") -> int:
    from got_runtime.evaluation.html_report import WorstPages, to_html
    from got_runtime.evaluation.run import Interrupted
    from got_runtime.evaluation.tables_out import report_tables

    worst = WorstPages()
    on_page = worst.add if args.html else None
    interrupted = False
    try:
        if args.held_out is not None:
            report = _held_out(args, load_runtime(args), args.kind or KINDS[0], on_page)
        else:
            report = _collection(args, on_page)
    except Interrupted as stop:
        report, interrupted = stop.report, True
        print(f"got-ocr: interrupted; what follows is of {report.dataset}", file=sys.stderr)
    for sheet in report_tables(report, args.metrics):
        console.print(sheet.table(console.width))
    for page in [page for page in report.pages if page.error][:10]:
        print(f"got-ocr: {page.name}: {page.error}", file=sys.stderr)
    if args.json is not None:
        _write(args.json, report.model_dump_json(indent=2))
    if args.html is not None:
        _write(args.html, to_html(report, worst.pictures))
    if interrupted:
        return 130
    return 2 if report.overall.failed == report.overall.pages else 0


def _run_all(args: argparse.Namespace) -> int:
    """Every kind in turn; the JSON is written after each, so that an interruption costs one kind at most."""
    from got_runtime.errors import MissingExtra
    from got_runtime.evaluation.html_report import WorstPages, to_html
    from got_runtime.evaluation.model_card import Card

    runtime = load_runtime(args)
    card = Card(model=runtime.model_info.name, pages=args.held_out, seed=args.seed)
    pictures: dict[str, str] = {}
    interrupted = False
    for kind in KINDS:
        print(f"got-ocr: {kind}", file=sys.stderr)
        worst = WorstPages(_WORST_OF_A_KIND, by_group=True)
        try:
            report = _held_out(args, runtime, kind, worst.add if args.html else None)
        except MissingExtra as missing:
            print(f"got-ocr: {kind}: {missing}", file=sys.stderr)
            card = card.model_copy(update={"missing": card.missing | {kind: str(missing)}})
        except KeyboardInterrupt:
            interrupted = True
            print(f"got-ocr: interrupted; {len(card.reports)} of {len(KINDS)} kinds were measured", file=sys.stderr)
            break
        else:
            card = card.model_copy(update={"reports": card.reports | {kind: report}})
            pictures |= worst.pictures
        if args.json is not None:
            args.json.write_text(card.model_dump_json(indent=2), encoding="utf-8")
    print(card.markdown())
    if args.html is not None and card.reports:
        _write(args.html, to_html(_together(card), pictures))
    return 130 if interrupted else 0 if card.reports else 2


def _together(card: "Card") -> "Report":
    """All kinds as one report, a group for each kind and each of its groups."""
    from got_runtime.evaluation.report import Report

    pages = [
        page.model_copy(update={"group": f"{kind}, {page.group}"})
        for kind, report in card.reports.items()
        for page in report.pages
    ]
    return Report.of(pages, model=card.model, dataset=f"held-out pages of every kind, seed {card.seed}")


def _held_out(args: argparse.Namespace, runtime: "GotRuntime", kind: str, on_page: "OnPage | None") -> "Report":
    from itertools import islice

    from got_runtime.evaluation.run import evaluate, runtime_predictor
    from got_runtime.evaluation.synthetic import GROUPS, held_out

    total = min(args.held_out * len(GROUPS), args.limit or sys.maxsize)
    samples = islice(held_out(args.held_out, args.seed, kind), total)
    return evaluate(
        samples,
        runtime_predictor(runtime, args.max_new_tokens),
        model=runtime.model_info.name,
        dataset=f"{kind} held-out pages, seed {args.seed}",
        batch=args.batch,
        total=total,
        on_page=on_page,
    )


def _collection(args: argparse.Namespace, on_page: "OnPage | None") -> "Report":
    from got_runtime.evaluation.datasets import load_samples
    from got_runtime.evaluation.run import evaluate, runtime_predictor, score_predictions

    samples = _asked(load_samples(args.folder)[: args.limit], args)
    dataset = args.folder.resolve().name
    if args.predictions is not None:
        name = args.model or args.predictions.name
        return score_predictions(samples, args.predictions, model=name, dataset=dataset, on_page=on_page)
    runtime = load_runtime(args)
    read = runtime_predictor(runtime, args.max_new_tokens)
    return evaluate(samples, read, model=runtime.model_info.name, dataset=dataset, batch=args.batch, on_page=on_page)


def _asked(samples: "Sequence[EvalSample]", args: argparse.Namespace) -> "list[EvalSample]":
    """The samples with the task that was asked for, and scored accordingly; formatted as each says where it was not."""
    from dataclasses import replace

    from got_runtime.tasks import Formatted, Plain, Task

    if args.task is None and args.tiles is None:
        return list(samples)

    def asked(sample: "EvalSample") -> "EvalSample":
        formatted = sample.task.formatted if args.task is None else args.task == "format"
        task: Task = Formatted() if formatted else Plain()
        if args.tiles is not None:
            task = tiles_task(args.tiles, formatted)
        kind = "formatted" if formatted else "plain"
        return replace(sample, task=task, kind=kind if sample.kind in ("plain", "formatted") else sample.kind)

    return [asked(sample) for sample in samples]


def _check_options(args: argparse.Namespace) -> None:
    """Before the long part: nothing is worse than a result that cannot be saved."""
    from got_runtime.errors import GotError, SourceNotFound

    if args.held_out is None and args.kind is not None:
        raise GotError("--kind needs --held-out N: the kinds are those of synthetic pages")
    if args.held_out is not None and (args.task or args.tiles is not None):
        raise GotError("--task and --tiles need a FOLDER: held-out pages are read with their own task")
    if args.predictions is not None and args.held_out is not None:
        raise GotError("--predictions needs a FOLDER: held-out pages are made on the spot, no other tool has seen them")
    if args.predictions is not None and not args.predictions.is_dir():
        raise SourceNotFound(f"{args.predictions} is not a folder: --predictions takes a folder of .txt files")
    check_outputs({"--json": args.json, "--html": args.html})


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    print(f"got-ocr: wrote {file}", file=sys.stderr)
