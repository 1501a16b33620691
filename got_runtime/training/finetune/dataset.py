"""Training pairs of image and text, from GOT's own ``conversations`` files and from ms-swift's."""

import json
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

__all__ = ["Pair", "Pairs", "read_pairs", "split"]

_IMAGE_TAG = re.compile(r"<image>\n?")
_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}


@dataclass(frozen=True)
class Pair:
    """What is asked of a picture, or of several in one context, and what must be answered.

    ``query`` is the official one without its ``<image>`` tags; ``place`` is the file and line, for messages.
    """

    images: tuple[Path, ...]
    query: str
    answer: str
    place: str

    @property
    def task(self) -> Task:
        """How the query is to be read out: one picture asked for by patches is cut into tiles first."""
        formatted = "with format" in self.query
        if len(self.images) == 1 and "patch reference" in self.query:
            return Tiles(formatted=formatted)
        if len(self.images) > 1:
            return MultiPage(formatted=formatted)
        return Formatted() if formatted else Plain()

    def open(self) -> "list[Image.Image]":
        """The pictures, upright RGB. Raises SourceCorrupt, naming the line, when one cannot be read."""
        from got_runtime.sources import open_pages

        pictures = []
        for path in self.images:
            try:
                page = next(open_pages(path, pages="1"))
            except GotError as error:
                raise SourceCorrupt(f"{self.place}: {error}") from error
            if page.image is None:
                raise SourceCorrupt(f"{self.place}: {page.error}")
            pictures.append(page.image)
        return pictures


@dataclass(frozen=True)
class Pairs:
    """The good pairs of a file, in its order, and why the others were left out, one line each."""

    good: tuple[Pair, ...]
    bad: tuple[str, ...] = ()


def read_pairs(path: Path, *, skip_bad: bool = False, check: Callable[[Pair], None] | None = None) -> Pairs:
    """Every pair of a file: a JSON list or JSON lines, in either layout. Image paths are relative to the file.

    * GOT's: ``{"image": …, "conversations": [{"from": "human", "value": "<image>\\nOCR: "}, {"from": "gpt", …}]}``;
      ``image`` may be a list.
    * ms-swift's: ``{"messages": [{"role": "user", "content": "<image>OCR: "}, {"role": "assistant", …}],
      "images": […]}``, and its older ``{"query": …, "response": …, "images": […]}``.

    GOT puts all pictures before the question, so it does not matter where the ``<image>`` tags stand; they may be left
    out. ``check`` may raise a :class:`GotError` about a pair.

    Raises:
        SourceNotFound: no such file.
        SourceCorrupt: a bad line (unless ``skip_bad``), or no good one.
    """
    good, bad = [], []
    for place, row in _rows(path):
        try:
            pair = _pair(path.parent, place, row)
            if check is not None:
                check(pair)
        except GotError as error:
            if not skip_bad:
                raise SourceCorrupt(f"{error} (correct it, or leave such lines out with --skip-bad)") from error
            bad.append(str(error))
        else:
            good.append(pair)
    if not good:
        raise SourceCorrupt(f"{path} holds no usable pair of image and text" + (f"; {bad[0]}" if bad else ""))
    return Pairs(tuple(good), tuple(bad))


