"""Metrics that compare a prediction with its reference: error rates, set scores, BLEU, METEOR, the official scores.

Characters are Unicode code points; line breaks and spaces count. Texts are not normalised here: callers strip them.

There are two kinds of metric. The ``*_rate`` and single-metric functions take ``(prediction, reference)`` and follow
the usual definitions. :func:`official_scores` reproduces GOT's own evaluation scripts with their peculiarities, so that
its results can be compared with the published ones (github.com/Ucas-HaoranWei/GOT-OCR2.0, ``GOT/eval/pyevaltools``:
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
    "error_rate",
    "meteor",
    "normalised_edit_distance",
    "official_formatted_scores",
    "official_scores",
    "set_scores",
    "split_formatted",
    "split_words",
    "word_error_rate",
]

_CHINESE = re.compile(r"[\u4e00-\u9fa5]")

# As in the official scripts. Without re.S a formula of several lines is not found; an unclosed table runs to the end.
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
    """The metrics that GOT's scripts report for one page; all 0–1.

    ``edit_distance`` is the normalised edit distance, lower is better; of the others, higher is better.
    """

    bleu: float
    meteor: float
    f1: float
    precision: float
    recall: float
    edit_distance: float


@dataclass(frozen=True)
class FormattedParts:
    """The parts that the official script scores separately.

    ``text`` is the whole output: formulas and tables are not removed from it.
    """

    text: str
    formulas: str
    tables: str


def edit_count(prediction: Sequence[Hashable], reference: Sequence[Hashable]) -> int:
    """Levenshtein distance: the fewest insertions, deletions and substitutions from ``prediction`` to ``reference``."""
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError as error:
        raise MissingExtra("eval", "rapidfuzz") from error

    return Levenshtein.distance(prediction, reference)


def error_rate(edits: float, length: float) -> float:
    """``edits / length``. For ``length`` 0 (an empty reference) it is 0 without edits and 1 otherwise.

    This avoids a division by zero on a blank page, and text invented there still counts as an error.
    """
    if length == 0:
        return float(edits > 0)
    return edits / length


def character_error_rate(prediction: str, reference: str) -> float:
    """CER: edits per character of the reference. 0 is perfect; above 1 if more was inserted than the reference has.

    See :func:`error_rate` for an empty reference.
    """
    return error_rate(edit_count(prediction, reference), len(reference))


def word_error_rate(prediction: str, reference: str) -> float:
    """WER: edits per word of the reference, with :func:`split_words`. See :func:`error_rate` for an empty reference."""
    predicted_words, reference_words = split_words(prediction, reference)
    return error_rate(edit_count(predicted_words, reference_words), len(reference_words))


def normalised_edit_distance(prediction: str, reference: str) -> float:
    """Normalised edit distance: edits / the longer length, 0–1; 0 for two empty texts. The paper's "edit distance"."""
    return error_rate(edit_count(prediction, reference), max(len(prediction), len(reference)))


def split_words(prediction: str, reference: str) -> tuple[list[str], list[str]]:
    """The words of both texts: split at white space, or by jieba if either has a Chinese character (U+4E00–U+9FA5).

    jieba also returns white space and punctuation as words, and the official scripts count them.
    """
    if not (_CHINESE.search(prediction) or _CHINESE.search(reference)):
        return prediction.split(), reference.split()
    jieba = _jieba()
    return jieba.lcut(prediction), jieba.lcut(reference)


def set_scores(prediction: Sequence[str], reference: Sequence[str]) -> SetScores:
    """Precision, recall and F1 over the *sets* of words: their sequence and repetitions do not count."""
    predicted, expected = set(prediction), set(reference)
    common = len(predicted & expected)
    if not common:
        return SetScores(0.0, 0.0, 0.0)
    precision, recall = common / len(predicted), common / len(expected)
    return SetScores(precision, recall, 1.0 / (0.5 / precision + 0.5 / recall))


