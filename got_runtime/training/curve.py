"""Draws a run's log: losses, and the character error rate on held-out pages."""

import json
from pathlib import Path


def draw_curve(log: Path, picture: Path) -> None:
    """Read JSON lines from ``log`` (see :class:`got_runtime.training.loop.Trainer`) and write a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    readings = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for name, label in (
        ("token", "characters of an image token"),
        ("text", "text"),
        ("look", "place of the next character"),
    ):
        points = [(r["seconds"] / 60, r[name]) for r in readings if name in r]
        if points:
            left.plot(*zip(*points, strict=True), label=label, linewidth=1)
    left.set(xlabel="minutes of training", ylabel="loss (nats)", ylim=(0, 5), title="training pages")
    left.legend()
    for name, label in (("cer_seen", "seen faces"), ("cer_held_out", "held-out faces")):
        points = [(r["seconds"] / 60, r[name]) for r in readings if name in r]
        if points:
            right.plot(*zip(*points, strict=True), label=label, marker="o")
    right.set(xlabel="minutes of training", ylabel="character error rate", ylim=(0, 1), title="held-out pages")
    right.legend()
    figure.savefig(picture, dpi=110)
