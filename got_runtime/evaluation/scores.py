"""Scores of one page and of a group of pages, with 95 % bootstrap confidence intervals."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import mean
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from got_runtime.evaluation import bootstrap, metrics
from got_runtime.evaluation.metrics import OfficialScores

__all__ = [
    "ONE_VIEW",
    "ORDER_BOUND",
    "Estimate",
    "GroupLineScore",
    "GroupScore",
    "LineScore",
    "PageScore",
    "PaperScore",
    "ReportModel",
]

ONE_VIEW = "one view"
"""Name of the score that holds the edit distance of the same page read without tiles."""

ORDER_BOUND = 0.95
"""The order of a page is right if at least this fraction of the found text is in the order of the reference."""


class ReportModel(BaseModel):
    """Base of the report's records: frozen, without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(ReportModel):
    """The value of a metric, its 95 % bootstrap confidence interval, and the number of pages it is computed from."""

    value: float
    low: float
    high: float
    pages: int

    @classmethod
    def mean(cls, values: Sequence[float]) -> Self:
        """The mean of ``values``, one a page."""
        low, high = bootstrap.mean_interval(values)
        return cls(value=mean(values), low=low, high=high, pages=len(values))

    @classmethod
    def ratio(cls, numerators: Sequence[float], denominators: Sequence[float]) -> Self:
        """``sum(numerators) / sum(denominators)``, one entry a page."""
        low, high = bootstrap.ratio_interval(numerators, denominators)
        value = metrics.error_rate(sum(numerators), sum(denominators))
        return cls(value=value, low=low, high=high, pages=len(numerators))


class LineScore(ReportModel):
    """How the lines of a reference are found in the prediction, in any order
    (:func:`got_runtime.evaluation.line_matching.match_lines`). All but ``order`` are numbers of characters.
    """

    characters: int = Field(description="length of the reference, with a space for each line break")
    misread: int = Field(description="edits within the lines that were found")
    missed: int = Field(description="characters of lines, or of parts of them, that were not found")
    false_text: int = Field(description="characters of the prediction that belong to no line of the reference")
    order: float | None = Field(description="fraction of the found text that is in order, 0–1; None below two pieces")

    @property
    def edits(self) -> int:
        """All errors."""
        return self.misread + self.missed + self.false_text


class PageScore(ReportModel):
    """Scores of one page. Both texts are stripped and otherwise unchanged; lengths and edits count characters.

    ``reference`` is ``None`` where the page has checks only; edits and lengths are then 0 and ``edit_distance`` is
    ``None``. ``scores`` are the metrics of the page's kind (:mod:`got_runtime.evaluation.scoring`) by name. ``paper``
    are the official scripts' metrics by part of the page, without the parts that those leave out. ``failed_checks`` are
    the names of the checks that the prediction does not pass. ``lines`` is the comparison without regard to order,
    which pages of PDF files have.
    """

    name: str
    group: str
    reference: str | None
    prediction: str
    characters: int = Field(description="length of the reference")
    edits: int = Field(description="insertions, deletions and substitutions from prediction to reference")
    words: int = Field(description="words of the reference")
    word_edits: int
    edit_distance: float | None = Field(description="normalised edit distance: edits over the longer length, 0–1")
    scores: dict[str, float] = Field(default_factory=dict)
    paper: dict[str, OfficialScores] = Field(default_factory=dict)
    checks: int = Field(0, description="number of checks")
    failed_checks: tuple[str, ...] = ()
    lines: LineScore | None = None
    error: str | None = Field(None, description="why the page could not be read; it counts as an empty prediction")

    @classmethod
    def of(
        cls,
        name: str,
        group: str,
        reference: str | None,
        prediction: str,
        error: str | None = None,
        *,
        scores: dict[str, float] | None = None,
        paper: dict[str, OfficialScores] | None = None,
        checks: int = 0,
        failed_checks: Sequence[str] = (),
        lines: LineScore | None = None,
    ) -> Self:
        """Compute the edits and edit distance of two texts; the other scores are passed in."""
        prediction, expected = prediction.strip(), (reference or "").strip()
        predicted_words, expected_words = ([], []) if reference is None else metrics.split_words(prediction, expected)
        edits = 0 if reference is None else metrics.edit_count(prediction, expected)
        longest = max(len(expected), len(prediction))
        return cls(
            name=name,
            group=group,
            reference=None if reference is None else expected,
            prediction=prediction,
            characters=len(expected),
            edits=edits,
            words=len(expected_words),
            word_edits=metrics.edit_count(predicted_words, expected_words),
            edit_distance=None if reference is None else metrics.error_rate(edits, longest),
            scores=scores or {},
            paper=paper or {},
            checks=checks,
            failed_checks=tuple(failed_checks),
            lines=lines,
            error=error,
        )

    @property
    def error_level(self) -> float:
        """0–1, sorts pages: the edit distance, or the fraction of failed checks of a page without a reference."""
        if self.edit_distance is not None:
            return self.edit_distance
        return metrics.error_rate(len(self.failed_checks), self.checks)

    @property
    def perfect(self) -> bool:
        """Whether the prediction equals the reference and passes all checks."""
        return self.edits == 0 and not self.failed_checks and self.error is None


