"""The report as one HTML file that needs nothing else: scores, and the worst pages with what was misread in colour."""

import base64
import heapq
import io
from html import escape
from typing import TYPE_CHECKING

from got_runtime.errors import GotError, MissingExtra, TaskError
from got_runtime.evaluation.report import PageScore, Report
from got_runtime.evaluation.samples import EvalSample
from got_runtime.evaluation.tables_out import ReportTable, report_tables
from got_runtime.tasks import Box, PageFrame

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["WorstPages", "differences", "to_html"]

_LONG_SIDE = 900
"""Pixels of a picture's longer side in the report: type stays legible, a page costs about 100 kB."""

_FRAME = "#d946ef"
_GAP = 20


class WorstPages:
    """Keeps pictures of the worst pages while an evaluation runs: pass :meth:`add` as its ``on_page``.

    ``count`` pages in all; with ``by_group`` so many of each group.
    """

    def __init__(self, count: int = 20, *, by_group: bool = False) -> None:
        self._count = count
        self._by_group = by_group
        self._kept: dict[str, list[tuple[float, int, int, str, str]]] = {}
        self._seen = 0

    def add(self, page: PageScore, sample: EvalSample) -> None:
        """Keep the page's picture if it is among the worst so far and not perfect; none if it cannot be opened."""
        if page.perfect:
            return
        self._seen += 1
        kept = self._kept.setdefault(page.group if self._by_group else "", [])
        rank = (page.badness, page.edits, -self._seen)
        if len(kept) >= self._count and rank <= kept[0][:3]:
            return
        try:
            uri = _data_uri(_picture(sample))
        except GotError:
            uri = ""
        heapq.heappush(kept, (*rank, page.name, uri))
        if len(kept) > self._count:
            heapq.heappop(kept)

    @property
    def pictures(self) -> dict[str, str]:
        """``data:`` URIs by page name; empty for a page without a picture."""
        return {name: uri for kept in self._kept.values() for *_, name, uri in kept}


def to_html(report: Report, pictures: dict[str, str]) -> str:
    """A page with the report's tables and, group by group, picture, reference and prediction of the pages in
    ``pictures``.

    ``pictures`` maps page names to ``data:`` URIs, as :class:`WorstPages` keeps them. Every text is escaped.
    """
    title = escape(f"{report.model} on {report.dataset}")
    tables = "\n".join(_table(sheet) for sheet in report_tables(report, "all"))
    shown = [page for page in report.pages if page.name in pictures]
    parts: list[str] = []
    for group in report.groups:
        members = [_page(page, pictures[page.name]) for page in shown if page.group == group.name]
        heading = f"<h3>{escape(group.name)}</h3>" if len(report.groups) > 1 and members else ""
        parts += [heading, *members]
    pages = "\n".join(filter(None, parts)) or "<p>None: every page was read to the letter.</p>"
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{_CSS}</style>
<h1>{title}</h1>
{tables}
<h2>Worst pages</h2>
<p><del>Missing from the prediction</del>, <ins>not on the page</ins>; ↵ is a line break.</p>
{pages}
</html>
"""


def _table(sheet: ReportTable) -> str:
    headings = "".join(f"<th>{escape(heading)}</th>" for heading in sheet.headings)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in sheet.rows)
    caption = f"<caption>{escape(sheet.title)}</caption>"
    return (
        f"<table>{caption}<thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>\n<p>{escape(sheet.note)}</p>"
    )


def differences(reference: str, prediction: str) -> tuple[str, str]:
    """Truth and prediction as escaped HTML, ``<del>`` around what was missed and ``<ins>`` around what was made up."""
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError as error:
        raise MissingExtra("eval", "rapidfuzz") from error

    true, read = [], []
    for operation in Levenshtein.opcodes(reference, prediction):
        before = reference[operation.src_start : operation.src_end]
        after = prediction[operation.dest_start : operation.dest_end]
        true.append(escape(before) if operation.tag == "equal" else _marked("del", before))
        read.append(escape(after) if operation.tag == "equal" else _marked("ins", after))
    return "".join(true), "".join(read)


def _marked(tag: str, text: str) -> str:
    return f"<{tag}>{escape(text).replace(chr(10), '↵' + chr(10))}</{tag}>" if text else ""


def _page(page: PageScore, picture: str) -> str:
    image = f'<img alt="the page" src="{escape(picture)}">' if picture else "<p>no picture</p>"
    error = f"<p><strong>{escape(page.error)}</strong></p>" if page.error else ""
    if page.reference is None:
        said = f"{len(page.failed_checks)} of {page.checks} facts not stated"
        reference, prediction = escape("\n".join(page.failed_checks)), escape(page.prediction)
    else:
        said = f"edit distance {page.badness:.3f} · {page.edits} edits, {page.characters} characters"
        reference, prediction = differences(page.reference, page.prediction)
    numbers = "".join(f" · {escape(name)} {value:.3f}" for name, value in page.scores.items())
    left = "not stated" if page.reference is None else "reference"
    return f"""<section>
<h4>{escape(page.name)}</h4>
<p>{escape(page.group)} · {said}{numbers}</p>
{error}<div>{image}<figure><figcaption>{left}</figcaption><pre>{reference}</pre></figure>
<figure><figcaption>prediction</figcaption><pre>{prediction}</pre></figure></div>
</section>"""


def _picture(sample: EvalSample) -> "Image.Image":
    """What was read: the pages of one context beside one another, the box that was asked for framed."""
    from PIL import Image, ImageDraw

    pages = [image.convert("RGB") for image in (sample.open(), *sample.following)]
    if isinstance(sample.task, Box):
        query = sample.task.model_copy(update={"crop": sample.task.x2 is not None})
        try:
            box = query.query(PageFrame(*pages[0].size)).crop
        except TaskError:  # outside the page: the page's error says so
            box = None
        if box is not None:
            ImageDraw.Draw(pages[0]).rectangle(box, outline=_FRAME, width=max(2, pages[0].width // 300))
    if len(pages) == 1:
        return pages[0]
    height = max(page.height for page in pages)
    sheet = Image.new("RGB", (sum(page.width for page in pages) + _GAP * (len(pages) - 1), height), "white")
    left = 0
    for page in pages:
        sheet.paste(page, (left, 0))
        left += page.width + _GAP
    return sheet


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
