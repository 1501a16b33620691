"""Charts: their data as records and as a table, and a picture of it (extra ``charts``), drawn in a child process."""

import io
import tempfile
import unicodedata
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import JsonValue

from got_runtime.errors import DrawingError
from got_runtime.markup.content import Align, Cell, Grid, run
from got_runtime.markup.notation.child_process import in_child_process

# Of a picture; the table has all rows.
_MAX_ROWS, _MAX_SERIES, _MAX_LABEL = 200, 20, 60

_TITLES = ("title", "source", "x_title", "y_title")


def to_records(value: dict[str, JsonValue]) -> list[dict[str, JsonValue]]:
    """The data as flat rows, one for each category, with a column for each series; ``pandas.DataFrame`` takes them.

    The format is that of GOT's training data (``{"title": …, "values": {category: number or {series: number}}}``);
    without ``values``, the scalars and lists of the object are used.
    """
    data = value.get("values", value.get("data", _without_titles(value)))
    if isinstance(data, list):
        return [row if isinstance(row, dict) else {"value": row} for row in data]
    if not isinstance(data, dict):
        return [{"value": data}]
    if any(isinstance(item, dict) for item in data.values()):
        if all(isinstance(item, dict) for item in data.values()):
            return [{"category": name, **_row(item)} for name, item in data.items()]
        return [
            {"category": name, **(_row(item) if isinstance(item, dict) else {"value": item})}
            for name, item in data.items()
        ]
    lists = [item for item in data.values() if isinstance(item, list)]
    if lists and len(lists) == len(data):
        length = min(max(len(item) for item in lists), 10_000)
        return [
            {name: item[row] if row < len(item) else None for name, item in data.items() if isinstance(item, list)}
            for row in range(length)
        ]
    return [{"category": name, "value": item} for name, item in data.items()]


def full_records(value: dict[str, JsonValue]) -> list[dict[str, JsonValue]]:
    """:func:`to_records` with the same columns in each row, at most 64."""
    records = to_records(value)
    names = list(dict.fromkeys(name for record in records for name in record))[:64]
    return [{name: record.get(name) for name in names} for record in records]


def with_records(value: dict[str, JsonValue], records: list[dict[str, JsonValue]]) -> dict[str, JsonValue]:
    """A chart with the titles of ``value`` and with other rows."""
    titles: dict[str, JsonValue] = {name: value[name] for name in _TITLES if name in value}
    return titles | {"values": [*records]}


def _without_titles(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: item for name, item in value.items() if name not in _TITLES or isinstance(item, dict | list)}


def _row(item: JsonValue) -> dict[str, JsonValue]:
    return item if isinstance(item, dict) else {"value": item}


def to_rows(value: dict[str, JsonValue]) -> list[list[str]]:
    """The header and the rows of the values as they are printed; empty if there are none."""
    records = full_records(value)
    names = list(records[0]) if records else []
    if not names:
        return []
    rows = [[_column_title(value, name) for name in names]]
    rows += [[_shown(each) for each in record.values()] for record in records]
    return [[" ".join(shown.split()) for shown in row] for row in rows]


def to_grid(value: dict[str, JsonValue]) -> Grid:
    """The rows as a table with a header; an empty grid if there are none."""
    rows = to_rows(value)
    if not rows:
        return Grid(rows=0, columns=0, cells=())
    cells = [
        Cell(row=row, column=column, content=(run(shown),))
        for row, each in enumerate(rows)
        for column, shown in enumerate(each)
        if shown
    ]
    columns = len(rows[0])
    return Grid(rows=len(rows), columns=columns, cells=tuple(cells), header_rows=1, alignment=alignment(columns))


def alignment(columns: int) -> tuple[Align, ...]:
    """Of each column: the first one has names, the others have numbers."""
    numbers: list[Align] = ["right"] * (columns - 1)
    return ("left", *numbers)


def heading(value: dict[str, JsonValue]) -> str:
    """The title and source of the chart; empty if it has neither."""
    title, source = (str(value.get(key) or "").strip() for key in ("title", "source"))
    source = "" if source.lower() in ("none", "null") else source
    return f"{title} (source: {source})" if title and source else title or source


def _column_title(value: dict[str, JsonValue], name: str) -> str:
    """The header of a column: the title of its axis if the data do not name the column."""
    key = {"category": "x_title", "value": "y_title"}.get(name)
    title = value.get(key) if key else None
    return title if isinstance(title, str) and title.strip().lower() not in ("", "none", "null") else name


def _shown(value: JsonValue) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value)
    return "" if value is None else str(value)


