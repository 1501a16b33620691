"""Labels at the start of a text: the number of a heading, caption, footnote or bibliography entry."""

import re
from typing import Literal

from got_runtime.markup.content import Content, Text, merge

_CAPTION_LABELS: dict[str, Literal["table", "figure"]] = {
    **dict.fromkeys(("table", "tab.", "tabelle", "tableau", "tabla", "tabella", "表"), "table"),
    **dict.fromkeys(("figure", "fig.", "abbildung", "abb.", "figura", "图"), "figure"),
}


_CHINESE_NUMBER = re.compile(
    r"(第[一二三四五六七八九十百\d]{1,5}[编章节部篇])\s?|([一二三四五六七八九十]{1,3})(?:[、.．]|\s+(?=[\u4e00-\u9fff]{2}))"
    r"|([（(][一二三四五六七八九十]{1,3}[）)])"
)


_AFTER_NUMBER = re.compile("[：（(]")
# "Part II", "CHAPTER 3.", "§ 4"; what follows is the title, or nothing.
_NAMED_NUMBER = re.compile(
    r"(?i:(part|teil|partie|parte|book|buch|volume|band)|(chapter|kapitel|chapitre|capítulo|capitolo)"
    r"|(article|artikel|artículo|articolo))\s(\d{1,3}|[IVXL]{1,7})(?![\w%])|(§)\s?(\d{1,3})(?![\w%])"
)
_APPENDIX = re.compile(
    r"(?i:appendix|annexe?|anhang|anlage|apéndice|anexo|appendice|allegato)\s(\d{1,2}|[A-Z]|[IVX]{2,4})(?![\w%'’])"
    r"|附[录件]\s?([A-Z]|\d{1,2})"
)
_SECTION = re.compile(r"(?i:section|abschnitt|sección)\s(?=\d{1,3}(?:\.\d{1,3})+[.:]?\s)")
# What follows a number that is a quantity: "1.5 million people", "3 of 10 patients".
_QUANTITY = re.compile(
    r"(?i:million|billion|trillion|milliard|percent|prozent)(?i:s|es|en|e)?\b"
    r"|(?:people|thousand|hundred|dozen|times|fold|euros?|dollars?|pounds|grams|(?:met|lit)(?:er|re)s|miles)\b(?!-)"
    r"|(?:seconds|minutes|hours|days|weeks|months|years|ans|jours|heures|mois|Tagen?|Jahren?|Stunden|Minuten|Wochen"
    r"|Monaten?)\b(?!-)"
    r"|(?:of|to|or|and|out|per|is|are|was|were|(?:more|less) than|[kmcn]?m|[kmµ]?g|ml|min|[kM]W|[kMG]?Hz)\s|[%‰°€£×±]"
)
_BRACKETED_NUMBER = re.compile(r"(\(?(?:\d{1,2}|[a-z])\))\s+\S")


def heading_number(title: str) -> str | None:
    """The number at the start of a title: "2.1.", "A.1", "IV.", "1)", "(a)", "Chapter 3", "Appendix A", "第一章"."""
    named = _NAMED_NUMBER.match(title.strip())
    if named is not None:
        name = next(
            name for name, group in zip(("Part", "Chapter", "Article", "§"), (1, 2, 3, 5), strict=True) if named[group]
        )
        return f"{name} {named[4] or named[6]}"
    appendix = _APPENDIX.match(title.strip())
    if appendix is not None:
        return f"Appendix {appendix[1] or appendix[2]}"
    title = _SECTION.sub("", title.strip(), count=1)
    chinese = _CHINESE_NUMBER.match(title.strip())
    if chinese is not None and (chinese[1] or chinese.end() < len(title.strip())):
        return chinese[1] or chinese[2] or chinese[3]
    bracketed = _BRACKETED_NUMBER.match(title.strip())
    if bracketed is not None:
        return bracketed[1]
    first, _, rest = title.strip().partition(" ")
    parts = first.removesuffix(".").split(".")
    if not rest or len(first) > 12 or (first[-1:] != "." and _is_running_text(rest.lstrip())):
        return None
    counted = all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts[1:])
    if parts[0].isascii() and parts[0].isdigit() and len(parts[0]) < 4 and counted:
        return ".".join(parts)
    letters = parts[0].isascii() and parts[0].isupper() and parts[0].isalpha()
    lettered = (
        letters and (len(parts) > 1 or first.endswith(".")) and (len(parts[0]) == 1 or not parts[0].strip("IVXL"))
    )
    return ".".join(parts) if lettered and counted else None


def _is_running_text(rest: str) -> bool:
    """Whether what follows a number goes on with what it counts, or is the end of a sentence."""
    sentence = rest[0].islower() and rest[-1] in ".?!" and rest.count(" ") > 2
    return sentence or bool(_QUANTITY.match(rest))


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
