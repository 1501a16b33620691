"""An answer → its elements: repeated tails cut, charts recognised, spans that cover every character once."""

from got_runtime.markup import elements as e
from got_runtime.markup.latex.blocks import Blocks
from got_runtime.markup.latex.element_builder import Draft
from got_runtime.markup.latex.token_reader import Reader
from got_runtime.markup.notation.json_repair import read_object

# A tail counts as endless repetition from here on: no table row or bar of music is meant this often.
_MIN_REPEATS = 10
_MIN_CHARACTERS = 200
_WINDOW = 4096


def parse(text: str, *, is_latex: bool = True) -> list[e.AnyElement]:
    """The elements of a GOT answer, in reading order; of lines of plain text where it is not ``is_latex``.

    Takes any string and raises nothing: what is broken is mended, and each mend stands in the ``warnings`` of its
    element. The spans of the elements follow one another from 0 to ``len(text)``; an empty text has no elements.
    Time is linear in the length of the text.
    """
    if not text:
        return []
    tail = repeated_tail(text)
    kept = text if tail is None else text[: tail[0]]
    drafts = _drafts(kept, is_latex)
    if not drafts:
        drafts = [Draft(e.Paragraph, 0, {"content": ()})]
    if tail is not None:
        start, times = tail
        message = f"the last {len(text) - start} characters repeat what stands before them {times} times: left out"
        drafts[-1].warnings += (e.Mend(code="repeated-tail", message=message),)
    ends = [draft.start for draft in drafts[1:]] + [len(text)]
    starts = [0, *ends[:-1]]
    return [
        draft.build(span=(start, end), warnings=draft.warnings, **draft.fields)
        for draft, start, end in zip(drafts, starts, ends, strict=True)
    ]


def _drafts(text: str, is_latex: bool) -> list[Draft]:
    start = len(text) - len(text.lstrip())
    found = read_object(text, start) if is_latex else None
    drafts: list[Draft] = []
    if found is not None:
        value, end, mends = found
        warnings = tuple(e.Mend(code="chart-syntax", message=message) for message in mends)
        drafts.append(Draft(e.Chart, 0, {"value": value}, warnings))
        if not text[end:].strip():
            return drafts
        start = end
    else:
        start = 0
    reader = Reader(text[start:], is_latex)
    blocks = Blocks(reader)
    blocks.read(0, len(reader.tokens))
    for draft in blocks.drafts:
        draft.start += start
    drafts += blocks.drafts
    left = reader.take_mends()
    if left:
        drafts = drafts or [Draft(e.Paragraph, 0, {"content": ()})]
        drafts[-1].warnings += left
    return drafts


def repeated_tail(text: str) -> tuple[int, int] | None:
    """Where an endless repetition at the end of ``text`` can be cut, one copy kept, and how many follow; else None.

    The Z-function of the reversed last characters gives the smallest period of the tail, then the run is followed
    backwards: both linear (Gusfield, Algorithms on Strings, 1.4).
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
    return start + period, repeats - 1


def _smallest_period(text: str) -> int | None:
    """The smallest period that a prefix of ``text``, long enough to count as a repetition, has."""
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
