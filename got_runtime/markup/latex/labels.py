"""Labels at the start of a text: the number of a caption, footnote or bibliography entry."""

import re
from typing import Literal

from got_runtime.markup.content import Content, Text, merge

_CAPTION_LABELS: dict[str, Literal["table", "figure"]] = {
    **dict.fromkeys(("table", "tab.", "tabelle", "tableau", "tabla", "tabella", "表"), "table"),
    **dict.fromkeys(("figure", "fig.", "abbildung", "abb.", "figura", "图"), "figure"),
}
_AFTER_NUMBER = re.compile("[：（(]")


def caption_label(text: str) -> tuple[Literal["table", "figure"], str] | None:
    """Kind and number of a caption: "Table 3:", "Fig. 2.", "表 1"; None for running text."""
    words = text[:60].split()
    if not words:
        return None
    first = words[0]
    if first[0] in "表图" and len(first) > 1:
        words = [first[0], first[1:], *words[1:]]
    of = _CAPTION_LABELS.get(words[0].lower())
    if of is None or len(words) < 2:
        return None
    number = _AFTER_NUMBER.split(words[1], maxsplit=1)[0].rstrip(":.。|")  # no space follows a full-width sign
    ended = number != words[1] or words[0] in "表图" or (len(words) > 2 and words[2] in ("|", ":", "-", "–", "—"))
    if not ended or not (number[:1].isdigit() or number.isupper()) or len(number) > 8:
        return None
    return of, number


def reference_key(text: str) -> str | None:
    """The number of a bibliography entry that begins "[12]"."""
    if not text.startswith("["):
        return None
    key, closing, _ = text[1:].partition("]")
    return key if closing and key.isdigit() and len(key) <= 4 else None


def footnote_mark(content: Content) -> tuple[str | None, Content]:
    """The superscript at the start of a footnote, and the content without it."""
    if not content:
        return None, content
    first = content[0]
    mark = ""
    if first.kind == "text" and "superscript" in first.marks:
        mark = first.text.strip()
    return (mark, merge(content[1:])) if mark else (None, content)


def without_prefix(content: Content, prefix: str) -> Content:
    """The content without ``prefix`` at its start."""
    first = content[0] if content else None
    if first is None or first.kind != "text" or not first.text.startswith(prefix):
        return content
    return merge((Text(text=first.text.removeprefix(prefix), marks=first.marks), *content[1:]))
