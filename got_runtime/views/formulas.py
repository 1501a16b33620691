r"""Formulas in what was read as plain text: displayed ones, and those within lines.

Read as text, formulas have low probabilities or words such as ``77 A < e``. Each is shown alone and read as a formula.
"""

import re
from collections.abc import Sequence

import numpy as np
from PIL import Image

from got_runtime.views.lines import PageLines
from got_runtime.views.matching import AnswerLine, mean_of_known
from got_runtime.views.pieces import Box, around
from got_runtime.views.stack import PAPER, cleaned

__all__ = [
    "FILL",
    "alone_on_paper",
    "displayed_formulas",
    "formula_view",
    "has_words",
    "latex_of",
    "spans_of_formulas",
    "with_limits",
]

MIN_CONFIDENCE = 0.6
"""Mean probability of the tokens of a formula below which it is none: a figure, perhaps."""
SET_OFF = 2.0
"""White space, in x-heights, on both sides of a displayed formula."""
NEAR = 1.0
"""Distance, in x-heights, of the rows of one formula: limits, numerators."""
LIMIT_GAP = 0.7
"""Distance, in x-heights, of limits from their sign."""
COLUMN_REACH, COLUMN_ROWS = 6.0, 3
"""Its column is that of so many rows above and below, which reach so close to it sideways, in x-heights."""
VIEW_SIDE = 1024
TYPE_WIDTH = 50.0
"""Pixels of a view: width of a small letter of a formula that is shown alone."""
FILL = 0.8
"""Part of its view that a formula, or a part of a page, takes at most."""
SHAPE = 1.0, 3.0
"""Least and greatest width : height of the view of a formula, as in training."""
SHAPE_OF_PART = 2 / 3, 3.0
"""The same for a box or what stands in a frame, which may be as high as a page."""
SHORT_WORDS = frozenset(
    [
        "a",
        "am",
        "an",
        "as",
        "at",
        "be",
        "by",
        "do",
        "go",
        "he",
        "if",
        "in",
        "is",
        "it",
        "me",
        "my",
        "no",
        "of",
        "oh",
        "ok",
        "on",
        "or",
        "so",
        "to",
        "up",
        "us",
        "we",
    ]
)
_STRONG = re.compile("[=<>≤≥≠±×∈≈→←∞√^~_{}|\\\\\ufffd\u0080-\u009f]")
_SIGNED = re.compile(
    r"[-–—+*]+[\dA-Za-z]{1,4}[-–—+*]*|[\dA-Za-z]{1,5}[-–—+]+|[-–—+]+|[\dA-Za-z]{1,4}(?:[-–—]*\+[-–—+]*[\dA-Za-z]{1,4})+"
)
_NUMBER = re.compile(r"[\d.,]+")
_TERM = re.compile(r"\d{1,4}[A-Za-z]{1,3}|[A-Za-z]\d{1,2}")
_WORD = re.compile(r"(?<!\\)(?<![A-Za-z])[A-Za-z]{3,}")
_LONG_WORD = re.compile(r"(?<!\\)(?<![A-Za-z])[A-Za-z]{5,}")
_WORDS_BESIDE = re.compile(r"^(?:[A-Za-z]{3,}[.,;:]? )+|(?: [A-Za-z]{3,}[.,;:]?)+$")
"""Words of the text beside a formula that its box holds too."""
_PLAIN = re.compile(r"[-\d.,:/%\\ ]*")


def displayed_formulas(boxes: Sequence[Box], hardly_text: Sequence[bool], x_height: float) -> list[list[int]]:
    """Groups of rows that are displayed formulas: hardly text, with white space on both sides in their column.

    Args:
        boxes: of the rows of the page in reading order, in pixels.
        hardly_text: whether a row was read with a low probability.
        x_height: of the page in pixels.
    """
    groups: list[list[int]] = []
    for number, box in enumerate(boxes):
        left, right = _column(boxes, number, x_height)
        set_off = min(box[0] - left, right - box[2]) > SET_OFF * x_height
        last = groups[-1][-1] if groups else -1
        if not hardly_text[number] or not set_off or number <= last:
            continue
        group = [number]
        for step in (-1, 1):
            other = number + step
            while last < other < len(boxes) and _belongs(
                boxes[other], around([boxes[each] for each in group]), x_height
            ):
                group.append(other)
                other += step
        groups.append(sorted(group))
    return groups


def has_words(text: str) -> bool:
    """Whether a text has a word of three letters or more."""
    return _WORD.search(text) is not None


def with_limits(page: PageLines, box: Box, others: Sequence[Box]) -> Box:
    """The box of a displayed formula with ink close above and below: limits in type too small to be lines."""
    left, top, right, bottom = box
    upper = max((each[3] for each in others if each[3] <= top and each[0] < right and each[2] > left), default=0)
    lower = min(
        (each[1] for each in others if each[1] >= bottom and each[0] < right and each[2] > left),
        default=page.image.height,
    )
    inked = page.ink[:, left:right].max(axis=1, initial=False)
    near = max(1, int(LIMIT_GAP * page.x_height))
    while top > upper and inked[max(upper, top - near) : top].any():
        top -= 1
    while bottom < lower and inked[bottom : min(lower, bottom + near)].any():
        bottom += 1
    return left, top, right, bottom


