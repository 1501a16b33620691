"""Metrics: values computed by hand, properties, and agreement with the official definitions."""

import math
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import nltk
import pytest
from nltk.metrics import f_measure, precision, recall
from nltk.translate.meteor_score import meteor_score

from got_runtime.errors import MissingExtra
from got_runtime.evaluation import metrics

SAMPLES = ["", "a", "kitten", "the cat sat on the mat", "我来到北京清华大学", r"\(x^2\) and \[y\]", "a\nb  c"]


# --- edits, character and word error rates


@pytest.mark.parametrize(
    ("prediction", "reference", "edits"),
    [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("清华", "清化", 1)],
)
def test_edit_counts_by_hand(prediction: str, reference: str, edits: int) -> None:
    assert metrics.edit_count(prediction, reference) == edits


def test_character_error_rate_divides_by_the_reference() -> None:
    assert metrics.character_error_rate("sitting", "kitten") == 3 / 6
    assert metrics.character_error_rate("kitten", "sitting") == 3 / 7
    assert metrics.character_error_rate("aaaa", "b") == 4


def test_an_empty_reference_is_right_when_nothing_was_read_and_wrong_otherwise() -> None:
    assert metrics.character_error_rate("", "") == metrics.word_error_rate("", "") == 0
    assert metrics.character_error_rate("invented", "") == metrics.word_error_rate("two words", "") == 1


def test_edit_distance_divides_by_the_longer() -> None:
    assert metrics.normalised_edit_distance("kitten", "sitting") == 3 / 7
    assert metrics.normalised_edit_distance("", "") == 0
    assert metrics.normalised_edit_distance("", "abc") == 1


def test_word_error_rate_counts_words() -> None:
    assert metrics.word_error_rate("the cat sat", "the cat sat down") == 1 / 4
    assert metrics.word_error_rate("the  cat\nsat", "the cat sat") == 0
    # 我 / 来到 / 北京 / 清华大学: the last word is missing.
    assert metrics.word_error_rate("我来到北京", "我来到北京清华大学") == 1 / 4


@pytest.mark.parametrize("text", SAMPLES)
def test_a_perfect_prediction_has_no_error(text: str) -> None:
    assert metrics.character_error_rate(text, text) == metrics.word_error_rate(text, text) == 0
    assert metrics.normalised_edit_distance(text, text) == 0


@pytest.mark.parametrize("one", SAMPLES)
@pytest.mark.parametrize("other", SAMPLES)
def test_edit_distance_is_symmetric_and_between_0_and_1(one: str, other: str) -> None:
    assert metrics.normalised_edit_distance(one, other) == metrics.normalised_edit_distance(other, one)
    assert 0 <= metrics.normalised_edit_distance(one, other) <= 1


def test_texts_with_nothing_in_common_are_all_wrong() -> None:
    assert metrics.normalised_edit_distance("abc", "xyz") == metrics.character_error_rate("abc", "xyz") == 1
    assert metrics.set_scores(["a", "b"], ["x"]) == metrics.SetScores(0, 0, 0)


# --- words, sets, BLEU, METEOR


def test_words_are_split_by_jieba_if_either_text_is_chinese() -> None:
    assert metrics.split_words("a b", "c d") == (["a", "b"], ["c", "d"])
    assert metrics.split_words("a b", "北京") == (["a", " ", "b"], ["北京"])


def test_precision_and_recall_are_over_sets() -> None:
    scores = metrics.set_scores(["a", "a", "b", "c"], ["a", "b", "d", "e"])
    assert (scores.precision, scores.recall) == (2 / 3, 2 / 4)
    assert scores.f1 == pytest.approx(4 / 7)


