r"""Steps of algorithms (``algorithmic``, ``algorithm2e``): ``\While{$b>0$}`` → "while b>0 do" on a line of its own."""

from collections.abc import Callable

from got_runtime.markup.content import Break, Inline, Mark, Text
from got_runtime.markup.latex.token_reader import TokenReader

# Commands in upper case → their line, in which @ stands for an argument.
_LINES = {
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
_INSIDE_LINES = frozenset({"CALL", "COMMENT", "RETURN"})
_STARTS = ("Else", "Els", "End", "For", "Kw")  # of the names of two words


def _spelt(line: str) -> str:
    """The usual name of a command: ``EndWhile``."""
    name = line.capitalize()
    start = next((start for start in _STARTS if name.startswith(start) and name not in ("Else", start)), "")
    return start + name[len(start) :].capitalize()


STEPS = frozenset({*_LINES, *map(_spelt, _LINES)})


def read_step(
    reader: TokenReader, index: int, high: int, marks: tuple[Mark, ...], nested: Callable[[int, int], list[Inline]]
) -> tuple[list[Inline], int]:
    """What the command at ``index``, one of :data:`STEPS`, prints, and the index after its arguments."""
    name = reader.tokens[index].name.upper()
    pieces: list[Inline] = [] if name in _INSIDE_LINES else [Break()]
    first, *others = _LINES[name].split("@")
    pieces.append(Text(text=first, marks=marks))
    after = index + 1
    for words in others:
        argument = reader.argument(after, high)
        if argument is not None:
            pieces += nested(*argument[0])
            after = argument[1]
        pieces.append(Text(text=words, marks=marks))
    if others and (body := reader.argument(after, high)):  # of algorithm2e: \While{…}{…}
        pieces += [Break(), *nested(*body[0])]
        after = body[1]
    return pieces, after