def _belongs(box: Box, group: Box, x_height: float) -> bool:
    """Whether a row is a part of the formula above or below it, such as the limits of a sum."""
    gap = max(box[1] - group[3], group[1] - box[3])
    beside = min(box[2], group[2]) - max(box[0], group[0])
    width = box[2] - box[0]
    return gap < NEAR * x_height and beside > 0.5 * width and width <= group[2] - group[0] + 2 * x_height


def _column(boxes: Sequence[Box], number: int, x_height: float) -> tuple[int, int]:
    """Left and right of the column that a row stands in: of the nearest rows above and below."""
    left, top, right, bottom = boxes[number]
    reach = COLUMN_REACH * x_height
    beside = [box for box in boxes if box[0] < right + reach and box[2] > left - reach]
    above = sorted((box for box in beside if box[3] <= top), key=lambda box: -box[3])[:COLUMN_ROWS]
    below = sorted((box for box in beside if box[1] >= bottom), key=lambda box: box[1])[:COLUMN_ROWS]
    column = around([boxes[number], *above, *below])
    return column[0], column[2]


def spans_of_formulas(words: Sequence[str]) -> list[tuple[int, int]]:
    """First word, and the one behind the last, of each run of words that is probably a formula.

    A run has a sign of mathematics, or a dash or plus beside a letter: ``1990 – 1995`` is none.
    """
    spans: list[tuple[int, int]] = []
    begin = 0
    while begin < len(words):
        end = begin
        while end < len(words) and (_may_be_mathematics(words[end]) or _is_letter_before_sign(words, end)):
            end += 1
        run = words[begin:end]
        strong = any(_STRONG.search(word) for word in run)
        signed = any(_SIGNED.fullmatch(word) for word in run) and any(re.search("[A-Za-z]", word) for word in run)
        if strong or signed:
            # A sign needs two sides; a short word beside it was read wrong, perhaps.
            if strong and end < len(words) and _STRONG.search(words[end - 1]) and len(words[end]) <= 3:
                end += 1
            if strong and begin > 0 and _STRONG.search(words[begin]) and len(words[begin - 1]) <= 3:
                begin -= 1
            spans.append((begin, end))
        begin = max(end, begin + 1)
    return spans


def _may_be_mathematics(word: str) -> bool:
    if _STRONG.search(word) or _SIGNED.fullmatch(word) or _NUMBER.fullmatch(word) or _TERM.fullmatch(word):
        return True
    return len(word) <= 2 and word.isalpha() and word not in SHORT_WORDS and word not in ("I", "A")


def _is_letter_before_sign(words: Sequence[str], index: int) -> bool:
    """Whether a word such as ``A``, which may be one of English, stands before a sign."""
    following = words[index + 1] if index + 1 < len(words) else ""
    sign = _STRONG.search(following) or _SIGNED.fullmatch(following)
    return len(words[index]) == 1 and words[index].isalpha() and sign is not None


def latex_of(answer: Sequence[AnswerLine], displayed: bool = False) -> str | None:
    r"""The LaTeX of a formula that was read alone, without ``\[`` and ``\]``; None where it is none.

    What stands within a line may be a short word: only displayed formulas have products of three or four letters.
    """
    text = " ".join(line.text for line in answer)
    confidence = mean_of_known(line.confidence for line in answer)
    found = re.match(r"\\[\[(]\s*(.*?)\s*\\[\])]", text)
    if found is None or not found[1] or (confidence is not None and confidence < MIN_CONFIDENCE):
        return None
    latex = _WORDS_BESIDE.sub("", found[1])
    word = _LONG_WORD if displayed else _WORD
    if not latex or word.search(re.sub(r"\\[A-Za-z]+", "\\ ", latex)) or _PLAIN.fullmatch(latex):
        return None
    return latex


def formula_view(page: PageLines, box: Box, x_height: float) -> Image.Image:
    """A formula alone in the middle of clean paper, at the size that is read best."""
    return _on_paper(cleaned(page, box, x_height).convert("RGB"), x_height, (PAPER, PAPER, PAPER), SHAPE)


def alone_on_paper(part: Image.Image, type_width: float | None) -> Image.Image:
    """A part of a page alone in the middle of paper of its colour, as :func:`formula_view` shows formulas.

    Args:
        part: what was cut out.
        type_width: width of its characters in pixels, where it is known.
    """
    picture = part.convert("RGB")
    red, green, blue = np.median(np.asarray(picture).reshape(-1, 3), axis=0).astype(int).tolist()
    return _on_paper(picture, type_width or 0.0, (red, green, blue), SHAPE_OF_PART)


def _on_paper(
    picture: Image.Image, type_width: float, paper: tuple[int, int, int], shape: tuple[float, float]
) -> Image.Image:
    width, height = picture.size
    ratio = float(np.clip(width / height, *shape))
    wide = max(width / FILL, height / FILL * ratio, VIEW_SIDE * type_width / TYPE_WIDTH)
    view = Image.new("RGB", (round(wide), round(wide / ratio)), paper)
    view.paste(picture, ((view.width - width) // 2, (view.height - height) // 2))
    return view
