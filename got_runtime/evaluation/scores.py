"""What is measured of one page and of a group of pages, with 95 % bootstrap intervals."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import mean
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from got_runtime.evaluation import bootstrap, metrics
from got_runtime.evaluation.metrics import OfficialScores

__all__ = ["Estimate", "GroupScore", "PageScore", "PaperScore", "ReportModel"]


class ReportModel(BaseModel):
    """A record that does not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(ReportModel):
    """A number with its 95 % bootstrap confidence interval, and the pages it comes from."""

    value: float
    low: float
    high: float
    pages: int

    @classmethod
    def mean(cls, values: Sequence[float]) -> Self:
        low, high = bootstrap.mean_interval(values)
        return cls(value=mean(values), low=low, high=high, pages=len(values))

    @classmethod
    def ratio(cls, above: Sequence[float], below: Sequence[float]) -> Self:
        """``sum(above) / sum(below)``, one entry a page."""
        low, high = bootstrap.ratio_interval(above, below)
        return cls(value=metrics.error_rate(sum(above), sum(below)), low=low, high=high, pages=len(above))


class PageScore(ReportModel):
    """One page. Texts are stripped at both ends and otherwise as they came; lengths and edits count characters.

    ``reference`` is ``None`` where only single facts are known, and everything that compares with it is then 0 or
    ``None``.
    ``scores`` holds what the page's kind asks for beyond characters, by its column's name
    (:mod:`got_runtime.evaluation.scoring`); ``paper`` the official scripts' numbers of each part of the page, without
    the parts that they leave out; ``failed_checks`` the names of the facts that the prediction does not state.
    """

    name: str
    group: str
    reference: str | None
    prediction: str
    characters: int = Field(description="length of the reference")
    edits: int = Field(description="insertions, deletions and substitutions from prediction to reference")
    words: int
    word_edits: int
    edit_distance: float | None = Field(description="edits over the longer length, 0–1")
    scores: dict[str, float] = Field(default_factory=dict)
    paper: dict[str, OfficialScores] = Field(default_factory=dict)
    checks: int = Field(0, description="facts looked for")
    failed_checks: tuple[str, ...] = ()
    error: str | None = Field(None, description="why the page could not be read; it then counts as an empty prediction")

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
    ) -> Self:
        """Compare two texts; what is not about characters is handed in."""
        prediction, true = prediction.strip(), (reference or "").strip()
        read_words, true_words = metrics.words(prediction, true) if reference is not None else ([], [])
        edits = metrics.edit_count(prediction, true) if reference is not None else 0
        longest = max(len(true), len(prediction))
        return cls(
            name=name,
            group=group,
            reference=None if reference is None else true,
            prediction=prediction,
            characters=len(true),
            edits=edits,
            words=len(true_words),
            word_edits=metrics.edit_count(read_words, true_words),
            edit_distance=None if reference is None else metrics.error_rate(edits, longest),
            scores=scores or {},
            paper=paper or {},
            checks=checks,
            failed_checks=tuple(failed_checks),
            error=error,
        )

    @property
    def badness(self) -> float:
        """0–1, by which pages are sorted: the edit distance, or the share of failed checks."""
        if self.edit_distance is not None:
            return self.edit_distance
        return metrics.error_rate(len(self.failed_checks), self.checks)

    @property
    def perfect(self) -> bool:
        return self.edits == 0 and not self.failed_checks and self.error is None


class PaperScore(ReportModel):
    """The official scripts' numbers: means over the ``pages`` that they count, an empty text leaving its page out."""

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


class GroupScore(ReportModel):
    """Pages taken together.

    Error rates are edits over lengths of the whole group, so long pages weigh more; ``edit_distance`` and ``scores``
    are means of the pages, as the paper has it; ``perfect`` is a share of pages, 0–1; ``against_one_view`` is the error
    of pages cut into tiles over that of the same pages in one view; ``checks`` the share of facts stated.
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

    @classmethod
    def of(cls, name: str, pages: Sequence[PageScore]) -> Self:
        known = [page for page in pages if page.reference is not None]
        checked = [page for page in pages if page.checks]
        viewed = [page for page in known if ONE_VIEW in page.scores]
        distances = [page.edit_distance or 0.0 for page in known]
        scores: dict[str, list[float]] = {}
        paper: dict[str, list[OfficialScores]] = {}
        for page in pages:
            for score, value in page.scores.items():
                scores.setdefault(score, []).append(value)
            for part, official in page.paper.items():
                paper.setdefault(part, []).append(official)
        return cls(
            name=name,
            pages=len(pages),
            characters=sum(p.characters for p in pages),
            character_error_rate=_ratio([p.edits for p in known], [p.characters for p in known]),
            word_error_rate=_ratio([p.word_edits for p in known], [p.words for p in known]),
            edit_distance=Estimate.mean(distances) if distances else None,
            perfect=sum(p.perfect for p in pages) / len(pages),
            failed=sum(p.error is not None for p in pages),
            scores={score: Estimate.mean(values) for score, values in scores.items()},
            paper={part: PaperScore.of(values) for part, values in paper.items()},
            against_one_view=_ratio([p.edit_distance or 0.0 for p in viewed], [p.scores[ONE_VIEW] for p in viewed]),
            checks=_ratio([p.checks - len(p.failed_checks) for p in checked], [p.checks for p in checked]),
        )


ONE_VIEW = "one view"
"""The score under which the edit distance of the same page read without tiles stands."""


def _ratio(above: Sequence[float], below: Sequence[float]) -> Estimate | None:
    return Estimate.ratio(above, below) if below else None
