"""The report of an evaluation and its JSON."""

import pytest
from helpers.evaluation_pages import tiny_report

from got_runtime.evaluation.report import Report


def test_the_report_of_a_tiny_corpus() -> None:
    tiny = tiny_report()
    # 6 edits in 30 characters. One resample in 27 has the best page three times, one the worst page three times. Both
    # are more than the 2.5 % outside each end, so the interval reaches from the best page to the worst.
    cer = {"value": 0.2, "low": 0.0, "high": 0.5, "pages": 3}
    row = {
        "pages": 3,
        "characters": 30,
        "character_error_rate": cer,
        "word_error_rate": {"value": pytest.approx(2 / 3), "low": 0.0, "high": 1.0, "pages": 3},
        "edit_distance": {k: pytest.approx(v) for k, v in cer.items()},
        "perfect": pytest.approx(1 / 3),
        "failed": 0,
        "scores": {},
        "paper": {},
        "against_one_view": None,
        "checks": None,
        "lines": None,
    }
    page = {"group": "g", "reference": "0123456789", "characters": 10, "words": 1, "error": None}
    page |= {"scores": {}, "paper": {}, "checks": 0, "failed_checks": (), "lines": None}
    assert tiny.model_dump() == {
        "model": "m",
        "dataset": "d",
        "groups": [{"name": "g", **row}],
        "overall": {"name": "all", **row},
        "pages": [
            {"name": "five", "prediction": "01234<b>", "edits": 5, "word_edits": 1, "edit_distance": 0.5, **page},
            {"name": "one", "prediction": "012345678x", "edits": 1, "word_edits": 1, "edit_distance": 0.1, **page},
            {"name": "none", "prediction": "0123456789", "edits": 0, "word_edits": 0, "edit_distance": 0.0, **page},
        ],
        "seconds_per_page": {"g": 1.0, "all": 1.0},
        "left_out": (),
    }


def test_the_report_survives_json() -> None:
    tiny = tiny_report()
    assert Report.model_validate_json(tiny.model_dump_json()) == tiny
