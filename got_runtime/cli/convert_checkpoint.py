"""``got-ocr convert-checkpoint``: GOT's original weights → a folder for transformers."""

import argparse
import sys
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser(
        "convert-checkpoint",
        help="write original GOT weights as a transformers folder",
        description=(
            "Write original GOT weights (GOTQwenForCausalLM with qwen.tiktoken) as a folder that transformers loads. "
            "got-ocr reads the original as it is; converted, it starts two seconds sooner and other tools read it too."
        ),
    )
    parser.add_argument("source", metavar="SRC", help="folder of the original checkpoint, or its hub id")
    parser.add_argument("target", metavar="DST", type=Path, help="folder to write; must not exist, or be empty")
    parser.add_argument("--revision", help="branch, tag or commit of a hub id")
    parser.add_argument("--local-files-only", action="store_true", help="never ask the hub, use its local cache")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert, and say how to read with the result."""
    from got_runtime.model.checkpoint import find_folder
    from got_runtime.model.original import convert

    _, source = find_folder(args.source, args.revision, args.local_files_only)
    convert(source, args.target)
    print(f"got-ocr: wrote {args.target}; read with it: got-ocr read FILE --model {args.target}", file=sys.stderr)
    return 0
