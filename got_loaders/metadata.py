"""What a Document says of where it comes from: one policy for every framework and vector store.

Flat, JSON primitives only, and the same for the same file and weights: ``index()`` hashes it, and vector stores reject
or mangle the rest. So no timings, no ``Path``, no lists: a box is a JSON string. All Documents of a loader have the
same keys, empty (``""``, ``0``) where there is nothing to tell: LanceDB fixes its columns with the first of them.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from got_runtime.markup import Element
    from got_runtime.results import PageResult

__all__ = [
    "BULKY",
    "KEYS",
    "NO_BOX",
    "Framework",
    "Metadata",
    "Value",
    "box_facts",
    "element_facts",
    "page_facts",
    "source_facts",
    "told_to",
]

Value = str | int | float | bool
Metadata = dict[str, Value]
Framework = Literal["langchain", "llama_index", "haystack"]

ALL: tuple[Framework, ...] = ("langchain", "llama_index", "haystack")


class Key(NamedTuple):
    """A metadata key: its type and meaning, and the frameworks that are told it."""

    name: str
    type: type
    meaning: str
    told_to: tuple[Framework, ...] = ALL


KEYS = (
    Key("source", str, "path or name of the source as it was given", ("langchain",)),
    Key("file_path", str, "path of the source, where it is a file"),
    Key("file_name", str, "last part of the path", ("llama_index",)),
    Key("page", int, "page, counted from 0", ("langchain",)),
    Key("page_number", int, "page, counted from 1", ("haystack",)),
    Key("page_label", str, "what a reader calls the page: “iv”, “A-3”"),
    Key("total_pages", int, "pages of the source"),
    Key("sha256", str, "of the source's bytes"),
    Key("model", str, "name of the weights"),
    Key("task", str, "what was asked: plain, format, box …"),
    Key("finish_reason", str, "stop, length, repetition, text_layer, blank or error"),
    Key("confidence", float, "mean probability of the tokens, two decimals; 0 where nothing was decoded"),
    Key("error", str, "class and message, with on_error='document'"),
    Key("category", str, "kind of element; kinds of a chunk, joined by commas"),
    Key("element_id", str, "UUID from the file's bytes, the page and the text: the same every time"),
    Key("header_path", str, "headings above, outermost first, joined by “ > ”"),
    Key("bbox", str, "JSON [x0, y0, x1, y1] from the page's top left, in the units of bbox_page_size"),
    Key("bbox_page_size", str, "JSON [width, height]: PDF points, or pixels of an image"),
    Key("bbox_score", float, "how sure the box is, 0 to 1"),
    Key("bbox_source", str, "layout or attention"),
    Key("text_as_html", str, "a table as HTML"),
    Key("latex", str, "a formula"),
    Key("smiles", str, "a molecule"),
    Key("kern", str, "a score in Humdrum **kern"),
)

BULKY = frozenset(key.name for key in KEYS) - {"file_name", "page_label", "header_path", "category"}
"""Keys that say nothing about the content, or say it again: kept from embeddings and prompts where a framework can."""


def told_to(framework: Framework, facts: Mapping[str, Value | None]) -> Metadata:
    """The facts this framework is told, in the order of :data:`KEYS`; what is ``None`` is told as empty."""
    told = [key for key in KEYS if framework in key.told_to and key.name in facts]
    return {key.name: key.type() if (value := facts[key.name]) is None else value for key in told}


def source_facts(source: str) -> dict[str, Value | None]:
    """What a source's name says; ``<bytes>`` and the like name no file."""
    named = not source.startswith("<") and "://" not in source
    return {
        "source": source,
        "file_path": source if named else None,
        "file_name": PurePath(source).name if named else None,
    }


def page_facts(page: "PageResult", source: str, model: str) -> dict[str, Value | None]:
    """All that is known of a page."""
    return source_facts(source) | {
        "page": page.number - 1,
        "page_number": page.number,
        "page_label": page.label,
        "total_pages": page.total,
        "sha256": page.sha256,
        "model": model,
        "task": page.task.kind,
        "finish_reason": page.finish_reason,
        # Two decimals are the same on one thread or two, alone or among other pages.
        "confidence": round(page.confidence.mean, 2) if page.confidence is not None else None,
        "error": f"{page.error.type}: {page.error.message}" if page.error is not None else None,
    }


def element_facts(elements: "Sequence[Element]", headings: Sequence[str]) -> dict[str, Value | None]:
    """What is known of an element, or of the elements of a chunk, beside their page.

    A table, formula, molecule or score is given where it is the only one of its kind among them.
    """
    facts: dict[str, Value | None] = {
        "category": ",".join(dict.fromkeys(element.kind for element in elements)) or None,
        "header_path": " > ".join(headings) or None,
    }
    for key, kind in (("text_as_html", "table"), ("latex", "formula"), ("smiles", "molecule"), ("kern", "music")):
        alike = [element for element in elements if element.kind == kind]
        facts[key] = _notation(alike[0]) if len(alike) == 1 else None
    return facts


def _notation(element: "Element") -> str | None:
    from got_runtime.markup.render.html import element_html
    from got_runtime.markup.render.sanitize import clean

    match element.kind:
        case "table":
            return clean(element_html(element, pictures=False)).strip()
        case "formula":
            return element.latex
        case "molecule":
            return element.smiles
        case "music":
            return element.humdrum
        case _:
            return None


NO_BOX: dict[str, Value | None] = dict.fromkeys(("bbox", "bbox_page_size", "bbox_score", "bbox_source"))


def box_facts(box: Sequence[float], page_size: Sequence[float], score: float, source: str) -> dict[str, Value | None]:
    """A box of the page, as text: vector stores take no lists."""
    return {
        "bbox": json.dumps([round(edge, 1) for edge in box]),
        "bbox_page_size": json.dumps([round(side, 1) for side in page_size]),
        "bbox_score": round(score, 2),
        "bbox_source": source,
    }
