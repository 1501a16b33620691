"""Pages for the tests of the evaluation: small pictures, and readers that know the answers."""

from collections.abc import Iterable
from pathlib import Path

import pymupdf
from PIL import Image

from got_runtime.evaluation.run import Predictor
from got_runtime.evaluation.samples import EvalPrompt, EvalSample


def picture(shade: int = 255) -> Image.Image:
    """A small page; its shade tells a scripted reader which one it is."""
    return Image.new("RGB", (64, 48), (shade, shade, shade))


def shade_of(prompt: EvalPrompt) -> int:
    """The shade of the first picture of a prompt."""
    tone = prompt.images[0].convert("L").getpixel((0, 0))
    assert isinstance(tone, int)
    return tone


def put(path: Path, text: str, shade: int = 255) -> None:
    """A picture at ``path`` and its text beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(shade).save(path)
    path.with_suffix(".txt").write_text(text, encoding="utf-8")


def put_pdf(path: Path, pages: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pymupdf.open() as document:
        for number in range(1, pages + 1):
            document.new_page().insert_text((72, 72), f"page {number}")
        document.save(path)


def echo(samples: Iterable[EvalSample]) -> Predictor:
    """A reader that knows the answers, in order."""
    references = iter([sample.reference or "" for sample in samples])
    return lambda prompts: [next(references) for _ in prompts]


def sample(name: str, reference: str | None, group: str = "g", shade: int = 255, kind: str = "plain") -> EvalSample:
    return EvalSample(name, picture(shade), reference, group, kind=kind)
