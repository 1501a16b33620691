"""GOT's own JSON (``image``, ``conversations``), and Fox, a benchmark by GOT's authors in the same layout."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from got_runtime.errors import SourceCorrupt
from got_runtime.evaluation.samples import EvalSample, name_inside_dataset
from got_runtime.tasks import Box, Color, Formatted, Plain, Task

__all__ = ["is_conversation", "is_fox", "load_conversations", "load_fox", "parse_task"]

_FOX_FILE = re.compile(r"(?P<language>en|cn)_(?P<level>page|box|line|onbox)_ocr\.json")
"""Fox's OCR files; its translation, summary and question answering files are not OCR."""

_COORDINATES = re.compile(r"[\[(]\s*(\d+(?:\s*,\s*\d+){1,3})\s*[\])]")
_COLORS = re.compile(r"\b(red|green|blue)\b|(红|绿|蓝)", re.IGNORECASE)
_CHINESE_COLORS = {"红": "red", "绿": "green", "蓝": "blue"}
_COORDINATE_SCALE = 1000
"""GOT's queries write coordinates as thousandths of the image's sides."""


def is_conversation(row: Any) -> bool:
    """Whether an entry has GOT's layout."""
    return isinstance(row, dict) and "image" in row and "conversations" in row


def load_conversations(path: Path, rows: list[Any]) -> Iterator[EvalSample]:
    """A list of ``{"image": …, "conversations": [query, answer]}``; both turns have a ``value``.

    The second turn is the reference, as in the official ``eval_GOT_ocr.py``; the first one gives the task
    (:func:`parse_task`). Images lie beside the file or, for Fox's files, in its folders of images. A second query for
    the same image gets the name ``name-2.png``, and its prediction is looked up under that name.

    Raises:
        SourceCorrupt: an entry without an image or two turns.
    """
    fox_file = _FOX_FILE.fullmatch(path.name)
    seen: Counter[str] = Counter()
    for number, row in enumerate(rows, start=1):
        image, query, reference = _parse_row(row)
        if not image or query is None or reference is None or not (name := name_inside_dataset(image)):
            raise SourceCorrupt(f"{path}, entry {number}: needs 'image' and two 'conversations', each with a 'value'")
        seen[name] += 1
        if seen[name] > 1:
            name = str(Path(name).with_stem(f"{Path(name).stem}-{seen[name]}"))
        task = parse_task(query)
        kind = "formatted" if task.formatted else "plain"
        file = _fox_image(path, image, fox_file["language"], fox_file["level"]) if fox_file else path.parent / image
        yield EvalSample(name, file, reference, path.stem, task=task, kind=kind)


def is_fox(path: Path) -> bool:
    """Whether a folder is Fox's ``focus_benchmark_test`` and has OCR files."""
    return any(_FOX_FILE.fullmatch(file.name) for file in path.glob("*_ocr.json"))


def load_fox(path: Path, load_rows: Callable[[Path], list[Any]]) -> Iterator[EvalSample]:
    """Fox's folder: ``en_page_ocr.json``, ``cn_box_ocr.json``, ``en_onbox_ocr.json`` … beside ``en_pdf_png/`` …

    Each file is a group. Predictions for it are looked up in a folder of its name: ``en_page_ocr/en_1.txt``.

    Args:
        load_rows: gives the entries of a JSON file.
    """
    for file in sorted(path.glob("*_ocr.json")):
        if _FOX_FILE.fullmatch(file.name):
            for sample in load_conversations(file, load_rows(file)):
                yield replace(sample, name=f"{file.stem}/{sample.name}")


def parse_task(query: str) -> Task:
    """The task of an official query (``[10, 20, 300, 400] OCR: ``, ``OCR with format: ``) or of Fox's sentences.

    Two or four numbers in brackets are a point or a box: in thousandths of the image's sides, as GOT's own queries
    write them, or in pixels if one of them is above 1000. The name of a colour is that of the frame. Anything else is
    plain OCR.
    """
    formatted = "with format" in query.lower()
    if numbers := _COORDINATES.search(query):
        values = [int(number) for number in numbers[1].split(",")]
        if len(values) in (2, 4):
            if max(values) > _COORDINATE_SCALE:
                return Box(*values, unit="px", formatted=formatted)
            # The middle of each thousandth, so that the query built from the box has the same numbers.
            fractions = (min((value + 0.5) / _COORDINATE_SCALE, 1.0) for value in values)
            return Box(*fractions, unit="fraction", formatted=formatted)
    if color := _COLORS.search(query):
        name = (color[1] or _CHINESE_COLORS[color[2]]).lower()
        return Color.model_validate({"color": name, "formatted": formatted})
    return Formatted() if formatted else Plain()


def _fox_image(path: Path, image: str, language: str, level: str) -> Path:
    """The image's file; Fox's own README pairs the line files with the images of the other language."""
    other = "cn" if language == "en" else "en"
    suffix = "_pdf_png_onbox" if level == "onbox" else "_pdf_png"
    root = path.parent
    candidates = [root / f"{language}{suffix}" / image, root / f"{other}{suffix}" / image, root / image]
    return next((file for file in candidates if file.is_file()), candidates[0])


def _parse_row(row: Any) -> tuple[str | None, str | None, str | None]:
    """Image, query and reference of an entry; ``None`` if it does not have the layout."""
    try:
        values = row["image"], row["conversations"][0]["value"], row["conversations"][1]["value"]
    except (KeyError, IndexError, TypeError):
        return None, None, None
    return values if all(isinstance(value, str) for value in values) else (None, None, None)
