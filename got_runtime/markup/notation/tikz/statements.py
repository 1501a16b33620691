"""TikZ figures cut into statements: comments, loops, scopes, macros."""

import re
from collections.abc import Iterator

from got_runtime.markup.notation.tikz.macros import COMMAND, LET, MACRO, PARSE, substitute
from got_runtime.markup.notation.tikz.numbers import NotDrawn, closing, evaluate, result, split, without_braces

__all__ = [
    "chosen",
    "list_items",
    "loop",
    "statements",
    "unrolled",
    "without_comments",
]

_MAX_ROUNDS = 300
_MAX_LOOPS = 20  # in one path
_LOOP = re.compile(r"\\foreach\s*(?:\[([^\[\]]*)\]\s*)?((?:\\[A-Za-z]+\s*/?\s*)+)(?:\[([^\[\]]*)\])?\s*in\s*(?=\{)")
_OTHER_LOOP = re.compile(r"\\foreach[^{};]*(?=\{)")  # its rounds are not known, its end is
_COUNT = re.compile(r"count\s*=\s*\\([A-Za-z]+)(?:\s+from\s+(-?\d+))?")
_EVALUATE = re.compile(r"evaluate\s*=\s*\\([A-Za-z]+)(?:\s+as\s+\\([A-Za-z]+))?(?:\s+using\s+(.+))?")
_DECLARED = re.compile(
    r"\\(tikzset|pgfplotsset|definecolor|colorlet|usetikzlibrary|usepgfplotslibrary|usepackage|tdplotsetmaincoords"
    r"|addlegendentry|addlegendimage|legend|pgfmathdeclarefunction|centering|small|footnotesize|scriptsize|tiny|normalsize|large|bfseries|sffamily)\b\s*\*?"
)
_NUMBER = r"\s*(-?[\d.]+\s*(?:pt|cm)?|-?\\[A-Za-z]+(?:\s*pt)?)\s*"
_CONDITION = re.compile(rf"\\if(?:num|dim){_NUMBER}([<>=]){_NUMBER}(?:\\relax)?(?![\d.])")
_ODD = re.compile(r"\\ifodd\s*(-?\d+)(?:\s|\\relax(?![A-Za-z]))?(?![\d.])")
_TKZ = re.compile(r"\\tkz[A-Za-z]+")


def without_comments(text: str) -> str:
    """The text without comments of TeX; ``\\%`` is no comment."""
    return re.sub(r"(?<!\\)%.*", "", text)


def statements(body: str) -> Iterator[str]:
    """The statements of a figure: up to a semicolon outside of braces, or a loop, environment or macro."""
    position = 0
    while position < len(body):
        if body[position] in " \t\r\n;":
            position += 1
            continue
        end = _end(body, position)
        yield body[position:end].strip()
        position = end


def _end(body: str, position: int, depth: int = 0) -> int:
    if depth > 8:
        return len(body)
    if opened := re.compile(r"\\begin\{(\w+)\}").match(body, position):
        level = 0
        for each in re.compile(r"\\(begin|end)\{" + opened[1] + r"\}").finditer(body, position):
            level += 1 if each[1] == "begin" else -1
            if not level:
                return each.end()
        return len(body)
    try:
        if body.startswith("\\if", position):
            return _after_condition(body, position)
        if head := _LOOP.match(body, position) or _OTHER_LOOP.match(body, position):
            after = closing(body, head.end()) + 1
            start = after + len(body[after:]) - len(body[after:].lstrip())
            return closing(body, start) + 1 if body[start : start + 1] == "{" else _end(body, start, depth + 1)
        if head := MACRO.match(body, position):
            return closing(body, head.end()) + 1
        if head := COMMAND.match(body, position):
            return closing(body, head.end()) + 1
        if head := LET.match(body, position):
            return head.end()
        if head := PARSE.match(body, position):
            return closing(body, head.end()) + 1
        if head := _DECLARED.match(body, position):
            return _after_groups(body, head.end(), "[{")
        if head := _TKZ.match(body, position):
            return _after_groups(body, head.end(), "[({")
    except NotDrawn:
        return len(body)
    braces = 0
    for index in range(position, len(body)):
        braces += (body[index] == "{") - (body[index] == "}")
        if body[index] == ";" and braces <= 0:
            return index + 1
    return len(body)


def _after_condition(body: str, position: int) -> int:
    """The index after the ``\\fi`` of the condition that stands here."""
    depth = 0
    for found in re.compile(r"\\(if[a-z]+|fi)(?![A-Za-z])").finditer(body, position):
        depth += -1 if found[1] == "fi" else 1
        if not depth:
            return found.end()
    raise NotDrawn