def test_bleu_is_the_mean_of_clipped_precisions_with_a_penalty_for_short_predictions() -> None:
    reference = ["the", "cat", "sat", "on", "the", "mat", "today"]
    prediction = ["the", "cat", "sat", "on", "the", "hat"]
    # 1- to 4-grams in common: 5/6, 4/5, 3/4, 2/3; the prediction is 6 words long, the reference 7.
    expected = (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25 * math.exp(1 - 7 / 6)
    assert metrics.bleu(prediction, reference) == pytest.approx(expected)
    assert metrics.bleu(reference, reference) == 1


def test_meteor_matches_stems_but_no_synonyms() -> None:
    # One word, one chunk: F-mean 1, penalty 0.5.
    assert metrics.meteor(["cats"], ["cat"]) == pytest.approx(0.5)
    assert metrics.meteor(["Cat"], ["cat"]) == pytest.approx(0.5)
    assert metrics.meteor(["car"], ["automobile"]) == 0
    # Three of four words in one chunk: P 1, R 3/4, F-mean PR / (0.9 P + 0.1 R), penalty 0.5 (1/3)³.
    f_mean = 0.75 / (0.9 + 0.075)
    assert metrics.meteor(["a", "b", "c"], ["a", "b", "c", "d"]) == pytest.approx(f_mean * (1 - 0.5 / 27))


# --- the official scripts


def test_the_official_scripts_exchange_prediction_and_reference() -> None:
    scores = metrics.official_scores("a b", "a b c d")
    assert scores is not None
    assert (scores.precision, scores.recall) == (2 / 4, 1.0)


def test_a_page_with_an_empty_side_has_no_official_score() -> None:
    assert metrics.official_scores("", "reference") is None
    assert metrics.official_scores("prediction", "") is None


def test_scene_text_is_scored_by_character() -> None:
    scores = metrics.official_scores("abcd", "abce", unit="character")
    assert scores is not None
    assert scores.f1 == pytest.approx(3 / 4)


def test_formatted_outputs_are_split_as_in_the_official_script() -> None:
    output = "\n".join(
        [
            r"Let \(a\) and \(b\)",
            r"\[c = d\]",
            r"\[e\]",
            r"\[over two",
            r"lines\]",
            r"\begin{tabular}{l} 1 \\ \(t\) \end{tabular}",
            r"\begin{tabular}{r} never closed",
        ]
    )
    parts = metrics.split_formatted(output + "\n")
    assert parts.text == output
    assert parts.formulas == "a\nb\nt" + "c = d\ne"
    assert parts.tables == r"{l} 1 \\ \(t\) " + "\n{r} never closed"


def test_formatted_parts_are_scored_separately() -> None:
    reference = r"Area \(x^2\) \begin{tabular}{l} 1 \end{tabular}"
    scores = metrics.official_formatted_scores(reference.replace("x^2", "x^3"), reference)
    text, formulas, tables = scores["text"], scores["formulas"], scores["tables"]
    assert text is not None
    assert formulas is not None
    assert tables is not None
    assert text.edit_distance == 1 / len(reference)
    assert formulas.edit_distance == 1 / 3
    assert tables.edit_distance == 0
    assert metrics.official_formatted_scores("plain", reference)["tables"] is None


class NoWordNet:
    def synsets(self, word: str) -> list[object]:
        return []


def by_the_official_definition(label: str, output: str) -> dict[str, float] | None:
    """Written from the description of the scripts with nltk alone; their function gets the label as prediction."""
    prediction, reference = label, output
    if not prediction or not reference:
        return None
    if any("一" <= character <= "龥" for character in prediction + reference):
        import jieba

        reference_words, hypothesis = jieba.lcut(reference), jieba.lcut(prediction)
    else:
        reference_words, hypothesis = reference.split(), prediction.split()
    expected, got = set(reference_words), set(hypothesis)
    return {
        "bleu": nltk.translate.bleu([reference_words], hypothesis),
        "meteor": meteor_score([reference_words], hypothesis, wordnet=NoWordNet()),
        "f1": f_measure(expected, got) or 0.0,
        "precision": precision(expected, got) or 0.0,
        "recall": recall(expected, got) or 0.0,
        "edit_distance": nltk.edit_distance(prediction, reference) / max(len(prediction), len(reference)),
    }


def random_pairs(count: int) -> list[tuple[str, str]]:
    """English, Chinese, LaTeX, mixed, blank and empty texts, each with a damaged copy or an unrelated text."""
    rng = random.Random(7)
    english = ["the", "cat", "sat", "on", "mat", "reading", "readers", "read", "Read", "quickly", "12", "3.5%"]
    chinese = list("我来到北京清华大学学习汉字识别，今天天气很好。")
    latex = [r"\(", r"\)", r"\[", r"\]", r"\frac{a}{b}", "x^2", r"\begin{tabular}{ll}", r"\hline", r"\end{tabular}"]

    def text() -> str:
        kind = rng.randrange(6)
        if kind == 0:
            return rng.choice(["", " ", "\n", "a"])
        words = [english, chinese, latex, english + latex, english + chinese][kind - 1]
        return ("" if words is chinese else " ").join(rng.choices(words, k=rng.randrange(1, 14)))

    def damaged(source: str) -> str:
        kept = [c for c in source if rng.random() > 0.1]
        return "".join(c if rng.random() > 0.05 else rng.choice("aeiou 的") for c in kept)

    originals = [text() for _ in range(count)]
    return [(source, damaged(source) if rng.random() < 0.7 else text()) for source in originals]


@pytest.mark.filterwarnings("ignore::UserWarning")  # nltk's, for texts without a common 4-gram
def test_official_scores_are_those_of_the_official_definition_on_random_pairs() -> None:
    seen: Counter[bool] = Counter()
    for reference, prediction in random_pairs(500):
        expected = by_the_official_definition(reference, prediction)
        scores = metrics.official_scores(prediction, reference)
        seen[scores is None] += 1
        assert (None if scores is None else vars(scores)) == (None if expected is None else pytest.approx(expected))
    assert sum(seen.values()) == 500
    assert min(seen.values()) > 10


# --- optional packages


@pytest.mark.parametrize(
    ("package", "use"),
    [
        ("rapidfuzz", lambda: metrics.edit_count("a", "b")),
        ("nltk", lambda: metrics.bleu(["a"], ["a"])),
        ("jieba", lambda: metrics.split_words("北京", "")),
    ],
)
def test_a_missing_package_names_the_extra(
    package: str, use: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"{package} is not installed: pip install 'got-ocr\[eval\]'"):
        use()


def test_chinese_words_are_split_without_output() -> None:
    code = "from got_runtime.evaluation.metrics import split_words; split_words('北京', '')"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""
