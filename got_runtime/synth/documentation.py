"""Running English prose: paragraphs of docstrings and of the documentation of installed packages.

The standard library's are on every machine; those of installed packages add to the training text only. Which paragraphs
there are depends on the Python version and on the packages. A paragraph is for training or held out by a checksum of
its beginning, so paragraphs that begin alike are on one side.
"""

import re
import sysconfig
import zlib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from inspect import cleandoc
from pathlib import Path

from got_runtime.synth.text import is_printable

__all__ = ["paragraphs"]

HELD_OUT_SHARE = 12
"""One paragraph in so many is held out."""
BEGINNING = 32
"""Characters of a paragraph that decide on which side it is."""
PACKAGES = ("numpy", "matplotlib", "PIL", "networkx")
"""Packages whose docstrings are read where they are installed."""
SHORTEST, LONGEST = 60, 900
"""Characters of a paragraph."""
NO_PROSE = frozenset(
    {"test", "tests", "idlelib", "lib2to3", "turtledemo", "encodings", "site-packages", "dist-packages"}
)
"""Folders without documentation."""

_DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)
_MARKUP = (
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),  # a link or picture of Markdown
    (re.compile(r":[a-z:]+:`~?\.?([^`<]*?)(?: <[^`>]*>)?`"), r"\1"),  # a role of reStructuredText
    (re.compile(r"`([^`<]*?) ?<[^`>]*>`_{1,2}"), r"\1"),
    (re.compile(r"`{1,2}([^`]*)`{1,2}_?"), r"\1"),
    (re.compile(r"\*{1,2}([^*]+)\*{1,2}"), r"\1"),
    (re.compile(r"::$"), ":"),
)
_PROSE = re.compile(r"[A-Z][A-Za-z0-9 ,.;:?!'\"()%/-]+[.?!:]")
_COMMON = frozenset({"the", "of", "a", "an", "to", "is", "are", "and", "in", "that", "for", "be", "it", "or", "with"})


@cache
def paragraphs(held_out: bool) -> tuple[str, ...]:
    """Paragraphs of ASCII prose on one line each, without markup, in a fixed order; none is on both sides.

    Held-out paragraphs are the standard library's alone: one Python version, one text.
    """
    found = list(_standard_library())
    if not held_out:
        found += (paragraph for source in _installed() for paragraph in _prose(source))
    return tuple(dict.fromkeys(paragraph for paragraph in found if _is_held_out(paragraph) == held_out))


def _is_held_out(paragraph: str) -> bool:
    beginning = re.sub(r"[^a-z]", "", paragraph.lower())[:BEGINNING]
    return zlib.crc32(beginning.encode()) % HELD_OUT_SHARE == 0


@cache
def _standard_library() -> tuple[str, ...]:
    """Paragraphs of the language reference that Python's ``help`` shows, and of docstrings."""
    from pydoc_data.topics import topics

    sources = (*(topics[name] for name in sorted(topics)), *_docstrings(Path(sysconfig.get_paths()["stdlib"])))
    return tuple(paragraph for source in sources for paragraph in _prose(source))


def _installed() -> Iterator[str]:
    """Docstrings of :data:`PACKAGES`, and the descriptions (mostly a README) of all installed packages."""
    for name in PACKAGES:
        spec = find_spec(name)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            yield from _docstrings(Path(folder))
    for package in sorted(metadata.distributions(), key=lambda each: str(each.name)):
        yield str(package.metadata.json.get("description") or "")


def _docstrings(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("*.py")):
        if NO_PROSE.isdisjoint(file.relative_to(folder).parts):
            code = file.read_text(encoding="utf-8", errors="replace")
            yield from (cleandoc(match) for match in _DOCSTRING.findall(code))


def _prose(text: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", text):
        paragraph = " ".join(block.split())
        if not SHORTEST <= len(paragraph) <= 2 * LONGEST or "--" in paragraph or ">>>" in paragraph:
            continue
        for pattern, replacement in _MARKUP:
            paragraph = pattern.sub(replacement, paragraph)
        words = paragraph.split()
        if (
            SHORTEST <= len(paragraph) <= LONGEST
            and _PROSE.fullmatch(paragraph)
            and sum(word in _COMMON for word in words) > len(words) / 8
            and all(is_printable(word.lower().strip(".,;:'\"()")) for word in words)
        ):
            yield paragraph
