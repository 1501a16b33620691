"""The report as one HTML file that needs nothing else: scores, and the worst pages with what was misread in colour."""

import base64
import heapq
import io
from html import escape
from typing import TYPE_CHECKING

from got_runtime.errors import GotError, MissingExtra
from got_runtime.evaluation.datasets import Case
from got_runtime.evaluation.report import PageScore, Report

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["WorstPages", "differences", "to_html"]

_LONG_SIDE = 900
"""Pixels of a picture's longer side in the report: type stays legible, a page costs about 100 kB."""


class WorstPages:
    """Keeps pictures of the ``count`` worst pages while an evaluation runs: pass :meth:`add` as its ``on_page``."""

    def __init__(self, count: int = 20) -> None:
        self._count = count
        self._kept: list[tuple[float, int, int, str, str]] = []
        self._seen = 0

    def add(self, page: PageScore, case: Case) -> None:
        """Keep the page's picture if it is among the worst so far and not perfect; none if it cannot be opened."""
        if page.perfect:
            return
        self._seen += 1
        rank = (page.edit_distance, page.edits, -self._seen)
        if len(self._kept) >= self._count and rank <= self._kept[0][:3]:
            return
        try:
            uri = _data_uri(case.open())
        except GotError:
            uri = ""
        heapq.heappush(self._kept, (*rank, page.name, uri))
        if len(self._kept) > self._count:
            heapq.heappop(self._kept)

    @property
    def pictures(self) -> dict[str, str]:
        """``data:`` URIs by page name; empty for a page without a picture."""
        return {name: uri for *_, name, uri in self._kept}


def to_html(report: Report, pictures: dict[str, str]) -> str:
    """A page with the report's table and, for each page in ``pictures``, picture, truth and reading side by side.

    ``pictures`` maps page names to ``data:`` URIs, as :class:`WorstPages` keeps them. Every text is escaped.
    """
    title = escape(f"{report.model} on {report.dataset}")
    headings = "".join(f"<th>{escape(heading)}</th>" for heading in report.headings())
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in report.cells(group)) + "</tr>"
        for group in report.rows()
    )
    pages = "\n".join(_page(page, pictures[page.name]) for page in report.pages if page.name in pictures)
    pages = pages or "<p>None: every page was read to the letter.</p>"
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{_CSS}</style>
<h1>{title}</h1>
<table><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>
<p>CER is per cent of the truth's characters; brackets hold 95 % bootstrap intervals over pages.</p>
<h2>Worst pages</h2>
<p><del>Missing from the reading</del>, <ins>not on the page</ins>; ↵ is a line break.</p>
{pages}
</html>
"""


def differences(truth: str, reading: str) -> tuple[str, str]:
    """Truth and reading as escaped HTML, ``<del>`` around what was missed and ``<ins>`` around what was made up."""
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError as error:
        raise MissingExtra("eval", "rapidfuzz") from error

    true, read = [], []
    for operation in Levenshtein.opcodes(truth, reading):
        before = truth[operation.src_start : operation.src_end]
        after = reading[operation.dest_start : operation.dest_end]
        true.append(escape(before) if operation.tag == "equal" else _marked("del", before))
        read.append(escape(after) if operation.tag == "equal" else _marked("ins", after))
    return "".join(true), "".join(read)


def _marked(tag: str, text: str) -> str:
    return f"<{tag}>{escape(text).replace(chr(10), '↵' + chr(10))}</{tag}>" if text else ""


def _page(page: PageScore, picture: str) -> str:
    truth, reading = differences(page.truth, page.reading)
    image = f'<img alt="the page" src="{escape(picture)}">' if picture else "<p>no picture</p>"
    error = f"<p><strong>{escape(page.error)}</strong></p>" if page.error else ""
    return f"""<section>
<h3>{escape(page.name)}</h3>
<p>{escape(page.group)} · edit distance {page.edit_distance:.3f} · {page.edits} edits, {page.characters} characters</p>
{error}<div>{image}<figure><figcaption>truth</figcaption><pre>{truth}</pre></figure>
<figure><figcaption>reading</figcaption><pre>{reading}</pre></figure></div>
</section>"""


def _data_uri(image: "Image.Image") -> str:
    small = image.convert("RGB")
    small.thumbnail((_LONG_SIDE, _LONG_SIDE))
    target = io.BytesIO()
    small.save(target, "JPEG", quality=75)
    return "data:image/jpeg;base64," + base64.b64encode(target.getvalue()).decode("ascii")


_CSS = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 2rem; }
table { border-collapse: collapse; }
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
