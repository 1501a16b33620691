"""``got-ocr convert-checkpoint``: converts weights in GOT's original format to the format of transformers."""

import argparse

from got_runtime.cli.common import non_empty_path, print_notice


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "convert-checkpoint",
        help="convert original GOT weights to a folder for transformers",
        description=(
            "Convert original GOT weights (GOTQwenForCausalLM with qwen.tiktoken) to a folder that transformers loads. "
            "got-ocr loads both formats; converted weights load two seconds faster, and in other tools too."
        ),
    )
    parser.add_argument("source", metavar="SRC", help="folder of the original checkpoint, or its id on the hub")
    parser.add_argument(
        "target", metavar="DST", type=non_empty_path, help="folder to write; it must be empty or not exist"
    )
    parser.add_argument("--revision", metavar="REV", help="branch, tag or commit of a model on the hub")
    parser.add_argument(
        "--local-files-only", action="store_true", help="do not connect to the hub, use its local cache only"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert, and print how to read with the result."""
    from got_runtime.model.checkpoint import find_folder
    from got_runtime.model.original import convert

    _, source = find_folder(args.source, args.revision, args.local_files_only)
    convert(source, args.target)
    print_notice(f"wrote {args.target}; read with it: got-ocr read FILE --model {args.target}")
    return 0
