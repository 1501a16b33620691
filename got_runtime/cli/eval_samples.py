"""The samples that ``got-ocr eval`` scores: those of a dataset, changed as the options say."""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from got_runtime.cli.options import tiles_task

if TYPE_CHECKING:
    from got_runtime.evaluation.report import LeftOut
    from got_runtime.evaluation.samples import EvalSample

__all__ = ["dataset_samples"]


def dataset_samples(
    args: argparse.Namespace, left_out: "list[LeftOut]", *, ascii_forms: bool
) -> "Iterable[EvalSample]":
    """The samples of ``args.folder`` with the options ``--limit``, ``--task``, ``--tiles``, ``--dpi``, ``--degrade``.

    Args:
        left_out: gets the pages of PDF files that are left out, as the samples are used.
        ascii_forms: whether typographic quotes and dashes of PDF files count as ASCII.

    Raises:
        GotError: options that contradict the dataset, or no page to score.
    """
    from dataclasses import replace

    from got_runtime.errors import GotError
    from got_runtime.evaluation.datasets import load_samples
    from got_runtime.evaluation.text_layers import has_text_layers, text_layer_samples

    if has_text_layers(args.folder):
        found = _at_least_one(text_layer_samples(args.folder, args.pages, left_out=left_out), args, left_out)
        samples = (replace(sample, ascii_forms=ascii_forms) for sample in islice(found, args.limit))
        return (_with_options(sample, args) for sample in samples)
    if args.pages:
        raise GotError(
            "--pages needs PDF files whose text layer is the reference: FOLDER has reference texts of its own"
        )
    return [_with_options(sample, args) for sample in load_samples(args.folder)[: args.limit]]


def _at_least_one(
    samples: "Iterator[EvalSample]", args: argparse.Namespace, left_out: "list[LeftOut]"
) -> "Iterator[EvalSample]":
    from got_runtime.errors import SourceNotFound

    first = next(samples, None)
    if first is None:
        reasons = ", ".join(f"{count} {reason}" for reason, count in Counter(page.reason for page in left_out).items())
        raise SourceNotFound(f"{args.folder} has no page whose text layer can be a reference ({reasons})")
    return chain([first], samples)


def _with_options(sample: "EvalSample", args: argparse.Namespace) -> "EvalSample":
    """The sample with the resolution and degradation of the options, and with their task.

    The kind of score follows the task. With ``--tiles`` alone, a sample stays plain or formatted as the dataset has it.
    """
    from dataclasses import replace

    from got_runtime.tasks import Formatted, Plain, Task

    sample = replace(sample, dpi=args.dpi, degradation=args.degrade)
    if args.task is None and args.tiles is None:
        return sample
    formatted = sample.task.formatted if args.task is None else args.task == "format"
    task: Task = Formatted() if formatted else Plain()
    if args.tiles is not None:
        task = tiles_task(args.tiles, formatted)
    kind = "formatted" if formatted else "plain"
    return replace(sample, task=task, kind=kind if sample.kind in ("plain", "formatted") else sample.kind)
