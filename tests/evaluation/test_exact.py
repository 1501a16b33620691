"""Exact match of outputs by their meaning."""

import sys

import pytest

from got_runtime.evaluation import exact


@pytest.mark.parametrize(
    ("kind", "prediction", "reference"),
    [
        ("molecule", "<smiles>OCC</smiles>", "<smiles>CCO</smiles>"),
        ("molecule", "c1ccccc1", "<smiles>C1=CC=CC=C1</smiles>"),
        ("music", "**kern\t**kern\r\n4c  4e\n\n!! a comment\n*-\t*-", "**kern\t**kern\n4c\t4e\n*-\t*-"),
        ("geometry", r"\draw （0，0）--(1,1);", "\\draw (0,0) --\n(1,1);"),
        ("formula", r"\[ x^{2} + y \]", "$$x^{2}+y$$"),
        ("chart", "{'b': '2', 'a': 1.0}", '{"a": 1, "b": 2}'),
        ("chart", '{"title": "A  b", "values": {"x": [1, 2]}}', '{"values": {"x ": [1, 2.0]}, "title": "A b"}'),
    ],
)
def test_outputs_with_the_same_meaning_match(kind: str, prediction: str, reference: str) -> None:
    assert exact.EXACT_MATCHERS[kind](prediction, reference)


@pytest.mark.parametrize(
    ("kind", "prediction", "reference"),
    [
        ("molecule", "<smiles>CCN</smiles>", "<smiles>CCO</smiles>"),
        ("molecule", "<smiles>C1CC</smiles>", "<smiles>CCO</smiles>"),
        ("music", "**kern\n4c\n*-", "**kern\n4d\n*-"),
        ("geometry", r"\draw (0,0) -- (1,2);", r"\draw (0,0) -- (1,1);"),
        ("formula", r"\top", r"\to p"),
        ("chart", '{"a": 1}', '{"a": 1, "b": 2}'),
        ("chart", '{"a": "1x"}', '{"a": 1}'),
        ("chart", "no data", "no data"),
    ],
)
def test_outputs_with_another_meaning_do_not_match(kind: str, prediction: str, reference: str) -> None:
    assert not exact.EXACT_MATCHERS[kind](prediction, reference)


def test_without_rdkit_molecules_are_compared_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("rdkit.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rdkit", None)
    assert exact.same_molecule("<smiles>CCO</smiles>", "CCO")
    assert not exact.same_molecule("OCC", "CCO")
