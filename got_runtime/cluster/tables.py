"""The tables of a run and their schemas: documents → slices of their pages → rows, one for each page.

No column is ever null: a column of nulls has no type of its own, and its files could not be read with the others.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from got_runtime.results import PageResult
from got_runtime.sources.selection import page_ranges

__all__ = [
    "DOCUMENTS",
    "PAGES",
    "SLICES",
    "error_row",
    "identity",
    "page_row",
    "page_table",
    "parse_pages",
    "slice_rows",
]

DOCUMENTS = pa.schema([("source", pa.string()), ("size", pa.int64()), ("modified", pa.string())])
"""A document: its path or address, its bytes (-1: unknown), and what changes when it is written (time or tag)."""

SLICES = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("sha256", pa.string()),
        ("pages", pa.string()),
        ("count", pa.int32()),
        ("total", pa.int32()),
        ("error_type", pa.string()),
        ("error", pa.string()),
    ]
)
"""Pages of a document that are read together: ``pages`` as in ``"1-16"``, ``count`` of them, ``total`` in the document.

A document that cannot be opened is one slice with its error.
"""

PAGES = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("sha256", pa.string()),
        ("page", pa.int32()),
        ("label", pa.string()),
        ("total", pa.int32()),
        ("text", pa.string()),
        ("markdown", pa.string()),
        ("finish_reason", pa.string()),
        ("confidence", pa.float32()),
        ("tokens", pa.int32()),
        ("cached", pa.bool_()),
        ("warnings", pa.list_(pa.string())),
        ("error_type", pa.string()),
        ("error", pa.string()),
        ("result", pa.string()),
    ]
)
"""A page. ``id`` is unique in a run; ``error_type`` and ``error`` are empty where the page was read; ``confidence`` is
0 where nothing was decoded; ``result`` is the whole :class:`~got_runtime.PageResult` as JSON."""


def identity(*parts: object) -> str:
    """A name made of values, of 32 hexadecimal characters."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def slice_rows(
    source: str, sha256: str, numbers: Sequence[int], total: int, slice_pages: int
) -> Iterator[dict[str, Any]]:
    """Rows of :data:`SLICES`: the pages of a document, ``slice_pages`` each."""
    for start in range(0, len(numbers), slice_pages):
        chosen = numbers[start : start + slice_pages]
        pages = ",".join(page_ranges(chosen))
        yield {
            "id": identity(source, sha256, pages),
            "source": source,
            "sha256": sha256,
            "pages": pages,
            "count": len(chosen),
            "total": total,
            "error_type": "",
            "error": "",
        }


def parse_pages(pages: str) -> list[int]:
    """``"1-3,7"`` → ``[1, 2, 3, 7]``; nothing for an empty string."""
    numbers: list[int] = []
    for part in filter(None, pages.split(",")):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def page_row(part: dict[str, Any], page: PageResult) -> dict[str, Any]:
    """The row of :data:`PAGES` for a page of a slice."""
    from got_runtime.markup import to_markdown

    page = page.model_copy(update={"source": part["source"]})
    return {
        "id": identity(part["source"], part["sha256"], page.number),
        "source": part["source"],
        "sha256": page.sha256 or part["sha256"],
        "page": page.number,
        "label": page.label,
        "total": page.total or part["total"],
        "text": page.text,
        "markdown": to_markdown(page.elements),
        "finish_reason": page.finish_reason,
        "confidence": page.confidence.mean if page.confidence is not None else 0.0,
        "tokens": page.tokens,
        "cached": page.cached,
        "warnings": list(page.warnings),
        "error_type": page.error.type if page.error is not None else "",
        "error": page.error.message if page.error is not None else "",
        "result": page.model_dump_json(),
    }


def error_row(part: dict[str, Any], number: int, error_type: str, error: str) -> dict[str, Any]:
    """The row of a page of a slice that could not be read."""
    return page_row(
        part,
        PageResult.model_validate(
            {
                "source": part["source"],
                "sha256": part["sha256"] or None,
                "number": number,
                "label": str(number),
                "total": part["total"] or None,
                "width": 0,
                "height": 0,
                "finish_reason": "error",
                "error": {"type": error_type, "message": error},
            }
        ),
    )


def page_table(rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows as a table of :data:`PAGES`, by page."""
    return pa.Table.from_pylist(sorted(rows, key=lambda row: int(row["page"])), schema=PAGES)
