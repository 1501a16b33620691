"""Exact match of outputs with a meaning beyond their characters: the same molecule, music, figure, formula or data."""

import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from got_runtime.errors import DrawingError, MissingExtra
from got_runtime.markup import parse

__all__ = ["EXACT_MATCHERS", "same_chart", "same_formula", "same_geometry", "same_molecule", "same_music"]


def same_molecule(prediction: str, reference: str) -> bool:
    """Whether both are the same molecule: equal canonical SMILES by RDKit, equal SMILES where it is not installed."""
    predicted, expected = _smiles(prediction), _smiles(reference)
    if predicted == expected:
        return True
    try:
        from got_runtime.markup.notation.molecule import structure

        predicted_structure, expected_structure = structure(predicted), structure(expected)
    except (MissingExtra, DrawingError):
        return False
    if predicted_structure is None or expected_structure is None:
        return False
    return predicted_structure.canonical == expected_structure.canonical


def same_music(prediction: str, reference: str) -> bool:
    """Whether both have the same ``**kern`` records: comments, empty lines and the kind of white space are ignored."""
    return _kern_records(prediction) == _kern_records(reference)


def same_geometry(prediction: str, reference: str) -> bool:
    """Whether both are the same TikZ code: white space and fullwidth punctuation are ignored."""
    return _remove_space(unicodedata.normalize("NFKC", prediction)) == _remove_space(
        unicodedata.normalize("NFKC", reference)
    )


def same_formula(prediction: str, reference: str) -> bool:
    r"""Whether both are the same LaTeX: delimiters and white space are ignored, but ``\to p`` is not ``\top``."""
    return _bare_latex(prediction) == _bare_latex(reference)


def same_chart(prediction: str, reference: str) -> bool:
    """Whether both have the same data: the sequence of keys is ignored, ``1`` equals ``1.0`` and ``"1"``."""
    predicted, expected = _chart_data(prediction), _chart_data(reference)
    return predicted is not None and expected is not None and _equal(predicted, expected)


EXACT_MATCHERS: dict[str, Callable[[str, str], bool]] = {
    "molecule": same_molecule,
    "music": same_music,
    "geometry": same_geometry,
    "formula": same_formula,
    "chart": same_chart,
}
"""Comparisons of prediction and reference, by kind of page."""

_DELIMITERS = re.compile(r"\\[\[\]()]|\$+")
_SPACE_AFTER_COMMAND = re.compile(r"(\\[A-Za-z]+)\s+(?=[A-Za-z])")


def _smiles(text: str) -> str:
    return _remove_space(text).removeprefix("<smiles>").removesuffix("</smiles>")


def _kern_records(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("!")]


def _remove_space(text: str) -> str:
    return "".join(text.split())


def _bare_latex(text: str) -> str:
    bare = _DELIMITERS.sub(" ", text)
    return _remove_space(_SPACE_AFTER_COMMAND.sub(r"\1{}", bare))


def _chart_data(text: str) -> Any:
    return next((element.value for element in parse(text) if element.kind == "chart"), None)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        ones, others = ({key.strip(): value for key, value in each.items()} for each in (one, other))
        return ones.keys() == others.keys() and all(_equal(ones[key], others[key]) for key in ones)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    numbers = _number(one), _number(other)
    if numbers[0] is not None and numbers[1] is not None:
        return math.isclose(numbers[0], numbers[1], rel_tol=1e-9)
    return " ".join(str(one).split()) == " ".join(str(other).split())


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
