"""Pages for the tests of the evaluation: small images, samples, and predictors that know the references."""

import io
from collections.abc import Iterable
from pathlib import Path

import pymupdf
from PIL import Image
from rich.console import Console

from got_runtime.evaluation.report import PageScore, Report
from got_runtime.evaluation.run import Predictor
from got_runtime.evaluation.samples import EvalPrompt, EvalSample
from got_runtime.evaluation.tables_out import Metrics, report_tables

FORMATTED_TEXT = r"Let \(x^2\) be \[a+b=c\] and \begin{tabular}{ll} a & b \end{tabular} as it is."
"""A formatted page with a formula of each kind and a table."""


def page_image(shade: int = 255) -> Image.Image:
    """A small page; a scripted predictor recognises it by its shade."""
    return Image.new("RGB", (64, 48), (shade, shade, shade))


def shade_of(prompt: EvalPrompt) -> int:
    """The shade of the first image of a prompt."""
    shade = prompt.images[0].convert("L").getpixel((0, 0))
    assert isinstance(shade, int)
    return shade


def write_page(path: Path, text: str, shade: int = 255) -> None:
    """Write an image to ``path`` and its text beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page_image(shade).save(path)
    path.with_suffix(".txt").write_text(text, encoding="utf-8")


def write_pdf(path: Path, pages: int) -> None:
    """Write a PDF whose pages say ``page 1``, ``page 2`` …"""
    path.parent.mkdir(parents=True, exist_ok=True)
    with pymupdf.open() as document:
        for number in range(1, pages + 1):
            document.new_page().insert_text((72, 72), f"page {number}")
        document.save(path)


def text_predictor(texts: Iterable[str]) -> Predictor:
    """A predictor that gives ``texts`` one after the other, whatever the prompts are."""
    remaining = iter(texts)
    return lambda prompts: [next(remaining) for _ in prompts]


def perfect_predictor(samples: Iterable[EvalSample]) -> Predictor:
    """A predictor that gives the references of ``samples`` one after the other."""
    return text_predictor([sample.reference or "" for sample in samples])


def make_sample(
    name: str, reference: str | None, group: str = "g", shade: int = 255, kind: str = "plain"
) -> EvalSample:
    return EvalSample(name, page_image(shade), reference, group, kind=kind)


def tiny_report() -> Report:
    """Three pages of ten characters with 0, 1 and 5 errors."""
    predictions = {"none": "0123456789", "one": "012345678x", "five": "01234<b>  "}
    pages = [PageScore.of(name, "g", "0123456789", prediction) for name, prediction in predictions.items()]
    return Report.of(pages, model="m", dataset="d", seconds={"g": [0.5, 1.0, 9.0]})


def render_tables(report: Report, width: int = 160, metrics: Metrics = "errors") -> str:
    """The report's tables as a terminal of ``width`` columns shows them."""
    target = io.StringIO()
    for table in report_tables(report, metrics):
        Console(file=target, width=width).print(table.to_rich(width))
    return target.getvalue()
