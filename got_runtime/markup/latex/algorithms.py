r"""Steps of algorithms (``algorithmic``, ``algorithm2e``): ``\While{$b>0$}`` → "while b>0 do" on a line of its own."""

from collections.abc import Callable

from got_runtime.markup.content import BREAK, Inline, Mark, short_text
from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.latex.tokens import Kind

# Commands in upper case → their line, in which @ stands for an argument, and a line end for that of the line.
_LINES = {
    "AND": "and",
    "BREAK": "break",
    "CONTINUE": "continue",
    "DO": "do",
    "EIF": "if @ then\n@\nelse\n@",
    "FALSE": "false",
    "INPUT": "Input:",
    "LELSE": "else @",
    "LFOR": "for @ do @",
    "LFOREACH": "for each @ do @",
    "LIF": "if @ then @",
    "LWHILE": "while @ do @",
    "NOT": "not",
    "OR": "or",
    "OUTPUT": "Output:",
    "PRINT": "print",
    "THEN": "then",
    "TO": "to",
    "TRUE": "true",
    "UIF": "if @ then",
    "XOR": "xor",
    "CALL": "@(@)",
    "COMMENT": " ▷ @",
    "ELSE": "else",
    "ENDFOR": "end for",
    "ENDFUNCTION": "end function",
    "ENDIF": "end if",
    "ENDLOOP": "end loop",
    "ENDPROCEDURE": "end procedure",
    "ENDWHILE": "end while",
    "ENSURE": "Ensure:",
    "FOR": "for @ do",
    "FORALL": "for all @ do",
    "FOREACH": "for each @ do",
    "FUNCTION": "function @(@)",
    "IF": "if @ then",
    "KWDATA": "Data: @",
    "KWIN": "Input: @",
    "KWINPUT": "Input: @",
    "KWOUT": "Output: @",
    "KWOUTPUT": "Output: @",
    "KWRESULT": "Result: @",
    "KWRET": "return @",
    "LOOP": "loop",
    "PROCEDURE": "procedure @(@)",
    "REPEAT": "repeat",
    "REQUIRE": "Require:",
    "RETURN": "return",
    "STATE": "",
    "STATEX": "",
    "UNTIL": "until @",
    "WHILE": "while @ do",
    **dict.fromkeys(("ELSIF", "ELSEIF"), "else if @ then"),
}
_INSIDE_LINES = frozenset({
    "AND", "CALL", "COMMENT", "DO", "FALSE", "NOT", "OR", "PRINT", "RETURN", "THEN", "TO", "TRUE", "XOR",
})  # fmt: skip
# Commands of algorithmic that begin a line unless \STATE does; the words of others are inside lines.
_OWN_LINES = frozenset({"RETURN", "PRINT"})
# Names that mean something else unless they are in upper case, or are those of algorithm2e.
_UPPER = frozenset(
    {
        "AND",
        "BREAK",
        "CONTINUE",
        "DO",
        "FALSE",
        "INPUT",
        "NOT",
        "OR",
        "OUTPUT",
        "PRINT",
        "THEN",
        "TO",
        "TRUE",
        "UIF",
        "XOR",
    }
)
_WITH_BODIES = frozenset({"EIF", "LELSE", "LFOR", "LFOREACH", "LIF", "LWHILE"})
_WITH_BRACES = frozenset({"ELSE", "INPUT", "OUTPUT"})
_STARTS = ("Else", "Els", "End", "For", "Kw")  # of the names of two words


def _spelt(line: str) -> str:
    """The usual name of a command: ``EndWhile``."""
    name = line.capitalize()
    start = next((start for start in _STARTS if name.startswith(start) and name not in ("Else", start)), "")
    return start + name[len(start) :].capitalize()


STEPS = frozenset(
    {
        *(name for name in _LINES if name not in _WITH_BODIES),
        *(_spelt(name) for name in _LINES if name not in _UPPER | _WITH_BODIES),
        *("eIf", "uIf", "lElse", "lFor", "lForEach", "lIf", "lWhile", "Input", "Output"),
    }
)


def read_step(
    reader: TokenReader, index: int, high: int, marks: tuple[Mark, ...], nested: Callable[[int, int], list[Inline]]
) -> tuple[list[Inline], int]:
    """What the command at ``index``, one of :data:`STEPS`, prints, and the index after its arguments."""
    written = reader.tokens[index].name
    name = written.upper()
    before = _step_before(reader, index)
    begins = name not in _INSIDE_LINES or (
        name in _OWN_LINES and not before.startswith("STATE") and (written.isupper() or before.startswith("END"))
    )
    pieces: list[Inline] = [BREAK] if begins else []
    if name == "RETURN" and not begins and reader.tokens[index - 1].kind is Kind.CLOSE:
        pieces.append(short_text(" ", marks))
    first, *others = _LINES[name].split("@")
    pieces.append(short_text(first, marks))
    after = index + 1
    for words in others:
        argument = reader.argument(after, high)
        if argument is not None:
            pieces += nested(*argument[0])
            after = argument[1]
        for number, line in enumerate(words.split("\n")):
            if number:
                pieces.append(BREAK)
            if line:
                pieces.append(short_text(line, marks))
    in_braces = name in _WITH_BRACES and after < high and reader.tokens[after].kind is Kind.OPEN
    if in_braces or (others and name not in _WITH_BODIES):
        body = reader.argument(after, high)  # of algorithm2e: \While{…}{…}
        if body is not None:
            pieces += [short_text(" ", marks) if name in ("INPUT", "OUTPUT") else BREAK, *nested(*body[0])]
            after = body[1]
    return pieces, after


def _step_before(reader: TokenReader, index: int) -> str:
    """The name of the command directly before the one at ``index``, in upper case; empty for other text."""
    index -= 1
    while index >= 0 and reader.tokens[index].kind in (Kind.SPACE, Kind.NEWLINE):
        index -= 1
    return reader.tokens[index].name.upper() if index >= 0 else ""
