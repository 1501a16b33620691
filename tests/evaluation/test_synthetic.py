"""Held-out pages of the data engine."""

import sys

import pytest

from got_runtime.errors import MissingExtra
from got_runtime.evaluation.synthetic import GROUPS, HELD_OUT_STREAM, held_out_samples
from got_runtime.synth.text import english_words


def test_held_out_pages_are_the_same_for_the_same_seed_and_alternate_the_groups() -> None:
    first, again = list(held_out_samples(2, seed=3)), list(held_out_samples(2, seed=3))
    assert [sample.group for sample in first] == [*GROUPS, *GROUPS]
    assert [(sample.name, sample.reference) for sample in first] == [
        (sample.name, sample.reference) for sample in again
    ]
    assert all(a.open().tobytes() == b.open().tobytes() for a, b in zip(first, again, strict=True))
    assert len({sample.name for sample in first}) == 4
    assert next(held_out_samples(1, seed=4)).reference != first[0].reference


def test_held_out_pages_use_faces_of_their_group() -> None:
    from got_runtime.synth.faces import FACES

    held = {face.name: face.held_out for face in FACES}
    for page in held_out_samples(3):
        face = page.name.split(" ", 2)[2]
        assert held[face] == (page.group == "held-out faces")


def test_held_out_streams_are_apart_from_training_streams() -> None:
    assert HELD_OUT_STREAM > 100_000
    with pytest.raises(ValueError, match="seed"):
        next(held_out_samples(1, seed=-HELD_OUT_STREAM))


def test_a_missing_package_of_the_data_engine_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wordfreq", None)
    english_words.cache_clear()
    with pytest.raises(MissingExtra, match=r"wordfreq is not installed: pip install"):
        next(held_out_samples(1))
