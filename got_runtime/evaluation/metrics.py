"""Numbers that compare what was read with what the page says.

Characters are Unicode code points; line breaks and spaces count. Nothing is normalised here: callers strip.

Two kinds of number live side by side. The ``*_rate`` and single-metric functions take ``(prediction, reference)`` and
mean what their name says. :func:`official_scores` repeats GOT's own evaluation scripts, oddities included, so that
its results can stand beside the published ones (github.com/Ucas-HaoranWei/GOT-OCR2.0, ``GOT/eval/pyevaltools``:
``eval_ocr.py``, ``eval_ocr_format.py``, ``eval_ocr_scene.py``).
"""

import importlib
import logging
import re
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from got_runtime.errors import MissingExtra

__all__ = [
    "FormattedParts",
    "OfficialScores",
    "SetScores",
    "bleu",
    "character_error_rate",
    "edit_count",
    "edit_distance",
    "error_rate",
    "meteor",
    "official_formatted_scores",
    "official_scores",
    "set_scores",
    "split_formatted",
    "word_error_rate",
    "words",
]

_CHINESE = re.compile(r"[\u4e00-\u9fa5]")

# As in the official scripts. Without re.S a formula that spans lines is not found; an unclosed table runs to the end.
_INLINE = re.compile(r"\\\((.*?)(?<!\\)\\\)")
_DISPLAY = re.compile(r"\\\[(.+?)(?<!\\)\\\]")
_TABLE = re.compile(r"\\begin\{tabular\}(.+?)(?:\\end\{tabular\}|$)", re.S)


@dataclass(frozen=True)
class SetScores:
    """Agreement of two sets of words, each 0–1; 0 where a set is empty."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class OfficialScores:
    """What GOT's scripts report for one page, under their names; all 0–1, ``edit_distance`` lower is better."""

    bleu: float
    meteor: float
    f1: float
    precision: float
    recall: float
    edit_distance: float


@dataclass(frozen=True)
class FormattedParts:
    """What the official script scores apart. ``text`` is the whole answer: formulas and tables are not taken out."""

    text: str
    formulas: str
    tables: str


def edit_count(prediction: Sequence[Hashable], reference: Sequence[Hashable]) -> int:
    """Fewest insertions, deletions and substitutions (Levenshtein) that turn ``prediction`` into ``reference``."""
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError as error:
        raise MissingExtra("eval", "rapidfuzz") from error

    return Levenshtein.distance(prediction, reference)


def error_rate(edits: float, length: float) -> float:
    """``edits / length``. With nothing to read (``length`` 0) it is 0 if nothing was read and 1 otherwise.

    The rule keeps a blank page from dividing by zero and an invention on it from counting as perfect.
    """
    if length == 0:
        return float(edits > 0)
    return edits / length


def character_error_rate(prediction: str, reference: str) -> float:
    """Edits per character of the reference: 0 is perfect, above 1 when more was invented than there was to read.

    See :func:`error_rate` for an empty reference.
    """
    return error_rate(edit_count(prediction, reference), len(reference))


def word_error_rate(prediction: str, reference: str) -> float:
    """Edits per word of the reference, over :func:`words`. See :func:`error_rate` for an empty reference."""
    read, true = words(prediction, reference)
    return error_rate(edit_count(read, true), len(true))


def edit_distance(prediction: str, reference: str) -> float:
    """Edits over the longer length, 0–1; 0 for two empty texts. The paper's "edit distance"."""
    longest = max(len(prediction), len(reference))
    return error_rate(edit_count(prediction, reference), longest)


def words(prediction: str, reference: str) -> tuple[list[str], list[str]]:
    """Both texts cut into words: at white space, or by jieba if either has a Chinese character (U+4E00–U+9FA5).

    jieba also returns white space and punctuation as words, as the official scripts take them.
    """
    if not (_CHINESE.search(prediction) or _CHINESE.search(reference)):
        return prediction.split(), reference.split()
    jieba = _jieba()
    return jieba.lcut(prediction), jieba.lcut(reference)


