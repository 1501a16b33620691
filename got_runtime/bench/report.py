"""What a run of ``got-ocr bench`` has found: a table, JSON, a plot."""

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
    """Markdown: the machine, then a row for each engine and number of rows."""
    machine = report.machine
    lines = [
        f"{report.subject}, {report.dtype}; prompt of {report.prompt} tokens, answer of {report.tokens}; medians of "
        f"{report.rounds} rounds in turns",
        f"machine: {machine.device}, {machine.bandwidth / 1e9:.1f} GB/s, {machine.flops / 1e12:.2f} TFLOP/s measured",
        f"limit: encoder {report.encode_floor:.2f} s, prefill {report.prefill_floor:.2f} s",
    ]
    stages = ["engine", "rows", "encoder s", "prefill s", "step ms (least–most)"]
    header = [*stages, "tok/s", "s/page", "pages/s", "of limit", "peak GiB"]
    lines += ["", f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    for engine in report.engines:
        for speed in engine.rows:
            cells = [
                engine.name,
                str(speed.rows),
                f"{engine.encode.median:.2f}",
                f"{engine.prefill.median:.2f}",
                _milliseconds(speed.step),
                f"{speed.tokens_per_second:.0f}",
                f"{speed.page_seconds:.2f}",
                f"{speed.pages_per_second:.3f}",
                f"{speed.page_floor / speed.page_seconds:.0%}",
                f"{engine.peak_memory / 2**30:.1f}" if engine.peak_memory else "–",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return [*lines, *_against(report)]


def _against(report: SpeedReport) -> list[str]:
    """How many times as fast our engine is, where another one ran in its turns."""
    others = [engine for engine in report.engines if not engine.name.startswith("torch")]
    lines = []
    for ours in report.engines:
        for other in others if ours not in others else []:
            best = max(ours.rows, key=lambda speed: speed.pages_per_second)
            theirs = max(speed.pages_per_second for speed in other.rows)
            lines.append(
                f"{ours.name} against {other.name}: encoder {other.encode.median / ours.encode.median:.1f}×, "
                f"pages {best.pages_per_second / theirs:.1f}× at {best.rows} rows"
            )
    return ["", *lines] if lines else []


def _milliseconds(spread: Spread) -> str:
    return f"{spread.median * 1e3:.1f} ({spread.least * 1e3:.1f}–{spread.greatest * 1e3:.1f})"


def write_json(report: object, file: Path) -> None:
    """A report (a dataclass) as it is."""
    file.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")  # type: ignore[call-overload]


def check_plot(file: Path) -> None:
    """Whether a plot can be drawn into this file, asked before there is something to draw.

    Raises MissingExtra where matplotlib is not installed, GotError for a suffix it has no format for.
    """
    formats = _figure().canvas.get_supported_filetypes()
    if file.suffix.removeprefix(".").lower() not in formats:
        raise GotError(f"{file}: no such format; name a .png or .svg file")


def write_plot(report: SpeedReport, file: Path) -> None:
    """Pages a second over rows together, and the limit; the file's suffix says PNG or SVG.

    Raises MissingExtra where matplotlib is not installed.
    """
    figure = _figure()
    axes = figure.subplots()
    for engine in report.engines:
        rows = [speed.rows for speed in engine.rows]
        [line] = axes.plot(rows, [speed.pages_per_second for speed in engine.rows], marker="o", label=engine.name)
        floors = [1 / speed.page_floor for speed in engine.rows]
        axes.plot(rows, floors, linestyle=":", color=line.get_color(), label=f"limit of {engine.name}")
    axes.set(xlabel="pages decoded together", ylabel="pages a second", xscale="log", yscale="log")
    axes.legend(fontsize="small")
    figure.savefig(file)


def write_steady_plot(report: SteadyReport, file: Path) -> None:
    """Pages a second and resident memory over the pages read.

    Raises MissingExtra where matplotlib is not installed.
    """
    figure = _figure()
    upper, lower = figure.subplots(2, sharex=True)
    step = report.pages // len(report.rates)
    read = [step * (count + 1) for count in range(len(report.rates))]
    upper.plot(read, report.rates, marker="o")
    upper.set(ylabel="pages a second", ylim=(0, 1.1 * max(report.rates)))
    lower.plot(read, [size / 2**20 for size in report.memory], marker="o")
    lower.set(ylabel="resident MiB", xlabel="pages read", ylim=(0, 1.1 * max(report.memory) / 2**20))
    figure.savefig(file)


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("charts", "matplotlib") from error
    return Figure(figsize=(6, 4), layout="constrained")