def split(pairs: tuple[Pair, ...], share: float, seed: int) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Pairs to learn from, and others that hold ``share`` of the pictures; no picture is on both sides.

    So pairs stay together that share a picture, or are linked by others that do. Where all are, none is held out.
    """
    groups = _linked(pairs)
    pictures = sum(map(len, groups))
    smallest = min(map(len, groups), default=0)
    room = min(max(smallest, round(share * pictures)), pictures - smallest) if share else 0
    held: set[Path] = set()
    for i in np.random.default_rng(seed).permutation(len(groups)):
        if len(groups[i]) <= room - len(held):
            held |= groups[i]
    learnt = tuple(pair for pair in pairs if pair.images[0].resolve() not in held)
    return learnt, tuple(pair for pair in pairs if pair.images[0].resolve() in held)


def _linked(pairs: tuple[Pair, ...]) -> list[set[Path]]:
    """The pictures in groups, sorted, such that those of a pair are in one."""
    towards: dict[Path, Path] = {}

    def root(image: Path) -> Path:
        while (nearer := towards.setdefault(image, image)) != image:
            towards[image] = towards[nearer]
            image = nearer
        return image

    for pair in pairs:
        first, *others = (image.resolve() for image in pair.images)
        for image in (first, *others):
            towards[root(image)] = root(first)
    groups: dict[Path, set[Path]] = {}
    for image in sorted(towards):
        groups.setdefault(root(image), set()).add(image)
    return list(groups.values())


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Each row with its place; a line that is no JSON comes as the error it makes."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceCorrupt(f"{path} is not UTF-8: save it as UTF-8") from error
    except OSError as error:
        raise SourceNotFound(f"{path} cannot be read: {error.strerror}") from error
    if text.lstrip().startswith("["):
        try:
            rows = json.loads(text)
        except ValueError as error:
            raise SourceCorrupt(f"{path} is not JSON: {error}") from error
        yield from ((f"{path}, entry {number}", row) for number, row in enumerate(rows, start=1))
        return
    # Not splitlines(): JSON may hold U+2028 and its like unescaped.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                row = error
            yield f"{path}, line {number}", row


def _pair(folder: Path, place: str, row: Any) -> Pair:
    def bad(reason: str) -> SourceCorrupt:
        return SourceCorrupt(f"{place}: {reason}")

    if isinstance(row, ValueError):
        raise bad(f"not JSON: {row}") from row
    if not isinstance(row, dict):
        raise bad("not a JSON object")
    turns = _turns(row)
    if turns is None:
        raise bad("needs 'conversations', 'messages', or 'query' and 'response', each with its text")
    if [role for role, _ in turns] != ["user", "assistant"]:
        raise bad("needs one question and one answer: GOT's prompt has one turn and a system text of its own")
    (_, question), (_, answer) = turns
    names = _image_names(row)
    if not names:
        raise bad("names no image")
    tags = question.count("<image>")
    if tags not in (0, 1, len(names)):
        raise bad(f"{tags} <image> tags for {len(names)} images")
    query = _IMAGE_TAG.sub("", question)
    if not query.strip():
        raise bad("asks nothing beside its image; GOT's plain question is 'OCR: '")
    if not answer.strip():
        raise bad("an empty answer")
    if any(name.startswith("data:") for name in names):
        raise bad("its image stands in the line itself (data:…): write it to a file, and its path here")
    images = tuple(folder / name for name in names)
    for image in images:
        if not os.path.isfile(image):  # Path.is_file() raises where a name is too long
            raise bad(f"no image {one_line(str(image))}")
    return Pair(images, query, answer, place)


def _turns(row: dict[str, Any]) -> list[tuple[str, str]] | None:
    """Role and text of every turn; ``None`` where a row has none or one is malformed."""
    if "conversations" in row:
        turns = row["conversations"]
    elif "messages" in row:
        turns = row["messages"]
    elif row.get("history"):
        return None
    else:
        turns = [{"from": "user", "value": row.get("query")}, {"from": "assistant", "value": row.get("response")}]
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        return None
    pairs = [(_ROLES.get(t.get("from", t.get("role")), "?"), t.get("value", t.get("content"))) for t in turns]
    return [(role, str(text)) for role, text in pairs] if all(isinstance(text, str) for _, text in pairs) else None


def _image_names(row: dict[str, Any]) -> list[str]:
    """Paths as they stand in ``image`` or ``images``: a string, ``{"path": …}``, or a list of these."""
    value = row.get("images", row.get("image"))
    values = value if isinstance(value, list) else [value]
    names = [v.get("path") if isinstance(v, dict) else v for v in values]
    return [str(name) for name in names] if all(isinstance(name, str) and name for name in names) else []
