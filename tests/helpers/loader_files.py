"""For the loaders' tests: an answer with every common element, and an engine that counts its requests."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw

from got_runtime import GotRuntime
from got_runtime.engine.protocol import Completion, Request
from got_runtime.engine.scripted import ScriptedEngine

SOUP = (
    "\\title{Soup}\n\n\\section{Peas}\n\nPeas are green.\n\n$$ a^2 $$\n\n"
    "\\begin{tabular}{ll} \\hline Pea & Weight \\\\ \\hline green & 2 \\\\ \\hline \\end{tabular}"
)
"""A formatted answer with a heading, a paragraph, a formula and a table."""

Scripted = Callable[..., GotRuntime]


class CountingEngine(ScriptedEngine):
    """Counts the requests it was given."""

    received = 0

    def answer(self, number: int, request: Request) -> Completion | Exception:
        self.received += 1
        return super().answer(number, request)


def inked(file: Path, text: str) -> Path:
    """Write an image that is not blank."""
    image = Image.new("RGB", (200, 100), "white")
    ImageDraw.Draw(image).text((20, 20), text, fill="black", font_size=40)
    image.save(file)
    return file
