"""The page tree of a PDF: whether it says how many pages there are, and its repair in memory.

MuPDF refuses a document whose count is wrong or negative, loses pages where it is too small, and draws no page that
stands in the tree twice. Other programs follow the tree, so that is done here too: the leaves become the only level.
"""

import re
from typing import Any

__all__ = ["is_regular", "page_count"]

MAX_CHECKED_PAGES = 2000
"""Pages up to which the tree is followed in any case; 2,000 take 20 ms."""
MAX_PAGES = 1_000_000
REFERENCES = re.compile(r"\[\s*(?:\d+ \d+ R\s*)*\]")
"""An array of nothing but references, as PyMuPDF writes it."""
MAX_OBJECTS = 2_000_000
"""Objects among which pages are looked for that no tree holds."""


def page_count(document: Any) -> tuple[int, list[str]]:
    """The number of pages of a ``pymupdf.Document``, and warnings. A damaged page tree is repaired in memory.

    Zero if there is no page at all.
    """
    total = _count_of_mupdf(document)
    if total is not None and total > MAX_CHECKED_PAGES and _is_page(document, total - 1):
        return total, []
    tree = _Tree(document)
    pages, warnings = tree.leaves(), []
    stated = tree.stated_count() if total is None else total
    if not pages:
        pages = tree.stray_pages()
        if pages:
            warnings = ["the page tree is empty: the pages are in the order in which the file holds them"]
    elif stated != len(pages):
        number = "no valid number of pages" if stated is None else f"{stated:,} pages"
        warnings = [f"the page tree states {number} and holds {len(pages):,}: those it holds are read"]
    elif len(set(pages)) < len(pages):
        warnings = ["a page stands in the page tree more than once"]
    elif tree.is_damaged:
        warnings = ["the page tree is damaged: what is no page was left out"]
    elif tree.holds_direct:
        warnings = ["the page tree is damaged: it holds pages themselves instead of references to them"]
    elif tree.is_mistyped:
        warnings = ["the page tree is damaged: a page has the type of a node"]
    elif tree.free_root():
        warnings = ["the page tree is damaged: its root has a parent"]
    elif total is not None:
        return total, []
    else:
        warnings = ["the page tree is damaged: its pages were put in a new one"]
    if not pages:
        return 0, []
    tree.replace(pages)
    return len(pages), warnings


def is_regular(document: Any) -> bool:
    """Whether every program finds the same pages in the page tree: each node counts its pages, and holds only those.

    PDFium skips as many pages as a node counts; a page that is missing has a number there.
    """
    tree = _Tree(document)
    pages = tree.leaves()
    return len(set(pages)) == len(pages) and not (tree.is_damaged or tree.holds_direct or tree.is_miscounted)


def _count_of_mupdf(document: Any) -> int | None:
    """None where MuPDF refuses the count, as one of more pages than the file has objects."""
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
        self.holds_direct = False
        """Whether a page or node stands in the tree itself instead of a reference to it."""
        self.is_mistyped = False
        """Whether a page said that it is a node."""
        self.is_miscounted = False
        """Whether a node counts other pages than it holds."""

    def leaves(self) -> list[int]:
        """The object numbers of the pages in their order."""
        root = self._root()
        if not root:
            return []
        found: list[int] = []
        seen = {root}
        waiting = [(root, 0, iter(self._kids(root)))]
        while waiting and len(found) < MAX_PAGES:
            node, before, rest = waiting[-1]
            number = next(rest, None)
            if number is None:
                waiting.pop()
                self.is_miscounted |= self._key(node, "Count") != ("int", str(len(found) - before))
            elif (kids := self._kids_if_node(number)) is None:
                found.append(number)
            elif number in seen or not kids:
                self.is_damaged |= number in seen
            else:
                seen.add(number)
                waiting.append((number, len(found), iter(kids)))
        return found

    def stated_count(self) -> int | None:
        """What the root counts; None if that is no number of pages."""
        kind, value = self._key(self._root(), "Count")
        return int(value) if kind == "int" and int(value) >= 0 else None

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
        root = self._root()
        if not root or root in seen:  # none, or a page that stands for the tree
            root = document.get_new_xref()
            document.update_object(root, "<</Type/Pages>>")
            document.xref_set_key(self._catalog(), "Pages", f"{root} 0 R")
        document.xref_set_key(root, "Parent", "null")
        document.xref_set_key(root, "Kids", f"[{' '.join(kids)}]")
        document.xref_set_key(root, "Count", str(len(kids)))

    def free_root(self) -> bool:
        """Remove the parent of the root, which MuPDF follows in a circle; whether there was one."""
        if self._key(self._root(), "Parent")[0] == "null":
            return False
        self._document.xref_set_key(self._root(), "Parent", "null")
        return True

    def _root(self) -> int:
        """The object number of the root; zero if there is none."""
        kind, value = self._document.xref_get_key(self._catalog(), "Pages")
        return _number(value) if kind == "xref" else 0

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
        names = self._names(number)
        if "Kids" in names:
            return self._kids(number)
        if self._key(number, "Type") != ("name", "/Pages"):
            return None
        if "Contents" not in names:
            self.is_damaged = True  # a node without anything in it
            return []
        self._document.xref_set_key(number, "Type", "/Page")
        self.is_mistyped = True
        return None

    def _kids(self, node: int) -> list[int]:
        """The objects that a node refers to; what is no reference to a dictionary is left out."""
        kind, value = self._key(node, "Kids")
        if kind == "xref":
            value = self._document.xref_object(_number(value), compressed=True)
        elif kind != "array":
            return []
        items = _references(value) if REFERENCES.fullmatch(value) else self._items(node)
        kids = [number for number in items if self._names(number)]
        self.is_damaged |= len(kids) < len(items)
        return kids

    def _items(self, node: int) -> list[int]:
        """The objects that a node holds, 0 for what is none; dictionaries that stand in it become objects."""
        from pymupdf import mupdf

        file = mupdf.pdf_document_from_fz_document(self._document.this)
        kids = mupdf.pdf_new_indirect(file, node, 0).pdf_dict_gets("Kids")
        self.is_damaged |= not kids.pdf_is_array()  # but a single page
        waiting, found = _entries(kids) if kids.pdf_is_array() else [kids], list[int]()
        while waiting and len(found) < MAX_PAGES:
            item = waiting.pop()
            number: int = item.pdf_to_num()
            if not number and item.pdf_is_array():
                self.is_damaged = True
                waiting += _entries(item)
            elif not number and item.pdf_is_dict():
                number = mupdf.pdf_add_object(file, item).pdf_to_num()
                if "Parent" not in self._names(number):
                    self._document.xref_set_key(number, "Parent", f"{node} 0 R")
                self.holds_direct = True
                found.append(number)
            else:
                found.append(number)
        return found

    def _names(self, number: int) -> tuple[str, ...]:
        """The keys of an object, if it is a dictionary and no stream."""
        try:
            if self._document.xref_is_stream(number):
                return ()
            names: tuple[str, ...] = self._document.xref_get_keys(number)
        except Exception:  # noqa: BLE001 - as above
            return ()
        return names


def _number(reference: str) -> int:
    return int(reference.split(maxsplit=1)[0])


def _entries(array: Any) -> list[Any]:
    """The last one first."""
    return [array.pdf_array_get(index) for index in reversed(range(array.pdf_array_len()))]


def _references(array: str) -> list[int]:
    """``[3 0 R null 4 0 R]`` → ``[3, 4]``."""
    return [int(number) for number in re.findall(r"(\d+) \d+ R\b", array)]
