"""``got-ocr read``: reads images and PDF files and writes their text."""

import argparse
import contextlib
import warnings
from typing import TYPE_CHECKING

from got_runtime.cli.common import counted, output_folder, print_notice
from got_runtime.cli.options import add_model_options, load_runtime
from got_runtime.cli.progress import ReadProgress
from got_runtime.cli.read_output import FORMATS, ResultWriter, notices, render
from got_runtime.cli.read_plan import PendingFile, cache_place, find_files, open_manifest, record
from got_runtime.cli.reading_options import add_reading_options, read_options

if TYPE_CHECKING:
    from got_runtime.cli.manifest import Manifest
    from got_runtime.options import ReadOptions

EPILOG = """\
examples:
  got-ocr read scan.png                                  the text, on standard output
  got-ocr read paper.pdf --pages 1-3,-1 --task format --to markdown
  got-ocr read scans/ -o out/ --to markdown,json         many files; repeat the command to continue
  got-ocr read form.png --box 40,120,600,180 --crop      the text in a box

exit status: 0 everything was read; 2 a usage error, or an input that could not be read (one line each on standard
error; the other files are still processed); 130 interrupted. With --on-error skip, pages and files that fail do not
change it."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "read",
        help="read images and PDF files",
        description="Read images and PDF files and write their text.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="image, PDF, folder (searched recursively), pattern such as 'scans/*.pdf', or - for standard input",
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--to",
        default="text",
        type=_formats,
        metavar="FORMAT[,…]",
        help=f"{', '.join(FORMATS)} (default: text). text separates pages, and documents on standard output, by form "
        "feeds; markdown by comments with the page number or the name; json is one line for each file; raw is the "
        "unchanged output of the network. Several formats need -o",
    )
    output.add_argument(
        "-o", "--output", type=output_folder, metavar="DIR", help="write files to DIR, not to standard output"
    )
    output.add_argument(
        "--overwrite", action="store_true", help="with -o: read all files again; without, existing outputs are skipped"
    )
    output.add_argument(
        "--retry-failed",
        action="store_true",
        help="with -o: read files again that failed for good, such as damaged or encrypted ones; other failures are "
        "always tried again",
    )
    output.add_argument(
        "--cache",
        nargs="?",
        const="",
        metavar="DIR",
        help="keep the answer for each page, and take kept ones from there: a folder, an address such as "
        "s3://bucket/readings, or the user's cache folder where DIR is left out (default with -o)",
    )
    output.add_argument("--no-cache", action="store_true", help="keep no answers and take none")
    output.add_argument(
        "--on-error",
        default="keep",
        choices=("keep", "skip", "raise"),
        help="a page or file that fails is reported, the others are still read, and the exit status is 2 (keep, the "
        "default; JSON holds the page's error); the same, but left out of output and exit status (skip); or it ends "
        "the command (raise)",
    )
    add_reading_options(parser)
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read every file. One that fails does not stop the others (see ``--on-error``).

    Returns:
        0, or 2 where something could not be read.

    Raises:
        OptionError: options that exclude each other. It is raised before a file is opened.
        GotError: the first failure, with ``--on-error raise``.
    """
    from got_runtime.errors import OptionError
    from got_runtime.sources.names import one_line

    # Pillow's warnings about damaged metadata: those that concern a page are among the page's own warnings.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    options = read_options(args)
    if len(args.to) > 1 and args.output is None:
        raise OptionError(f"--to {','.join(args.to)} writes several files: add -o DIR, or choose one format")
    if args.overwrite and args.output is None:
        raise OptionError("--overwrite replaces files of an output folder: add -o DIR")
    if args.retry_failed and args.output is None:
        raise OptionError("--retry-failed reads files of an output folder again: add -o DIR")
    if args.no_cache and args.cache is not None:
        raise OptionError("--cache and --no-cache exclude each other: leave one out")
    writer = ResultWriter(args.output, args.to, args.overwrite)
    manifest = open_manifest(args, options)
    files = find_files(args, options, writer, manifest)
    if files.repeated:
        first, *others = files.repeated.values()
        among = f" and {counted(len(others), 'other file')}" if others else ""
        print_notice(f"named more than once, read once: {one_line(first)}{among}")
    if files.existing:
        count = counted(files.existing, "file")
        print_notice(f"{count} skipped: the output exists in {args.output} (--overwrite reads again)")
    if files.failed_before:
        count = counted(files.failed_before, "file")
        print_notice(f"{count} skipped: failed before, and would again (--retry-failed reads them)")
    failed = _read(args, options, files.pending, writer, manifest) if files.pending else False
    return 2 if (failed or files.failed) and args.on_error != "skip" else 0


def _read(
    args: argparse.Namespace,
    options: "ReadOptions",
    files: list[PendingFile],
    writer: ResultWriter,
    manifest: "Manifest | None",
) -> bool:
    """Read the files, their pages in common batches, and write each document when it is complete.

    Returns:
        Whether a page failed.
    """
    from got_runtime.sources import start_child

    start_child()  # it imports its libraries while the weights are loaded
    runtime = load_runtime(args, cache_place(args))
    if manifest is not None:
        manifest.save()
    failed = False
    closing = contextlib.nullcontext() if manifest is None else contextlib.closing(manifest)
    with closing, ReadProgress(len(files), lambda total: _page_count(options, total)) as progress:
        documents = runtime.read_all(
            [file.source.source for file in files], on_page=progress.page_done, **dict(options)
        )
        for file, document in zip(files, documents, strict=True):
            progress.file_done()
            with progress.hidden():
                for notice in notices(document):
                    print_notice(notice)
            failed |= bool(document.errors)
            if manifest is not None:
                record(manifest, file.source, document)
            if len(document.errors) == len(document.pages):
                continue  # no output, so that the next run reads the file again
            if args.on_error == "skip":
                document = document.model_copy(update={"pages": tuple(p for p in document.pages if p.error is None)})
            for output_format in file.formats:
                content = render(document, output_format)
                with progress.hidden():
                    writer.write(file.source.name, output_format, content, several=len(files) > 1)
    return failed


def _page_count(options: "ReadOptions", total: int) -> int:
    """Number of pages that are read of a document of ``total`` pages."""
    from got_runtime.errors import GotError
    from got_runtime.sources import select_pages

    try:
        return len(select_pages(options.pages, total))
    except GotError:
        return total


def _formats(text: str) -> tuple[str, ...]:
    """Type of ``--to``."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in names:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(f"{name!r} is not a format: choose from {', '.join(FORMATS)}")
    return names
