"""olmOCR-bench: PDF pages of which single facts are known (huggingface.co/datasets/allenai/olmOCR-bench)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from got_runtime.errors import SourceCorrupt, SourceUnsupported
from got_runtime.evaluation.checks import Absent, Baseline, Check, Maths, Order, Present, TableCell
from got_runtime.evaluation.samples import EvalSample, name_below
from got_runtime.tasks import Formatted

__all__ = ["TYPES", "is_check", "olmocr_bench"]

TYPES: dict[str, type[Check]] = {
    "absent": Absent,
    "baseline": Baseline,
    "math": Maths,
    "order": Order,
    "present": Present,
    "table": TableCell,
}
"""Checks by the bench's ``type``; their other fields have the bench's names."""

_NEEDED = {
    "absent": ("text",),
    "baseline": (),
    "math": ("math",),
    "order": ("before", "after"),
    "present": ("text",),
    "table": ("cell",),
}


def is_check(row: Any) -> bool:
    """Whether an entry is one of olmOCR-bench's."""
    return isinstance(row, dict) and {"pdf", "page", "type"} <= row.keys()


def olmocr_bench(path: Path, rows: list[Any]) -> Iterator[EvalSample]:
    """A ``.jsonl`` of checks beside the folder ``pdfs/``; each file is a group, each page one sample with all its
    checks.

    Every line needs ``pdf``, ``page`` (from 1), ``type`` and what the type asks for: ``text`` (present, absent),
    ``before`` and ``after`` (order), ``cell`` (table), ``math``. Checks that the bench marks as rejected are left out.
    As in the bench, a page without a ``baseline`` check gets one.
    """
    pages: dict[tuple[str, int], list[Check]] = {}
    for number, row in enumerate(rows, start=1):
        if not is_check(row) or not name_below(str(row["pdf"])):
            raise SourceCorrupt(f"{path}, line {number}: needs 'pdf', 'page' and 'type'")
        if row.get("checked") == "rejected":
            continue
        if row["type"] not in TYPES:
            raise SourceUnsupported(
                f"{path}, line {number}: no check {row['type']!r}; known are {', '.join(sorted(TYPES))}: leave it out"
            )
        pages.setdefault((str(row["pdf"]), _page(path, number, row)), []).append(_check(path, number, row))
    for (pdf, page), checks in pages.items():
        if not any(isinstance(check, Baseline) for check in checks):
            checks.append(Baseline(f"{Path(pdf).stem}_{page}_baseline"))
        file = path.parent / "pdfs" / pdf
        file = file if file.is_file() else path.parent / pdf
        yield EvalSample(
            name_below(pdf), file, None, path.stem, page, task=Formatted(), kind="checks", checks=tuple(checks)
        )


def _page(path: Path, number: int, row: dict[str, Any]) -> int:
    try:
        page = int(row["page"])
    except (TypeError, ValueError, OverflowError):
        page = 0
    if page < 1:
        raise SourceCorrupt(f"{path}, line {number}: 'page' is {row['page']!r}: give the page's number, from 1")
    return page


def _check(path: Path, number: int, row: dict[str, Any]) -> Check:
    make: Callable[..., Check] = TYPES[row["type"]]
    missing = [name for name in _NEEDED[row["type"]] if not isinstance(row.get(name), str) or not row[name].strip()]
    if missing:
        raise SourceCorrupt(f"{path}, line {number}: a {row['type']!r} check needs {' and '.join(map(repr, missing))}")
    names = TYPES[row["type"]].__dataclass_fields__.keys() & row.keys() - {"name"}
    given = {name: row[name] for name in names if row[name] is not None}
    return make(name=str(row.get("id", f"line {number}")), **given)
