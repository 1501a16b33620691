"""Words that a line end divides: what stands between their two parts in running text."""

import re
from collections.abc import Set as AbstractSet

_HYPHENS = frozenset("-\u2010")
_DASHES = frozenset("–—")
SOFT_HYPHEN = "\u00ad"
HYPHENS = _HYPHENS | _DASHES | {SOFT_HYPHEN}
_LAST_LETTERS = re.compile(r"[^\W\d_]*\Z")
_LAST_WORD = re.compile(r"\S*\Z")
_FIRST_WORD = re.compile(r"[^\W_]+")
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Between the parts of "pre- and post-war": a space follows the hyphen.
_CONJUNCTIONS = _set("and or nor to versus vs und oder bis sowie bzw beziehungsweise et ou y e och en")
# First parts of compounds that are written with a hyphen.
_FIRST_PARTS = _set(
    "self well half cross quasi vice high low long short full twenty thirty forty fifty sixty seventy eighty ninety"
    " first second third fourth fifth alpha beta gamma delta omega demi sous là arrière"
)
# Second parts with which they are one word all the same: "highly", "longing", "wellness".
_ENDINGS = _set(
    "age ages arily ary bet betic bets coming comings crire cription criptions crit crite crites crits cut cuts dom ed"
    " en ened ening ens er ers est fall falls ful god gods hand hood ine ines ing ings ish land lands less light lights"
    " ly ness ning self selves ship signé signée signées signés some ten th ths time tion tions traction tractions"
    " traire trait traits urge way ways"
)
# Second parts of compounds: "decision-making", "two-year".
_SECOND_PARTS = _set(
    "aware based called centered centred coated colored coloured conscious consuming day days defined dependent"
    " dimensional driven effective efficient electron fifths friendly funded growing handed hour hours induced"
    " intensive known level like linked looking made making mediated month months needed neutral old oriented owned"
    " part phase point quality quarter quarters ranging readable related reviewed saving scale seeking shaped sharing"
    " sided sized speaking specific stage step term thirds type valued week weeks year years"
)
# Prefixes, with which these are one word: "interrelated".
_PREFIXES = _set("dis in inter intra micro mid mis multi non out over post pre re sub super ultra un under")
_INNER = _set("a and at by de en in la le of off on out the to up und")  # state-of-the-art
_VOWEL_PREFIXES = _set("anti co contra de intra meta micro multi pre re semi ultra")
# Elisions, behind whose apostrophe no space stands: "l'eau", "aujourd'hui", "dell'acqua".
_ELIDED = re.compile(
    r"(?<!\w)(?:[cdjlmnost]|qu|jusqu|lorsqu|puisqu|quoiqu|presqu|quelqu|aujourd|un|all|dall|dell|nell|sull|quell)['’]\Z",
    re.I,
)
_FRENCH = _set("le les des une est dans que qui pour sur pas du et il elle au aux ce")
_FRENCH_TAILS = _set(
    "il ils elle elles on je tu nous vous ce moi toi lui leur eux y en t ci là même mêmes dire delà dessus dessous être"
    " vingt vingts"
)

_PAIRS = _set(
    "follow-up mock-up grown-up close-up warm-up scale-up speed-up catch-up real-time real-life real-world part-time"
    " full-time in-house in-depth in-person in-plane in-flight in-memory in-law in-laws built-in plug-in stand-alone"
    " right-hand left-hand open-source open-ended open-access in-vivo in-vitro in-situ mid-century mid-term mid-career"
    " mid-life mid-range mid-air ex-husband ex-wife ex-president ex-minister ex-champion ex-partner ex-member"
    " ex-ministre ex-président ex-présidente ex-femme ex-mari mi-temps mi-chemin mi-parcours mi-hauteur mi-journée"
    " trade-off trade-offs on-site off-site one-way two-way state-owned"
    " après-midi après-demain après-guerre aujourd-hui avant-garde avant-guerre avant-hier bien-être chef-lieu"
    " compte-rendu couvre-feu en-tête grand-chose gratte-ciel haut-parleur haut-parleurs mot-clé mots-clés nouveau-né"
    " nouveau-nés outre-mer pare-brise peut-être porte-avions porte-bonheur porte-clés porte-monnaie porte-parole"
    " petit-déjeuner quelques-unes quelques-uns rendez-vous sans-abri savoir-faire savoir-vivre taille-crayon"
    " timbre-poste timbres-poste tire-bouchon week-end nord-est nord-ouest sud-est sud-ouest"
)
"""Compounds that are written with a hyphen, as a whole."""
_FRENCH_TENS = _set("vingt trente quarante cinquante soixante quatre")
_FRENCH_DIGITS = _set(
    "deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize vingt vingts"
)
_FRENCH_GRAND = _set("grand grande grands petit petite petits beau belle beaux arrière")
_FRENCH_KIN = _set("parents père pères mère mères enfant enfants fils fille filles frère frères sœur sœurs oncle tante")
# "franco-allemand", "anglo-american", but "francophone".
_NATIONS = _set("afro americano anglo austro franco germano greco gréco hispano italo judeo judéo luso russo sino")
# "deutsch-französische", "schwarz-weiß": of two of them, each is a word.
_GERMAN_ADJECTIVES = (
    *("amerikanisch", "arabisch", "blau", "chinesisch", "deutsch", "englisch", "europäisch", "französisch", "gelb"),
    *("griechisch", "grün", "italienisch", "japanisch", "lateinisch", "polnisch", "rot", "russisch", "römisch"),
    *("schwarz", "spanisch", "technisch", "türkisch", "weiß", "wirtschaftlich", "wissenschaftlich", "österreichisch"),
)
_OF_ONE_WORD = ("nia", "phil", "phob", "phon", "log")
_FRENCH_NON = ("ag", "ant", "ce", "chal", "obst")  # of one word: nonobstant
_VOWELS = frozenset("aeiouyéèêœ")
_CHEMICAL_PREFIXES = _set("tert sec cis trans ortho meta para")
# Names of compounds that follow those: "tert-butanol", not "tertiary", "transport", "metaethics".
_CHEMICAL = re.compile(
    r"but|prop|pent|hex|hept|octyl|octan|amyl|meth[yao]|eth(?:yl|en|an|ox)|phen|benz|xyl|tolu|cres|amino|alk|chlor"
    r"|brom|fluor|iod|dichlor|dibrom|stilben|nitro|hydroxy|cyclo|isomer|decalin|dimeth|dieth"
)


