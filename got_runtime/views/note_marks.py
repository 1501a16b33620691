r"""Marks of footnotes: small raised digits behind a word and before the note, which are spelled anyhow as text."""

import re
from collections.abc import Sequence

from got_runtime.views.components import connected_components
from got_runtime.views.ink import Mask
from got_runtime.views.pieces import Box

__all__ = ["MARK", "raised_marks", "with_mark", "with_mark_before"]

MARK = "\\({ }^{1}\\)"
"""How GOT writes the mark of a page's first note."""
RAISED = 0.28
"""Parts of the height of a capital. By how much a mark ends above the line."""
HEIGHT = 0.4, 0.8
"""Least and greatest height of a mark; quotes are lower."""
WIDTH = 0.6
GAP = 0.15
"""White space behind a mark."""
_MISREAD = re.compile(r"[\"'’”‘“!1i*°^\ufffd–-]$")
_BEFORE = re.compile(r"^(?:[^A-Za-z(\"]+|[iIl](?=[A-Z]))")


def raised_marks(ink: Mask, box: Box, base: float) -> list[tuple[int, float]]:
    """Each small raised sign at the end of a word or the begin of a line: its middle, from the left of the page, and
    its height relative to that of a capital."""
    left, top, right, bottom = box
    parts, height = connected_components(ink[top:bottom, left:right]), base - top
    raised = (
        (parts.boxes[:, 3] < (1 - RAISED) * height)
        & (parts.heights >= HEIGHT[0] * height)
        & (parts.heights <= HEIGHT[1] * height)
        & (parts.widths < WIDTH * height)
    )
    columns = ink[top:bottom, left:right].max(axis=0, initial=False)
    gap = max(1, int(GAP * height))
    found = []
    for begin, _, end, _ in parts.boxes[raised].tolist():
        if begin < gap or not columns[end : end + gap].any():
            size = float(parts.heights[raised & (parts.boxes[:, 0] == begin)].max())
            found.append((left + (begin + end) // 2, size / height))
    return sorted(found)


def with_mark_before(text: str) -> str:
    """The first line of a note with its mark, whatever was read in its place."""
    return f"{MARK} {_BEFORE.sub('', text)}"


def with_mark(words: Sequence[str], place: float) -> list[str]:
    """Words of a line with a mark behind the word that ends nearest to ``place``, from 0 (left) to 1."""
    length = len(" ".join(words))
    ends: list[int] = []
    for word in words:
        ends.append((ends[-1] + 1 if ends else 0) + len(word))
    nearest = min(range(len(words)), key=lambda index: abs(ends[index] - place * length))
    alone = [len(word) == 1 and _MISREAD.search(word) is not None for word in words]
    if nearest and alone[nearest]:
        nearest -= 1
    behind = nearest + 1 + (nearest + 1 < len(words) and alone[nearest + 1])
    return [*words[:nearest], _MISREAD.sub("", words[nearest]) + MARK, *words[behind:]]
