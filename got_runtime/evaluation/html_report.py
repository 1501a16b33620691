"""Formats a report as one self-contained HTML file: scores, and the worst pages with their errors highlighted."""

import base64
import heapq
import io
import logging
from html import escape
from typing import TYPE_CHECKING

from got_runtime.errors import GotError, MissingExtra, TaskError
from got_runtime.evaluation.report import PageScore, Report
from got_runtime.evaluation.samples import EvalSample
from got_runtime.evaluation.tables_out import ReportTable, report_tables
from got_runtime.tasks import Box, PageFrame

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["WorstPages", "diff_html", "render_html_report"]

_log = logging.getLogger(__name__)

_LONG_SIDE = 900
"""Pixels of the longer side of an image in the report: text stays legible, a page takes about 100 kB."""

_BOX_COLOR = "#d946ef"
_GAP = 20
"""Pixels between the pages of one context."""


class WorstPages:
    """Collects images of the worst pages during an evaluation: pass :meth:`add` as its ``on_page``.

    Args:
        count: number of pages to keep.
        by_group: keep ``count`` pages of each group instead of ``count`` in all.
    """

    def __init__(self, count: int = 20, *, by_group: bool = False) -> None:
        self._count = count
        self._by_group = by_group
        self._heaps: dict[str, list[tuple[float, int, int, str, str]]] = {}
        self._added = 0

    def add(self, page: PageScore, sample: EvalSample) -> None:
        """Keep the page if it has an error and is among the worst so far; without image if it cannot be opened."""
        if page.perfect:
            return
        self._added += 1
        heap = self._heaps.setdefault(page.group if self._by_group else "", [])
        rank = (page.error_level, page.edits, -self._added)
        if len(heap) >= self._count and rank <= heap[0][:3]:
            return
        try:
            uri = _data_uri(_draw(sample))
        except GotError as error:
            _log.info("no image of %s in the report: %s", page.name, error)
            uri = ""
        heapq.heappush(heap, (*rank, page.name, uri))
        if len(heap) > self._count:
            heapq.heappop(heap)

    @property
    def images(self) -> dict[str, str]:
        """``data:`` URIs by page name; empty for a page without an image."""
        return {name: uri for heap in self._heaps.values() for *_, name, uri in heap}


def render_html_report(report: Report, images: dict[str, str]) -> str:
    """An HTML page with the report's tables and image, reference and prediction of the pages in ``images``.

    Args:
        images: ``data:`` URIs by page name, as :attr:`WorstPages.images` gives them.
    """
    title = escape(f"{report.model} on {report.dataset}")
    tables = "\n".join(_table_html(table) for table in report_tables(report, "all"))
    shown = [page for page in report.pages if page.name in images]
    sections: list[str] = []
    for group in report.groups:
        members = [_page_html(page, images[page.name]) for page in shown if page.group == group.name]
        heading = f"<h3>{escape(group.name)}</h3>" if len(report.groups) > 1 and members else ""
        sections += [heading, *members]
    pages = "\n".join(filter(None, sections)) or "<p>None: every prediction equals its reference.</p>"
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{_CSS}</style>
<h1>{title}</h1>
{tables}
<h2>Worst pages</h2>
<p><del>Missing from the prediction</del>, <ins>not in the reference</ins>; ↵ is a line break.</p>
{pages}
</html>
"""


def _table_html(table: ReportTable) -> str:
    headings = "".join(f"<th>{escape(heading)}</th>" for heading in table.headings)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    caption = f"<caption>{escape(table.title)}</caption>"
    return (
        f"<table>{caption}<thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>\n<p>{escape(table.note)}</p>"
    )


def diff_html(reference: str, prediction: str) -> tuple[str, str]:
    """Both texts as escaped HTML: ``<del>`` around what the prediction lacks, ``<ins>`` around what it adds."""
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError as error:
        raise MissingExtra("eval", "rapidfuzz") from error

    deleted, inserted = [], []
    for operation in Levenshtein.opcodes(reference, prediction):
        before = reference[operation.src_start : operation.src_end]
        after = prediction[operation.dest_start : operation.dest_end]
        deleted.append(escape(before) if operation.tag == "equal" else _highlight("del", before))
        inserted.append(escape(after) if operation.tag == "equal" else _highlight("ins", after))
    return "".join(deleted), "".join(inserted)


def _highlight(tag: str, text: str) -> str:
    return f"<{tag}>{escape(text).replace(chr(10), '↵' + chr(10))}</{tag}>" if text else ""


def _page_html(page: PageScore, uri: str) -> str:
    image = f'<img alt="the page" src="{escape(uri)}">' if uri else "<p>no image</p>"
    error = f"<p><strong>{escape(page.error)}</strong></p>" if page.error else ""
    if page.reference is None:
        summary = f"{len(page.failed_checks)} of {page.checks} checks failed"
        expected, predicted = escape("\n".join(page.failed_checks)), escape(page.prediction)
    else:
        summary = f"edit distance {page.error_level:.3f} · {page.edits} edits, {page.characters} characters"
        expected, predicted = diff_html(page.reference, page.prediction)
    scores = "".join(f" · {escape(name)} {value:.3f}" for name, value in page.scores.items())
    caption = "failed checks" if page.reference is None else "reference"
    return f"""<section>
<h4>{escape(page.name)}</h4>
<p>{escape(page.group)} · {summary}{scores}</p>
{error}<div>{image}<figure><figcaption>{caption}</figcaption><pre>{expected}</pre></figure>
<figure><figcaption>prediction</figcaption><pre>{predicted}</pre></figure></div>
</section>"""


def _draw(sample: EvalSample) -> "Image.Image":
    """The model's input: the pages of one context side by side, with a rectangle around the box of the task."""
    from PIL import Image, ImageDraw

    pages = [image.convert("RGB") for image in (sample.open(), *sample.following)]
    if isinstance(sample.task, Box):
        task = sample.task.model_copy(update={"crop": sample.task.x2 is not None})
        try:
            box = task.query(PageFrame(*pages[0].size)).crop
        except TaskError:  # the box is outside the page, which is the page's error in the report
            box = None
        if box is not None:
            ImageDraw.Draw(pages[0]).rectangle(box, outline=_BOX_COLOR, width=max(2, pages[0].width // 300))
    if len(pages) == 1:
        return pages[0]
    height = max(page.height for page in pages)
    strip = Image.new("RGB", (sum(page.width for page in pages) + _GAP * (len(pages) - 1), height), "white")
    left = 0
    for page in pages:
        strip.paste(page, (left, 0))
        left += page.width + _GAP
    return strip


def _data_uri(image: "Image.Image") -> str:
    small = image.convert("RGB")
    small.thumbnail((_LONG_SIDE, _LONG_SIDE))
    target = io.BytesIO()
    small.save(target, "JPEG", quality=75)
    return "data:image/jpeg;base64," + base64.b64encode(target.getvalue()).decode("ascii")


_CSS = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 2rem; }
table { border-collapse: collapse; margin-top: 1.5rem; }
caption { text-align: left; font-weight: 600; }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #8886; }
th:first-child, td:first-child { text-align: left; }
section { margin-top: 2rem; border-top: 1px solid #8886; }
section div { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 1rem; align-items: start; }
section img { max-width: 100%; }
figure { margin: 0; }
figcaption { color: #888; }
pre { margin: .3rem 0; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; }
del { background: #f8717166; text-decoration: none; }
ins { background: #4ade8066; text-decoration: none; }
"""
