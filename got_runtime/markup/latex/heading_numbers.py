"""The number at the start of a heading."""

import re

# Full-width digits and points, as in Japanese: "１．１ 背景".
_HALF_WIDTH = str.maketrans("０１２３４５６７８９．", "0123456789.")
_CHINESE_NUMBER = re.compile(
    r"(第[一二三四五六七八九十百\d]{1,5}[编編章节節款條条部篇])\s?|([一二三四五六七八九十]{1,3})(?:[、.．]|\s+(?=[\u4e00-\u9fff]{2}))"
    r"|([（(][一二三四五六七八九十]{1,3}[）)])"
)
# "Part II", "CHAPTER 3.", "§ 4"; what follows is the title, or nothing.
_NAMES = (
    ("Part", "part teil partie parte book buch livre volume band titre titel"),
    ("Chapter", "chapter kapitel chapitre capítulo capitolo kap."),
    ("Section", "section abschnitt sección sezione"),
    ("Article", "article artikel artículo articolo"),
)
_NAME_OF = {word: name for name, words in _NAMES for word in words.split()}
_WORDS = "|".join(map(re.escape, _NAME_OF))
_NAMED_NUMBER = re.compile(
    rf"(?i:({_WORDS}))\s(\d{{1,3}}|[IVXL]{{1,7}}|[A-H]|(?i:1er|1re|ier|ire|premier|première))(?![\w%'’])|(§)\s?(\d{{1,3}})(?![\w%])"
)
_FIRST = frozenset({"1er", "1re", "ier", "ire", "premier", "première"})
# "Erster Teil", "2. Abschnitt", "Deuxième partie"
_ORDINALS = (
    "first erster erstes première premier",
    "second zweiter zweites deuxième seconde",
    "third dritter drittes troisième",
    "fourth vierter viertes quatrième",
    "fifth fünfter fünftes cinquième",
    "sixth sechster sechstes sixième",
    "seventh siebter siebtes septième",
)
_VALUE_OF = {word: value for value, words in enumerate(_ORDINALS, 1) for word in words.split()}
_ORDINAL_NAME = re.compile(rf"(?i:(\d{{1,2}}\.|{'|'.join(_VALUE_OF)})\s({_WORDS}))(?![\w%.])")
# "1、目的", "1.1背景", but not "3月" or "2.5万人"
_EAST_ASIAN_TITLE = re.compile(
    r"(\d{1,2}(?:\.\d{1,2}){1,4}(?![万亿億千百倍个個人%年月日时時分秒元円米度])|\d{1,2}(?:\.\d{1,2}){0,4}[.、])\s?"
    r"(?=[\u3041-\u30ff\u3400-\u9fff])"
)
_ROMAN_AND_LETTER = re.compile(r"([IVX]{1,5})[-.]([A-H])((?:\.\d{1,2})*)\.?\s")
_SUPPLEMENT = re.compile(r"S\d{1,2}(?:\.\d{1,2})*(?=\.?\s)")
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
_BRACKETED_NUMBER = re.compile(r"([(（]?(?:\d{1,2}|[a-z])[)）])(?:\s+\S|[\u3041-\u30ff\u3400-\u9fff])")


def heading_number(title: str) -> str | None:
    """The number at the start of a title: "2.1.", "A.1", "IV.", "1)", "(a)", "Chapter 3", "Appendix A", "第一章"."""
    title = _SECTION.sub("", title.translate(_HALF_WIDTH).strip(), count=1)
    named = _NAMED_NUMBER.match(title)
    if named is not None:
        value = "1" if named[2] and named[2].lower() in _FIRST else named[2]
        return f"{_NAME_OF[named[1].lower()]} {value}" if named[1] else f"§ {named[4]}"
    ordinal = _ORDINAL_NAME.match(title)
    if ordinal is not None:
        value = _VALUE_OF.get(ordinal[1].lower()) or ordinal[1].rstrip(".")
        return f"{_NAME_OF[ordinal[2].lower()]} {value}"
    appendix = _APPENDIX.match(title)
    if appendix is not None:
        return f"Appendix {appendix[1] or appendix[2]}"
    supplement = _SUPPLEMENT.match(title)
    if supplement is not None:
        return supplement[0]
    roman = _ROMAN_AND_LETTER.match(title)
    if roman is not None:
        return f"{roman[1]}.{roman[2]}{roman[3]}"
    chinese = _CHINESE_NUMBER.match(title.strip())
    if chinese is not None and (chinese[1] or chinese.end() < len(title.strip())):
        return chinese[1] or chinese[2] or chinese[3]
    east_asian = _EAST_ASIAN_TITLE.match(title)
    if east_asian is not None:
        return east_asian[1].rstrip(".、")
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
