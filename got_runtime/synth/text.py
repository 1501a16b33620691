"""Text of the pages: English words by frequency, mixed with random strings.

A decoder that can predict the next letter from the text alone does not learn to attend to the page. Training text
therefore has numbers, codes and random strings among the words; held-out text has words, names and numbers only.
"""

import re
import string
from functools import cache

import numpy as np

SYMBOLS = string.punctuation
_CLOSERS = (",", ".", ";", ":", "?", "!")


# Left out of all pages: words that begin with one of these stems, and not with one of _PRINTABLE.
_UNPRINTABLE = re.compile(
    "anal|anus|ass|badass|bastard|bdsm|bitch|blowjob|bondage|boner|boob|bukkake|bullsh|busty|clit|cock|coon|cum|cunt|dick|"
    "dildo|dumbass|dyke|erotic|fag|fetish|fuck|genital|hentai|homo$|hooker|horny|incest|jackass|jap$|kinky|lolita|masturbat|milf|"
    "molest|motherf|nazi|negro|nigg|nipple|nude|orgasm|orgy|pedophil|penis|piss|porn|prostitut|pubic|pussy|rape|raping|rapist|"
    "retard|semen|sex|shit|slut|stripper|suck|testicl|threesome|tits|tit$|titt|topless|tranny|turd|twat|vagina|whore|xxx"
)
_PRINTABLE = re.compile("anal[oy]|ass[aeiou]|cock[aprty]|cum[biu]|cummin[gs]s|dick(e|in|so)|milford|sext[aeo]")


def is_printable(word: str) -> bool:
    return not _UNPRINTABLE.match(word) or _PRINTABLE.match(word) is not None


@cache
def english_words(count: int = 30_000) -> tuple[tuple[str, ...], np.ndarray]:
    """ASCII words from ``wordfreq`` and their cumulative weights: square roots of frequencies, so rare words occur."""
    import wordfreq

    words = [
        w for w in wordfreq.top_n_list("en", count) if w.isascii() and w.replace("'", "").isalpha() and is_printable(w)
    ]
    weights = np.sqrt([wordfreq.word_frequency(w, "en") for w in words])
    return tuple(words), np.cumsum(weights / weights.sum())


def _word(rng: np.random.Generator) -> str:
    words, cumulative = english_words()
    return words[min(int(np.searchsorted(cumulative, rng.random())), len(words) - 1)]


def _number(rng: np.random.Generator) -> str:
    kind = rng.integers(6)
    if kind == 0:
        return str(rng.integers(1900, 2100))
    if kind == 1:
        return f"{rng.random() * 10 ** rng.integers(0, 5):.{rng.integers(1, 4)}f}"
    if kind == 2:
        return f"{rng.integers(1000, 10_000_000):,}"
    if kind == 3:
        return f"{rng.integers(1, 101)}%"
    if kind == 4:
        return f"{rng.integers(1, 29)}/{rng.integers(1, 13)}/{rng.integers(1950, 2050)}"
    return str(rng.integers(0, 10 ** rng.integers(1, 7)))


def _random_string(rng: np.random.Generator) -> str:
    alphabets = (
        string.ascii_letters + string.digits,
        string.digits,
        string.ascii_lowercase,
        string.ascii_uppercase + string.digits,
        string.ascii_letters + string.digits + SYMBOLS,
        SYMBOLS + string.digits,
    )
    alphabet = alphabets[rng.choice(6, p=[0.3, 0.15, 0.2, 0.1, 0.2, 0.05])]
    return "".join(alphabet[i] for i in rng.integers(len(alphabet), size=rng.integers(1, 10)))


def words_of_text(rng: np.random.Generator, characters: int, noise: float) -> list[str]:
    """Words of about ``characters`` printed characters together; ``noise`` is the fraction of random strings."""
    out: list[str] = []
    length = 0
    start = True
    while length < characters:
        if rng.random() < noise:
            word = _random_string(rng)
        elif rng.random() < 0.07:
            word = _number(rng)
        else:
            word = _word(rng)
            if start or rng.random() < 0.08:
                word = word.capitalize()
            elif rng.random() < 0.03:
                word = word.upper()
            if rng.random() < 0.03:
                word = f"{word}-{_word(rng)}"
            if rng.random() < 0.03:
                opening, closing = (("(", ")"), ('"', '"'), ("'", "'"), ("[", "]"))[rng.integers(4)]
                word = opening + word + closing
        start = False
        if rng.random() < 0.14:
            closer = _CLOSERS[rng.choice(6, p=[0.42, 0.38, 0.05, 0.06, 0.05, 0.04])]
            start = closer in ".?!"
            word += closer
        out.append(word)
        length += len(word) + 1
    return out
