"""Words that end no line of running text on purpose, and numbers and initials at which a sentence goes on."""

import re
from collections.abc import Set as AbstractSet


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


OPEN = _set(
    "a an and are as at be been between but by can could did do does for from had has have if in into is its may might"
    " must nor of on or our over should so see such than that the their then these they this those through to under was"
    " we were what when where which while who whose will with within without would against during towards upon via"
    " als am an auf aus bei bis das dass dem den der des die durch ein eine einem einen einer eines für im in ist kann"
    " mit nach nicht oder sich sie sind sowie um und unter vom von war werden wie wird zu zum zur über"
    " beim dieser dieses gegen gemäß gem laut seit vor wegen wurde wurden zwischen"
    " à au aux avec ce ces cette dans de des du elle en est et il la le les leur ou où par pas pour qu que qui sa se"
    " ses son sont sous sur un une chez entre lors sans selon vers"
    " al con como del el es esta este las los no para por se si su una y"
    " e.g. i.e. cf. vs. fig. figs. eq. eqs. sec. no. nos. pp. p. vol. dr. mr. mrs. ms. prof. al. ca. approx. bzw. nr."
    " z.b. d.h. abb. vgl. gem. art. gl. tab. i.v.m. mme. mlle. ref. refs. eqn. thm."
)
"""Words that end no line on purpose."""
_REFERRING = _set(
    "al. and by eq. eqs. fig. figs. from in no. nos. of or p. pp. ref. refs. sec. see to vol. with"
    " abb. art. auf bis gegen gl. nach nr. seit tab. um von vor zwischen à de en et vers"
)
# What a number belongs to: "in equation", "(3) we find".
_NUMBERED = _set(
    "equation equations section sections figure figures table tables chapter theorem lemma appendix example step page"
    " gleichung gleichungen abschnitt abbildung tabelle kapitel satz beispiel absatz formel seite"
    " équation équations tableau chapitre théorème exemple étape"
)
_NUMBER = re.compile(r"[(\[]?\d")
# "(3) we find", "3.2 and": a sentence goes on behind the number.
_GOES_ON = re.compile(r"[(\[]?\d{1,3}(?:\.\d{1,3})*[)\]]?(?:,? [a-zà-ÿ]|[.,;)]?\Z)|\d{1,3}(?:\.\d{1,3})+\. ")
_INITIALS = re.compile(r"(?:[A-Z]\. ?)+(?!\w\.)(?:(?:van|von|de|der|den|du) )*[A-ZÀ-Þ][a-zà-ÿ]")
_ORDINAL = re.compile(r"([(\[（]?)([A-Za-z]|\d{1,3})([)\].、．）:：]?)")
_LEAST = 24  # characters of a line from which it is one of a sentence


def is_open(tail: str, follows: bool) -> bool:
    """Whether the last word of a line says that its sentence goes on.

    ``tail`` is the end of the line, and ``follows`` whether more stands before it. In capitals a word is no preposition
    ("Vitamin A", "8 AM", "Portland, OR") unless the whole line is in capitals.
    """
    *before, last = tail.rsplit(maxsplit=1)
    if not follows and not before:
        return False
    word = last.strip("([“\"'")
    if tail[-1] in "([（“":
        return True
    if word.isupper() and (len(word) == 1 or not tail.isupper()):
        return False
    if len(word) == 1 and before and before[0][-1:].isdigit():  # the house number "3 a"
        return False
    return word.lower() in OPEN


def ordinal(text: str) -> tuple[str, int] | None:
    """The form and the number of a marker at the start of a line, such as those of options; None without one."""
    found = _ORDINAL.match(text)
    if found is None or not (found[1] or found[3]):
        return None
    sign = found[2]
    form = "1" if sign.isdigit() else "A" if sign.isupper() else "a"
    return found[1] + form + found[3], int(sign) if sign.isdigit() else ord(sign)


def refers(tail: str, after: str, is_open: bool, ordinals: AbstractSet[tuple[str, int]]) -> bool:
    """Whether a line that begins like an item is a part of the sentence before it: an initial, a number, a paragraph.

    Args:
        tail: the end of the line before.
        after: the beginning of the line.
        is_open: whether that line goes on by its last word.
        ordinals: the markers of all lines of the paragraph, among which that of an item has a neighbour.
    """
    last = re.split(r"[\s'’]", tail)[-1].strip("([“\"'").lower()
    if is_open and last in _REFERRING and _NUMBER.match(after):
        return True
    if is_open and after[0] == "§":
        return True
    own = ordinal(after)
    if own is not None and ordinals & {(own[0], own[1] - 1), (own[0], own[1] + 1)}:
        return False
    if is_open and _INITIALS.match(after):
        return True
    return last in _NUMBERED and len(tail) >= _LEAST and bool(_GOES_ON.match(after))
