"""GOT's output (a dialect of LaTeX) → typed elements → Markdown, HTML, text, JSON, chunks.

    elements = parse(answer)
    print(to_markdown(elements))

Tables: :func:`to_records` for ``pandas.DataFrame``, :func:`to_csv`. The modules of ``got_runtime.markup.notation``
convert charts, molecules and sheet music (SVG, MEI, MIDI, MusicXML).

Needs neither torch nor transformers, so that it can be used on answers that another program has made.
"""

from got_runtime.markup.chunks import Chunk, chunk
from got_runtime.markup.elements import AnyElement as Element
from got_runtime.markup.elements import Repair
from got_runtime.markup.join_pages import parse_pages
from got_runtime.markup.latex.parser import parse
from got_runtime.markup.render.html import to_html
from got_runtime.markup.render.json import from_json, json_schema, to_json
from got_runtime.markup.render.markdown import MarkdownOptions, to_markdown
from got_runtime.markup.render.table import to_csv, to_records
from got_runtime.markup.render.text import to_text

__all__ = [
    "Chunk",
    "Element",
    "MarkdownOptions",
    "Repair",
    "chunk",
    "from_json",
    "json_schema",
    "parse",
    "parse_pages",
    "to_csv",
    "to_html",
    "to_json",
    "to_markdown",
    "to_records",
    "to_text",
]
