"""Writes the results of ``got-ocr bench``: a Markdown table, JSON, a plot."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from got_runtime.bench.document import SteadyReport
from got_runtime.bench.hardware import Spread
from got_runtime.bench.speed import SpeedReport
from got_runtime.errors import GotError, MissingExtra

__all__ = ["check_plot", "speed_lines", "write_json", "write_plot", "write_steady_plot"]


def speed_lines(report: SpeedReport) -> list[str]:
    """The report in Markdown: the hardware, then one table row for each engine and batch size."""
    hardware = report.hardware
    lines = [
        f"{report.model}, {report.dtype}; prompt of {report.prompt} tokens, completion of {report.tokens}; medians of "
        f"{report.rounds} rounds in turns",
        f"hardware: {hardware.device}, {hardware.bandwidth / 1e9:.1f} GB/s, {hardware.flops / 1e12:.2f} TFLOP/s",
        f"code: {report.code}",
        *report.left_out,
        f"limit: encoder {report.encode_limit:.2f} s, prefill {report.prefill_limit:.2f} s",
    ]
    stages = ["engine", "batch", "encoder s", "prefill s", "step ms (least–most)"]
    header = [*stages, "tok/s", "s/page", "pages/s", "of limit", "peak GiB"]
    lines += ["", f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    for engine in report.engines:
        for speed in engine.batches:
            cells = [
                engine.name,
                str(speed.batch_size),
                f"{engine.encode.median:.2f}",
                f"{engine.prefill.median:.2f}",
                _milliseconds(speed.step),
                f"{speed.tokens_per_second:.0f}",
                f"{speed.page_seconds:.2f}",
                f"{speed.pages_per_second:.3f}",
                f"{speed.page_limit / speed.page_seconds:.0%}",
                f"{engine.peak_memory / 2**30:.1f}" if engine.peak_memory else "–",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return [*lines, *_comparison(report)]


def _comparison(report: SpeedReport) -> list[str]:
    """The speed of each torch engine as a multiple of each other engine's, if others were measured."""
    others = [engine for engine in report.engines if not engine.name.startswith("torch")]
    lines = []
    for engine in report.engines:
        for other in others if engine not in others else []:
            best = max(engine.batches, key=lambda speed: speed.pages_per_second)
            fastest = max(speed.pages_per_second for speed in other.batches)
            lines.append(
                f"{engine.name} against {other.name}: encoder {other.encode.median / engine.encode.median:.1f}×, "
                f"pages {best.pages_per_second / fastest:.1f}× at batch size {best.batch_size}"
            )
    return ["", *lines] if lines else []


def _milliseconds(spread: Spread) -> str:
    return f"{spread.median * 1e3:.1f} ({spread.least * 1e3:.1f}–{spread.greatest * 1e3:.1f})"


def write_json(report: object, file: Path) -> None:
    """Write a report (a dataclass) as JSON."""
    file.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")  # type: ignore[call-overload]


def check_plot(file: Path) -> None:
    """Check, before anything is measured, that a plot can be written to this file.

    Raises:
        MissingExtra: matplotlib is not installed.
        GotError: matplotlib has no format with this suffix.
    """
    formats = _figure().canvas.get_supported_filetypes()
    if file.suffix.removeprefix(".").lower() not in formats:
        raise GotError(f"{file}: no such format; name a .png or .svg file")


def write_plot(report: SpeedReport, file: Path) -> None:
    """Plot pages a second and their limit over the batch size, as PNG or SVG by the file's suffix.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    figure = _figure()
    axes = figure.subplots()
    for engine in report.engines:
        sizes = [speed.batch_size for speed in engine.batches]
        [line] = axes.plot(sizes, [speed.pages_per_second for speed in engine.batches], marker="o", label=engine.name)
        limits = [1 / speed.page_limit for speed in engine.batches]
        axes.plot(sizes, limits, linestyle=":", color=line.get_color(), label=f"limit of {engine.name}")
    axes.set(xlabel="batch size", ylabel="pages a second", xscale="log", yscale="log")
    axes.legend(fontsize="small")
    figure.savefig(file)


def write_steady_plot(report: SteadyReport, file: Path) -> None:
    """Plot pages a second and resident memory over the number of pages read.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    figure = _figure()
    upper, lower = figure.subplots(2, sharex=True)
    step = report.pages // len(report.rates)
    pages_read = [step * (count + 1) for count in range(len(report.rates))]
    upper.plot(pages_read, report.rates, marker="o")
    upper.set(ylabel="pages a second", ylim=(0, 1.1 * max(report.rates)))
    lower.plot(pages_read, [size / 2**20 for size in report.memory], marker="o")
    lower.set(ylabel="resident MiB", xlabel="pages read", ylim=(0, 1.1 * max(report.memory) / 2**20))
    figure.savefig(file)


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("charts", "matplotlib") from error
    return Figure(figsize=(6, 4), layout="constrained")
