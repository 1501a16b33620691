"""Pairs of image and text, read from GOT's own ``conversations`` files and from ms-swift's."""

import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from got_runtime.errors import GotError, SourceCorrupt, SourceNotFound
from got_runtime.sources.names import one_line
from got_runtime.tasks import Formatted, MultiPage, Plain, Task, Tiles

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Pair", "PairFile", "read_pairs", "split"]

logger = logging.getLogger(__name__)

_IMAGE_TAG = re.compile(r"<image>\n?")
_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}


@dataclass(frozen=True)
class Pair:
    """A query about a picture, or about several in one context, and the answer to learn."""

    images: tuple[Path, ...]
    query: str
    """The prompt's query without its ``<image>`` tags."""
    answer: str
    location: str
    """File and line, for error messages."""

    @property
    def task(self) -> Task:
        """The task that prepares the pictures: one picture with GOT's query for patches is split into tiles."""
        formatted = "with format" in self.query
        if len(self.images) == 1 and "patch reference" in self.query:
            return Tiles(formatted=formatted)
        if len(self.images) > 1:
            return MultiPage(formatted=formatted)
        return Formatted() if formatted else Plain()

    def open(self) -> "list[Image.Image]":
        """The pictures, upright RGB.

        Raises:
            SourceCorrupt: a picture cannot be read; the message names the line.
        """
        from got_runtime.sources import open_pages

        pictures = []
        for path in self.images:
            try:
                page = next(open_pages(path, pages="1"))
            except GotError as error:
                raise SourceCorrupt(f"{self.location}: {error}") from error
            if page.image is None:
                raise SourceCorrupt(f"{self.location}: {page.error}")
            pictures.append(page.image)
        return pictures


@dataclass(frozen=True)
class PairFile:
    """The usable pairs of a file, in its order, and one line of explanation for each other entry."""

    pairs: tuple[Pair, ...]
    skipped: tuple[str, ...] = ()


def read_pairs(path: Path, *, skip_bad: bool = False, check: Callable[[Pair], None] | None = None) -> PairFile:
    """Read every pair of a file: a JSON list or JSON lines, in either layout. Image paths are relative to the file.

    * GOT's: ``{"image": …, "conversations": [{"from": "human", "value": "<image>\\nOCR: "}, {"from": "gpt", …}]}``;
      ``image`` may be a list.
    * ms-swift's: ``{"messages": [{"role": "user", "content": "<image>OCR: "}, {"role": "assistant", …}],
      "images": […]}``, and its older ``{"query": …, "response": …, "images": […]}``.

    GOT's prompt has all pictures before the query, so the position of the ``<image>`` tags does not matter; they may be
    left out.

    Args:
        skip_bad: skip entries that cannot be used, instead of raising.
        check: called with each pair; may raise a :class:`GotError` about it.

    Raises:
        SourceNotFound: no such file.
        SourceCorrupt: an entry that cannot be used (unless ``skip_bad``), or none that can.
    """
    pairs, skipped = [], []
    for location, entry in _entries(path):
        try:
            pair = _pair(path.parent, location, entry)
            if check is not None:
                check(pair)
        except GotError as error:
            if not skip_bad:
                raise SourceCorrupt(f"{error} (correct it, or leave such lines out with --skip-bad)") from error
            skipped.append(str(error))
        else:
            pairs.append(pair)
    if skipped:
        logger.info("%s: %d entries skipped; the first: %s", path, len(skipped), skipped[0])
    if not pairs:
        raise SourceCorrupt(f"{path} holds no usable pair of image and text" + (f"; {skipped[0]}" if skipped else ""))
    return PairFile(tuple(pairs), tuple(skipped))


