"""Normal form of a printed text: what is layout or encoding, and not reading, is made equal in both texts."""

import re
import unicodedata

__all__ = ["joined_text", "plain_characters", "text_lines"]

_LIGATURES_AND_FONTS = re.compile("[\ufb00-\ufb06\uff01-\uff5e\U0001d400-\U0001d7ff]")
"""Ligatures, full-width forms and mathematical alphabets: characters that stand for others in another shape."""

_INVISIBLE = {"Cc", "Cf", "Cn", "Co", "Cs"}
"""Unicode categories of characters that have no agreed shape: control, format, unassigned, private use, surrogates."""

_LEADER = re.compile(r"(?:[.·‥_]\s*){3,}|([^\w\s])(?:\s*\1){7,}")
"""Dotted leaders and blanks of forms, whose number of dots depends on the width of the column; also ellipses.

And rows of one sign, such as hyphens, or the ``}}}}`` as which text layers hold rules that a font draws.
"""

_HYPHEN_AT_LINE_END = re.compile(r"(?<=[^\W\d_])-[^\S\n]*\n\s*(?=[a-zß-öø-ÿ])")
_SOFT_HYPHEN = "\u00ad"
_REPLACEMENT = "\ufffd"

_ASCII_FORMS = str.maketrans(
    dict.fromkeys("‘’‚‛′", "'") | dict.fromkeys("“”„‟″", '"') | dict.fromkeys("‐‑‒–—―−", "-") | {"…": "..."}
)


def plain_characters(text: str, *, ascii_forms: bool = False) -> str:
    """``text`` with its line breaks and tabs, in NFC, without invisible characters.

    Ligatures and mathematical letters become the letters they stand for. Three and more dots or underscores become a
    space.

    Args:
        ascii_forms: replace typographic quotes, dashes and ellipses by ``'``, ``"``, ``-`` and ``...``.
    """
    text = "\n".join(text.replace(_SOFT_HYPHEN, "-").replace(_REPLACEMENT, "").splitlines())
    text = _LIGATURES_AND_FONTS.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = "".join(
        c for c in unicodedata.normalize("NFC", text) if c in "\n\t" or unicodedata.category(c) not in _INVISIBLE
    )
    if ascii_forms:
        text = text.translate(_ASCII_FORMS)
    return "\n".join(_LEADER.sub(" ", line) for line in text.split("\n"))


def joined_text(text: str) -> str:
    """``text`` as one line with single spaces; a word divided by a hyphen at a line end is joined.

    A hyphen is taken for a division where the next line begins with a small letter: ``self-`` above ``made`` becomes
    ``selfmade``, in prediction and reference alike.
    """
    return " ".join(_HYPHEN_AT_LINE_END.sub("", text).split())


def text_lines(text: str) -> list[str]:
    r"""The lines of ``text`` that are not blank, with single spaces, without hyphens that :func:`joined_text` drops.

    A tab (``\t``) ends a line too: it stands between the cells of a row.
    """
    lines = (" ".join(line.split()) for line in re.split(r"[\n\t]", _HYPHEN_AT_LINE_END.sub("\n", text)))
    return [line for line in lines if line]
