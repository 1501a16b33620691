r"""Column specifications: ``|l|*{2}{c}|p{3cm}@{}r|`` → the alignment of each column."""

from got_runtime.markup.content import Align
from got_runtime.markup.latex.grid import MAX_COLUMNS
from got_runtime.markup.latex.misspelt import WIDE_TABULARS
from got_runtime.markup.latex.table_settings import is_specification
from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.latex.tokens import Kind

_MAX_REPEATS = 3  # bounds nested repeats, *{2}{*{2}{c}}
_ALIGNS: dict[str, Align] = {"l": "left", "c": "center", "r": "right", "L": "left", "C": "center", "R": "right"}
# Column types with arguments, and how many.
_ARGUMENTS = {**dict.fromkeys("pmbPMB", 1), "D": 3, "w": 2, "W": 2}


def read_specification(reader: TokenReader, index: int, end: int) -> tuple[tuple[Align, ...], int]:
    """The alignment of each column declared at ``index``, after ``\\begin{tabular}``, and the index after them."""
    option = reader.option(index, end)
    name = reader.tokens[index - 1].name if index else ""
    if option and (not reader.source(*option[0]).strip(" tcbmhp!") or reader.argument(option[1], end)):
        index = option[1]  # [t]; other text is that of a cell
    argument = reader.argument(index, end)
    if name in WIDE_TABULARS and argument:
        second = reader.argument(argument[1], end)
        argument = second if second and is_specification(_written(reader, *second[0])) else argument
    if argument is None:
        return _bare_specification(reader, index, end)
    if not is_specification(_written(reader, *argument[0])):
        if name in WIDE_TABULARS and not any(character == " " for character in reader.source(*argument[0])):
            return (), argument[1]
        return (), index
    if not reader.tokens[argument[1] - 1].text:
        reader.record_repair("unbalanced-brace", "the brace around the columns of a table was never closed: closed")
    return read_alignment(reader, *argument[0]), argument[1]


def _written(reader: TokenReader, low: int, high: int) -> str:
    """The characters of a range without its comments."""
    return "".join(token.text for token in reader.tokens[low:high])


def _bare_specification(reader: TokenReader, index: int, end: int) -> tuple[tuple[Align, ...], int]:
    """Columns whose braces are missing: ``\\begin{tabular}|l|c|``."""
    text = reader.tokens[index].text if index < end else ""
    if len(text) > 2 and text[0] == text[-1] == "|" and not text.strip("|lcr"):
        return read_alignment(reader, index, index + 1), index + 1
    return (), index


def read_alignment(reader: TokenReader, low: int, high: int, depth: int = 0) -> tuple[Align, ...]:
    """Alignment of each column of a specification such as ``|l|*{2}{c}|p{3cm}@{}r|``."""
    columns: list[Align] = []
    while low < high and len(columns) < MAX_COLUMNS:
        token = reader.tokens[low]
        low += 1
        if token.kind is not Kind.TEXT and token.kind is not Kind.STARS:
            option = reader.option(low - 1, high)  # S[table-format=3.2]
            low = option[1] if option else reader.after(low - 1, high)
            continue
        for character in token.text:
            if character.isalpha():
                columns.append(_ALIGNS.get(character, "left"))
                last = character == token.text[-1]
                low = reader.skip_arguments(low, high, _ARGUMENTS.get(character, 0)) if last else low
            elif character in "@!><" and (skipped := reader.argument(low, high)):
                low = skipped[1]
            elif character == "*" and (count := reader.argument(low, high)):
                low = count[1]
                if (repeated := reader.argument(low, high)) and depth < _MAX_REPEATS:
                    low = repeated[1]
                    inner = read_alignment(reader, *repeated[0], depth + 1)
                    columns += list(inner) * min(whole_number(reader.source(*count[0])), MAX_COLUMNS)
    return tuple(columns[:MAX_COLUMNS])


def whole_number(text: str) -> int:
    """The number that ``text`` is; 1 if it is none or too large."""
    text = text.strip()
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 6):
        return 1
    return int(text)
