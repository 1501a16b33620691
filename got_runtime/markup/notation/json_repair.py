"""JSON objects and Python dicts, as GOT writes the data of a chart: parsed without ``eval`` and repaired."""

import re

from pydantic import JsonValue

_MAX_DEPTH = 16
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’"}
_CONSTANTS: dict[str, JsonValue] = {
    **dict.fromkeys(("true", "True"), True),
    **dict.fromkeys(("false", "False"), False),
    **dict.fromkeys(("null", "None", "nan", "NaN", "N/A"), None),
}
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3}){1,5}(?:\.[0-9]{1,20})?(?![,.]?[0-9])(?! ?[:：])")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def read_object(text: str, start: int = 0) -> tuple[dict[str, JsonValue], int, list[str]] | None:
    """The value of the JSON object or Python dict at ``start``, the index after it, and the repairs; None without one.

    Quotes may be single or typographic, commas missing or trailing, and the end missing; an invalid number is kept as
    text. One pass without backtracking; at most 16 levels are nested.
    """
    parser = _ObjectParser(text, start)
    if not text.startswith("{", start) or parser.peek_key() is None:
        return None
    value = parser.value(0)
    return (value, parser.position, parser.repairs) if isinstance(value, dict) and value else None


class _ObjectParser:
    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.position = start
        self.repairs: list[str] = []

    def record_repair(self, message: str) -> None:
        if message not in self.repairs:
            self.repairs.append(message)

    def peek_key(self) -> str | None:
        """The quote that opens the first key; None if no quoted key follows the brace."""
        ahead = self.text[self.position + 1 : self.position + 200].lstrip()
        return ahead[0] if ahead and ahead[0] in _QUOTES else None

    def _next(self) -> str:
        """The next character that is not white space; empty at the end."""
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
            key = (self._string() if first in _QUOTES else str(self._scalar(":"))).strip()
            if self._next() in (":", "："):
                self.position += 1
                grouped = self._grouped_number()
                value = self.value(depth) if grouped is None else grouped
            else:
                self.record_repair("a key had no value")
                value = None
            while key in members:  # the first value of a repeated key is kept
                self.record_repair("a key was repeated")
                repeats[key] = repeats.get(key, 1) + 1
                key = f"{key} ({repeats[key]})"
            members[key] = value
        self.record_repair("the object was cut off: closed")
        return members

    def _grouped_number(self) -> int | float | None:
        """A number with commas between thousands: in an object a comma is followed by a key, not by three digits."""
        self._next()
        found = _GROUPED.match(self.text, self.position)
        if found is None:
            return None
        self.record_repair("commas in a number: left out")
        self.position = found.end()
        digits = found.group().replace(",", "")
        return float(digits) if "." in digits else int(digits)

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
        self.record_repair("a list was cut off: closed")
        return items

    def _comma(self, closing: str) -> None:
        self.position += 1
        if self._next() in (closing, ",", ""):
            self.record_repair("a comma too many")

    def _string(self) -> str:
        opening = self.text[self.position]
        closing = _QUOTES[opening]
        if opening != '"':
            self.record_repair("quotes that JSON does not know")
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
        self.record_repair("a string was cut off: closed")
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
            self.position += 1  # it cannot start a value: kept as text
        word = text[start : self.position].strip()
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        try:
            number = float(word) if len(word) < 40 and word.isascii() else None
        except ValueError:
            number = None
        if number is None or number - number != 0:  # not a number, or infinite
            self.record_repair("a value without quotes was kept as text")
            return word
        return int(word) if word.lstrip("+-").isdigit() else number  # a float would keep only 15 digits


def _is_hex(code: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in code)