class PaperScore(ReportModel):
    """The official scripts' metrics: means over ``pages``, the pages of which neither text is empty."""

    pages: int
    edit_distance: Estimate
    f1: Estimate
    precision: Estimate
    recall: Estimate
    bleu: Estimate
    meteor: Estimate

    @classmethod
    def of(cls, pages: Sequence[OfficialScores]) -> Self:
        values = [asdict(page) for page in pages]
        means = {name: Estimate.mean([page[name] for page in values]) for name in values[0]}
        return cls.model_validate({"pages": len(pages), **means})


class GroupLineScore(ReportModel):
    """Errors per character of the reference over all pages, whatever the order of lines.

    ``error_rate`` is the sum of ``misread``, ``missed`` and ``false_text``. ``order_right`` is the fraction of pages
    whose order is right, of those with two pieces of text or more.
    """

    error_rate: Estimate
    misread: Estimate
    missed: Estimate
    false_text: Estimate
    order_right: Estimate | None

    @classmethod
    def of(cls, pages: Sequence[LineScore]) -> Self:
        """``pages`` has one score or more."""
        lengths = [page.characters for page in pages]
        right = [float(page.order >= ORDER_BOUND) for page in pages if page.order is not None]
        return cls(
            error_rate=Estimate.ratio([page.edits for page in pages], lengths),
            misread=Estimate.ratio([page.misread for page in pages], lengths),
            missed=Estimate.ratio([page.missed for page in pages], lengths),
            false_text=Estimate.ratio([page.false_text for page in pages], lengths),
            order_right=Estimate.mean(right) if right else None,
        )


class GroupScore(ReportModel):
    """Scores of a group of pages.

    The error rates are edits over lengths of the whole group, so that long pages weigh more. ``edit_distance`` and
    ``scores`` are means over pages, as in the paper. ``perfect`` is the fraction of pages without an error, 0–1.
    ``against_one_view`` is the edit distance of pages cut into tiles over that of the same pages in one view.
    ``checks`` is the fraction of checks passed.
    """

    name: str
    pages: int
    characters: int
    character_error_rate: Estimate | None
    word_error_rate: Estimate | None
    edit_distance: Estimate | None
    perfect: float
    failed: int = Field(description="pages that could not be read; counted as empty predictions")
    scores: dict[str, Estimate] = Field(default_factory=dict)
    paper: dict[str, PaperScore] = Field(default_factory=dict)
    against_one_view: Estimate | None = None
    checks: Estimate | None = None
    lines: GroupLineScore | None = None

    @classmethod
    def of(cls, name: str, pages: Sequence[PageScore]) -> Self:
        with_reference = [page for page in pages if page.reference is not None]
        with_checks = [page for page in pages if page.checks]
        with_one_view = [page for page in with_reference if ONE_VIEW in page.scores]
        distances = [page.edit_distance or 0.0 for page in with_reference]
        lines = [page.lines for page in pages if page.lines is not None]
        scores: dict[str, list[float]] = {}
        paper: dict[str, list[OfficialScores]] = {}
        for page in pages:
            for score_name, value in page.scores.items():
                scores.setdefault(score_name, []).append(value)
            for part, official in page.paper.items():
                paper.setdefault(part, []).append(official)
        return cls(
            name=name,
            pages=len(pages),
            characters=sum(page.characters for page in pages),
            character_error_rate=_ratio([(page.edits, page.characters) for page in with_reference]),
            word_error_rate=_ratio([(page.word_edits, page.words) for page in with_reference]),
            edit_distance=Estimate.mean(distances) if distances else None,
            perfect=sum(page.perfect for page in pages) / len(pages),
            failed=sum(page.error is not None for page in pages),
            scores={score_name: Estimate.mean(values) for score_name, values in scores.items()},
            paper={part: PaperScore.of(values) for part, values in paper.items()},
            against_one_view=_ratio([(page.edit_distance or 0.0, page.scores[ONE_VIEW]) for page in with_one_view]),
            checks=_ratio([(page.checks - len(page.failed_checks), page.checks) for page in with_checks]),
            lines=GroupLineScore.of(lines) if lines else None,
        )


def _ratio(pages: Sequence[tuple[float, float]]) -> Estimate | None:
    """The ratio of (numerator, denominator) pairs, one a page; ``None`` without pages."""
    return Estimate.ratio(*zip(*pages, strict=True)) if pages else None
