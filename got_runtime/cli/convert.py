"""``got-ocr convert``: converts output of GOT to Markdown, HTML, JSON, chunks or text."""

import argparse
import io
import sys
from pathlib import Path

from got_runtime.cli.common import check_outputs, non_empty_path, positive_int
from got_runtime.errors import SourceCorrupt, SourceForbidden, SourceNotFound

FORMATS = ("markdown", "html", "json", "chunks", "text")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "convert",
        help="convert output of GOT to Markdown, HTML, JSON, chunks or text",
        description="Convert output of GOT (Mathpix-flavoured LaTeX, **kern, SMILES, TikZ, charts), such as that of "
        "got-ocr read --to raw. No model is loaded.",
    )
    parser.add_argument("answer", metavar="ANSWER", help="file with the output of GOT, in UTF-8; - for standard input")
    parser.add_argument("--to", choices=FORMATS, default="markdown", help="output format (default: markdown)")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=non_empty_path, help="write to FILE, not to standard output"
    )
    parser.add_argument(
        "--math",
        choices=("dollar", "bracket"),
        default="dollar",
        help="delimiters of formulas in Markdown: $…$ (dollar, the default) or \\(…\\) (bracket)",
    )
    parser.add_argument(
        "--spans",
        choices=("repeat", "blank"),
        default="repeat",
        help="Markdown tables have no spanning cells: repeat the text in each position (default) or leave them blank",
    )
    parser.add_argument(
        "--by",
        choices=("section", "element"),
        default="section",
        help="chunks of whole sections (default) or of single elements",
    )
    parser.add_argument(
        "--max-tokens",
        metavar="N",
        type=positive_int,
        default=512,
        help="maximum number of words in a chunk (default: 512)",
    )
    parser.add_argument("--warnings", action="store_true", help="print repairs of malformed output on standard error")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert, and return the exit status.

    Raises:
        SourceNotFound: the file does not exist, or cannot be opened.
        SourceCorrupt: it is not UTF-8 text.
        GotError: the output file cannot be written; if that shows at once, the input is not read.
    """
    from got_runtime.markup import MarkdownOptions, chunk, parse, to_html, to_json, to_markdown, to_text

    check_outputs({"-o": args.output})
    elements = parse(_read(args.answer))
    options = MarkdownOptions(math=args.math, spans=args.spans)
    match args.to:
        case "markdown":
            text = to_markdown(elements, options)
        case "html":
            text = to_html(elements, title=Path(args.answer).stem if args.answer != "-" else "")
        case "json":
            text = to_json(elements, indent=2) + "\n"
        case "chunks":
            chunks = chunk(elements, by=args.by, max_tokens=args.max_tokens, options=options)
            text = "".join(each.model_dump_json() + "\n" for each in chunks)
        case _:
            text = to_text(elements)
    if args.warnings:
        for element in elements:
            for repair in element.warnings:
                print(f"{element.kind} at {element.span[0]}: {repair.message} [{repair.code}]", file=sys.stderr)
    if args.output is not None:
        try:
            args.output.write_text(text, encoding="utf-8", errors="replace")
        except OSError as error:  # a full disk, for example
            raise SourceForbidden(f"cannot write {args.output} ({error.strerror}): choose another -o") from error
    else:
        sys.stdout.write(text)
    return 0


def _read(answer: str) -> str:
    try:
        # Standard input as text would have the encoding of the locale; under LC_ALL=C no byte would be an error.
        data = sys.stdin.buffer.read() if answer == "-" else Path(answer).read_bytes()
        return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8").read()
    except UnicodeDecodeError as error:
        name = "standard input" if answer == "-" else answer
        raise SourceCorrupt(f"{name} is not UTF-8 text: convert its encoding first") from error
    except OSError as error:
        raise SourceNotFound(f"cannot read {answer} ({error.strerror}): check the path") from error
