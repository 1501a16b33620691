"""Charts: the object an answer consists of, read without ``eval``; its rows, and a picture drawn again."""

from typing import Any

from pydantic import JsonValue

from got_runtime.errors import MissingExtra
from got_runtime.markup.content import Align, Cell, Grid, Text, merge

_MAX_DEPTH = 16
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’"}
_CONSTANTS: dict[str, JsonValue] = {
    **dict.fromkeys(("true", "True"), True),
    **dict.fromkeys(("false", "False"), False),
    **dict.fromkeys(("null", "None", "nan", "NaN", "N/A"), None),
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def read_object(text: str, start: int = 0) -> tuple[dict[str, JsonValue], int, list[str]] | None:
    """The JSON object or Python dict at ``start``: its value, where it ends and what was mended.

    None when nothing of the kind stands there. Quotes may be single or typographic, commas missing or trailing, the
    end cut off; a number that is none is kept as text. One pass, no backtracking, nested at most 16 deep.
    """
    reader = _ObjectReader(text, start)
    if not text.startswith("{", start) or reader.peek_key() is None:
        return None
    value = reader.value(0)
    return (value, reader.position, reader.mends) if isinstance(value, dict) and value else None


class _ObjectReader:
    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.position = start
        self.mends: list[str] = []

    def mend(self, message: str) -> None:
        if message not in self.mends:
            self.mends.append(message)

    def peek_key(self) -> str | None:
        """The quote that opens the first key, None where the brace opens something else."""
        ahead = self.text[self.position + 1 : self.position + 200].lstrip()
        return ahead[0] if ahead and ahead[0] in _QUOTES else None

    def _next(self) -> str:
        """The next character that is no space; empty at the end."""
        text = self.text
        while self.position < len(text) and text[self.position].isspace():
            self.position += 1
        return text[self.position : self.position + 1]

    def value(self, depth: int) -> JsonValue:
        first = self._next()
        if first in ("{", "[") and depth < _MAX_DEPTH:
            self.position += 1
            return self._object(depth + 1) if first == "{" else self._array(depth + 1)
        if first in _QUOTES:
            return self._string()
        return self._scalar()

    def _object(self, depth: int) -> JsonValue:
        members: dict[str, JsonValue] = {}
        repeats: dict[str, int] = {}
        while first := self._next():
            if first == "}":
                self.position += 1
                return members
            if first in ",;":
                self._comma("}")
                continue
            key = self._string() if first in _QUOTES else str(self._scalar(":"))
            if self._next() in (":", "："):
                self.position += 1
                value = self.value(depth)
            else:
                self.mend("a key had no value")
                value = None
            while key in members:  # a repeated key must not lose the first value
                self.mend("a key was repeated")
                repeats[key] = repeats.get(key, 1) + 1
                key = f"{key} ({repeats[key]})"
            members[key] = value
        self.mend("the object was cut off: closed")
        return members

    def _array(self, depth: int) -> JsonValue:
        items: list[JsonValue] = []
        while first := self._next():
            if first == "]":
                self.position += 1
                return items
            if first == "}":
                break
            if first in ",;":
                self._comma("]")
                continue
            items.append(self.value(depth))
        self.mend("a list was cut off: closed")
        return items

    def _comma(self, closing: str) -> None:
        self.position += 1
        if self._next() in (closing, ",", ""):
            self.mend("a comma too many")

    def _string(self) -> str:
        opening = self.text[self.position]
        closing = _QUOTES[opening]
        if opening != '"':
            self.mend("quotes that JSON does not know")
        parts: list[str] = []
        text, position = self.text, self.position + 1
        while position < len(text):
            character = text[position]
            if character == closing and self._ends(position + 1, closing):
                self.position = position + 1
                return "".join(parts)
            if character == "\\" and position + 1 < len(text):
                position += 1
                character = _ESCAPES.get(text[position], text[position])
                if character == "u" and len(code := text[position + 1 : position + 5]) == 4 and _is_hex(code):
                    character = chr(int(code, 16))
                    character = "\ufffd" if "\ud800" <= character <= "\udfff" else character
                    position += 4
            parts.append(character)
            position += 1
        self.position = position
        self.mend("a string was cut off: closed")
        return "".join(parts)

    def _ends(self, position: int, closing: str) -> bool:
        """Whether a quote closes its string: an apostrophe inside a word does not."""
        return closing not in "'’" or not self.text[position : position + 1].isalnum()

    def _scalar(self, stop: str = "") -> JsonValue:
        start = self.position
        text = self.text
        while self.position < len(text) and text[self.position] not in ",}]\n：" + stop:
            self.position += 1
        if self.position == start:
            self.position += 1  # something that cannot start a value: taken as text, so that reading goes on
        word = text[start : self.position].strip()
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        try:
            number = float(word) if len(word) < 40 and word.isascii() else None
        except ValueError:
            number = None
        if number is None or number - number != 0:  # no number, or infinite
            self.mend("a value without quotes was kept as text")
            return word
        return int(number) if number.is_integer() and word.lstrip("+-").isdigit() else number


def _is_hex(code: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in code)


def to_records(value: dict[str, JsonValue]) -> list[dict[str, JsonValue]]:
    """The data as flat rows: one a category, with one column a series.

    Reads the shape GOT was trained on (``{"title": …, "values": {category: number or {series: number}}}``) and, where
    there is no ``values``, the object's own scalars and lists.
    """
    data = value.get("values", value.get("data", value))
    if isinstance(data, list):
        return [row if isinstance(row, dict) else {"value": row} for row in data]
    if not isinstance(data, dict):
        return [{"value": data}]
    if any(isinstance(item, dict) for item in data.values()):
        if all(isinstance(item, dict) for item in data.values()):
            return [{"category": name, **_row(item)} for name, item in data.items()]
        return [{"category": name, **(_row(item) if isinstance(item, dict) else {"value": item})} for name, item in data.items()]
    lists = [item for item in data.values() if isinstance(item, list)]
    if lists and len(lists) == len(data):
        length = min(max(len(item) for item in lists), 10_000)
        return [{name: item[row] if row < len(item) else None for name, item in data.items() if isinstance(item, list)}
                for row in range(length)]
    return [{"category": name, "value": item} for name, item in data.items()]


def _row(item: JsonValue) -> dict[str, JsonValue]:
    return item if isinstance(item, dict) else {"value": item}


def to_grid(value: dict[str, JsonValue]) -> Grid:
    """The rows as a table with a header."""
    records = to_records(value)
    names = list(dict.fromkeys(name for record in records for name in record))[:64]
    rows = [names, *([_shown(record.get(name)) for name in names] for record in records)]
    cells = [
        Cell(row=row, column=column, content=merge([Text(text=shown)]))
        for row, each in enumerate(rows)
        for column, shown in enumerate(each)
        if shown.strip()
    ]
    alignment: list[Align] = ["left"] + ["right"] * (len(names) - 1)
    return Grid(rows=len(rows), columns=max(1, len(names)), cells=tuple(cells), header_rows=1, alignment=tuple(alignment))


def _shown(value: JsonValue) -> str:
    return "" if value is None else str(value)


def to_frame(value: dict[str, JsonValue]) -> Any:
    """The rows as a pandas ``DataFrame``.

    Raises:
        MissingExtra: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtra("tables", "pandas") from error
    return pd.DataFrame(to_records(value))


def to_svg(value: dict[str, JsonValue]) -> str | None:
    """The chart drawn again by matplotlib, bars side by side; None where there is no number to draw.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    records = to_records(value)[:200]
    names = [name for name in dict.fromkeys(name for record in records for name in record) if name != "category"][:20]
    series = {name: [_number(record.get(name)) for record in records] for name in names}
    series = {name: numbers for name, numbers in series.items() if any(numbers)}
    if not series:
        return None
    try:
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("charts", "matplotlib") from error
    import io

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(series)
    for index, (name, numbers) in enumerate(series.items()):
        axes.bar([row + index * width for row in range(len(numbers))], numbers, width, label=_plain(name))
    labels = [_plain(str(record.get("category", row + 1))) for row, record in enumerate(records)]
    axes.set_xticks([row + 0.4 - width / 2 for row in range(len(records))], labels, rotation=30, ha="right")
    for key, setter in (("title", axes.set_title), ("x_title", axes.set_xlabel), ("y_title", axes.set_ylabel)):
        if isinstance(text := value.get(key), str):
            setter(_plain(text))
    if len(series) > 1:
        axes.legend()
    out = io.StringIO()
    FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None})
    return out.getvalue()


def _plain(text: str) -> str:
    """A label without the dollar signs that matplotlib would take for a formula."""
    return text.replace("$", r"\$")[:60]


def _number(value: JsonValue) -> float:
    if isinstance(value, str):
        value = value.strip().removesuffix("%").replace(",", "")
        try:
            value = float(value) if len(value) < 40 else 0.0
        except ValueError:
            return 0.0
    return float(value) if isinstance(value, int | float) and abs(value) < 1e300 else 0.0