def split(pairs: tuple[Pair, ...], fraction: float, seed: int) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Pairs to train on, and held-out pairs with ``fraction`` of the pictures; no picture is on both sides.

    Pairs that share a picture, or are linked by others that do, stay together. Where all pairs are linked, none is held
    out.
    """
    groups = _linked(pairs)
    pictures = sum(map(len, groups))
    smallest = min(map(len, groups), default=0)
    limit = min(max(smallest, round(fraction * pictures)), pictures - smallest) if fraction else 0
    held_out: set[Path] = set()
    for i in np.random.default_rng(seed).permutation(len(groups)):
        if len(groups[i]) <= limit - len(held_out):
            held_out |= groups[i]
    training = tuple(pair for pair in pairs if pair.images[0].resolve() not in held_out)
    return training, tuple(pair for pair in pairs if pair.images[0].resolve() in held_out)


def _linked(pairs: tuple[Pair, ...]) -> list[set[Path]]:
    """The pictures in groups (union-find), sorted; all pictures of a pair are in one group."""
    parent: dict[Path, Path] = {}

    def root(image: Path) -> Path:
        while (above := parent.setdefault(image, image)) != image:
            parent[image] = parent[above]
            image = above
        return image

    for pair in pairs:
        first, *others = (image.resolve() for image in pair.images)
        for image in (first, *others):
            parent[root(image)] = root(first)
    groups: dict[Path, set[Path]] = {}
    for image in sorted(parent):
        groups.setdefault(root(image), set()).add(image)
    return list(groups.values())


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    """The location and JSON value of each entry; for a line that is not JSON the value is the parser's error."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceCorrupt(f"{path} is not UTF-8: save it as UTF-8") from error
    except OSError as error:
        raise SourceNotFound(f"{path} cannot be read: {error.strerror}") from error
    if text.lstrip().startswith("["):
        try:
            entries = json.loads(text)
        except ValueError as error:
            raise SourceCorrupt(f"{path} is not JSON: {error}") from error
        yield from ((f"{path}, entry {number}", entry) for number, entry in enumerate(entries, start=1))
        return
    # Not splitlines(): JSON may contain U+2028 and other line separators unescaped.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                entry = json.loads(line)
            except ValueError as error:
                entry = error
            yield f"{path}, line {number}", entry


def _pair(folder: Path, location: str, entry: Any) -> Pair:
    def bad(reason: str) -> SourceCorrupt:
        return SourceCorrupt(f"{location}: {reason}")

    if isinstance(entry, ValueError):
        raise bad(f"not JSON: {entry}") from entry
    if not isinstance(entry, dict):
        raise bad("not a JSON object")
    turns = _turns(entry)
    if turns is None:
        raise bad("needs 'conversations', 'messages', or 'query' and 'response', each with its text")
    if [role for role, _ in turns] != ["user", "assistant"]:
        raise bad("needs one question and one answer: GOT's prompt has one turn and its own system text")
    (_, question), (_, answer) = turns
    names = _image_names(entry)
    if not names:
        raise bad("names no image")
    tags = question.count("<image>")
    if tags not in (0, 1, len(names)):
        raise bad(f"{tags} <image> tags for {len(names)} images")
    query = _IMAGE_TAG.sub("", question)
    if not query.strip():
        raise bad("its query is empty; GOT's query for plain text is 'OCR: '")
    if not answer.strip():
        raise bad("an empty answer")
    if any(name.startswith("data:") for name in names):
        raise bad("its image is inside the line (data:…): write it to a file, and its path here")
    images = tuple(folder / name for name in names)
    for image in images:
        if not os.path.isfile(image):  # Path.is_file() raises where a name is too long
            raise bad(f"no image {one_line(str(image))}")
    return Pair(images, query, answer, location)


def _turns(entry: dict[str, Any]) -> list[tuple[str, str]] | None:
    """Role and text of every turn; None where an entry has none or one is malformed."""
    if "conversations" in entry:
        turns = entry["conversations"]
    elif "messages" in entry:
        turns = entry["messages"]
    elif entry.get("history"):
        return None
    else:
        turns = [{"from": "user", "value": entry.get("query")}, {"from": "assistant", "value": entry.get("response")}]
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        return None
    pairs = [(_ROLES.get(t.get("from", t.get("role")), "?"), t.get("value", t.get("content"))) for t in turns]
    return [(role, str(text)) for role, text in pairs] if all(isinstance(text, str) for _, text in pairs) else None


def _image_names(entry: dict[str, Any]) -> list[str]:
    """Paths in ``image`` or ``images``: a string, ``{"path": …}``, or a list of these."""
    value = entry.get("images", entry.get("image"))
    values = value if isinstance(value, list) else [value]
    names = [v.get("path") if isinstance(v, dict) else v for v in values]
    return [str(name) for name in names] if all(isinstance(name, str) and name for name in names) else []
