"""GOT's own JSON (``image``, ``conversations``), and Fox, the benchmark of GOT's authors, whose files look the same."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from got_runtime.errors import SourceCorrupt
from got_runtime.evaluation.samples import EvalSample, name_below
from got_runtime.tasks import Box, Color, Formatted, Plain, Task

__all__ = ["conversations", "fox", "is_conversation", "is_fox", "task_of"]

_FOX_FILE = re.compile(r"(?P<language>en|cn)_(?P<level>page|box|line|onbox)_ocr\.json")
"""Fox's files that ask to read; its translations, summaries and prompts are no OCR."""

_NUMBERS = re.compile(r"[\[(]\s*(\d+(?:\s*,\s*\d+){1,3})\s*[\])]")
_COLORS = re.compile(r"\b(red|green|blue)\b|(红|绿|蓝)", re.IGNORECASE)
_CHINESE_COLORS = {"红": "red", "绿": "green", "蓝": "blue"}
_THOUSAND = 1000


def is_conversation(row: Any) -> bool:
    """Whether an entry is one of GOT's."""
    return isinstance(row, dict) and "image" in row and "conversations" in row


def conversations(path: Path, rows: list[Any]) -> Iterator[EvalSample]:
    """A list of ``{"image": …, "conversations": [prompt, answer]}``; both turns have a ``value``.

    The reference is the second turn's, as in the official ``eval_GOT_ocr.py``; the task is what the first one asks for
    (:func:`task_of`). Images are looked for beside the file and, for Fox's files, in its folders of images. An image
    that is asked about again counts as ``name-2.png``, and so do its predictions.
    """
    fox_file = _FOX_FILE.fullmatch(path.name)
    seen: Counter[str] = Counter()
    for number, row in enumerate(rows, start=1):
        image, prompt, reference = _row(row)
        if not image or prompt is None or reference is None or not (name := name_below(image)):
            raise SourceCorrupt(f"{path}, entry {number}: needs 'image' and two 'conversations', each with a 'value'")
        seen[name] += 1
        if seen[name] > 1:
            name = str(Path(name).with_stem(f"{Path(name).stem}-{seen[name]}"))
        task = task_of(prompt)
        kind = "formatted" if task.formatted else "plain"
        found = _fox_image(path, image, fox_file["language"], fox_file["level"]) if fox_file else path.parent / image
        yield EvalSample(name, found, reference, path.stem, task=task, kind=kind)


def is_fox(path: Path) -> bool:
    """Whether a folder is Fox's ``focus_benchmark_test``, as far as prediction goes."""
    return any(_FOX_FILE.fullmatch(file.name) for file in path.glob("*_ocr.json"))


def fox(path: Path, rows_of: Callable[[Path], list[Any]]) -> Iterator[EvalSample]:
    """Fox's folder: ``en_page_ocr.json``, ``cn_box_ocr.json``, ``en_onbox_ocr.json`` … beside ``en_pdf_png/`` …

    Each file is a group. Predictions are looked for in a folder of its name: ``en_page_ocr/en_1.txt``.
    """
    for file in sorted(path.glob("*_ocr.json")):
        if _FOX_FILE.fullmatch(file.name):
            for sample in conversations(file, rows_of(file)):
                yield replace(sample, name=f"{file.stem}/{sample.name}")


def task_of(prompt: str) -> Task:
    """The task of an official query (``[10, 20, 300, 400] OCR: ``, ``OCR with format: ``) or of Fox's sentences.

    Two or four numbers in brackets are a point or a box, in thousandths of the sides as GOT's own queries write them;
    in pixels if one is above 1000. A colour's name is the frame's. Anything else is plain prediction.
    """
    formatted = "with format" in prompt.lower()
    if numbers := _NUMBERS.search(prompt):
        values = [int(number) for number in numbers[1].split(",")]
        if len(values) in (2, 4):
            if max(values) > _THOUSAND:
                return Box(*values, unit="px", formatted=formatted)
            # The middle of each thousandth, so that writing the query again gives the same numbers.
            return Box(*(min((v + 0.5) / _THOUSAND, 1.0) for v in values), unit="fraction", formatted=formatted)
    if color := _COLORS.search(prompt):
        name = (color[1] or _CHINESE_COLORS[color[2]]).lower()
        return Color.model_validate({"color": name, "formatted": formatted})
    return Formatted() if formatted else Plain()


def _fox_image(path: Path, image: str, language: str, level: str) -> Path:
    """Where the image lies; Fox's own README pairs the line files with the other language's images."""
    other = "cn" if language == "en" else "en"
    suffix = "_pdf_png_onbox" if level == "onbox" else "_pdf_png"
    beside = path.parent
    candidates = [beside / f"{language}{suffix}" / image, beside / f"{other}{suffix}" / image, beside / image]
    return next((file for file in candidates if file.is_file()), candidates[0])


def _row(row: Any) -> tuple[str | None, str | None, str | None]:
    """Image, prompt and reference of an entry, ``None`` where it is not one."""
    try:
        values = row["image"], row["conversations"][0]["value"], row["conversations"][1]["value"]
    except (KeyError, IndexError, TypeError):
        return None, None, None
    return values if all(isinstance(value, str) for value in values) else (None, None, None)
