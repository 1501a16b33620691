"""``got-ocr eval``: measures OCR accuracy, with confidence intervals."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from got_runtime.cli.common import (
    check_outputs,
    non_empty_path,
    non_negative_int,
    positive_int,
    positive_number,
    print_notice,
)
from got_runtime.cli.options import DEFAULT_TILES, add_model_options, load_runtime, tile_count
from got_runtime.synth.kinds import KINDS

if TYPE_CHECKING:
    from rich.console import Console

    from got_runtime.evaluation.model_card import ModelCard
    from got_runtime.evaluation.report import LeftOut, Report
    from got_runtime.evaluation.run import OnPage
    from got_runtime.runtime import GotRuntime

__all__ = ["add_parser", "run"]

ALL = "all"
EMBEDDED = "got-nano"
"""``model.checkpoint.EMBEDDED``, repeated so that ``--help`` stays fast."""

_WORST_PAGES_PER_GROUP = 5
"""Pages per kind and group in the HTML report of all kinds."""
_MAX_PRINTED_ERRORS = 10
_PIPE_WIDTH = 160
"""Columns of the tables where standard output is a file or a pipe."""

_EPILOG = """\
CER, the character error rate, is edits over the length of the reference, for all pages of a group together. The edit
distance is the mean over pages of edits / longer length. Brackets hold 95 % bootstrap confidence intervals. A page that
cannot be read counts as an empty prediction. Word error rates, the paper's metrics and every prediction are in the
JSON."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "eval",
        help="measure OCR accuracy",
        description="Read pages with a known reference text and print the error rates.",
        epilog=_EPILOG,
    )
    dataset = parser.add_mutually_exclusive_group(required=True)
    dataset.add_argument(
        "folder",
        nargs="?",
        type=non_empty_path,
        metavar="FOLDER",
        help="images and PDFs, each beside a .txt of the same stem (a PDF's pages separated by form feeds); "
        "a PDF, a folder of PDFs without .txt, or a .txt list of PDFs (a path and pages a line), whose text layer is "
        "the reference; a .json in GOT's conversations layout; or Fox, OmniDocBench or olmOCR-bench as downloaded",
    )
    dataset.add_argument(
        "--held-out",
        type=positive_int,
        metavar="N",
        help="draw N synthetic pages in faces seen in training and N in held-out faces",
    )
    parser.add_argument(
        "--seed", type=non_negative_int, default=0, metavar="S", help="seed of the synthetic pages (default 0)"
    )
    parser.add_argument(
        "--kind",
        choices=(*KINDS, ALL),
        metavar="KIND",
        help=f"kind of synthetic page: {', '.join(KINDS)} (default plain); all prints the model card's table",
    )
    parser.add_argument("--limit", type=positive_int, metavar="N", help="only the first N pages (of each kind)")
    parser.add_argument("--max-new-tokens", type=positive_int, default=4096, metavar="N", help="token budget per page")
    parser.add_argument(
        "--task", choices=("plain", "format"), help="task for FOLDER's pages (default: that of the dataset, or plain)"
    )
    parser.add_argument(
        "--tiles",
        nargs="?",
        const=DEFAULT_TILES,
        type=tile_count,
        metavar="N",
        help="split FOLDER's pages into up to N tiles (6)",
    )
    parser.add_argument(
        "--pages", metavar="1-3,7,-1", help="pages of each PDF whose text layer is the reference (default: all)"
    )
    parser.add_argument(
        "--dpi", type=positive_number, metavar="N", help="resolution of FOLDER's PDF pages (default: as got-ocr read)"
    )
    parser.add_argument(
        "--degrade",
        choices=("scan",),
        help="make FOLDER's pages look scanned: turned by 1.5°, blurred, JPEG of quality 40",
    )
    parser.add_argument(
        "--predictions",
        type=non_empty_path,
        metavar="DIR",
        help="score the texts that got-ocr read -o, or another tool, wrote to DIR; no page is read. They are named as "
        "FOLDER's files (page.png.txt or page.txt; pages separated by form feeds), or are JSON (paper.pdf.json)",
    )
    parser.add_argument(
        "--metrics",
        choices=("errors", "paper", "all"),
        default="errors",
        help="tables to print: error rates and the metrics of the pages' kinds, the paper's metrics, or both "
        "(default errors)",
    )
    parser.add_argument(
        "--json", type=non_empty_path, metavar="FILE", help="also write all scores and predictions to FILE"
    )
    parser.add_argument(
        "--html", type=non_empty_path, metavar="FILE", help="also write the worst pages with their errors to FILE"
    )
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the tables; 130 when interrupted, 2 if no page could be read, 0 otherwise."""
    from rich.console import Console

    _check_options(args)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    return _run_all_kinds(args) if args.kind == ALL else _run_one(args, console)


def _run_one(args: argparse.Namespace, console: "Console") -> int:
    from got_runtime.evaluation.html_report import WorstPages, render_html_report
    from got_runtime.evaluation.run import Interrupted
    from got_runtime.evaluation.tables_out import report_tables

    worst = WorstPages()
    on_page = worst.add if args.html else None
    left_out: list[LeftOut] = []
    interrupted = False
    try:
        if args.held_out is not None:
            report = _evaluate_held_out(args, load_runtime(args), args.kind or KINDS[0], on_page)
        else:
            report = _evaluate_dataset(args, on_page, left_out)
    except Interrupted as interruption:
        report, interrupted = interruption.report, True
        print_notice(f"interrupted; results of {report.dataset}")
    report = report.model_copy(update={"left_out": tuple(left_out)})
    for table in report_tables(report, args.metrics):
        console.print(table.to_rich(console.width))
    for page in [page for page in report.pages if page.error][:_MAX_PRINTED_ERRORS]:
        print_notice(f"{page.name}: {page.error}")
    if args.json is not None:
        _write(args.json, report.model_dump_json(indent=2))
    if args.html is not None:
        _write(args.html, render_html_report(report, worst.images))
    if interrupted:
        return 130
    return 2 if report.overall.failed == report.overall.pages else 0


def _run_all_kinds(args: argparse.Namespace) -> int:
    """Evaluate one kind after the other. The JSON is written after each: an interruption loses one kind at most."""
    from got_runtime.errors import MissingExtra
    from got_runtime.evaluation.html_report import WorstPages, render_html_report
    from got_runtime.evaluation.model_card import ModelCard

    runtime = load_runtime(args)
    card = ModelCard(model=runtime.model_info.name, pages=args.held_out, seed=args.seed)
    images: dict[str, str] = {}
    interrupted = False
    for kind in KINDS:
        print_notice(kind)
        worst = WorstPages(_WORST_PAGES_PER_GROUP, by_group=True)
        try:
            report = _evaluate_held_out(args, runtime, kind, worst.add if args.html else None)
        except MissingExtra as missing:
            print_notice(f"{kind}: {missing}")
            card = card.model_copy(update={"missing": card.missing | {kind: str(missing)}})
        except KeyboardInterrupt:
            interrupted = True
            print_notice(f"interrupted; {len(card.reports)} of {len(KINDS)} kinds were measured")
            break
        else:
            card = card.model_copy(update={"reports": card.reports | {kind: report}})
            images |= worst.images
        if args.json is not None:
            args.json.write_text(card.model_dump_json(indent=2), encoding="utf-8")
    print(card.markdown())
    if args.html is not None and card.reports:
        _write(args.html, render_html_report(_join_reports(card), images))
    return 130 if interrupted else 0 if card.reports else 2


def _join_reports(card: "ModelCard") -> "Report":
    """All kinds as one report, with a group for each kind and each of its groups."""
    from got_runtime.evaluation.report import Report

    pages = [
        page.model_copy(update={"group": f"{kind}, {page.group}"})
        for kind, report in card.reports.items()
        for page in report.pages
    ]
    return Report.of(pages, model=card.model, dataset=f"held-out pages of every kind, seed {card.seed}")


def _evaluate_held_out(
    args: argparse.Namespace, runtime: "GotRuntime", kind: str, on_page: "OnPage | None"
) -> "Report":
    from itertools import islice

    from got_runtime.evaluation.run import evaluate, runtime_predictor
    from got_runtime.evaluation.synthetic import GROUPS, held_out_samples

    total = min(args.held_out * len(GROUPS), args.limit or sys.maxsize)
    return evaluate(
        islice(held_out_samples(args.held_out, args.seed, kind), total),
        runtime_predictor(runtime, args.max_new_tokens),
        model=runtime.model_info.name,
        dataset=f"{kind} held-out pages, seed {args.seed}",
        batch_size=args.batch_size,
        total=total,
        on_page=on_page,
    )


def _evaluate_dataset(args: argparse.Namespace, on_page: "OnPage | None", left_out: "list[LeftOut]") -> "Report":
    from got_runtime.cli.eval_samples import dataset_samples
    from got_runtime.evaluation.run import evaluate, runtime_predictor, score_predictions

    dataset = args.folder.resolve().name
    if args.predictions is not None:
        samples = dataset_samples(args, left_out, ascii_forms=False)
        name = args.model or args.predictions.name
        return score_predictions(samples, args.predictions, model=name, dataset=dataset, on_page=on_page)
    runtime = load_runtime(args)
    model = runtime.model_info.name
    return evaluate(
        # The reference texts of got-nano's training are ASCII: it has never been shown another form of a quote.
        dataset_samples(args, left_out, ascii_forms=model == EMBEDDED),
        runtime_predictor(runtime, args.max_new_tokens),
        model=model,
        dataset=dataset,
        batch_size=args.batch_size,
        on_page=on_page,
    )


def _check_options(args: argparse.Namespace) -> None:
    """Raise before a model is loaded if options contradict each other or an output cannot be written."""
    from got_runtime.errors import GotError, SourceNotFound

    if args.held_out is None and args.kind is not None:
        raise GotError("--kind needs --held-out N: the kinds are those of synthetic pages")
    if args.held_out is not None and (args.task or args.tiles is not None):
        raise GotError("--task and --tiles need a FOLDER: a held-out page has the task of its kind")
    if args.held_out is not None and (args.pages or args.dpi is not None or args.degrade):
        raise GotError("--pages, --dpi and --degrade need a FOLDER: held-out pages are drawn as in training")
    if args.predictions is not None and args.held_out is not None:
        raise GotError("--predictions needs a FOLDER: held-out pages are drawn now, and no other tool has read them")
    if args.predictions is not None and not args.predictions.is_dir():
        raise SourceNotFound(f"{args.predictions} is not a folder: --predictions takes a folder of .txt files")
    check_outputs({"--json": args.json, "--html": args.html})


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    print_notice(f"wrote {file}")
