"""Options of ``got-ocr bench``: their values, and which of them have an effect on a measurement."""

import argparse

from got_runtime.cli.common import check_outputs

__all__ = ["check_options", "named_engines", "named_sizes"]

_AGAINST = ("transformers", "vllm")
_COMMON_OPTIONS = ("model", "device", "dtype", "batch_size", "tokens", "threads", "json")
_OPTIONS = {
    None: (*_COMMON_OPTIONS, "rounds", "against", "int8", "plot"),
    "document": (*_COMMON_OPTIONS, "rounds", "against", "int8"),
    "callers": (*_COMMON_OPTIONS, "rounds"),
    "serve": (*_COMMON_OPTIONS, "rounds"),
    "steady": (*_COMMON_OPTIONS, "plot"),
    "busy": _COMMON_OPTIONS,
    "pages": ("json",),
}
"""The measurement (``None``: the stages of a page) → options that have an effect on it."""


def check_options(args: argparse.Namespace) -> None:
    """Check, before anything is measured, that every option has an effect and that the files can be written."""
    from got_runtime.bench.report import check_plot
    from got_runtime.errors import GotError

    measurement = next((name for name in _OPTIONS if name is not None and getattr(args, name) is not None), None)
    for name in _OPTIONS[None]:
        if name not in _OPTIONS[measurement] and getattr(args, name) != args.parser.get_default(name):
            option = name.replace("_", "-")
            raise GotError(f"--{option} has no effect with --{measurement}: leave it out")
    check_outputs({"--json": args.json, "--plot": args.plot})
    if args.plot is not None:
        check_plot(args.plot)


def named_sizes(text: str) -> tuple[int, ...]:
    """The sizes that ``--batch-size`` names. Raises EngineError."""
    from got_runtime.errors import EngineError

    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise EngineError(f"--batch-size {text!r}: numbers with commas between, such as 1,8,32") from error
    if min(sizes) < 1:
        raise EngineError(f"--batch-size {text!r}: at least one page at a time")
    return sizes


def named_engines(text: str) -> list[str]:
    """The engines that ``--against`` names. Raises EngineError."""
    from got_runtime.errors import EngineError

    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in _AGAINST:
            raise EngineError(f"--against {name}: choose from {', '.join(_AGAINST)}")
    return names
