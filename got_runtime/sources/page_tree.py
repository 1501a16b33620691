"""The page tree of a PDF: whether it says how many pages there are, and its repair in memory.

MuPDF refuses a document whose count is wrong or negative, loses pages where it is too small, and draws no page that
stands in the tree twice. Other programs follow the tree, so that is done here too: the leaves become the only level.
"""

import re
from typing import Any

__all__ = ["page_count"]

MAX_CHECKED_PAGES = 2000
"""Pages up to which the tree is followed in any case; 2,000 take 20 ms."""
MAX_PAGES = 1_000_000
MAX_OBJECTS = 2_000_000
"""Objects among which pages are looked for that no tree holds."""


def page_count(document: Any) -> tuple[int, list[str]]:
    """The number of pages of a ``pymupdf.Document``, and warnings. A damaged page tree is repaired in memory.

    Zero if there is no page at all.
    """
    total = _stated_count(document)
    if total is not None and total > MAX_CHECKED_PAGES and _is_page(document, total - 1):
        return total, []
    tree = _Tree(document)
    pages, warnings = tree.leaves(), []
    if not pages:
        pages = tree.stray_pages()
        if pages:
            warnings = ["the page tree is empty: the pages are in the order in which the file holds them"]
    elif total != len(pages):
        stated = "no valid number of pages" if total is None else f"{total:,} pages"
        warnings = [f"the page tree states {stated} and holds {len(pages):,}: those it holds are read"]
    elif len(set(pages)) < len(pages):
        warnings = ["a page stands in the page tree more than once"]
    elif not tree.is_damaged:
        return total, []
    else:
        warnings = ["the page tree is damaged: what is no page was left out"]
    if not pages:
        return 0, []
    tree.replace(pages)
    return len(pages), warnings


def _stated_count(document: Any) -> int | None:
    try:
        count: int = document.page_count
    except Exception:  # noqa: BLE001 - PyMuPDF raises plain exceptions of MuPDF
        return None
    return count if count >= 0 else None


def _is_page(document: Any, index: int) -> bool:
    try:
        document.load_page(index)
    except Exception:  # noqa: BLE001 - as above
        return False
    return True


class _Tree:
    def __init__(self, document: Any) -> None:
        self._document = document
        self.is_damaged = False
        """Whether the tree holds something that is neither a page nor a node, or a node twice."""

    def leaves(self) -> list[int]:
        """The object numbers of the pages in their order."""
        kind, value = self._document.xref_get_key(self._catalog(), "Pages")
        if kind != "xref":
            return []
        root = _number(value)
        found: list[int] = []
        seen = {root}
        waiting = [iter(self._kids(root))]
        while waiting and len(found) < MAX_PAGES:
            number = next(waiting[-1], None)
            if number is None:
                waiting.pop()
            elif (kids := self._kids_if_node(number)) is None:
                found.append(number)
            elif number in seen or not kids:
                self.is_damaged |= number in seen
            else:
                seen.add(number)
                waiting.append(iter(kids))
        return found

    def stray_pages(self) -> list[int]:
        """All page objects of the file."""
        count = min(self._document.xref_length(), MAX_OBJECTS)
        return [number for number in range(1, count) if self._key(number, "Type") == ("name", "/Page")]

    def replace(self, pages: list[int]) -> None:
        """Make ``pages`` the kids of the root; further places of a page get a copy of it."""
        document, seen = self._document, set[int]()
        kids = []
        for number in pages:
            if number in seen:
                copy = document.get_new_xref()
                document.update_object(copy, document.xref_object(number))
                number = copy
            seen.add(number)
            kids.append(f"{number} 0 R")
        kind, value = document.xref_get_key(self._catalog(), "Pages")
        root = _number(value) if kind == "xref" else 0
        if not root or root in seen:  # none, or a page that stands for the tree
            root = document.get_new_xref()
            document.update_object(root, "<</Type/Pages>>")
            document.xref_set_key(self._catalog(), "Pages", f"{root} 0 R")
        document.xref_set_key(root, "Kids", f"[{' '.join(kids)}]")
        document.xref_set_key(root, "Count", str(len(kids)))

    def _catalog(self) -> int:
        number: int = self._document.pdf_catalog()
        return number

    def _key(self, number: int, name: str) -> tuple[str, str]:
        try:
            kind, value = self._document.xref_get_key(number, name)
        except Exception:  # noqa: BLE001 - an object that is not there, or cannot be parsed
            return "null", "null"
        return kind, value

    def _kids_if_node(self, number: int) -> list[int] | None:
        """The kids of a node of the tree; None for a page."""
        return self._kids(number) if "Kids" in self._names(number) else None

    def _kids(self, node: int) -> list[int]:
        """The objects that a node refers to; what is no reference to a dictionary is left out."""
        kind, value = self._key(node, "Kids")
        if kind == "xref":
            value = self._document.xref_object(_number(value), compressed=True)
        elif kind != "array":
            return []
        kids = [number for number in _references(value) if self._names(number)]
        self.is_damaged |= len(kids) < value.count(" R")
        return kids

    def _names(self, number: int) -> tuple[str, ...]:
        """The keys of an object, if it is a dictionary."""
        try:
            names: tuple[str, ...] = self._document.xref_get_keys(number)
        except Exception:  # noqa: BLE001 - as above
            return ()
        return names


def _number(reference: str) -> int:
    return int(reference.split(maxsplit=1)[0])


def _references(array: str) -> list[int]:
    """``[3 0 R null 4 0 R]`` → ``[3, 4]``."""
    return [int(number) for number in re.findall(r"(\d+) \d+ R\b", array)]
