"""Macros, commands and functions that a TikZ figure defines, and the text in which they are replaced."""

import re

from got_runtime.markup.notation.tikz.numbers import NotDrawn, closing, evaluate, result, split

__all__ = [
    "COMMAND",
    "LET",
    "MACRO",
    "PARSE",
    "called",
    "command",
    "declare_functions",
    "expanded",
    "is_global",
    "macro",
    "substitute",
]

_MAX_CALLS = 20  # of one command in a statement
_MAX_TEXT = 100_000
MACRO = re.compile(
    r"(?:\\global\s*)?\\(def|edef|gdef|xdef|newcommand|renewcommand|pgfmathsetmacro|pgfmathtruncatemacro|pgfmathsetlengthmacro)\s*\{?\s*\\([A-Za-z]+)\s*\}?\s*(?=\{)"
)
LET = re.compile(r"(?:\\global\s*)?\\let\s*\\([A-Za-z]+)\s*=?\s*\\([A-Za-z]+)")
PARSE = re.compile(r"\\pgfmathparse\s*(?=\{)")
_GLOBAL = re.compile(r"\\(?:global|gdef|xdef)(?![A-Za-z])")
COMMAND = re.compile(
    r"\\(?:re)?newcommand\*?\s*\{?\s*\\([A-Za-z]+)\s*\}?\s*\[([1-9])\]\s*(?=\{)|\\def\s*\\([A-Za-z]+)((?:#[1-9])+)\s*(?=\{)"
)


def command(statement: str, commands: dict[str, tuple[int, str]]) -> bool:
    r"""Whether the statement defines a command with arguments (``\newcommand{\a}[2]{…}``), which is added."""
    head = COMMAND.match(statement)
    if head is None:
        return False
    count = int(head[2]) if head[2] else len(head[4]) // 2
    commands[head[1] or head[3]] = count, statement[head.end() + 1 : -1]
    return True


def expanded(text: str, commands: dict[str, tuple[int, str]]) -> str:
    """The text with its commands with arguments replaced by their bodies. Raises ``NotDrawn``."""
    for name, (count, body) in commands.items():
        pattern = re.compile(r"\\" + name + r"(?![A-Za-z])")
        for _ in range(_MAX_CALLS):
            found = pattern.search(text)
            if found is None:
                break
            position, written = found.end(), body
            for number in range(1, count + 1):
                start = position + len(text[position:]) - len(text[position:].lstrip())
                if text[start : start + 1] != "{":
                    raise NotDrawn
                end = closing(text, start)
                written = written.replace(f"#{number}", text[start + 1 : end])
                position = end + 1
            text = text[: found.start()] + written + text[position:]
            if len(text) > _MAX_TEXT:
                raise NotDrawn
        else:
            raise NotDrawn
    return text


def declare_functions(value: str, functions: dict[str, tuple[list[str], str]]) -> None:
    r"""Adds the functions of ``declare function={f(\x)=\x^2;}``. Raises ``NotDrawn``."""
    for each in value.split(";"):
        if not each.strip():
            continue
        found = re.match(r"\s*([A-Za-z]\w*)\s*\(([^()]*)\)\s*=\s*(.+)", each, re.DOTALL)
        if found is None:
            raise NotDrawn
        functions[found[1]] = [part.strip().lstrip("\\") for part in found[2].split(",")], found[3].strip()


def called(text: str, functions: dict[str, tuple[list[str], str]], depth: int = 0) -> str:
    """The text with the calls of its functions replaced; formulas in labels are left. Raises ``NotDrawn``."""
    if not functions:
        return text
    name = re.compile(r"(?<![\\A-Za-z])(" + "|".join(map(re.escape, functions)) + r")\s*\(")
    parts = re.split(r"((?<!\()\$[^$]*\$(?!\)))", text)
    for index in range(0, len(parts), 2):
        position = 0
        while found := name.search(parts[index], position):
            end = closing(parts[index], found.end() - 1)
            variables, body = functions[found[1]]
            values = split(parts[index][found.end() : end])
            if len(values) != len(variables) or depth > 4 or len(text) > _MAX_TEXT:
                raise NotDrawn
            for variable, value in zip(variables, values, strict=True):
                body = re.sub(r"\\" + re.escape(variable) + r"(?![A-Za-z])", f"({value})".replace("\\", "\\\\"), body)
            written = f"({called(body, functions, depth + 1)})"
            parts[index] = parts[index][: found.start()] + written + parts[index][end + 1 :]
            position = found.start() + len(written)
            if len(parts[index]) > _MAX_TEXT:
                raise NotDrawn
    return "".join(parts)


def is_global(statement: str) -> bool:
    """Whether a definition holds outside of its loop, too."""
    return _GLOBAL.match(statement) is not None


def macro(statement: str, values: dict[str, str]) -> bool:
    """Whether the statement defines a macro, which is added to the values."""
    if copied := LET.fullmatch(statement):
        if copied[2] not in values:
            raise NotDrawn
        values[copied[1]] = values[copied[2]]
        return True
    if calculation := PARSE.match(statement):
        values["pgfmathresult"] = result(statement[calculation.end() + 1 : -1])
        return True
    head = MACRO.match(statement)
    if head is None:
        return False
    value = statement[head.end() + 1 : -1]
    if head[1].startswith("pgfmath"):
        value = f"{int(evaluate(value))}" if head[1] == "pgfmathtruncatemacro" else result(value)
    values[head[2]] = value
    return True


def substitute(text: str, values: dict[str, str]) -> str:
    """The text with its macros replaced."""
    for _ in range(4):
        replaced = re.sub(r"\\([A-Za-z]+)", lambda found: values.get(found[1], found[0]), text)
        if replaced == text or len(replaced) > 100_000:
            break
        text = replaced
    return text
