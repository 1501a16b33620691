"""The lines of a completion, and at which height of the view each was read."""

import pytest

from got_runtime.engine.protocol import Completion
from got_runtime.model.checkpoint import LoadedModel
from got_runtime.pipeline.postprocess import answer_lines


def completion(checkpoint: LoadedModel, text: str, rows: list[int]) -> Completion:
    tokens = checkpoint.encode(text)
    assert len(tokens) == len(rows)
    positions = tuple((16 * row + 3, 0.5) for row in rows)
    return Completion(tuple(tokens), (0.9,) * len(tokens), "stop", 0.0, 0.0, positions)


def test_a_line_has_the_mean_height_of_what_its_tokens_attended_to(got_nano: LoadedModel) -> None:
    first, second = answer_lines(got_nano, completion(got_nano, "ab\ncde", [0, 0, 15, 4, 4, 5]))
    assert (first.text, second.text) == ("ab", "cde")
    assert first.height == pytest.approx(0.5 / 16)
    assert second.height == pytest.approx((4.5 + 4.5 + 5.5) / 3 / 16)


def test_without_recorded_attention_the_height_is_unknown(got_nano: LoadedModel) -> None:
    tokens = tuple(got_nano.encode("ab\ncd"))
    lines = answer_lines(got_nano, Completion(tokens, (0.9,) * len(tokens), "stop", 0.0, 0.0))
    assert [line.height for line in lines] == [None, None]