def set_scores(prediction: Sequence[str], reference: Sequence[str]) -> SetScores:
    """Precision, recall and F1 over the *sets* of words: order and repetition do not count."""
    read, true = set(prediction), set(reference)
    common = len(read & true)
    if not common:
        return SetScores(0.0, 0.0, 0.0)
    precision, recall = common / len(read), common / len(true)
    return SetScores(precision, recall, 1.0 / (0.5 / precision + 0.5 / recall))


def bleu(prediction: Sequence[str], reference: Sequence[str]) -> float:
    """Sentence BLEU-4 of one prediction against one reference, ``nltk.translate.bleu`` without smoothing.

    Under four common words in a row it is practically 0, also for a perfect prediction of three words.
    """
    translate = _import("nltk.translate")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nltk explains each n-gram order without overlap
        return float(translate.bleu([reference], prediction))


def meteor(prediction: Sequence[str], reference: Sequence[str]) -> float:
    """METEOR of ``nltk.translate.meteor_score`` **without WordNet**: equal words and equal Porter stems match.

    nltk's WordNet data is a download that this package does not make. Scores can therefore be a little below the
    published ones, where a misread word happened to be a synonym.
    """
    score = _import("nltk.translate.meteor_score").meteor_score
    return float(score([reference], prediction, wordnet=_NoSynonyms()))


def official_scores(
    prediction: str, reference: str, *, unit: Literal["word", "character"] = "word"
) -> OfficialScores | None:
    """The scores of one page as GOT's scripts compute them; ``None`` where they leave a page out.

    - A page whose prediction or reference is empty is left out of every mean, so a missed page costs nothing.
    - The scripts hand the label over as the prediction and the prediction as the label. Edit distance and F1 are
      symmetric; precision and recall are therefore exchanged, and BLEU and METEOR take the prediction as reference.
      It is repeated here because the published numbers were made that way. For the honest direction use
      :func:`set_scores`, :func:`bleu` and :func:`meteor`.
    - ``unit="character"`` is the scene-text script: every character is a word.
    - METEOR is without WordNet, see :func:`meteor`. Where nltk has no value (a text of white space alone), 0.
    """
    if not prediction or not reference:
        return None
    read, true = words(prediction, reference) if unit == "word" else (list(prediction), list(reference))
    sets = set_scores(true, read)
    return OfficialScores(
        bleu=bleu(true, read),
        meteor=meteor(true, read),
        f1=sets.f1,
        precision=sets.precision,
        recall=sets.recall,
        edit_distance=edit_distance(prediction, reference),
    )


def split_formatted(answer: str) -> FormattedParts:
    r"""Cut a formatted answer as ``eval_ocr_format.py`` does.

    Formulas are the inline ones ``\( … \)`` line by line, then, with no separator, the display ones ``\[ … \]``;
    tables are the bodies of ``\begin{tabular}``. Formulas inside tables count in both.
    """
    formulas = "\n".join(_INLINE.findall(answer)) + "\n".join(_DISPLAY.findall(answer))
    return FormattedParts(answer.strip(), formulas, "\n".join(_TABLE.findall(answer)))


def official_formatted_scores(prediction: str, reference: str) -> dict[str, OfficialScores | None]:
    """:func:`official_scores` of ``text``, ``formulas`` and ``tables``; ``None`` where either side has none."""
    read, true = split_formatted(prediction), split_formatted(reference)
    return {
        "text": official_scores(read.text, true.text),
        "formulas": official_scores(read.formulas, true.formulas),
        "tables": official_scores(read.tables, true.tables),
    }


class _NoSynonyms:
    """Stands where METEOR expects WordNet: no word has a synonym."""

    def synsets(self, word: str) -> list[Any]:
        return []


def _import(name: str) -> ModuleType:
    package = name.partition(".")[0]
    try:
        with warnings.catch_warnings():
            # jieba imports the deprecated pkg_resources where setuptools still has it and holds invalid escapes.
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra("eval", package) from error


def _jieba() -> ModuleType:
    """jieba with its dictionary loaded, in silence: it logs the loading and leaves a file to the collector."""
    jieba = _import("jieba")
    jieba.setLogLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jieba.initialize()
    return jieba