def number(value: JsonValue) -> float | None:
    """The number of a printed value (``"1,250"``, ``"12,5"``, ``"7 %"``); None if it is not a number."""
    if isinstance(value, str):
        value = value.strip().removesuffix("%").strip()
        whole, comma, rest = value.rpartition(",")
        if comma and len(rest) in (1, 2) and rest.isdigit() and "." not in whole + rest and "," not in whole:
            value = f"{whole}.{rest}"  # a decimal comma: groups of thousands have three digits
        value = value.replace(",", "")
        try:
            value = float(value) if len(value) < 40 else None
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and abs(value) < 1e300 else None


class _Bars(NamedTuple):
    """Labels of the categories; the heights of each series, of which some are None; how many values are not drawn."""

    labels: list[str]
    series: dict[str, list[float | None]]
    missing: int
    values: int


def _bars(value: dict[str, JsonValue]) -> _Bars:
    records = to_records(value)
    names = [name for name in dict.fromkeys(chain.from_iterable(records)) if name != "category"]
    values = sum(record.get(name) is not None for record in records for name in names)
    records = records[:_MAX_ROWS]
    series = {name: [number(record.get(name)) for record in records] for name in names[:_MAX_SERIES]}
    series = {name: heights for name, heights in series.items() if any(height is not None for height in heights)}
    drawn = sum(height is not None for heights in series.values() for height in heights)
    labels = [_label(str(record.get("category", row + 1))) for row, record in enumerate(records)]
    return _Bars(labels, series, values - drawn, values)


def not_drawn(value: dict[str, JsonValue]) -> str:
    """What the picture of the data leaves out ("3 of 20 values"); empty if it shows all."""
    bars = _bars(value)
    return f"{bars.missing:,} of {bars.values:,} values" if bars.missing else ""


@in_child_process("charts", "matplotlib.figure")
def to_svg(value: dict[str, JsonValue]) -> str | None:
    """A bar chart of the data as SVG; None if there is no number to draw.

    Raises:
        MissingExtra: matplotlib is not installed.
        DrawingError: no font has the characters of a label, or matplotlib exceeded a limit.
    """
    bars = _bars(value)
    if not bars.series:
        return None
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    titles = {key: _label(text) for key in ("title", "x_title", "y_title") if isinstance(text := value.get(key), str)}
    legend = {name: _label(name) for name in bars.series}
    with rc_context({"font.family": _fonts("".join([*bars.labels, *titles.values(), *legend.values()]))}):
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.add_subplot()
        width = 0.8 / len(bars.series)
        for index, (name, heights) in enumerate(bars.series.items()):
            shown = [(row + index * width, height) for row, height in enumerate(heights) if height is not None]
            axes.bar([x for x, _ in shown], [height for _, height in shown], width, label=legend[name])
        places = [row + 0.4 - width / 2 for row in range(len(bars.labels))]
        axes.set_xticks(places, bars.labels, rotation=30, ha="right")
        axes.set_title(titles.get("title", ""))
        axes.set_xlabel(titles.get("x_title", ""))
        axes.set_ylabel(titles.get("y_title", ""))
        if len(bars.series) > 1:
            axes.legend()
        out = io.StringIO()
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(out, metadata={"Date": None})
    return out.getvalue()


def _label(text: str) -> str:
    """A label in one line with escaped dollar signs, which would start a formula in matplotlib."""
    visible = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text)
    return " ".join(visible.split())[:_MAX_LABEL].replace("$", r"\$")


def _fonts(text: str) -> list[str]:
    """The families that the text is set in. Raises ``DrawingError`` for characters that no font has."""
    from matplotlib.font_manager import fontManager, get_font

    families = ["DejaVu Sans"]
    signs = {sign for sign in text if not sign.isspace()}
    if any(unicodedata.bidirectional(sign) in ("R", "AL") for sign in signs):
        raise DrawingError("matplotlib cannot set labels that are written from right to left")
    for family in ("DejaVu Sans", "Droid Sans Fallback"):
        if family not in families:
            families.append(family)
            _add_cjk_font()
        font: Any = get_font(fontManager.findfont(family))
        signs = {sign for sign in signs if not font.get_char_index(ord(sign))}
        if not signs:
            return families
    raise DrawingError(f"no font has the characters {' '.join(sorted(signs)[:5])} of the labels")


@cache
def _add_cjk_font() -> None:
    """Makes MuPDF's font for Chinese, Japanese and Korean known to matplotlib, which reads fonts from files only."""
    import pymupdf
    from matplotlib.font_manager import fontManager

    file = Path(tempfile.gettempdir()) / "cjk.ttf"
    file.write_bytes(pymupdf.Font("cjk").buffer)
    fontManager.addfont(file)
