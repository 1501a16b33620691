"""``got-ocr info``: shows the model, the device, the code that runs, versions of packages, and default limits."""

import argparse
import json
from importlib.metadata import version

from got_runtime.cli.options import add_model_options, load_runtime


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "info",
        help="show model, device, versions and limits",
        description="Load the model and show its name, device and precision, the versions of packages, and the default "
        "limits of got-ocr read.",
    )
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON schema of the output of got-ocr read --to json instead"
    )
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what a bug report needs, or the schema of a document."""
    if args.schema:
        from got_runtime.results import DocumentResult

        print(json.dumps(DocumentResult.model_json_schema(), indent=1, sort_keys=True, ensure_ascii=False))
        return 0

    import platform

    from rich.console import Console
    from rich.table import Table

    from got_runtime.engine.processor import code_path, other_devices, processor
    from got_runtime.engine.threads import allowed_threads
    from got_runtime.sources import Limits

    runtime = load_runtime(args)
    table = Table(show_header=False, box=None)
    for name, value in runtime.model_info.model_dump().items():
        table.add_row(f"model {name}", "none" if value is None else str(value))
    table.add_row("processor", processor())
    table.add_row("code", code_path(runtime.model_info.device, runtime.model_info.dtype))
    for name in other_devices(runtime.model_info.device):
        table.add_row("other device", f"{name}: untested, so auto does not choose it (--device {name})")
    table.add_row("CPU threads", f"{args.threads or allowed_threads()}")
    for package in ("got-ocr", "torch", "transformers", "pymupdf", "pillow", "pydantic"):
        table.add_row(package, version(package))
    table.add_row("python", platform.python_version())
    for name, value in Limits().model_dump(exclude={"isolate"}).items():
        option = name.removesuffix("_per_page").replace("_", "-")
        table.add_row(f"limit --{option}", "none" if value is None else f"{value:,}")
    Console().print(table)
    return 0
