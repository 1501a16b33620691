"""Detects loops in a completion while it is being decoded.

Without an n-gram ban a loop repeats exactly. With one, the ban ends every exact repetition and the network returns to
the loop: repetitions that are shorter than the ban follow each other.
"""

import numpy as np

CHECK_INTERVAL_TOKENS = 32
"""Completions are checked each time they have grown by this many tokens."""
MAX_PERIOD = 256
"""Longest period of a loop, in tokens."""
MIN_LENGTH = 256
"""Tokens that must repeat: rows of dots, rules and empty table cells legitimately repeat fewer."""
MIN_REPEATS = 4
MIN_BAN = 8
"""Shortest n-gram ban, in tokens, whose hits count: ordinary text hits a shorter one."""


def loop_period(tokens: list[int]) -> int:
    """The shortest period, in tokens, with which the end of ``tokens`` repeats, or 0.

    A loop is at least :data:`MIN_REPEATS` repeats that together cover :data:`MIN_LENGTH` tokens.
    """
    tail = np.asarray(tokens[-MAX_PERIOD * MIN_REPEATS - 1 :])
    # Most periods are excluded by the last token alone: at 128 rows, four completions are checked in a step.
    for period in (np.flatnonzero(tail[-2 : -2 - MAX_PERIOD : -1] == tail[-1]) + 1).tolist():
        length = max(MIN_LENGTH, period * MIN_REPEATS)
        if length > len(tail):
            continue
        window = tail[len(tail) - length :]
        if np.array_equal(window[period:], window[:-period]):
            return int(period)
    return 0


def trim_loop(tokens: list[int], period: int) -> list[int]:
    """``tokens`` with the repeating end cut back to its first occurrence."""
    end = len(tokens)
    while end > period and tokens[end - 1] == tokens[end - 1 - period]:
        end -= 1
    return tokens[:end]


def ngram_blocked_loop(repeats: list[int], prompt_length: int, n: int) -> int | None:
    """The start of a loop that only the n-gram ban interrupts, or None.

    It is a loop if the ban was hit by the last :data:`MIN_REPEATS` repeats within 4 ``n`` tokens of each other. A
    refrain hits the ban once or twice.

    Args:
        repeats: :attr:`got_runtime.engine.ngram_ban.NgramBan.repeats`.
        prompt_length: in tokens.
        n: length of the ban, in tokens.

    Returns:
        The number of generated tokens before the loop.
    """
    recent = repeats[-MIN_REPEATS:]
    if n < MIN_BAN or len(recent) < MIN_REPEATS:
        return None
    if recent[0] <= prompt_length or recent[-1] - recent[0] > 4 * n * (MIN_REPEATS - 1):
        return None
    return max(0, recent[0] - prompt_length - (n - 1))
