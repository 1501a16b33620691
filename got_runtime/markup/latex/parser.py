"""An answer → its elements: cuts repeated tails, recognises charts, assigns spans that cover every character once."""

import contextlib
import gc
import itertools
from collections.abc import Iterator, Sequence

from got_runtime.markup import elements as e
from got_runtime.markup.headings import nest_headings
from got_runtime.markup.latex.blocks import BlockParser
from got_runtime.markup.latex.element_builder import ElementBuilder
from got_runtime.markup.latex.token_reader import TokenReader
from got_runtime.markup.notation.json_repair import read_object

# A tail counts as an endless repetition from here on: no table row or bar of music is repeated this often on purpose.
_MIN_REPEATS = 10
_MIN_CHARACTERS = 200
_WINDOW = 4096
_PAGE = 60
"""Characters from which copies of the whole answer are equal pages: a loop is cut anywhere in its last copy."""
_LONG = 20_000
"""Characters from which the garbage collector waits: it would visit the growing result again and again."""


def parse(text: str, *, is_latex: bool = True, breaks: Sequence[int] = ()) -> list[e.AnyElement]:
    """Parse a GOT answer into elements in reading order.

    Any string is accepted and nothing is raised: broken markup is repaired, and each repair is listed in the
    ``warnings`` of its element. The spans of the elements follow one another from 0 to ``len(text)``; an empty text has
    no elements. The time is linear in the length of the text.

    Args:
        text: the answer.
        is_latex: False for lines of plain text, in which LaTeX commands have no meaning.
        breaks: indices in ascending order at which a paragraph begins, where the layout of the page is known.
    """
    with _collector_waits(len(text)):
        return nest_headings(read_elements(text, is_latex=is_latex, breaks=breaks))


@contextlib.contextmanager
def _collector_waits(characters: int) -> Iterator[None]:
    """Long answers become hundreds of thousands of objects and no cycles; collecting took 40 % of the time of a table
    of 20,000 rows."""
    if characters < _LONG or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def read_elements(text: str, *, is_latex: bool = True, breaks: Sequence[int] = ()) -> list[e.AnyElement]:
    """The elements as :func:`parse` gives them, headings at the level of their command."""
    if breaks:
        edges = [0, *breaks, len(text)]
        parts = [(start, read_elements(text[start:end], is_latex=is_latex)) for start, end in itertools.pairwise(edges)]
        return [_shifted(element, start) for start, part in parts for element in part]
    if not text:
        return []
    tail = repeated_tail(text)
    kept = text if tail is None else text[: tail[0]]
    builders = _parse_blocks(kept, is_latex)
    if not builders:
        builders = [ElementBuilder(e.Paragraph, 0, {"content": ()})]
    if tail is not None:
        start, times = tail
        message = f"the last {len(text) - start} characters repeat what stands before them {times} times: left out"
        builders[-1].warnings += (e.Repair(code="repeated-tail", message=message),)
    builders[0].start = 0
    ends = [builder.start for builder in builders[1:]] + [len(text)]
    return [builder.build(end) for builder, end in zip(builders, ends, strict=True)]


def _shifted(element: e.AnyElement, offset: int) -> e.AnyElement:
    return element.model_copy(update={"span": (element.span[0] + offset, element.span[1] + offset)})


def _parse_blocks(text: str, is_latex: bool) -> list[ElementBuilder]:
    start = len(text) - len(text.lstrip().lstrip("\ufeff").lstrip())
    found = read_object(text, start) if is_latex else None
    builders: list[ElementBuilder] = []
    if found is not None:
        value, end, repairs = found
        warnings = tuple(e.Repair(code="chart-syntax", message=message) for message in repairs)
        builders.append(ElementBuilder(e.Chart, 0, {"value": value}, warnings))
        if not text[end:].strip():
            return builders
        start = end
    else:
        start = 0
    reader = TokenReader(text[start:], is_latex)
    parser = BlockParser(reader)
    parser.parse(0, len(reader.tokens))
    for builder in parser.elements:
        builder.start += start
    builders += parser.elements
    remaining = reader.take_repairs()
    if remaining:
        builders = builders or [ElementBuilder(e.Paragraph, 0, {"content": ()})]
        builders[-1].warnings += remaining
    return builders


def repeated_tail(text: str) -> tuple[int, int] | None:
    """The index at which to cut an endless repetition at the end of ``text``, and the number of copies that this cuts.

    None if there is no such repetition, or if the answer is whole copies of a page. The Z-function of the reversed last
    characters gives the smallest period of the tail; the run of copies is then followed backwards. Both are linear
    (Gusfield, Algorithms on Strings, 1.4).
    """
    end = len(text)
    while end and (text[end - 1].isspace() or text.endswith("<|im_end|>", 0, end)):
        end -= 1 if text[end - 1].isspace() else len("<|im_end|>")
    window = text[max(0, end - _WINDOW) : end][::-1]
    period = _smallest_period(window)
    if period is None:
        return None
    start = end - period
    while start > 0 and text[start - 1] == text[start - 1 + period]:
        start -= 1
    repeats = (end - start) // period
    if repeats < _MIN_REPEATS or end - start < _MIN_CHARACTERS:
        return None
    if start == 0 and period >= _PAGE and (end + 2) % period == 0 and text.startswith("\n\n", period - 2):
        return None  # forms, read as one document
    return start + period, repeats - 1


def _smallest_period(text: str) -> int | None:
    """The smallest period of a prefix of ``text`` that is long enough to count as a repetition."""
    length = len(text)
    z = [0] * length
    left = right = 0
    for index in range(1, length):
        matched = min(right - index, z[index - left]) if index < right else 0
        while index + matched < length and text[matched] == text[index + matched]:
            matched += 1
        z[index] = matched
        if index + matched > right:
            left, right = index, index + matched
        if (matched + index) >= min(_MIN_CHARACTERS, length) and matched >= 3 * index:
            return index
    return None
