"""Recognises an answer that has started to repeat itself, while it is being decoded.

Where there is no n-gram ban a loop is exact. Where there is one, the ban breaks every exact loop off and the network
finds back into it: it repeats itself up to the ban's length, again and again.
"""

import numpy as np

CHECK_EVERY = 32
MAX_PERIOD = 256
MIN_LENGTH = 256
"""Tokens that must repeat: rows of dots, rules and empty table cells are legitimate at less."""
MIN_REPEATS = 4
SHORTEST_BAN = 8
"""Tokens: a shorter ban is met by ordinary text, so that meeting it says nothing."""


def loop_period(tokens: list[int]) -> int:
    """The shortest period with which the end of ``tokens`` repeats, or 0.

    A loop is at least :data:`MIN_REPEATS` repeats that together cover :data:`MIN_LENGTH` tokens.
    """
    tail = np.asarray(tokens[-MAX_PERIOD * MIN_REPEATS - 1 :])
    for period in range(1, MAX_PERIOD + 1):
        length = max(MIN_LENGTH, period * MIN_REPEATS)
        if length > len(tail):
            continue
        window = tail[len(tail) - length :]
        if window[-1] == window[-1 - period] and np.array_equal(window[period:], window[:-period]):
            return period
    return 0


def trim_loop(tokens: list[int], period: int) -> list[int]:
    """``tokens`` with the repeating end cut back to its first occurrence."""
    end = len(tokens)
    while end > period and tokens[end - 1] == tokens[end - 1 - period]:
        end -= 1
    return tokens[:end]


def ngram_blocked_loop(repeats: list[int], begin: int, n: int) -> int | None:
    """Where an answer that only the ban of n-grams keeps from looping began to repeat itself, or None.

    ``repeats`` are those of :class:`~got_runtime.engine.ngram_ban.NgramBan` and ``begin`` is the length of the prompt:
    the ban must have been up against :data:`MIN_REPEATS` repeats within 4 n tokens each. A refrain meets it once or
    twice.
    """
    recent = repeats[-MIN_REPEATS:]
    if n < SHORTEST_BAN or len(recent) < MIN_REPEATS:
        return None
    if recent[0] <= begin or recent[-1] - recent[0] > 4 * n * (MIN_REPEATS - 1):
        return None
    return max(0, recent[0] - begin - (n - 1))
