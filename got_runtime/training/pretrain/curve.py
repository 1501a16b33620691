"""Plots a run's log: losses, and errors on held-out pages."""

import json
from pathlib import Path
from typing import Any


def draw_curve(log: Path, picture: Path) -> None:
    """Plot the entries of ``log`` (:meth:`got_runtime.training.runner.Runner.run`) as the PNG ``picture``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    losses = {"token": "characters of an image token", "text": "text", "look": "image token of the next character"}
    _plot(left, entries, losses, "", "loss (nats)", "training pages")
    for entry in entries:
        kinds = [value for name, value in entry.items() if name.startswith("distance_")]
        if kinds:
            entry["distance"] = sum(kinds) / len(kinds)
    errors = {
        "cer_seen": "plain, seen faces (character error rate)",
        "cer_held_out": "plain, held-out faces (character error rate)",
        "distance_plain": "plain (edit distance)",
        "distance": "all kinds (mean edit distance)",
    }
    _plot(right, entries, errors, "o", "error", "held-out pages, a few each time")
    left.set_ylim(0, 5)
    right.set_ylim(0, 1)
    figure.savefig(picture, dpi=110)


def _plot(
    axes: Any, entries: list[dict[str, float]], names: dict[str, str], marker: str, label: str, title: str
) -> None:
    for name, described in names.items():
        points = [(entry["seconds"] / 60, entry[name]) for entry in entries if name in entry]
        if points:
            axes.plot(*zip(*points, strict=True), label=described, marker=marker, linewidth=1)
    axes.set(xlabel="minutes of training", ylabel=label, title=title)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