def bleu(prediction: Sequence[str], reference: Sequence[str]) -> float:
    """Sentence BLEU-4 of one prediction and one reference, by ``nltk.translate.bleu`` without smoothing.

    Without four consecutive words in common it is practically 0, even for a perfect prediction of three words.
    """
    translate = _import("nltk.translate")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nltk warns of each n-gram length without overlap
        return float(translate.bleu([reference], prediction))


def meteor(prediction: Sequence[str], reference: Sequence[str]) -> float:
    """METEOR of ``nltk.translate.meteor_score`` **without WordNet**: equal words and equal Porter stems match.

    nltk would download WordNet's data, and this package downloads none. Scores can therefore be slightly below the
    published ones, where a wrong word happens to be a synonym.
    """
    score = _import("nltk.translate.meteor_score").meteor_score
    return float(score([reference], prediction, wordnet=_NoSynonyms()))


def official_scores(
    prediction: str, reference: str, *, unit: Literal["word", "character"] = "word"
) -> OfficialScores | None:
    """The scores of one page as GOT's scripts compute them; ``None`` where they leave the page out.

    - A page whose prediction or reference is empty is left out of every mean, so a missed page costs nothing.
    - The scripts pass the label as the prediction and the prediction as the label. Edit distance and F1 are symmetric;
      precision and recall are therefore exchanged, and BLEU and METEOR use the prediction as the reference. This is
      reproduced because the published numbers were made that way. :func:`set_scores`, :func:`bleu` and :func:`meteor`
      have the usual direction.
    - ``unit="character"`` is the scene text script: every character is a word.
    - METEOR is without WordNet, see :func:`meteor`. Where nltk has no value (a text of white space alone) it is 0.
    """
    if not prediction or not reference:
        return None
    if unit == "word":
        predicted_words, reference_words = split_words(prediction, reference)
    else:
        predicted_words, reference_words = list(prediction), list(reference)
    sets = set_scores(reference_words, predicted_words)
    return OfficialScores(
        bleu=bleu(reference_words, predicted_words),
        meteor=meteor(reference_words, predicted_words),
        f1=sets.f1,
        precision=sets.precision,
        recall=sets.recall,
        edit_distance=normalised_edit_distance(prediction, reference),
    )


def split_formatted(markup: str) -> FormattedParts:
    r"""The parts of a formatted output, as ``eval_ocr_format.py`` splits it.

    Formulas are the inline ones ``\( … \)`` line by line, then, with no separator, the display ones ``\[ … \]``;
    tables are the bodies of ``\begin{tabular}``. Formulas inside tables count in both.
    """
    formulas = "\n".join(_INLINE.findall(markup)) + "\n".join(_DISPLAY.findall(markup))
    return FormattedParts(markup.strip(), formulas, "\n".join(_TABLE.findall(markup)))


def official_formatted_scores(prediction: str, reference: str) -> dict[str, OfficialScores | None]:
    """:func:`official_scores` of ``text``, ``formulas`` and ``tables``; ``None`` where either side has none."""
    predicted, expected = split_formatted(prediction), split_formatted(reference)
    return {
        "text": official_scores(predicted.text, expected.text),
        "formulas": official_scores(predicted.formulas, expected.formulas),
        "tables": official_scores(predicted.tables, expected.tables),
    }


class _NoSynonyms:
    """Replaces WordNet in METEOR: no word has a synonym."""

    def synsets(self, word: str) -> list[Any]:
        return []


def _import(name: str) -> ModuleType:
    package = name.partition(".")[0]
    try:
        with warnings.catch_warnings():
            # jieba imports the deprecated pkg_resources where setuptools has it, and has invalid escapes.
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra("eval", package) from error


def _jieba() -> ModuleType:
    """jieba with its dictionary loaded, without its log messages and its warning of a file that it does not close."""
    jieba = _import("jieba")
    jieba.setLogLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jieba.initialize()
    return jieba
