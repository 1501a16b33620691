"""The metadata of a Document: one list of keys for every framework and vector store.

The values are flat, JSON primitives only, and equal for the same file, weights and options: LangChain's ``index()``
hashes them, and vector stores reject or alter anything else. So there are no timings, no ``Path`` and no lists; a box
is a JSON string. All Documents of a loader have the same keys, with empty values (``""``, ``0``) where nothing is
known: LanceDB takes its columns from the first Document.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from got_runtime.markup import Element
    from got_runtime.markup.content import Content, Grid
    from got_runtime.results import PageResult

__all__ = [
    "EXCLUDED_FROM_EMBEDDING",
    "KEYS",
    "NO_BOX",
    "Framework",
    "FullMetadata",
    "Metadata",
    "Value",
    "box_metadata",
    "document_metadata",
    "element_metadata",
    "metadata_for",
    "page_metadata",
    "source_metadata",
]

Value = str | int | float | bool
FullMetadata = dict[str, Value | None]
"""Every key that is known of a chunk, whichever frameworks it is available in; ``None`` where nothing is known."""
Metadata = dict[str, Value]
"""The metadata of one framework's Document."""
Framework = Literal["langchain", "llama_index", "haystack"]

ALL: tuple[Framework, ...] = ("langchain", "llama_index", "haystack")


class Key(NamedTuple):
    """A metadata key: its type, its meaning, and the frameworks whose Documents have it."""

    name: str
    type: type
    meaning: str
    available_in: tuple[Framework, ...] = ALL


KEYS = (
    Key("source", str, "path or name of the source as it was given", ("langchain",)),
    Key("file_path", str, "path of the source, if it is a file"),
    Key("file_name", str, "last part of the path", ("llama_index",)),
    Key("page", int, "page number, counted from 0", ("langchain",)),
    Key("page_number", int, "page number, counted from 1", ("haystack",)),
    Key(
        "page_label",
        str,
        "label of a PDF page, such as “iv”, else its number from 1; an image's file name without suffix",
    ),
    Key("total_pages", int, "number of pages of the source"),
    Key("sha256", str, "SHA-256 of the source's bytes"),
    Key("model", str, "name of the weights"),
    Key("task", str, "kind of the task: plain, format, box …"),
    Key("finish_reason", str, "stop, length, repetition, text_layer, blank or error"),
    Key("confidence", float, "mean probability of the tokens, two decimals; 0 if nothing was decoded"),
    Key("error", str, "class and message of the error, if the page failed"),
    Key("category", str, "kind of the element; kinds of a chunk, joined by commas"),
    Key("element_id", str, "UUID of the file's bytes, the page, the mode and the text; equal in every run"),
    Key("header_path", str, "headings above, outermost first, joined by “ > ”"),
    Key("bbox", str, "JSON [x0, y0, x1, y1] from the page's top left, in the units of bbox_page_size"),
    Key("bbox_page_size", str, "JSON [width, height]: PDF points, or pixels of an image"),
    Key("bbox_score", float, "confidence of the box, 0 to 1"),
    Key("bbox_source", str, "how the box was found: layout, lines or attention"),
    Key("text_as_html", str, "a table as HTML, of a part of a table its rows; formulas in it are LaTeX"),
    Key("latex", str, "a formula as LaTeX"),
    Key("smiles", str, "a molecule as SMILES"),
    Key("kern", str, "a score as Humdrum **kern"),
)

EXCLUDED_FROM_EMBEDDING = frozenset(key.name for key in KEYS) - {"file_name", "page_label", "header_path", "category"}
"""Keys that do not describe the content, or repeat it: LlamaIndex leaves them out of embeddings and prompts."""


def metadata_for(framework: Framework, metadata: Mapping[str, Value | None]) -> Metadata:
    """The keys that are available in this framework, in the order of :data:`KEYS`; empty values instead of ``None``."""
    keys = [key for key in KEYS if framework in key.available_in and key.name in metadata]
    return {key.name: key.type() if (value := metadata[key.name]) is None else value for key in keys}


def source_metadata(source: str) -> FullMetadata:
    """Metadata of a source's name. ``<bytes>``, ``<image>`` and addresses are not file paths."""
    is_path = not source.startswith("<") and "://" not in source
    return {
        "source": source,
        "file_path": source if is_path else None,
        "file_name": PurePath(source).name if is_path else None,
    }


def page_metadata(page: "PageResult", source: str, model: str) -> FullMetadata:
    """Metadata of a page.

    Args:
        page: the page's result.
        source: full name of its source.
        model: name of the weights.
    """
    return source_metadata(source) | {
        "page": page.number - 1,
        "page_number": page.number,
        "page_label": page.label,
        "total_pages": page.total,
        "sha256": page.sha256,
        "model": model,
        "task": page.task.kind,
        "finish_reason": page.finish_reason,
        # Further decimals may change with the number of threads and the other pages of the batch.
        "confidence": round(page.confidence.mean, 2) if page.confidence is not None else None,
        "error": f"{page.error.type}: {page.error.message}" if page.error is not None else None,
    }


def document_metadata(page: "PageResult", source: str, model: str) -> FullMetadata:
    """Metadata of a whole source: what is the same for all its pages. ``page`` is a failed one if there is any."""
    of_page = page_metadata(page, source, model)
    common = {key: of_page[key] for key in ("total_pages", "sha256", "model", "task", "error")}
    return source_metadata(source) | common


def element_metadata(elements: "Sequence[Element]", headings: Sequence[str]) -> FullMetadata:
    """Metadata of an element, or of the elements of a chunk, without that of their page.

    A table, formula, molecule or score is included if it is the only one of its kind among the elements: of one that
    was split, the rows or records of this part.
    """
    metadata: FullMetadata = {
        "category": ",".join(dict.fromkeys(element.kind for element in elements)) or None,
        "header_path": " > ".join(headings) or None,
    }
    for key, kind in (("text_as_html", "table"), ("latex", "formula"), ("smiles", "molecule"), ("kern", "music")):
        matching = [element for element in elements if element.kind == kind]
        metadata[key] = _notation(matching[0]) if len(matching) == 1 else None
    return metadata


def _notation(element: "Element") -> str | None:
    match element.kind:
        case "table":
            return _table_html(element.grid)
        case "formula":
            return element.latex
        case "molecule":
            return element.smiles
        case "music":
            return element.humdrum
        case _:
            return None


def _table_html(grid: "Grid") -> str:
    """The table as sanitised HTML. Formulas are LaTeX, as MathML is many times longer and stores bound metadata."""
    from got_runtime.markup.content import Text
    from got_runtime.markup.render.html import content_html
    from got_runtime.markup.render.sanitize import clean
    from got_runtime.markup.render.table import to_html_table

    def show(content: "Content") -> str:
        pieces = (Text(text=f"\\({piece.latex}\\)") if piece.kind == "math" else piece for piece in content)
        return content_html(tuple(pieces))

    return clean(to_html_table(grid, show)).strip()


NO_BOX: FullMetadata = dict.fromkeys(("bbox", "bbox_page_size", "bbox_score", "bbox_source"))


def box_metadata(box: Sequence[float], page_size: Sequence[float], score: float, source: str) -> FullMetadata:
    """Metadata of a box on a page, as text: vector stores accept no lists."""
    return {
        "bbox": json.dumps([round(edge, 1) for edge in box]),
        "bbox_page_size": json.dumps([round(side, 1) for side in page_size]),
        "bbox_score": round(score, 2),
        "bbox_source": source,
    }
