"""Elements → one self-contained HTML page: MathML formulas, SVG pictures, no scripts.

The page is sanitised by ``nh3``. Pictures are data addresses in ``<img>``, in which an SVG can neither run a script nor
load anything (SVG integration, "secure static mode"). A Content-Security-Policy forbids both as well.
"""

import base64
import json
from collections.abc import Sequence
from html import escape

from got_runtime.markup.content import Content, Inline, Mark
from got_runtime.markup.elements import AnyElement, ListItem
from got_runtime.markup.notation import chart
from got_runtime.markup.render.mathml import to_mathml
from got_runtime.markup.render.pictures import picture
from got_runtime.markup.render.sanitize import clean
from got_runtime.markup.render.table import to_html_table

_TAGS: dict[Mark, str] = {
    "bold": "strong",
    "code": "code",
    "italic": "em",
    "strike": "s",
    "subscript": "sub",
    "superscript": "sup",
    "underline": "u",
}
_STYLE = """
body{font:16px/1.5 Georgia,serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}th,td{border:1px solid #999;padding:.25rem .6rem;vertical-align:top}
th{background:#f2f2f2}pre{background:#f6f6f6;padding:.6rem;overflow:auto}.formula{display:flex;justify-content:center;
align-items:center;gap:2rem;margin:.5rem 0;padding:.6rem 0;overflow:auto hidden}math{font-family:"Latin Modern Math",
"STIX Two Math","STIX Math","Cambria Math",
"TeX Gyre Termes Math",math}.caption,.footnote{font-size:.9em;color:#444}
.abstract{margin:0 2rem;font-style:italic}.author{text-align:center}h1{text-align:center}img{max-width:100%}
.notice{font-size:.8em;color:#777}.beside{max-width:96rem;display:grid;grid-template-columns:1fr 1fr;gap:2rem}
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"


def to_html(
    elements: Sequence[AnyElement], *, title: str = "", page_image: bytes | None = None, pictures: bool = True
) -> str:
    """A complete HTML page, UTF-8.

    Args:
        elements: the elements to render.
        title: of the page.
        page_image: PNG or JPEG file of the scanned page, shown beside the text.
        pictures: whether to draw scores, molecules, charts and geometry. If the extra for one is not installed, a
            notice names it and the source is shown.
    """
    body = clean(_body(elements, pictures))
    if page_image is not None:
        kind = "png" if page_image.startswith(b"\x89PNG") else "jpeg"
        beside = clean(f'<img alt="page" src="data:image/{kind};base64,{base64.b64encode(page_image).decode()}">')
        body = f"<div>{beside}</div>\n<div>{body}</div>"
    shape = ' class="beside"' if page_image is not None else ""
    return (
        f'<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body{shape}>\n{body}\n</body>\n</html>\n"
    )


def _body(elements: Sequence[AnyElement], pictures: bool) -> str:
    blocks: list[str] = []
    open_lists: list[str] = []
    numbers: list[int] = []  # that a viewer gives the last item of each of them
    for element in elements:
        wanted = element.depth + 1 if element.kind == "list_item" else 0
        tag = "ol" if element.kind == "list_item" and element.ordered else "ul"
        while len(open_lists) > wanted or (len(open_lists) == wanted and wanted and open_lists[-1] != tag):
            blocks.append(f"</li></{open_lists.pop()}>")
            numbers.pop()
        if element.kind == "list_item":
            if len(open_lists) == wanted:
                blocks.append("</li>")
            while len(open_lists) < wanted:
                is_outer = len(open_lists) + 1 < wanted  # of an item whose outer item is not there
                number = 1 if is_outer or not element.ordered or element.number is None else element.number
                blocks.append(f"<{tag}>" if number == 1 else f'<{tag} start="{number}">')
                blocks += ["<li>"] if is_outer else []
                open_lists.append(tag)
                numbers.append(number if is_outer else number - 1)
            numbers[-1] += 1
            jumps = element.ordered and element.number not in (None, numbers[-1])
            numbers[-1] = element.number if jumps and element.number is not None else numbers[-1]
            blocks.append((f'<li value="{numbers[-1]}">' if jumps else "<li>") + _item(element))
        else:
            blocks.append(element_html(element, pictures=pictures))
    blocks += [f"</li></{tag}>" for tag in reversed(open_lists)]
    return "\n".join(blocks)


def _item(item: ListItem) -> str:
    return (f"<strong>{escape(item.label)}</strong> " if item.label else "") + content_html(item.content)


def element_html(element: AnyElement, *, pictures: bool = True) -> str:
    """One element as HTML that is not sanitised (:func:`to_html` sanitises the whole page)."""
    match element.kind:
        case "heading":
            return f"<h{element.level}>{content_html(element.content)}</h{element.level}>"
        case "paragraph":
            return f"<p>{content_html(element.content)}</p>" if element.content else ""
        case "abstract" | "author" | "caption":
            return f'<p class="{element.kind}">{content_html(element.content)}</p>'
        case "footnote":
            mark = f"<sup>{escape(element.mark)}</sup> " if element.mark else ""
            return f'<p class="footnote">{mark}{content_html(element.content)}</p>'
        case "reference":
            key = f"[{escape(element.key)}] " if element.key else ""
            return f'<p class="reference">{key}{content_html(element.content)}</p>'
        case "list_item":
            return f"<ul><li>{_item(element)}</li></ul>"
        case "table":
            return to_html_table(element.grid, content_html)
        case "formula":
            number = f"<span>({escape(element.number)})</span>" if element.number else ""
            return f'<div class="formula">{_math(element.latex, display=element.display)}{number}</div>'
        case "code":
            return f"<pre><code>{escape(element.code)}</code></pre>"
        case "figure":
            return f'<p class="notice">[{escape("Figure: " + element.alt if element.alt else "Figure")}]</p>'
        case "page_break":
            return "<hr>" if element.number is None else f'<hr id="page-{element.number}">'
        case "chart":
            title = f'<p class="caption">{escape(heading)}</p>' if (heading := chart.heading(element.value)) else ""
            grid = chart.to_grid(element.value)
            table = to_html_table(grid, content_html) if grid.rows else _source(json.dumps(element.value), "")
            return title + table + (picture(element) if pictures else "")
        case "molecule":
            drawing = picture(element) if pictures else ""
            return drawing + f"<p><code>{escape(element.smiles)}</code></p>"
        case "music":
            drawing = picture(element) if pictures else ""
            return drawing + _source(element.humdrum, drawing)
        case "geometry":
            drawing = picture(element) if pictures else ""
            return drawing + _source(element.tikz, drawing)


def _source(text: str, drawing: str) -> str:
    """The source of a drawing, open where it is shown in place of an image or beside a notice."""
    shown = "" if "<img" in drawing and 'class="notice"' not in drawing else " open"
    return f"<details{shown}><summary>source</summary><pre><code>{escape(text)}</code></pre></details>"


def content_html(content: Content) -> str:
    """A content as HTML that is not sanitised."""
    return "".join(_inline(piece) for piece in content)


def _inline(piece: Inline) -> str:
    match piece.kind:
        case "text":
            shown = escape(piece.text)
            for mark in piece.marks:
                shown = f"<{_TAGS[mark]}>{shown}</{_TAGS[mark]}>"
            return shown
        case "math":
            return _math(piece.latex, display=False)
        case "smiles":
            return f"<code>{escape(piece.smiles)}</code>"
        case "link":
            return f'<a href="{escape(piece.url)}">{escape(piece.text)}</a>'
        case "note":
            return f" <small>({escape(piece.text)})</small>"
        case "break":
            return "<br>"
        case "nested":
            return to_html_table(piece.grid, content_html)


def _math(latex: str, *, display: bool) -> str:
    return to_mathml(latex, display=display) or f"<code>{escape(latex)}</code>"
