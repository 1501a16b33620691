"""olmOCR-bench: PDF pages that are scored by checks of single facts (huggingface.co/datasets/allenai/olmOCR-bench)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from got_runtime.errors import SourceCorrupt, SourceUnsupported
from got_runtime.evaluation.checks import (
    AbsentCheck,
    BaselineCheck,
    Check,
    MathCheck,
    PresentCheck,
    TableCheck,
    TextOrderCheck,
)
from got_runtime.evaluation.samples import EvalSample, name_inside_dataset
from got_runtime.tasks import Formatted

__all__ = ["CHECK_TYPES", "is_check", "load_olmocr_bench"]

CHECK_TYPES: dict[str, type[Check]] = {
    "absent": AbsentCheck,
    "baseline": BaselineCheck,
    "math": MathCheck,
    "order": TextOrderCheck,
    "present": PresentCheck,
    "table": TableCheck,
}
"""Check classes by the benchmark's ``type``; their fields have the benchmark's names."""

_REQUIRED_FIELDS = {
    "absent": ("text",),
    "baseline": (),
    "math": ("math",),
    "order": ("before", "after"),
    "present": ("text",),
    "table": ("cell",),
}


def is_check(row: Any) -> bool:
    """Whether an entry has olmOCR-bench's layout."""
    return isinstance(row, dict) and {"pdf", "page", "type"} <= row.keys()


def load_olmocr_bench(path: Path, rows: list[Any]) -> Iterator[EvalSample]:
    """A ``.jsonl`` of checks beside the folder ``pdfs/``; each file is a group, each page one sample with its checks.

    Every line needs ``pdf``, ``page`` (from 1), ``type`` and the fields of that type: ``text`` (present, absent),
    ``before`` and ``after`` (order), ``cell`` (table), ``math``. Checks that the benchmark marks as rejected are left
    out. As in the benchmark, a page without a ``baseline`` check gets one.

    Raises:
        SourceCorrupt: a line without the fields it needs.
        SourceUnsupported: a type of check that is not known.
    """
    pages: dict[tuple[str, int], list[Check]] = {}
    for number, row in enumerate(rows, start=1):
        if not is_check(row) or not name_inside_dataset(str(row["pdf"])):
            raise SourceCorrupt(f"{path}, line {number}: needs 'pdf', 'page' and 'type'")
        if row.get("checked") == "rejected":
            continue
        if row["type"] not in CHECK_TYPES:
            known = ", ".join(sorted(CHECK_TYPES))
            raise SourceUnsupported(
                f"{path}, line {number}: no check {row['type']!r}; known are {known}: leave the line out"
            )
        pages.setdefault((str(row["pdf"]), _page_number(path, number, row)), []).append(_check(path, number, row))
    for (pdf, page), checks in pages.items():
        if not any(isinstance(check, BaselineCheck) for check in checks):
            checks.append(BaselineCheck(f"{Path(pdf).stem}_{page}_baseline"))
        file = path.parent / "pdfs" / pdf
        yield EvalSample(
            name_inside_dataset(pdf),
            file if file.is_file() else path.parent / pdf,
            None,
            path.stem,
            page,
            task=Formatted(),
            kind="checks",
            checks=tuple(checks),
        )


def _page_number(path: Path, line: int, row: dict[str, Any]) -> int:
    try:
        page = int(row["page"])
    except (TypeError, ValueError, OverflowError):
        page = 0
    if page < 1:
        raise SourceCorrupt(f"{path}, line {line}: 'page' is {row['page']!r}: give the page's number, from 1")
    return page


def _check(path: Path, line: int, row: dict[str, Any]) -> Check:
    make: Callable[..., Check] = CHECK_TYPES[row["type"]]
    required = _REQUIRED_FIELDS[row["type"]]
    missing = [name for name in required if not isinstance(row.get(name), str) or not row[name].strip()]
    if missing:
        raise SourceCorrupt(f"{path}, line {line}: a {row['type']!r} check needs {' and '.join(map(repr, missing))}")
    names = CHECK_TYPES[row["type"]].__dataclass_fields__.keys() & row.keys() - {"name"}
    given = {name: row[name] for name in names if row[name] is not None}
    return make(name=str(row.get("id", f"line {line}")), **given)
