"""Pages for the tests of the evaluation: small pictures, and readers that know the answers."""

from collections.abc import Iterable
from pathlib import Path

import pymupdf
from PIL import Image

from got_runtime.evaluation.run import Read
from got_runtime.evaluation.samples import Case, Question


def picture(shade: int = 255) -> Image.Image:
    """A small page; its shade tells a scripted reader which one it is."""
    return Image.new("RGB", (64, 48), (shade, shade, shade))


def shade_of(question: Question) -> int:
    """The shade of the first picture of a question."""
    tone = question.images[0].convert("L").getpixel((0, 0))
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


def echo(cases: Iterable[Case]) -> Read:
    """A reader that knows the answers, in order."""
    truths = iter([case.truth or "" for case in cases])
    return lambda questions: [next(truths) for _ in questions]


def case(name: str, truth: str | None, group: str = "g", shade: int = 255, kind: str = "plain") -> Case:
    return Case(name, picture(shade), truth, group, kind=kind)
