"""A runtime that replays texts, and a page for it."""

from PIL import Image

from got_runtime import GotRuntime
from got_runtime.engine.scripted import ScriptedEngine
from got_runtime.model.checkpoint import LoadedModel


def scripted(checkpoint: LoadedModel, *answers: str | Exception, latency: float = 0.0) -> GotRuntime:
    return GotRuntime(checkpoint, ScriptedEngine(checkpoint.encode, answers, latency))


def inked(number: int = 0) -> Image.Image:
    """A page that is not blank."""
    image = Image.new("RGB", (200, 100), "white")
    image.paste("black", (10 + number, 10, 150, 60))
    return image