def chosen(statement: str) -> str:
    r"""The statements that a condition chooses: ``\ifnum 1<2 … \else … \fi``. Raises ``NotDrawn``."""
    found = _CONDITION.match(statement)
    odd = _ODD.match(statement)
    if found is not None:
        first, last = evaluate(found[1]), evaluate(found[3])
        holds = first < last if found[2] == "<" else first > last if found[2] == ">" else first == last
    elif odd is not None:
        holds = int(odd[1]) % 2 == 1
    else:
        raise NotDrawn
    head = (found or odd).end()  # type: ignore[union-attr]
    depth, otherwise = 0, len(statement)
    for each in re.compile(r"\\(if[a-z]+|fi|else)(?![A-Za-z])").finditer(statement):
        depth += {"fi": -1, "else": 0}.get(each[1], 1)
        if each[1] == "else" and depth == 1:
            otherwise = each.start()
    end = statement.rindex("\\fi")
    return statement[head : min(otherwise, end)] if holds else statement[min(otherwise + 5, end) : end]


def _after_groups(body: str, position: int, signs: str) -> int:
    """The index after the groups of arguments that stand here."""
    while True:
        start = position + len(body[position : position + 200]) - len(body[position : position + 200].lstrip())
        if not body[start : start + 1] or body[start] not in signs:
            return position
        position = closing(body, start) + 1


def loop(statement: str, values: dict[str, str] | None = None) -> tuple[list[dict[str, str]], str] | None:
    """The values of the variables in each round of a loop, and its body; None for another statement.

    Macros in its list are replaced by their ``values``; those in its body may have others in each round.
    """
    values = values or {}
    if not statement.startswith("\\foreach"):
        return None
    head = _LOOP.match(statement)
    if head is None:
        statement = substitute(statement, values)  # the whole list is a macro
        head = _LOOP.match(statement)
    if head is None:
        raise NotDrawn
    names = re.findall(r"\\([A-Za-z]+)", head[2])
    end = closing(statement, head.end())
    rounds = []
    for item in _items(split(substitute(statement[head.end() + 1 : end], values))):
        parts = [without_braces(part.strip()) for part in split(item, "/")]
        rounds.append(dict(zip(names, parts + [parts[-1]] * (len(names) - len(parts)), strict=False)))
    body = statement[end + 1 :].strip()
    for option in split(",".join(filter(None, (head[1], head[3])))):
        _add_values(rounds, option.strip(), values)
    return rounds, without_braces(body)


def _add_values(rounds: list[dict[str, str]], option: str, outer: dict[str, str]) -> None:
    r"""Adds the variable of ``count=\i from 0`` or ``evaluate=\x as \y using {\x*\x}`` to each round of a loop."""
    counted, evaluated = _COUNT.fullmatch(option), _EVALUATE.fullmatch(option)
    if option and not counted and not evaluated:
        raise NotDrawn
    for number, values in enumerate(rounds):
        if counted:
            values[counted[1]] = str(number + int(counted[2] or 1))
        elif evaluated:
            formula = (evaluated[3] or f"\\{evaluated[1]}").strip()
            formula = formula[1:-1] if formula[0] == "{" else formula
            values[evaluated[2] or evaluated[1]] = result(substitute(formula, outer | values))


def unrolled(statement: str) -> str:
    r"""A path with the rounds of the loops inside it, as in ``\draw (0:2) \foreach \a in {60,120} {-- (\a:2)};``."""
    statement = re.sub(r"(?<![\\\w])foreach(?=\s*\\)", r"\\foreach", statement)
    for _ in range(_MAX_LOOPS):
        start = statement.find("\\foreach")
        if start <= 0:
            break
        head = _LOOP.match(statement, start)
        opening = statement.find("{", closing(statement, head.end()) + 1) if head else -1
        if opening < 0:
            raise NotDrawn
        end = closing(statement, opening) + 1
        found = loop(statement[start:end])
        assert found is not None  # it begins with \foreach
        rounds = [substitute(found[1], values) for values in found[0]]
        statement = statement[:start] + " ".join(rounds) + statement[end:]
        if len(statement) > 100_000:
            raise NotDrawn
    return statement


def list_items(written: str) -> list[str]:
    """The items of a list as ``0,0.5,...,2``."""
    return _items(split(written))


def _items(written: list[str]) -> list[str]:
    """The items of a list, with those that an ellipsis stands for."""
    items: list[str] = []
    written = [each.strip() for each in written]
    is_stop = False
    for index, each in enumerate(written):
        if is_stop:  # an item only if the steps reach it
            is_stop = False
        elif each != "...":
            items.append(each)
        if each != "...":
            continue
        if not items or index + 1 >= len(written):
            raise NotDrawn
        lettered = len(items[-1]) == len(written[index + 1]) == 1 and (items[-1] + written[index + 1]).isalpha()
        value = ord if lettered else evaluate
        last, stop = float(value(items[-1])), value(written[index + 1])
        step = last - value(items[-2]) if len(items) > 1 else (1.0 if stop > last else -1.0)
        if not step or abs(stop - last) / abs(step) > _MAX_ROUNDS:
            raise NotDrawn
        last += step
        while (last - stop) * (1 if step > 0 else -1) < 1e-6:
            items.append(chr(round(last)) if lettered else f"{last:.6g}")
            last += step
        is_stop = True
    if len(items) > _MAX_ROUNDS:
        raise NotDrawn
    return items
