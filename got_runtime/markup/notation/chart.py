"""Charts: their data as records and as a table, and a picture of it (extra ``charts``)."""

import io
from typing import Any

from pydantic import JsonValue

from got_runtime.errors import MissingExtra
from got_runtime.markup.content import Align, Cell, Grid, Text, merge


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


def _without_titles(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    titles = ("title", "source", "x_title", "y_title")
    return {name: item for name, item in value.items() if name not in titles or isinstance(item, dict | list)}


def _row(item: JsonValue) -> dict[str, JsonValue]:
    return item if isinstance(item, dict) else {"value": item}


def to_grid(value: dict[str, JsonValue]) -> Grid:
    """The rows as a table with a header; an empty grid if there are none."""
    records = to_records(value)
    names = list(dict.fromkeys(name for record in records for name in record))[:64]
    if not names:
        return Grid(rows=0, columns=0, cells=())
    rows = [
        [_column_title(value, name) for name in names],
        *([_shown(record.get(name)) for name in names] for record in records),
    ]
    cells = [
        Cell(row=row, column=column, content=merge([Text(text=shown)]))
        for row, each in enumerate(rows)
        for column, shown in enumerate(each)
        if shown.strip()
    ]
    alignment: list[Align] = ["left" if not column else "right" for column in range(len(names))]
    return Grid(rows=len(rows), columns=len(names), cells=tuple(cells), header_rows=1, alignment=tuple(alignment))


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


def to_svg(value: dict[str, JsonValue]) -> str | None:
    """A bar chart of the data by matplotlib, as SVG; None if there is no number to draw.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    records = to_records(value)[:200]
    names = [name for name in dict.fromkeys(name for record in records for name in record) if name != "category"][:20]
    series = {name: [number(record.get(name)) for record in records] for name in names}
    series = {name: numbers for name, numbers in series.items() if any(numbers)}
    if not series:
        return None
    try:
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("charts", "matplotlib") from error
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(series)
    for index, (name, numbers) in enumerate(series.items()):
        axes.bar([row + index * width for row in range(len(numbers))], numbers, width, label=_label(name))
    labels = [_label(str(record.get("category", row + 1))) for row, record in enumerate(records)]
    axes.set_xticks([row + 0.4 - width / 2 for row in range(len(records))], labels, rotation=30, ha="right")
    for key, setter in (("title", axes.set_title), ("x_title", axes.set_xlabel), ("y_title", axes.set_ylabel)):
        if isinstance(text := value.get(key), str):
            setter(_label(text))
    if len(series) > 1:
        axes.legend()
    out = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(out, metadata={"Date": None})
    return out.getvalue()


def _label(text: str) -> str:
    """A label with escaped dollar signs, which would start a formula in matplotlib, of at most 60 characters."""
    return text.replace("$", r"\$")[:60]


def number(value: JsonValue) -> float:
    """The number of a printed value (``"1,250"``, ``"12,5"``, ``"7 %"``); 0 if it is not a number."""
    if isinstance(value, str):
        value = value.strip().removesuffix("%").strip()
        whole, comma, rest = value.rpartition(",")
        if comma and len(rest) in (1, 2) and rest.isdigit() and "." not in whole + rest and "," not in whole:
            value = f"{whole}.{rest}"  # a decimal comma: groups of thousands have three digits
        value = value.replace(",", "")
        try:
            value = float(value) if len(value) < 40 else 0.0
        except ValueError:
            return 0.0
    return float(value) if isinstance(value, int | float) and abs(value) < 1e300 else 0.0
