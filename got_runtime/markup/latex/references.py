"""Links, inline footnotes, citations and references to labels."""

from collections.abc import Callable

from got_runtime.markup.content import Inline, Link, Mark, Note, Text, with_mark
from got_runtime.markup.latex.token_reader import TokenReader

REFERENCES = frozenset({
    "autoref", "cite", "citep", "citet", "eqref", "footnote", "footnotemark", "href", "pageref", "ref", "thanks", "url",
})  # fmt: skip
_NOT_IN_ADDRESS = dict.fromkeys(map(ord, '\\{}<>"^`| \t\r\n\f'))


def read_reference(
    reader: TokenReader, index: int, high: int, marks: tuple[Mark, ...], words: Callable[[int, int], str]
) -> tuple[Inline | None, int]:
    """The printed form of the command at ``index``, one of :data:`REFERENCES`, and the index after its arguments.

    ``words`` returns the plain text of a range of tokens.
    """
    name = reader.tokens[index].name
    option = reader.option(index + 1, high)
    given = words(*option[0]) if option else ""
    index = option[1] if option else index + 1
    if name == "footnotemark":
        mark = reader.source(*option[0]) if option else ""
        return (Text(text=mark, marks=with_mark(marks, "superscript")) if mark else None), index
    argument = reader.argument(index, high)
    if argument is None:
        return None, index
    (low, end), index = argument
    source = _address(reader.source(low, end))
    if name in ("footnote", "thanks"):
        return Note(text=words(low, end)), index
    if name == "url":
        return Link(text=source, url=source), index
    if name == "href":
        shown = reader.argument(index, high)
        label = words(*shown[0]) if shown else source
        return Link(text=label or source, url=source), shown[1] if shown else index
    if given and name.startswith("cite"):
        source = f"{source}, {given}"
    return Text(text=source if name.endswith("ref") and name != "eqref" else f"[{source}]", marks=marks), index


def _address(source: str) -> str:
    """An address or key without LaTeX escapes and characters that no address may contain (RFC 3986)."""
    return source.replace("\\textasciitilde", "~").translate(_NOT_IN_ADDRESS)