def words_of(text: str) -> frozenset[str]:
    """The words of a text in lower case, those with hyphens inside as one."""
    return frozenset(word.lower().replace("\u2010", "-") for word in _WORD.findall(text))


def ends_with_elision(text: str) -> bool:
    """Whether a text ends with an elided word, which the next one follows without a space: "aujourd'", "l'"."""
    return text[-1:] in ("'", "’") and bool(_ELIDED.search(text[-12:]))


def hyphen_between(before: str, after: str, words: AbstractSet[str] = frozenset()) -> tuple[str, str] | None:
    """The text ``before`` a line end without its hyphen or dash, and what stands between it and ``after``.

    That is nothing in a divided word ("infor-", "mation"), a hyphen in a compound ("n-", "tridecanal"), and a hyphen
    and a space in "pre-", "and post-war". None where the line ends in another way. ``words`` are those of the text
    (:func:`words_of`): a word that stands there undivided is written alike.
    """
    sign, stem = before[-1:], before[:-1]
    if not after or after[0].isspace() or not stem or stem[-1].isspace():
        return None
    if sign == SOFT_HYPHEN:
        return stem.rstrip(SOFT_HYPHEN), ""
    if sign in _DASHES:
        return stem, sign
    if sign not in _HYPHENS or stem[-1] in _HYPHENS:
        return None
    return stem, _between(stem, after, words)


def _between(stem: str, after: str, words: AbstractSet[str]) -> str:
    found = _FIRST_WORD.match(after)
    if found is None:
        return "-"
    chain = _found(_LAST_WORD, stem)
    left, right = _found(_LAST_LETTERS, stem), found[0]
    one, other = left.lower(), right.lower()
    if f"{one}-{other}" in words or "://" in chain or chain.startswith("www."):
        return "-"
    if "@" in chain or "@" in after.split(maxsplit=1)[0]:
        return "-"
    if one + other in words and one:
        return ""
    following = after[len(right) : len(right) + 1]
    if other in _CONJUNCTIONS and following not in _HYPHENS:  # but arc-en-ciel
        return "-" if other == "e" and _is_french(words) else "- "  # petit-e
    if left.isupper() and right.isupper() and len(left) > 1:
        return "" if max(len(left), len(right)) > 3 else "-"
    if (following in _HYPHENS and other in _INNER) or (following in ("'", "’") and other == "d"):
        return "" if one == "aujour" else "-"  # father-in-law, chef-d'œuvre
    if left.isupper() and right.islower():
        return "-"
    if len(left) < 2 or len(right) < 2 or not right[0].isalpha() or not right[0].islower():
        return "-"
    return "-" if _is_compound(one, other, chain, words) else ""


def _is_compound(one: str, other: str, chain: str, words: AbstractSet[str]) -> bool:
    """Whether the hyphen between two parts in lower case is the word's own."""
    inner = len(chain) > len(one) and chain[: -len(one)]
    if inner and (any(character.isdigit() for character in inner) or (inner[-1] in _HYPHENS and one in _INNER)):
        return True
    if f"{one}-{other}" in _PAIRS or (one in _CHEMICAL_PREFIXES and _CHEMICAL.match(other)):
        return True
    if (one in _FRENCH_TENS and other in _FRENCH_DIGITS) or (one in _FRENCH_GRAND and other in _FRENCH_KIN):
        return True
    if one in _NATIONS:
        return not other.startswith(_OF_ONE_WORD)
    if one in _GERMAN_ADJECTIVES and other.startswith(_GERMAN_ADJECTIVES):
        return True
    if one in ("contre", "socio") and other[0] in _VOWELS:
        return True
    if one == "non" and _is_french(words):
        return not other.startswith(_FRENCH_NON)
    if one in _FIRST_PARTS:
        return other not in _ENDINGS
    if other in _SECOND_PARTS and one not in _PREFIXES:
        return True
    if one in _VOWEL_PREFIXES and one[-1] == other[0]:
        return True
    if other == "à":
        return True
    return other in _FRENCH_TAILS and _is_french(words)


def _is_french(words: AbstractSet[str]) -> bool:
    return "the" not in words and len(_FRENCH & words) > 1


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text[-80:])
    return match[0] if match else ""
